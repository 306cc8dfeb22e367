# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# A primary name server that takes signed updates, Knot or BIND, for the tests of the dns action. Sourced after lib.sh.

tsig_secret="c2hvcC1leGFtcGxlLXVwZGF0ZS1rZXktZm9yLXRlc3Q=" # made up; the servers live on loopback for a moment

primary_start() { # knot|bind: at $primary, with the zone shop.example
        primary_kind=$1
        primary=$(own_loopback):10053
        [[ $1 == bind ]] && primary=127.0.0.1:$(unused_port)
        mkdir -p "$shop/primary"
        key_write "$shop/dns.key" shop "$tsig_secret"
        cat >"$shop/primary/zone" <<-END
		\$ORIGIN shop.example.
		\$TTL 60
		@ SOA ns hostmaster 1 60 60 600 1
		@ NS ns
		ns A ${primary%:*}
		@ MX 10 mail
		mail A 192.0.2.25
		other A 192.0.2.99
		alias CNAME other
		END
        "primary_config_$1"
        primary_run
}

# BIND binds to the addresses of interfaces only, so our own one of 127/8 is not for it. Below the kernel's own ports.
unused_port() {
        local port=$((10100 + $$ % 20000))
        while (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do ((port++)); done
        echo "$port"
}

primary_config_knot() {
        need knotd
        cat >"$shop/primary/knot.conf" <<-END
		server:
		    rundir: $shop/primary
		    listen: ${primary%:*}@${primary#*:}
		    udp-workers: 1
		    tcp-workers: 1
		    background-workers: 1
		log:
		  - target: stderr
		    any: warning
		database:
		    storage: $shop/primary
		key:
		  - id: shop
		    algorithm: hmac-sha256
		    secret: $tsig_secret
		  - id: other
		    algorithm: hmac-sha256
		    secret: $tsig_secret
		acl:
		  - id: update
		    key: shop
		    action: update
		    update-type: [A, AAAA, CNAME, TXT]
		    update-owner: name
		    update-owner-match: equal
		    update-owner-name: [shop.example., www, xn--bcher-kva, _note, "*.wild", alias]
		zone:
		  - domain: shop.example
		    storage: $shop/primary
		    file: zone
		    acl: update
		    zonefile-sync: 0
		    zonefile-load: whole
		END
}

primary_config_bind() {
        need named
        cat >"$shop/primary/named.conf" <<-END
		options {
		    directory "$shop/primary";
		    listen-on port ${primary#*:} { ${primary%:*}; };
		    listen-on-v6 { none; };
		    pid-file none;
		    session-keyfile none;
		    recursion no;
		    dnssec-validation no;
		};
		controls { };
		key "shop" { algorithm hmac-sha256; secret "$tsig_secret"; };
		key "other" { algorithm hmac-sha256; secret "$tsig_secret"; };
		zone "shop.example" {
		    type primary; file "zone";
		    update-policy {
		        grant shop name shop.example. A AAAA;
		        grant shop name www.shop.example. A CNAME;
		        grant shop name xn--bcher-kva.shop.example. A CNAME;
		        grant shop name _note.shop.example. TXT;
		        grant shop name *.wild.shop.example. A;
		        grant shop name alias.shop.example. A;
		    };
		};
		END
}

primary_run() {
        if [[ $primary_kind == knot ]]; then
                start primary knotd -c "$shop/primary/knot.conf"
        else
                start primary named -g -c "$shop/primary/named.conf" -n 1
        fi
        wait_for "the primary answers" primary_answers
}

primary_answers() {
        [[ $(zone_has ns A) ]]
}

# Stopped, and seen to be: one that is only about to stop would still take an update, and one that has ended would refuse it.
primary_silenced() {
        kill -STOP "${pid[primary]}" && [[ $(ps -o stat= -p "${pid[primary]}") == T* ]] && stopped primary
}

# An independent client, which knows nothing of failoverd.
zone_ask() { # LABEL TYPE [OPTION...]
        local name=$1.shop.example. type=$2
        shift 2
        kdig "$@" +norecurse +timeout=10 +retry=0 "@${primary%:*}" -p "${primary#*:}" "${name#@.}" "$type"
}

zone_has() { # LABEL TYPE: the values, sorted, one a line
        zone_ask "$1" "$2" +short | sort
}

zone_ttl() { # LABEL TYPE
        zone_ask "$1" "$2" +noall +answer | awk '{ print $2; exit }'
}

zone_says() { # LABEL TYPE VALUES
        [[ $(zone_has "$1" "$2") == "$3" ]]
}
