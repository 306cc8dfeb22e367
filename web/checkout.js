// SPDX-License-Identifier: MIT
// A buyer wants a book of some shop: asks this shop's node where to go. It tells the other one who sent the buyer.

/**
 * {bookId, sourceNodeId, email?} of a result's seller; resolves to the node's answer, with checkoutUrl. Rejects with what is to be told to
 * people. A word of its own goes with each wish, so that asking again (a lost answer) makes no second referral.
 */
export async function checkout(node, wish) {
        const body = JSON.stringify({ ...wish, idempotencyKey: wish.idempotencyKey ?? word() });
        const ask = () => fetch(`${node}/api/network/checkout`, {
                method: 'POST',
                headers: { 'Content-Type': 'application/json' },
                body,
        });
        const answer = await ask().catch(ask);
        const said = await answer.json().catch(() => ({}));
        if (!answer.ok || !said.success)
                throw new Error(said.error ?? `the shop answered ${answer.status}`);
        return said;
}

/** crypto.randomUUID() is for secure contexts only. */
function word() {
        return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
