# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What the scripts of this folder share: a release build, a shop of its own (tests/e2e/lib.sh), quantiles and tables.
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/common.bash"
rm -f "$log" # comes again when something is built
build=$PWD/build/release
bench=$build/bench
. tests/e2e/lib.sh

bench_begin() { # PACKAGE...: what it needs beside the build's and the shop's packages
        if [[ ! ${BENCH_READY-} ]]; then
                install_missing "${build_packages[@]}" "${shop_packages[@]}" "$@"
                build_preset release bench
                rm -f "$log"
        fi
        export BENCH_READY=1
        # Everybody in a race alike; so that what else the machine does is not measured.
        [[ $EUID != 0 ]] || renice -n -15 -p $$ >/dev/null || true
}

private_network() { # ARGUMENTS of the script: it runs again in a network namespace of its own, with a loopback
        if [[ ! ${PRIVATE_NETWORK-} ]]; then
                need_root
                unshare --net true 2>/dev/null || skip "cannot make a network namespace (CAP_SYS_ADMIN)"
                rm -rf "$shop"
                PRIVATE_NETWORK=1 exec unshare --net bash "$0" "$@"
        fi
        ip link set lo up
}

quantiles() { # Q...: of the numbers on stdin, one a line; "-" when there are none
        sort -g | awk -v wanted="$*" '
                { v[NR] = $1 }
                END {
                        n = split(wanted, q, " ")
                        for (i = 1; i <= n; i++) {
                                if (NR == 0) { printf "- "; continue }
                                at = q[i] * (NR - 1) + 1; low = int(at); high = low < NR ? low + 1 : NR
                                printf "%.6g ", v[low] + (at - low) * (v[high] - v[low])
                        }
                        print ""
                }'
}

random_ms() { # FROM TO: evenly spread
        echo $(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1)))
}

pause_ms() { # MILLISECONDS: without a process
        local seconds
        printf -v seconds '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
        read -rt "$seconds" <>"$shop/.nap" || true
}

cpu_ms() { # PID: on the processor so far, all threads, in milliseconds (the kernel's nanoseconds, not its ticks)
        cat "/proc/$1/task/"*/schedstat | awk '{ ns += $1 } END { printf "%.3f\n", ns / 1e6 }'
}

rollup_kib() { # PID FIELD: of smaps_rollup
        awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/smaps_rollup"
}

machine() { # one line, without names
        echo "$(nproc) cores, Linux $(uname -r | cut -d. -f1,2), $(stat -f -c %T "$shop") under the state"
}
