/* SPDX-License-Identifier: MIT */
/* A referral: a buyer whom one node (the referrer) has sent to another (the source), which pays a share of the sale. Both keep it under
 * the same id. What may become of it, and what the two say to each other. Pure.
 *
 *   order       referrer -> source, signed: {type: "order", referral, bookId, referrer, price_minor, currency, revenue_share_pct,
 *               email?} beside what every envelope has. price_minor null: whatever it costs. The answer has the terms that both
 *               keep: {success, referral, checkoutUrl, bookId, price_minor, currency, revenue_share_pct, share_minor, state}
 *   settlement  source -> referrer, signed: {type: "settlement", referral, status: paid | refunded, price_minor, currency,
 *               revenue_share_pct, share_minor, settled (ms)} */
#pragma once

#include "base/id.h"
#include "base/json.h"
#include "federation/config.h"
#include "federation/listing.h"
#include "federation/share.h"

#define REFERRAL_NODE_MAX  128
#define REFERRAL_EMAIL_MAX 254 /* RFC 5321 */
#define REFERRAL_ONCE_MAX  200
/* An order is tried for so long; its referral may be as old when it arrives, and a little more for clocks that differ. */
#define REFERRAL_ORDER_USEC  (75 * USEC_PER_HOUR)
#define REFERRAL_CLOCKS_USEC (10 * USEC_PER_MIN)
/* What was paid is told for so long to who has sent the buyer. */
#define REFERRAL_SETTLE_USEC (30 * USEC_PER_DAY)

typedef enum ReferralState {
        REFERRAL_OPEN,        /* the source has not been asked yet */
        REFERRAL_UNCONFIRMED, /* it has not answered, or cannot say: asked again, or given up */
        REFERRAL_CONFIRMED,   /* it has recorded the same */
        REFERRAL_DENIED,      /* it will not pay for this one, and says why */
        REFERRAL_PAID,        /* the buyer has paid: the share is owed */
        REFERRAL_REFUNDED,    /* the buyer has got it back: nothing is owed */
        _REFERRAL_STATE_MAX,
} ReferralState;
const char *referral_state_name(ReferralState s);
int referral_state_parse(const char *name, ReferralState *ret); /* -EINVAL */

/* What a settlement makes of it: 1: a change; 0: it is so already, or has been overtaken (paid after refunded); -EINVAL: no settlement.
 * Never backwards. Refunded without paid: the one before may have been lost on its way. */
int referral_settle(ReferralState now, ReferralState to);

typedef struct Terms {
        int64_t price_minor; /* -1: unknown */
        char currency[4];
        unsigned pct;
} Terms;
int64_t terms_share(const Terms *t); /* -1: unknown */
bool terms_equal(const Terms *a, const Terms *b);
/* "12.99 USD and 15 %", for people. Returns buffer. */
#define TERMS_SIZE 64
char *terms_print(char buffer[static TERMS_SIZE], const Terms *t);
/* price_minor, currency, revenue_share_pct (and share_minor, when share) on object; unknown ones are null. */
void terms_put(json_t *object, const Terms *t, bool share);
/* The same from what somebody has sent. What is not there is left as it is in *ret. -EINVAL with the reason. */
int terms_read(const json_t *object, Terms *ret, Error *e);

/* What a buyer's page asks for. Borrowed from body, but for book. */
typedef struct CheckoutAsk {
        char book[LISTING_ID_MAX + 1];
        const char *source, *email, *once; /* NULL when absent */
} CheckoutAsk;
int checkout_read(const json_t *body, CheckoutAsk *ret, Error *e);

typedef struct Order {
        char id[ID_SIZE], book[LISTING_ID_MAX + 1];
        Terms terms; /* price -1, currency "" and pct UINT_MAX where nothing is said */
} Order;
/* Of an envelope that has been opened. now: of the clock here. -EINVAL, -ERANGE (its id's date), with the reason. */
int order_read(const json_t *body, const char *sender, uint64_t now_usec, Order *ret, Error *e);

typedef struct Settlement {
        char id[ID_SIZE];
        ReferralState to;
        Terms terms;
        int64_t share_minor;   /* -1: not said */
        uint64_t settled_usec; /* wall, by the source's clock; 0: not said */
} Settlement;
int settlement_read(const json_t *body, Settlement *ret, Error *e);
/* The shop's own word over the control socket: {status, price_minor?, currency?}; id stays empty. */
int settlement_read_own(const json_t *body, Settlement *ret, Error *e);

bool referral_is_id(const char *id); /* a ULID in capital letters, as id_make() makes them */
/* A book's id as JSON has it: text or a whole number. -EINVAL. */
int referral_read_book(const json_t *j, char ret[static LISTING_ID_MAX + 1], Error *e);

/* Where the buyer goes: template with {bookId}, {node} (the referrer), {id} and {referral} filled in, percent-encoded. template "":
 * <base>/checkout?book={bookId}&ref={node}&referral={id}. -EINVAL: too long; -ENOMEM. */
int checkout_url(const char *template, const char *base, const char *book, const char *node, const char *id,
                 char **ret);
/* The same for a shop whose buyers go to fallback now (NULL: they do not), where its template does not lead, and by the default when
 * its template makes what no browser may be sent to. */
int checkout_url_of(const char *template, const char *base, const char *fallback, const char *book,
                    const char *node, const char *id, char **ret);
/* May a buyer's browser be sent there? http(s), no control characters, at most LISTING_URL_MAX. */
bool checkout_url_fits(const char *url);
