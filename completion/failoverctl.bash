# SPDX-License-Identifier: MIT
# Completion of failoverctl for bash; goes to /usr/share/bash-completion/completions/failoverctl.

# Names in the array "$1" of the running daemon's status: modes or probes.
_failoverctl_names()
{
        local rest
        rest=$(failoverctl "${socket[@]}" status --json 2>/dev/null) || [ -n "$rest" ] || return
        rest=${rest#*\""$1"\":[}
        rest=${rest%%\}]*}
        while [[ $rest =~ \"name\":\"([A-Za-z0-9._-]+)\" ]]; do
                printf '%s\n' "${BASH_REMATCH[1]}"
                rest=${rest#*"${BASH_REMATCH[0]}"}
        done
}

_failoverctl()
{
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' words='' k
        local -a socket=()
        local verbs='status force-fallback force-primary auto pause resume ack plan explain history probe alert
                incident maintenance simulate check-config keygen setup search peers nodes audit register sync revenue catalog stats help'

        for ((k = 1; k < COMP_CWORD; k++)); do
                case ${COMP_WORDS[k]} in
                --socket)
                        socket=(--socket "${COMP_WORDS[++k]}")
                        ;;
                --mode | --for | --reason | --limit | --config | --root | --seed | --id | --category | --max-price | --format | --key | --month | --name | --impact | --state | --components | --from | --until)
                        ((++k))
                        ;;
                -*) ;;
                *)
                        [ -n "$verb" ] || verb=${COMP_WORDS[k]}
                        ;;
                esac
        done

        case $previous in
        --socket | --config | --root)
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                return
                ;;
        --mode)
                mapfile -t COMPREPLY < <(compgen -W "$(_failoverctl_names modes)" -- "$current")
                return
                ;;
        --for)
                mapfile -t COMPREPLY < <(compgen -W '15m 30m 1h 2h 1d' -- "$current")
                return
                ;;
        --format)
                mapfile -t COMPREPLY < <(compgen -W 'csv jsonl' -- "$current")
                return
                ;;
        --impact)
                mapfile -t COMPREPLY < <(compgen -W 'none minor major critical maintenance' -- "$current")
                return
                ;;
        --state)
                mapfile -t COMPREPLY < <(compgen -W 'investigating identified monitoring' -- "$current")
                return
                ;;
        --name | --components | --from | --until | --reason | --limit | --seed | --id | --category | --max-price | --key | --month)
                return
                ;;
        esac

        if [[ $current == -* ]]; then
                words='--json --socket --help'
                case $verb in
                '') words+=' --version' ;;
                status) words+=' --watch --nagios' ;;
                force-fallback) words+=' --mode --for --reason' ;;
                force-primary) words+=' --for --reason' ;;
                history) words+=' --limit' ;;
                alert) words+=' --test' ;;
                incident) words+=' --name --impact --state --components' ;;
                maintenance) words+=' --name --from --until --for --components' ;;
                simulate) words+=' --config --seed' ;;
                check-config) words+=' --online --probes' ;;
                setup) words+=' --unattended --drop-ins --trial --dry-run --root --force' ;;
                keygen) words+=' --id --rotate --revoke --show --force' ;;
                nodes) words+=' --key' ;;
                audit) words+=' --limit --check' ;;
                register) words+=' --registry --timeout --forget' ;;
                revenue) words+=' --month --csv' ;;
                sync) words+=' --force --timeout' ;;
                search) words+=' --limit --category --max-price' ;;
                catalog) words+=' --format' ;;
                esac
        else
                case $verb in
                '') words=$verbs ;;
                plan) words=$(_failoverctl_names modes) ;;
                probe) words=$(_failoverctl_names probes) ;;
                explain) words="latest $(failoverctl "${socket[@]}" history --json 2>/dev/null |
                        grep -o '"id":"[A-Za-z0-9]*"' | cut -d '"' -f 4)" ;;
                help) words="$verbs config" ;;
                alert) words='--test' ;;
                incident | maintenance)
                        if [[ $previous == "$verb" ]]; then
                                words='list update resolve postmortem begin'
                                [[ $verb == incident ]] || words='list schedule start end cancel update'
                        elif [[ $previous == @(update|resolve|postmortem|start|end|cancel) ]]; then
                                words=$(failoverctl "${socket[@]}" "$verb" --json 2>/dev/null |
                                        grep -o '{"id":"[A-Z0-9]*","\(began\|name\)"' | cut -d '"' -f 4)
                        fi
                        ;;
                setup)
                        compopt -o nospace
                        words='id= name= url= fallback-url= payment= payment-key= crypto= domain= database= database-password=
                                disk= checkout= restart= alert= alert-format= smtp= smtp-user= smtp-password= peers='
                        ;;
                nodes)
                        if [[ $previous == @(accept|ban|forget|rekey) ]]; then
                                words=$(failoverctl "${socket[@]}" nodes --json 2>/dev/null |
                                        grep -o '{"id":"[^"]*","name"' | cut -d '"' -f 4)
                        else
                                words='accept ban forget rekey'
                        fi
                        ;;
                revenue)
                        words=settle
                        [[ ${COMP_WORDS[*]} != *' settle '* ]] || words='paid refunded'
                        ;;
                catalog)
                        if [[ $previous == import ]]; then
                                mapfile -t COMPREPLY < <(compgen -f -- "$current")
                                return
                        fi
                        words=import
                        ;;
                check-config | simulate | keygen)
                        mapfile -t COMPREPLY < <(compgen -f -- "$current")
                        return
                        ;;
                esac
        fi
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o filenames -F _failoverctl failoverctl
