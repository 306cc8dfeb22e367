/* SPDX-License-Identifier: MIT */
/* How the other nodes are. */
#include "base/json.h"
#include "federation/copies.h"
#include "federation/routes.h"

/* What its own answers say, or what was fetched of it. */
static json_t *health_of(const Federation *f, const Peer *p)
{
        const Copy *copy = copies_find(f->copies, p->id);
        json_t *row = json_object();

        json_put(row, "node", json_string_or_null(p->url));
        json_put(row, "status", json_string(peer_is_online(p) ? "ONLINE" : "OFFLINE"));
        json_put(row, "listings", json_integer((json_int_t) (copy ? copy->listings : p->listings)));
        json_put(row, "transactions", json_integer((json_int_t) (copy ? copy->transactions : 0)));
        json_put(row, "users", json_integer((json_int_t) (copy ? copy->users : 0)));
        json_put(row, "lastSync", json_timestamp(copy ? copy->seen_usec : p->seen_usec));
        if (p->in_fallback) {
                json_put(row, "fallbackUrl", json_string_or_null(p->fallback_url));
                json_put(row, "fallbackSince", json_timestamp(p->fallback_since_usec));
        }
        json_put(row, "error",
                 *p->error          ? json_string_or_null(p->error)
                 : p->seen_usec > 0 ? json_null()
                                    : json_string("has not been asked yet"));
        return row;
}

void route_federation_status(Federation *f, HttpRequest *r, const char *rest)
{
        json_t *d = json_object(), *rows = json_array();

        for (size_t i = 0; i < peers_count(f->peers); i++)
                json_add(rows, health_of(f, peers_at(f->peers, i)));
        json_put(d, "federationHealth", rows);
        route_reply_document(r, json_whole(d));
}
