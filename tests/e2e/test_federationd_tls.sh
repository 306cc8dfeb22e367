#!/bin/bash
# SPDX-License-Identifier: MIT
# federationd speaks TLS where it is told to: a renewed certificate is taken over by a reload, one that does not fit is refused and the old one holds, and the Unix socket stays plain.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/one_node.sh"
need openssl

certificates_make shop.example
chmod 600 "$shop"/tls/*.key
cert() { # NAME [KEY]: what the configuration names from now on
        cp "$shop/tls/$1.crt" "$shop/used.crt"
        (umask 077 && cp "$shop/tls/${2-$1}.key" "$shop/used.key")
}
cert valid
plain_config "tls: {cert_file: ./used.crt, key_file: ./used.key}"
sed -i "s|^listen: .*|listen: [\"$public\", \"unix:$shop/http.sock\"]|" "$shop/federationd.yaml"
daemon_start
secure() { # by name, with the authority's word
        curl -sSf --max-time 10 -o /dev/null --cacert "$shop/tls/ca.crt" --resolve "shop.example:8440:$net" https://shop.example:8440/api/config
}
served() { # the serial number of the certificate that is shown
        openssl s_client -connect "$public" -servername shop.example </dev/null 2>/dev/null | openssl x509 -noout -serial
}
of_file() { # NAME
        openssl x509 -noout -serial -in "$shop/tls/$1.crt"
}
check "it is trusted under its name" secure
check "it is the one of the file" equal "$(served)" "$(of_file valid)"
check "plain HTTP is not served there" not answers 2>/dev/null
check "the Unix socket is plain" curl -sSf --max-time 5 -o /dev/null --unix-socket "$shop/http.sock" http://x/api/config

cert ends-soon
reload_and reloaded
check "a renewed one is shown after a reload" equal "$(served)" "$(of_file ends-soon)"
check "and trusted" secure
cert valid ca
reload_and refused
check "the log says that they do not fit" said "is not the key of"
check "the old one holds" equal "$(served)" "$(of_file ends-soon)"
cert valid
chmod 644 "$shop/used.key"
reload_and refused
check "a key that others can read is refused" equal "$(served)" "$(of_file ends-soon)"
rm "$shop/used.crt"
chmod 600 "$shop/used.key"
reload_and refused
check "it goes on without the file" secure
code=0
stop federationd
daemon 2>"$shop/said" || code=$?
check "but does not start without" equal "$code" 6
check "and names it" contains "$(<"$shop/said")" "tls.cert_file: "
cert valid
daemon_start
check "with it, it does" secure
plain_config
reload_and reloaded
check "without tls it is plain again" answers

# Somebody else has the address.
stop federationd
part_start taken payment-api
sed -i "s|^listen: .*|listen: [\"127.0.0.1:${port[taken]}\"]|" "$shop/federationd.yaml"
code=0
daemon 2>"$shop/said" || code=$?
check "an address in use is exit code 1" equal "$code" 1
check "and told" contains "$(<"$shop/said")" "127.0.0.1:${port[taken]}: Address already in use"
