/* SPDX-License-Identifier: MIT */
/* The registries in which this node stands: those that network.registries names, and those at which the operator has registered it
 * (`failoverctl register`), which are remembered in federation.db. Each is told again after a start, after a reload, and every day, so that it
 * knows this node's document as it is. */
#pragma once

#include "federation/announce.h"
#include "federation/federation.h"

#define ANNOUNCE_TIMEOUT_USEC (15 * USEC_PER_SEC)
#define REGISTRIES_MAX        64

typedef struct Announcer Announcer;
int announcer_new(Federation *f, Announcer **ret);
Announcer *announcer_free(Announcer *a);
DEFINE_CLEANUP(Announcer, announcer_free)
void announcer_configure(Announcer *a); /* f->config or the identity is another */

/* Registers at `registry`, a base URL that has been checked, and remembers it once that has succeeded. done(): once, never from
 * within; with result->error 0 it is remembered durably, or `trouble` says why not. -EBUSY: it is asked at this moment;
 * -ENOSPC: REGISTRIES_MAX. */
typedef void (*AnnouncerDone)(const char *registry, const AnnouncementResult *result, const char *trouble,
                              void *userdata);
int announcer_register(Announcer *a, const char *registry, uint64_t timeout_usec, const char *actor,
                       AnnouncerDone done, void *userdata);
/* Is not told any more; its own entry of us stays until its operator removes it. -ENOENT; -EPERM: the configuration names it. done() as
 * above, with result NULL. */
int announcer_forget(Announcer *a, const char *registry, const char *actor, AnnouncerDone done,
                     void *userdata);
/* Asks every registry again, but none that was asked a moment ago: how this node stands there now. */
void announcer_refresh(Announcer *a);
/* "asking": an answer is awaited. [{"registry", "configured", "registered": timestamp or null, "state", "status", "words", "asking",
 * "again_s": seconds}] */
json_t *announcer_to_json(const Announcer *a);
