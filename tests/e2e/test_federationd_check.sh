#!/bin/bash
# SPDX-License-Identifier: MIT
# What federationd --check says of each file of tests/check/federation, of certificates and of folders; `failoverctl check-config` finds the right daemon. `--update` takes over what should be expected.
build=$(realpath "$1")
update=${2-}
. "$(dirname "$0")/lib.sh"
need jq

if ((EUID == 0)) && getent passwd federationd >/dev/null; then # whose rights it would take
        private_mounts "$@"
        grep -v '^federationd:' /etc/passwd >"$shop/passwd"
        mount --bind "$shop/passwd" /etc/passwd
fi
ulimit -n "$(ulimit -Hn)"
mkdir "$shop/credentials" # good.yaml's key
"$build/failoverctl" keygen --id k1 "$shop/credentials/node.key" >/dev/null 2>&1
export CREDENTIALS_DIRECTORY=$shop/credentials
examined() { # FILE [OPTION...]: as people see it; the exit code at its end
        local code=0
        timeout 60 "$build/federationd" --check --config "$1" --state-dir "$shop/state" --runtime-dir "$shop/run" "${@:2}" 2>&1 || code=$?
        echo "exit code $code"
}

# ---- what is expected of each file

cd "$source_dir/tests/check/federation"
different=0
for file in *.yaml; do
        examined "$file" >"$shop/got"
        [[ $update != --update ]] || cp "$shop/got" "${file%.yaml}.expected"
        diff -u "${file%.yaml}.expected" "$shop/got" >&3 || different=$((different + 1))
done
check "every file is judged as expected" equal "$different" 0
for file in *.expected; do
        check "$file belongs to a file" test -f "${file%.expected}.yaml"
done
for file in *.yaml; do
        "$build/federationd" --check --json --config "$file" --state-dir "$shop/state" --runtime-dir "$shop/run" 2>/dev/null || true
done | jq -r '.findings[].code' | sort -u >"$shop/codes"
check "many codes are seen" test "$(wc -l <"$shop/codes")" -ge 15
while read -r code; do
        check "docs/federation-configuration.md knows $code" grep -qF "\`$code\`" "$source_dir/docs/federation-configuration.md"
done <"$shop/codes"

# ---- failoverctl: whose file it is

ctl() {
        "$build/failoverctl" check-config "$@" 2>&1
}
check "by its keys" contains "$(ctl good.yaml)" "good.yaml: 2 listeners, 2 peers: good"
cp ../good.yaml "$shop/federationd.yaml"
check "whatever it is called" contains "$(ctl "$shop/federationd.yaml")" "modes"
echo '{' >"$shop/federationd.yaml"
code=0
ctl "$shop/federationd.yaml" >"$shop/said" || code=$?
check "a file that cannot be read is bad" equal "$code" 1
check "by its name then" contains "$(<"$shop/said")" "$shop/federationd.yaml:"
check "--json is handed on" test "$(ctl --json good.yaml | jq .peers)" = 2

# ---- one shop, one id

mkdir "$shop/pair"
cp ../good.yaml "$shop/pair/failoverd.yaml"
id=$(sed -n 's/.*id: \([a-z0-9-]*\).*/\1/p' ../good.yaml | head -n 1)
sed "s/id: my-shop/id: $id/" good.yaml >"$shop/pair/federationd.yaml"
check "two files of one node" not contains "$(ctl --json "$shop/pair/federationd.yaml")$(ctl --json "$shop/pair/failoverd.yaml")" other-id
sed "s/id: my-shop/id: another-shop/" good.yaml >"$shop/pair/federationd.yaml"
check "federationd's is another" contains "$(ctl "$shop/pair/federationd.yaml")" "node.id is \`another-shop\` here, and \`$id\` in $shop/pair/failoverd.yaml"
check "failoverd's is another" contains "$(ctl "$shop/pair/failoverd.yaml")" "node.id is \`$id\` here, and \`another-shop\` in $shop/pair/federationd.yaml"

# ---- certificates, and folders that are not ours

certificates_make shop.example
cd "$shop"
found() { # JQ-FILTER: of the findings
        { "$build/federationd" --check --json --config "$shop/tls.yaml" --state-dir "$shop/state" --runtime-dir "${run-$shop/run}" \
                2>/dev/null || true; } | jq -e "[.findings[] | select($1)] | length > 0" >/dev/null
}
certified() { # CERTIFICATE KEY
        cat >"$shop/tls.yaml" <<-END
		node: {id: my-shop, url: "https://shop.example"}
		listen: 0.0.0.0:8440
		tls: {cert_file: "$shop/tls/$1.crt", key_file: "$shop/tls/$2.key"}
		END
}
chmod 600 "$shop"/tls/*.key
certified valid valid
check "a good certificate" not found '.code | startswith("tls") or startswith("expire") or . == "other-name" or . == "plain-http"'
certified expired expired
check "one that has expired" found '.code == "expired" and .key == "tls.cert_file"'
certified ends-soon ends-soon
check "one that will, soon" found '.code == "expires"'
certified wrong-name wrong-name
check "one for another host" found '.code == "other-name"'
certified valid ca
check "a key that is not its own" found '.code == "tls" and .severity == "error"'
certified valid valid
chmod 644 "$shop/tls/valid.key"
check "a key that others read" found '.code == "tls" and .severity == "error" and (.message | contains("tls.key_file"))'
chmod 600 "$shop/tls/valid.key"
run=$shop/$(printf 'x%.0s' {1..100})
check "a runtime directory too long for a socket" found '.code == "long-path" and .severity == "error"'
run=$shop/run
if ((EUID == 0)) && command -v setpriv >/dev/null; then
        mkdir "$shop/root"
        code=0
        setpriv --reuid=61005 --regid=61005 --clear-groups "$build/federationd" --check --config "$source_dir/tests/check/federation/good.yaml" \
                --state-dir "$shop/root" --runtime-dir "$shop/run" >"$shop/said" 2>&1 || code=$?
        check "a state directory of somebody else's is exit code 6" equal "$code" 6
        check "and told" contains "$(<"$shop/said")" "the state directory: $shop/root: Permission denied"
fi

# ---- a name that leads back, with --online only

if [[ -w /etc/hosts ]] && ((EUID == 0)) && unshare --mount true 2>/dev/null; then
        printf '127.0.0.1 me.shop.example\n10.9.8.7 inside.shop.example\n' >"$shop/hosts"
        cat >"$shop/online.yaml" <<-END
		node: {id: my-shop, url: "https://shop.example"}
		network: {peers: [{id: me, url: "https://me.shop.example:8440"}, {id: inside, url: "https://inside.shop.example"}]}
		END
        unshare --mount --propagation private bash -c "mount --bind '$shop/hosts' /etc/hosts && '$build/federationd' --check --json --online \
                --config '$shop/online.yaml' --state-dir '$shop/state' --runtime-dir '$shop/run' 2>/dev/null" >"$shop/online.json" || true
        check "a name that leads back" jq -e '.findings[] | select(.code == "asks-itself") | .key == "network.peers[0].url"' "$shop/online.json" >/dev/null
        check "a name that leads inside" jq -e '.findings[] | select(.code == "private-peer") | .key == "network.peers[1].url"' "$shop/online.json" >/dev/null
        check "no name is looked up unasked" equal "$("$build/federationd" --check --json --config "$shop/online.yaml" 2>/dev/null |
                jq '[.findings[] | select(.code == "asks-itself" or .code == "not-found")] | length')" 0
fi
