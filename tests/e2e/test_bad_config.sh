#!/bin/bash
# SPDX-License-Identifier: MIT
# A bad file is refused before anything runs: exit 6, with file:line:column and what would be right.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
cat >"$shop/good.yaml" <<END
node: $node
probes:
  api: {type: tcp, host: 127.0.0.1, port: 9, $fast}
  btcpay: {type: tcp, host: 127.0.0.1, port: 9, $fast}
modes:
  - {name: primary, requires: [api]}
  - {name: crypto, requires: [btcpay]}
actions:
  - {type: payment-mode}
END
chmod 640 "$shop/good.yaml"
cp -p "$shop/good.yaml" "$shop/failoverd.yaml"
check "the file itself is good" daemon --check >/dev/null

refused() { # LINE WORDS: what --check and a start say of $shop/failoverd.yaml
        local code how
        for how in --check --log-level=info; do
                code=0
                timeout 20 "$build/failoverd" --config "$shop/failoverd.yaml" --state-dir "$shop/state" \
                        --runtime-dir "$shop/run" --status-dir "$shop/status" $how >"$shop/said" 2>&1 || code=$?
                check "exit 6 for: $2 ($how): $(<"$shop/said")" equal "$code" 6
                check "the place of: $2" grep -qE "failoverd\.yaml:$1:[0-9]+: .*" "$shop/said"
                check "the words of: $2" contains "$(<"$shop/said")" "$2"
        done
        check "nothing ran for: $2" test ! -e "$shop/run/payment.env" -a ! -e "$shop/state/state.db"
}
edited() { # SED LINE WORDS
        sed "$1" "$shop/good.yaml" >"$shop/failoverd.yaml"
        refused "$2" "$3"
}
edited '3s/host/hots/' 3 "hots"
edited '3s/host/hots/' 3 "host"
edited '3s/interval: 1s/interval: 10/' 3 "unit"
edited '3s/type: tcp/type: ttcp/' 3 "tcp"
edited '3s/type: tcp/type: oracle/' 3 "oracle"
edited '3s/port: 9/port: nine/' 3 "nine"
edited '6s/api/apy/' 6 "apy"
edited '9s/payment-mode/payment-mood/' 9 "payment-mode"
edited '9s/payment-mode/carrier-pigeon/' 9 "carrier-pigeon"
edited '$a surprise: 1' 10 "surprise"
edited '$a probes: {}' 10 "probes"
edited '3s/api:/api: \&anchor/' 3 ""
edited '2s/.*/probes: [/' '[0-9]+' ""
{ cat "$shop/good.yaml"; printf 'vantage: '; printf '[%.0s' $(seq 60); printf ']%.0s' $(seq 60); echo; } >"$shop/failoverd.yaml"
refused 10 ""
{ cat "$shop/good.yaml"; head -c 2000000 /dev/zero | tr '\0' '#'; } >"$shop/failoverd.yaml"
code=0
daemon --check >"$shop/said" 2>&1 || code=$?
check "a file of 2 MB is refused with its name" equal "$code $(grep -c failoverd.yaml "$shop/said")" "6 1"

code=0
daemon --nonsense >"$shop/said" 2>&1 || code=$?
check "an unknown option is a usage error" equal "$code" 2
code=0
daemon --seed 7 >"$shop/said" 2>&1 || code=$?
check "a seed without a simulation is one, too" equal "$code" 2
code=0
"$build/failoverd" --config "$shop/absent.yaml" --check >"$shop/said" 2>&1 || code=$?
check "an absent file is named" contains "$code $(<"$shop/said")" "absent.yaml"
check "as a bad config" equal "$code" 6
