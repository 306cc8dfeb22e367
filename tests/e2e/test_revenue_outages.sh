#!/bin/bash
# SPDX-License-Identifier: MIT
# Shops that do not answer, refuse, or fall back while buyers go to them: a buyer is sent within three seconds whatever becomes of the
# share, and what could not be said is said later, across restarts.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/federation.sh"
. "$(dirname "$0")/money.sh"
/usr/bin/python3 -c 'import nacl' 2>/dev/null || missing "python3-nacl is not installed"

nodes_name alpha beta
keys_make alpha beta other
other_shop_start other alpha
me=$(id -un)
network_keys=", orders_from: [$me, nobody]" money_node beta 15 alpha
money_node alpha 10 beta "$(other_shop other 15)"
printf 'id,title,price,currency\nb1,A book,12.50,USD\n' >"$shop/beta.csv"
node_import beta "$shop/beta.csv"
node_start beta
node_start alpha
from_other() { # [MEMBERS]: a buyer goes to the counterpart
        checkout alpha b1 other "$@" >/dev/null
}
confirmed() { from_other && [[ $(said .state) == confirmed ]]; }
wait_for "the other shop confirms" confirmed
check "by the percentage that it pays, which is more than we counted on" equal "$(said '[.revenueShare, .share_minor] | tostring')" '[20,260]'
check "our order is signed, and says what was agreed" jq -es '[.[] | select(.path == "/api/network/orders") | .verified and .body.price_minor == 1299 and
        .body.currency == "USD" and .body.revenue_share_pct == 15 and .body.referrer == "alpha" and (.body | has("email") | not)] | . != [] and all' "$shop/other.jsonl" >/dev/null
from_other ',"email":"buyer@shop.example"'
check "the address goes with the order" equal "$(tail -n 1 "$shop/other.jsonl" | jq -r .body.email)" buyer@shop.example

# ---- what a source may answer

answers_so() { # ORDER STATE REASON: and the buyer goes to the shop's own address
        order other "$1"
        from_other
        check "$1: $2" equal "$(said .state)" "$2"
        kept() { referral_is alpha "$(said .referral)" ".state == \"$2\" and (.reason // \"\" | contains(\"$3\"))"; }
        wait_for "$1: $2 is kept, and why" kept "" "$2" "$3"
        check "$1: the buyer goes all the same" equal "$(said .checkoutUrl)" "http://127.0.0.1:${port[other]}/checkout?book=b1&ref=alpha&referral=$(said .referral)"
}
answers_so no-route unconfirmed "HTTP 404"
answers_so "status 500" unconfirmed "because I want 500"
answers_so "status 403" unconfirmed "because I want 403"
answers_so "status 410" denied "because I want 410"
answers_so "terms 1299 14" denied "it pays 14 %"
answers_so evil confirmed ""
answers_so price-as-text unconfirmed "price_minor"
answers_so other-referral unconfirmed "another referral"
order other other-terms
from_other
check "who records other terms than agreed is not believed" equal "$(said '[.state, .checkoutUrl] | tostring')" \
        "[\"denied\",\"https://pay.example/$(said .referral)\"]"
check "who denies it owes nothing" equal "$(said .share_minor)" null
order other "terms 1499 15"
from_other
check "another price is agreed to" equal "$(said '[.state, .price_minor, .share_minor] | tostring')" '["confirmed",1499,225]'
order other no-book
from_other
check "what is sold without a page of its own is sold" equal "$(said '[.state, .price_minor] | tostring')" '["confirmed",1299]'

# ---- the operator bans a shop while a buyer is on the way

order other hold
orders_before=$(wc -l <"$shop/other.jsonl")
checkout alpha b1 other >"$shop/banned.status" &
buyer=$!
ordered() { (($(wc -l <"$shop/other.jsonl") > orders_before)); }
wait_for "the order is there" ordered
check "it is banned meanwhile" contains "$(node_ctl alpha nodes ban other)" "is banned"
order other confirm
check "the buyer has an answer" wait "$buyer"
check "which is no" equal "$(<"$shop/banned.status")$(said .checkoutUrl)" 409null
check "and why" contains "$(said .error)" "its membership is not in force"
node_ctl alpha nodes accept other >/dev/null
wait_for "buyers go there again when it is accepted" confirmed

# ---- silence: the buyer is not kept

order other silent
began=$EPOCHREALTIME
from_other ',"email":"buyer@shop.example"'
took=$(((${EPOCHREALTIME/./} - ${began/./}) / 1000))
silent=$(said .referral)
check "a buyer waits three seconds and a bit at most ($took ms)" test "$took" -lt 8000 # on a busy machine
check "and goes, unconfirmed" equal "$(said .state)" unconfirmed
echo "a buyer of a silent shop waited $took ms" >&2

# ---- a source that is down, its referrer killed meanwhile; then both are back

checkout alpha b1 beta >/dev/null
sold=$(said .referral)
stop beta
checkout alpha b1 beta >/dev/null
lost=$(said .referral)
check "a shop that has just gone is not known to be" equal "$(said .state)" unconfirmed
failed() { [[ $(checkout alpha b1 beta) == 409 ]]; }
wait_for "and then nobody is sent there any more" failed
stop alpha KILL || true
node_start beta
node_start alpha
order other confirm
agreed() { referral_is alpha "$lost" '.state == "confirmed" and .share_minor == 188' && referral_is beta "$lost" '.state == "confirmed"'; }
wait_for "the order has been taken since" agreed
confirmed_since() { referral_is alpha "$silent" '.state == "confirmed"'; }
wait_for "so has the one to the silent shop" confirmed_since
check "now without the buyer's address, which nobody has kept" jq -es --arg id "$silent" '[.[].body | select(.referral == $id) | has("email")] | . != [] and (any | not)' "$shop/other.jsonl" >/dev/null

# ---- a referrer that is down when it is paid

stop alpha
check "it is paid" equal "$(settle beta "$sold" paid)" 200
check "it is refunded, too" equal "$(settle beta "$lost" paid)$(settle beta "$lost" refunded)" 200200
check "and what was not heard is shown" equal "$(revenue beta '[.owed_by_us[] | .untold]')" '[2]'
node_start alpha
heard() { referral_is alpha "$sold" '.state == "paid" and .share_minor == 188' && referral_is alpha "$lost" '.state == "refunded"'; }
wait_for "alpha hears of both" heard
told() { [[ $(revenue beta '[.owed_by_us[] | .untold]') == '[0]' ]]; }
wait_for "and beta knows that it has" told

# ---- by its own word a shop's buyers go elsewhere, or nowhere

notice() { # TYPE FALLBACK
        /usr/bin/python3 "$source_dir/tests/parts/notice.py" --key "$shop/beta/node.key" --node beta --to alpha --url "$(node_url alpha)" \
                --type "$1" --fallback "$2"
}
check "beta's cards fail" contains "$(notice primary_failure "$(node_url beta)/elsewhere")" "200"
checkout alpha b1 beta >/dev/null
check "its buyers go to its fallback" equal "$(said '[.state, .checkoutUrl] | tostring')" \
        "[\"confirmed\",\"$(node_url beta)/elsewhere/checkout?book=b1&ref=alpha&referral=$(said .referral)\"]"
check "beta has no fallback" contains "$(notice primary_failure "")" "200"
check "nobody is sent" equal "$(checkout alpha b1 beta)" 409
check "beta is back" contains "$(notice primary_recovered "")" "200"
back() { checkout alpha b1 beta && [[ $(said .checkoutUrl) == "$(node_url beta)/checkout?book="* ]]; }
wait_for "buyers go to it again" back

# ---- who may settle

if [[ $EUID == 0 ]]; then
        chmod 755 "$shop/beta/run"
        chmod 666 "$shop/beta/run/control.sock"
        by() { # USER
                setpriv --reuid "$1" --clear-groups curl -sS -o /dev/null -w '%{http_code}' --unix-socket "$shop/beta/run/control.sock" \
                        --data '{"status":"paid"}' "http://federationd/v1/orders/$(said .referral)"
        }
        check "a user of network.orders_from settles" equal "$(by nobody)" 200
        check "another does not" equal "$(by daemon)" 403
fi
