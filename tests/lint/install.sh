#!/bin/bash
# SPDX-License-Identifier: MIT
# What `cmake --install` puts in place: the programs, their man pages, completion, what systemd reads, the documentation, nothing else.
. "$(dirname "$0")/common.bash"
need cmake
[[ -x $build/failoverd && -x $build/federationd && -x $build/failoverctl ]] || skip "the programs are not built"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root cmake --install "$build" --prefix /usr >/dev/null

wanted="/usr/bin/failoverctl
/usr/lib/systemd/catalog/failoverd.catalog
$(cd units && printf '/usr/lib/systemd/system/%s\n' *.service *.socket *.timer)
/usr/lib/sysusers.d/failoverd.conf
/usr/lib/tmpfiles.d/failoverd.conf
/usr/sbin/failoverd
/usr/sbin/federationd
$(cd etc && find edge vps -type f -printf "/usr/share/failoverd/%p\n")
/usr/share/bash-completion/completions/failoverctl
/usr/share/doc/failoverd/LICENSE
/usr/share/doc/failoverd/README.md
/usr/share/doc/failoverd/failoverd.yaml
/usr/share/doc/failoverd/federationd.yaml
/usr/share/doc/failoverd/sample-books.csv
$(printf '/usr/share/doc/failoverd/%s\n' docs/*.md | sed 's|/docs/|/|')
$(find web -type f -printf '/usr/share/failoverd/%p\n')
/usr/share/man/man1/failoverctl.1
/usr/share/man/man5/failoverd.yaml.5
/usr/share/man/man5/federationd.yaml.5
/usr/share/man/man8/failoverd.8
/usr/share/man/man8/federationd.8"
diff <(sort <<<"$wanted") <(cd "$root" && find . -type f | sed 's|^\.||' | sort) || exit 1

# No link in the documentation leads nowhere.
dead=$(cd "$root/usr/share/doc/failoverd" && grep -oP '\]\(\K(?![a-z]+:|#)[^)\s#]+' -- *.md | while IFS=: read -r document target; do
        [[ -e $target ]] || echo "$document: no $target"
done)
[[ ! $dead ]] || { echo "$dead"; exit 1; }

# The units name the programs where they are, whatever the prefix.
for unit in units/*.{service,socket,timer}; do
        diff "$unit" "$root/usr/lib/systemd/system/${unit##*/}" || exit 1
done
DESTDIR=$root cmake --install "$build" --prefix /opt/shop >/dev/null
while IFS=: read -r unit program; do
        [[ -x $root$program ]] || { echo "$unit names $program"; exit 1; }
done < <(grep -oP '^ExecStart=\K\S+' "$root"/opt/shop/lib/systemd/system/*.service)

"$root/usr/sbin/failoverd" --version | grep -q . || { echo "the installed failoverd does not run"; exit 1; }
"$root/usr/sbin/federationd" --version | grep -q . || { echo "the installed federationd does not run"; exit 1; }
"$root/usr/bin/failoverctl" --version | grep -q . || { echo "the installed failoverctl does not run"; exit 1; }
