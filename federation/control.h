/* SPDX-License-Identifier: MIT */
/* The control socket, <runtime>/control.sock: HTTP and JSON for failoverctl and Prometheus. Who may look and who may change:
 * base/access.h.
 *
 *   GET    /v1/status, /v1/peers, /v1/search?q=…, /v1/stats, /metrics
 *   GET    /v1/nodes            {"registration", "ready", "nodes": [{"id", "name", "url", "type", "state", "status", "proven", "searched",
 *                               "registered", "accepted", "changed", "valid_until", "trouble", "keys": [{"id", "key", …}], …}]}
 *   POST   /v1/nodes/<id>/accept, /ban, /forget, /rekey {"key"?}   {"success":true,"text","node"}; once it is on the disk
 *   GET    /v1/audit?limit=20&before=N&check=1   {"audit": [the newest first], "whole"?, "problem"?}
 *   GET    /v1/revenue?month=2026-11&format=rows|csv&after=    what is owed (revenue.h)
 *   GET    /v1/orders/<referral>            one referral, on either side
 *   POST   /v1/orders/<referral>            {"status":"paid"|"refunded"}: what a buyer did whom a peer has sent. By administrators and
 *                                           the users in network.orders_from. 404: none such; 409: backwards, or another price
 *   POST   /v1/import?format=csv|jsonl&name=books.csv   201 {"success":true,"import":"<id>"}; begins (format: absent, by the
 *                                                       first byte). At most IMPORTS_MAX at a time: 503
 *   POST   /v1/import/<id>      a piece of the file, cut anywhere, at most CONTROL_BODY_MAX, one at a time (409)
 *                               200 {"success":true,"report":{rows,added,updated,unchanged,refused,warned,generation},
 *                                    "problems":[{"line":17,"refused":true,"reason":"books.csv:17: …"}],"more":0}
 *                               report: so far. problems: of this piece, at most PROBLEMS_MAX; more: how many others
 *   POST   /v1/import/<id>/end  the same, with the rest: what is in it is committed. The import is gone then
 *   DELETE /v1/import/<id>      200; what is not committed is dropped
 *
 * An import that hears nothing for IMPORT_IDLE_USEC is dropped: 404. An error that ends it: 422 for the file's, 503 for
 * the catalog's. */
#pragma once

#include "base/access.h"
#include "federation/federation.h"

#define CONTROL_BODY_MAX (1024 * 1024)
#define IMPORTS_MAX      4
#define PROBLEMS_MAX     1000
#define IMPORT_IDLE_USEC (60 * USEC_PER_SEC)

/* On failure, too, *ret is to be freed when it is not NULL. */
int control_new(Federation *f, Control **ret, Error *e);
Control *control_free(Control *c);
/* Who may do what, looked up again. */
void control_reconfigure(Control *c, const Access *access);
