#!/bin/bash
# SPDX-License-Identifier: MIT
# Who may include whom: base <- probes, actions <- supervisor; base <- federation; base <- ctl. Tests may include everything.
. "$(dirname "$0")/common.bash"

declare -A allowed=(
        [base]="base"
        [probes]="base probes"
        [actions]="base actions"
        [supervisor]="base probes actions supervisor"
        [federation]="base federation"
        [ctl]="base ctl"
)

violations() { # ROOT: prints each include that the rule forbids
        local root=$1 folder line target file
        for folder in "${!allowed[@]}"; do
                [[ -d $root/$folder ]] || continue
                while IFS= read -r line; do
                        file=${line%%:*}
                        target=${line#*\"}
                        target=${target%%\"*}
                        if [[ $target != */* || $target == *..* ]]; then
                                echo "${file#"$root"/}: \"$target\" is not rooted: write \"folder/name.h\""
                        elif [[ " ${allowed[$folder]} " != *" ${target%%/*} "* ]]; then
                                echo "${file#"$root"/}: $folder must not include $target"
                        fi
                done < <(grep -rHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$root/$folder" --include='*.[ch]' || true)
        done
}

found=$(violations "$PWD")
if [[ -n $found ]]; then
        echo "$found"
        exit 1
fi

# The lint itself: each planted violation is caught, and what is allowed is not.
plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
expect() { # FILE INCLUDED caught|allowed
        rm -rf "${plant:?}"/*
        mkdir -p "$plant"/{base,probes,actions,supervisor,federation,ctl}
        printf '#include <stdio.h>\n#include "%s"\n' "$2" >"$plant/$1"
        local got=allowed
        [[ -z $(violations "$plant") ]] || got=caught
        [[ $got == "$3" ]] || {
                echo "an include of $2 in $1 is $got, not $3"
                exit 1
        }
}
expect base/a.c probes/probe.h caught
expect base/a.h supervisor/mode.h caught
expect probes/a.c actions/action.h caught
expect probes/a.c supervisor/mode.h caught
expect actions/a.c probes/probe.h caught
expect ctl/a.c supervisor/mode.h caught
expect supervisor/a.c ctl/verb.h caught
expect federation/a.c supervisor/mode.h caught
expect supervisor/a.c federation/catalog.h caught
expect federation/a.c base/httpd.h allowed
expect supervisor/a.c mode.h caught
expect supervisor/a.c ../base/loop.h caught
expect supervisor/a.c tests/test.h caught
expect base/a.c base/loop.h allowed
expect probes/a.c base/loop.h allowed
expect supervisor/a.c probes/probe.h allowed
expect supervisor/a.c actions/action.h allowed
expect ctl/a.c base/httpd.h allowed
