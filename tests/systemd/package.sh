# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# The Debian package in the machine of lib.sh: installed as an operator would, with its own users, units and paths. CTest
# builds it before (the fixture `package`); by hand: bash tests/package/build.sh build/debug
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

package() { # the .deb under test
        local deb
        for deb in "$build"/package/failoverd_*.deb; do
                [[ -e $deb ]] && echo "$deb" && return
        done
        command -v dpkg-buildpackage >/dev/null || missing "no package: dpkg-dev is not installed"
        fail "no package in $build/package: bash tests/package/build.sh $build"
}

# A machine on which nothing of ours has ever been, and on which dpkg may start services.
machine_prepare() {
        [[ ! ${machine_prepared-} ]] || return 0
        machine_prepared=1
        need dpkg
        if machine dpkg-query --status failoverd >/dev/null 2>&1; then machine dpkg --purge failoverd >/dev/null; fi
        machine rm -f /usr/sbin/policy-rc.d /var/lib/man-db/auto-update
        machine find /etc/dpkg/dpkg.cfg.d -type f -delete
        # As on a machine that was installed and not copied: systemd knows these from its first boot.
        machine systemd-tmpfiles --create --boot >/dev/null 2>&1 || true
}

machine_dpkg() { # ARGUMENT...: what it said is in $shop/dpkg.log, newest last
        machine dpkg --force-unsafe-io "$@" >>"$shop/dpkg.log" 2>&1 </dev/null
}

machine_install() { # [DEB]: boot first. Both services run when it returns
        machine_prepare
        machine_dpkg --install "${1:-$(package)}" || fail "the package cannot be installed"
        wait_for "failoverd is active" unit_is failoverd.service active
        wait_for "federationd is active" unit_is federationd.service active
}

# Another version of the package, with the same content: "0.0.9-1" for an upgrade from it, say. Prints its path.
package_as() { # VERSION
        local tree=$shop/package-$1 from
        from=$(package)
        if [[ ! -e $tree.deb ]]; then
                dpkg-deb --raw-extract "$from" "$tree"
                sed -i "s/^Version: .*/Version: $1/" "$tree/DEBIAN/control"
                dpkg-deb --root-owner-group -Znone --build "$tree" "$tree.deb" >/dev/null
                rm -rf "$tree"
        fi
        echo "$tree.deb"
}

drop_in() { # UNIT NAME < LINES
        machine mkdir -p "/etc/systemd/system/$1.d"
        machine_file "/etc/systemd/system/$1.d/$2.conf"
        machine systemctl daemon-reload
}

main_pid() { # UNIT
        machine systemctl show -P MainPID "$1"
}

# What e2e/lib.sh asks of a daemon, asked of the installed one.
status() {
        machine failoverctl status --json
}
