#!/bin/bash
# SPDX-License-Identifier: MIT
# Becomes a machine with a real systemd: run by lib.sh in new mount, PID, UTS, IPC and network namespaces, as their first
# process. Its root file system is an overlay of ours, and so is its /var, as if on a disk of its own; what is written
# to them stays in the folder DISK, which the next boot goes on with. Of ours it runs no unit, generator or mount.
#
# boot.sh CGROUP DISK FOLDER...: its own control group; its disk; folders that it shares with us, at the same path
set -euo pipefail
cgroup=$1 disk=$2
if [[ ! ${BOOT_IN_CGROUP-} ]]; then # the control group in which a cgroup namespace is made becomes its root
        echo 0 >"$cgroup/cgroup.procs"
        BOOT_IN_CGROUP=1 exec unshare --cgroup bash "$0" "$@"
fi
shift 2

[[ -e $disk/root/upper ]] || first=1
mkdir -p "$disk"/root/{upper,work} "$disk"/var/{upper,work} "$disk/now"
mount -t overlay -o "lowerdir=/,upperdir=$disk/root/upper,workdir=$disk/root/work" machine "$disk/now"
cd "$disk/now"
mount -t overlay -o "lowerdir=/var,upperdir=$disk/var/upper,workdir=$disk/var/work" var var

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev dev/shm; do
        mkdir -p "$folder"
        mount -t tmpfs -o mode=755 "${folder#*/}" "$folder"
done
chmod 1777 tmp dev/shm
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
        IFS=: read -r name major minor <<<"$device"
        mknod -m 666 "dev/$name" c "$major" "$minor"
done
ln -s /proc/self/fd dev/fd
for i in 0:stdin 1:stdout 2:stderr; do
        ln -s "/proc/self/fd/${i%:*}" "dev/${i#*:}"
done
cat /proc/sys/kernel/random/uuid >run/boot-id # every boot has another
mount --bind run/boot-id proc/sys/kernel/random/boot_id

if [[ ${first-} ]]; then
        # Nothing that this machine would start, mount or generate.
        rm -f etc/fstab
        for folder in etc/systemd/system etc/systemd/system.conf.d {etc,lib}/systemd/system-generators \
                lib/systemd/system/{sysinit,local-fs,basic,sockets,timers,multi-user,graphical}.target.wants; do
                [[ ! -d $folder ]] || find "$folder" -mindepth 1 -delete
        done
        # At its end systemd runs this. All that is left of the machine ends with it: nothing to unmount or to switch off.
        printf '#!/bin/sh\nexit 0\n' >lib/systemd/systemd-shutdown
        mkdir -p etc/systemd/system
        cat >etc/systemd/system/machine.target <<-END
		[Unit]
		Description=All there is to this machine, and what is installed into it
		DefaultDependencies=no
		Wants=dbus.socket systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service multi-user.target
		After=dbus.socket systemd-journald.service
	END
        tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
        echo machine >etc/hostname
fi
hostname machine
ip link set lo up
for folder in "$@"; do
        mkdir -p ".$folder"
        mount --bind "$folder" ".$folder"
done

mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
mount --make-rshared / # as in a machine that is none in namespaces: else no service gets its credentials
exec env -i container=namespaces PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system --unit=machine.target --show-status=no
