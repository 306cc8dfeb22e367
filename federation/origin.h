/* SPDX-License-Identifier: MIT */
/* Host and port of a URL, by whichever spelling: who is where, and whose place another one names. */
#pragma once

#include "federation/federation.h"

typedef struct Origin {
        char host[256]; /* in small letters, without a final dot */
        unsigned port;  /* 80 and 443 lead to one shop: 80 */
} Origin;

int origin_read(const char *url, Origin *ret); /* -EINVAL: it cannot be told; -ENOMEM */
/* What one registers at a registrar: "shop.example" of "a.b.shop.example", "shop.co.uk"; an address is itself. Into o->host. A guess by the
 * form of the name, which may take a few for one, never one for many. */
const char *origin_site(const Origin *o);
bool origin_same(const Origin *a, const Origin *b);

/* May buyers of `node` be sent to `url` by its own word? Not to this node, nor to another that is accepted, configured or banned: what is
 * at its own host and port is its own. NULL, or why not, for people. */
const char *origin_clash(const Federation *f, const char *node, const char *url);
