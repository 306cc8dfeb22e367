#!/bin/bash
# SPDX-License-Identifier: MIT
# What failoverd costs while nothing happens: one HTTP check a second of a healthy server on loopback, payment-mode and
# status-page as actions. After 5 s of warming up it is left alone for SECONDS. Printed are its private dirty memory and
# its proportional set size (smaps_rollup, at the end), its time on the processor a minute (all threads, the scheduler's
# own count), and beside them a bare program that is linked to the same libraries, starts each of them and waits,
# and one that also sends the same request once a second by bare system calls (bench/bare.c). Wanted: 4 MiB private dirty, PSS no more than the bare program's + 2 MiB, 20 ms a minute. Each is
# measured while the other does not run, since PSS divides what they would share. The same again over TLS, with
# Debian's certificate authorities loaded, and with a mere TCP check.
#
# bench/idle.sh [SECONDS]       60
. "$(dirname "$0")/common.bash"
seconds=${1:-60}
bench_begin

part_start api payment-api
certificates_make 127.0.0.1
part_start secure payment-api --tls "$shop/tls"

row() { # NAME CELL...
        printf '%-44s' "$1"
        shift
        printf ' %10s' "$@"
        echo
}

weigh() { # NAME PID MINUTES-MS
        local dirty pss
        dirty=$(rollup_kib "$2" Private_Dirty) pss=$(rollup_kib "$2" Pss)
        row "$1" "$dirty" "$pss" "$(rollup_kib "$2" Rss)" "$3"
}

per_minute() { # BEFORE AFTER: milliseconds
        awk -v a="$1" -v b="$2" -v s="$seconds" 'BEGIN { printf "%.1f", (b - a) * 60 / s }'
}

idle() { # NAME PROBE
        config <<-END
		node: {id: idle}
		probes:
		  api: $2
		modes:
		  - {name: primary, requires: [api]}
		  - {name: crypto, payment: crypto, checkout: cryptoCheckout}
		actions: [{type: payment-mode}, {type: status-page}]
	END
        rm -rf "$shop/state" "$shop/run" "$shop/status"
        daemon_start --log-level warning
        wait_for "the probe is up" verdict_is api up
        pause_ms 5000
        local before
        before=$(cpu_ms "${pid[failoverd]}")
        pause_ms $((seconds * 1000))
        weigh "$1" "${pid[failoverd]}" "$(per_minute "$before" "$(cpu_ms "${pid[failoverd]}")")"
        if [[ ${SMAPS-} ]]; then cp "/proc/${pid[failoverd]}/smaps" "$SMAPS.${1// /-}"; fi
        stop failoverd || true
}

echo "$(machine); $seconds s each; KiB, and milliseconds on the processor a minute"
row "" "dirty" "PSS" "RSS" "ms/min"
bare() { # NAME [PORT]
        local before ms=-
        start bare "$bench/bench-bare" "${@:2}"
        wait_for "the bare program waits" test -s "$shop/bare.out"
        pause_ms 5000
        before=$(cpu_ms "${pid[bare]}")
        [[ ! ${2-} ]] || pause_ms $((seconds * 1000))
        [[ ! ${2-} ]] || ms=$(per_minute "$before" "$(cpu_ms "${pid[bare]}")")
        weigh "$1" "${pid[bare]}" "$ms"
        stop bare || true
        rm -f "$shop/bare.out"
}
bare "bare program, the same libraries"
bare "the same, one bare request a second" "${port[api]}"
pace="interval: 1s, fast_interval: 1s, timeout: 1s"
idle "failoverd, http" "{type: http, url: \"http://127.0.0.1:${port[api]}/v1/account\", expect_json: {charges_enabled: true}, $pace}"
idle "failoverd, tcp" "{type: tcp, host: 127.0.0.1, port: ${port[api]}, $pace}"
cat /etc/ssl/certs/ca-certificates.crt "$shop/tls/ca.crt" >"$shop/authorities"
export SSL_CERT_FILE=$shop/authorities
idle "failoverd, https" "{type: http, url: \"https://127.0.0.1:${port[secure]}/v1/account\", expect_json: {charges_enabled: true}, $pace}"
