/* SPDX-License-Identifier: MIT */
/* Takes registrations: POST /api/nodes/register, POST /federation/node/register. Judged by admission.c; whatever would be written is
 * first rationed, and its addresses are looked up: none may lead into a network that the operator's policy forbids. Answered once
 * the change is on the disk:
 *
 *   201 {"success":true,"node":{…}}   new: it waits (`status: pending`)
 *   200 the same                      nothing new, or its own change
 *   400 what it says cannot be used; 401 its signature; 403 reserved or banned; 409 taken by another; 413 too large
 *   429 too many of one address, or too often; 503 no room, or it cannot be kept now. Both with Retry-After */
#pragma once

#include "federation/federation.h"

/* What may be written, in numbers: see docs/membership.md. */
#define REGISTRAR_ADDRESS_BURST 40                  /* of one address (http_client(); IPv6: a /64) … */
#define REGISTRAR_ADDRESS_USEC  (30 * USEC_PER_SEC) /* … and one more in this time */
#define REGISTRAR_ALL_BURST     2000
#define REGISTRAR_ALL_USEC      (2 * USEC_PER_SEC)
#define REGISTRAR_OWN_BURST     10 /* changes of a node that is accepted, by itself */
#define REGISTRAR_OWN_USEC      USEC_PER_MIN
#define REGISTRAR_STALE_USEC    (7 * USEC_PER_DAY) /* who has waited so long gives way when there is no room */
#define REGISTRAR_LOOKUPS_MAX   64

typedef struct RegistrarCounts {
        uint64_t added, changed, unchanged, refused, limited, failed;
        size_t waiting;
} RegistrarCounts;

int registrar_new(Federation *f, Registrar **ret);
Registrar *registrar_free(Registrar *r); /* who waits is answered 503 */
void registrar_take(Registrar *r, HttpRequest *request);
void registrar_counts(const Registrar *r, RegistrarCounts *ret);
