#!/bin/bash
# SPDX-License-Identifier: MIT
# No finding by shellcheck in any script.
#
# Following lib.sh anew from each of a hundred scripts is most of what shellcheck would do, so what others source is
# checked once as it is; whoever sources it is told its gist: which names it sets and reads, which are arrays, which functions it
# has. What goes unseen is only what the insides of a library say about its user, such as "unreachable, since fail() exits",
# or that a name of its is a function (SC2033).
#
# shell.sh BUILD [--full]        --full: follows the libraries themselves
. "$(dirname "$0")/common.bash"
need shellcheck
gists=$(mktemp -d)
trap 'rm -rf "$gists"' EXIT

scripts() { # NUL between
        local file first
        tracked '*' | while IFS= read -rd '' file; do
                case $file in
                *.sh | *.bash) printf '%s\0' "$file" ;;
                *.c | *.h | *.md | *.json | *.yaml) ;;
                *)
                        IFS= read -rn 64 first <"$file" || true
                        if [[ $first =~ ^'#!'.*[/\ ](ba|da)?sh( |$) ]]; then printf '%s\0' "$file"; fi
                        ;;
                esac
        done 2>/dev/null # what is binary holds NUL
}

words() { # REGEX: the names in what it matches of stdin
        grep -oP "$1" | grep -oP '[A-Za-z_]\w*' | sort -u
}

gist() { # FILE
        local declared='(?:local|declare|export|read|for|mapfile|printf -v)'
        echo '# shellcheck shell=bash'
        grep -E '^ *(# shellcheck source|\. |set -)' "$1" || true
        grep -oP '^(declare -[Aa] \w+|\w+(?==\())' "$1" | sed 's/$/=()/' >"$gists/arrays" || true
        cat "$gists/arrays"
        { words '(?<![\w$"{.-])[A-Za-z_]\w*(?=(\[[^]]*\])?\+?=)' <"$1" && words "\b$declared\b\K( +[\w-]+(?=[ =;]|\$))+" <"$1"; } |
                sort -u | grep -vxF "$(sed 's/.* //; s/=()//' "$gists/arrays")" | tr '\n' ' ' | sed 's/^/read -r /'
        echo
        words '\$[{]?[#!]?\w+|\(\(.*?\)\)|\[\[.*?\]\]' <"$1" | sed 's/.*/"${&-}"/' | tr '\n' ' ' | sed 's/^/: /'
        echo
}

mapfile -d '' files < <(scripts)
declare -A folders=()
for file in "${files[@]}"; do
        folders[$(dirname "$file")]+=" $file"
        [[ ${2-} == --full ]] && continue
        IFS= read -r first <"$file"
        [[ $first == '#!'* ]] && continue # nobody sources it
        mkdir -p "$gists/$(dirname "$file")"
        gist "$file" >"$gists/$file"
done
status=0
for folder in "${!folders[@]}"; do # each finds the gist at the place where the library would be
        read -ra files <<<"${folders[$folder]}"
        where=$gists/$folder
        [[ -d $where ]] || mkdir -p "$where"
        [[ ${2-} != --full ]] || where=SCRIPTDIR
        printf '%s\0' "${files[@]}" | xargs -0r -n 12 -P "$(nproc)" shellcheck --external-sources --source-path="$where:$gists" \
                --exclude=SC2016,SC2119,SC2120 || status=1
done
exit "$status"
