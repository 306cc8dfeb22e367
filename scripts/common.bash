# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What scripts/test and scripts/demo share: Debian's packages, and building without noise.
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_packages=(gcc libc6-dev cmake ninja-build pkg-config
        libcurl4-openssl-dev libc-ares-dev libsystemd-dev libsqlite3-dev libyaml-dev libjansson-dev libsodium-dev
        libmicrohttpd-dev libssl-dev libpq-dev zlib1g-dev libutf8proc-dev uthash-dev)
# What makes and judges the Debian package; dpkg-buildpackage takes build-essential for granted.
package_packages=(build-essential debhelper lintian)
# The counterparts of a shop in the demo and in the end-to-end tests.
shop_packages=(ca-certificates curl jq knot knot-dnsutils bind9-dnsutils postgresql openssl util-linux e2fsprogs procps
        python3-aiosmtpd)
# What only tests need, lints included.
test_packages=(clang-format clang-tidy shellcheck universal-ctags binutils sqlite3 bind9 prometheus
        monitoring-plugins-basic strace iproute2 mandoc python3 git
        systemd dbus polkitd passwd xfsprogs bindfs python3-nacl python3-signedjson python3-canonicaljson python3-h2
        libevent-2.1-7
        chromium)
# Node.js may be there from elsewhere, with its own npm, beside which Debian's cannot be installed.
command -v node >/dev/null && command -v npm >/dev/null || test_packages+=(nodejs npm)

log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() { # COMMAND...: its output only when it fails
        if ! "$@" >"$log" 2>&1; then
                cat "$log"
                echo "failed: $*" >&2
                exit 1
        fi
}

install_missing() { # PACKAGE...: as root; otherwise says what is missing and goes on
        local package missing=()
        command -v dpkg-query >/dev/null || return 0
        for package in "$@"; do
                [[ $(dpkg-query -Wf '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
        done
        ((${#missing[@]})) || return 0
        if ((EUID != 0)); then
                echo "not root; packages that may be missing: ${missing[*]}" >&2
                return 0
        fi
        export DEBIAN_FRONTEND=noninteractive
        quietly apt-get -q update
        quietly apt-get -qy install --no-install-recommends "${missing[@]}"
}

# What only tests need, and what installing would start a service or replace a machine's own mail server for.
unpacked_packages=(chasquid nginx caddy tor pebble)

unpack_missing() { # PACKAGE...: their programs below build/packages, without installing them
        local package folder=$PWD/build/packages
        command -v apt-get >/dev/null || return 0
        mkdir -p "$folder/.deb"
        for package in "$@"; do
                [[ ! -e $folder/.deb/$package ]] || continue
                if (cd "$folder/.deb" && { apt-get -q download "$package" || { apt-get -q update &&
                        apt-get -q download "$package"; }; } && dpkg -x "$package"_*.deb "$folder") >"$log" 2>&1; then
                        : >"$folder/.deb/$package"
                else
                        echo "cannot get the package $package; its tests are skipped" >&2
                fi
                rm -f "$folder/.deb/$package"_*.deb
        done
}

# Packages that are installed into a booted machine, with what they need that is not installed here: below build/packages/archive.
archived_packages=(caddy nginx certbot)

archive_missing() { # PACKAGE...
        local folder=$PWD/build/packages/archive wanted
        command -v apt-get >/dev/null && ((EUID == 0)) || return 0
        wanted="$* $(dpkg-query -Wf '${Package}=${Version}\n' | sha256sum)"
        [[ $(cat "$folder/.packages" 2>/dev/null) != "$wanted" ]] || return 0
        rm -rf "$folder"
        mkdir -p "$folder/partial"
        if { apt-get -q update && apt-get -qy -o "Dir::Cache::archives=$folder" --download-only --no-install-recommends install "$@"; } >"$log" 2>&1; then
                echo "$wanted" >"$folder/.packages"
        else
                cat "$log" >&2
                echo "cannot get the packages $*; the test of setup-vps is skipped" >&2
        fi
}

# The modules that package-lock.json names, below build/NAME and nowhere else.
modules_missing() { # FOLDER NAME
        local folder=$1 to=$PWD/build/$2
        command -v npm >/dev/null || return 0
        mkdir -p "$to"
        if ! cmp -s "$folder/package-lock.json" "$to/package-lock.json" || [[ ! -d $to/node_modules ]]; then
                rm -rf "$to/node_modules"
                cp "$folder/package.json" "$folder/package-lock.json" "$to/"
                if ! (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1; then
                        cat "$log" >&2
                        rm -f "$to/package-lock.json"
                        echo "cannot get the modules of $folder; its tests are skipped" >&2
                fi
        fi
}

build_preset() { # PRESET [TARGET...]
        local preset=$1
        shift
        if command -v ccache >/dev/null; then
                export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER-ccache}
        fi
        quietly cmake --preset "$preset"
        quietly cmake --build --preset "$preset" -j "$(nproc)" ${1:+--target "$@"}
}
