#!/bin/bash
# SPDX-License-Identifier: MIT
# The package is installed where no systemd runs, as into an image or a container: everything is made, nothing is started, and purged nothing is left.
build=$(realpath "$1")
. "$(dirname "$0")/../systemd/package.sh"
private_mounts "$@"
need dpkg chroot
deb=$(package)

root=$shop/root
mkdir "$shop/layers"
mount -t tmpfs layers "$shop/layers"
mkdir "$shop/layers"/{upper,work} "$root"
mount -t overlay -o "lowerdir=/,upperdir=$shop/layers/upper,workdir=$shop/layers/work" image "$root" 2>>"$shop/mount.log" ||
        skip "cannot mount an overlay"
mount -t proc proc "$root/proc"
mount -t tmpfs run "$root/run"
cp "$deb" "$root/run/failoverd.deb"
unmount() {
        local status=$?
        umount -R "$root" "$shop/layers" 2>/dev/null
        (exit "$status")
        cleanup
}
trap unmount EXIT
in_image() { # COMMAND...
        chroot "$root" env -i DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null
}
image_dpkg() { # ARGUMENT...
        in_image dpkg --force-unsafe-io "$@" >>"$shop/dpkg.log" 2>&1
}
rm -f "$root/var/lib/man-db/auto-update"
files() {
        find "$root"/{etc,usr,var} -xdev '(' -name '*failoverd*' -o -name '*federation*' ')' | sort
}
for program in systemctl deb-systemd-invoke; do # what is asked of them is written down
        mv "$root/usr/bin/$program" "$root/usr/bin/$program.asked"
        printf '#!/bin/sh\necho "%s $*" >>/run/asked\nexec %s.asked "$@"\n' "$program" "$program" >"$root/usr/bin/$program"
        chmod 755 "$root/usr/bin/$program"
done
before=$(files)

image_dpkg --install /run/failoverd.deb || fail "it cannot be installed"
check "the users are there" in_image getent passwd failoverd federationd >/dev/null
for file in node.key failoverd.yaml federationd.yaml; do
        check "/etc/failoverd/$file is made" test -s "$root/etc/failoverd/$file"
done
for link in multi-user.target.wants/{failoverd,federationd}.service timers.target.wants/federation-sync.timer \
        sockets.target.wants/{federationd,federationd-control}.socket; do
        check "it begins with the first boot: $link" test -L "$root/etc/systemd/system/$link"
done
check "nothing was started" not grep -E ' (re)?start ' "$root/run/asked"
image_dpkg --purge failoverd || fail "it cannot be purged"
check "nothing is left" equal "$(files)" "$before"
