/* SPDX-License-Identifier: MIT */
/* This node in another node's registry: its document is posted to <registry>/api/nodes/register, or where cooperative markets have
 * it (/federation/node/register). */
#pragma once

#include "base/fetch.h"
#include "base/json.h"

typedef struct Announcement Announcement; /* one in flight */
typedef struct AnnouncementResult {
        int error;         /* 0: it is registered there; -EREMOTEIO: refused; else it could not be asked */
        unsigned status;   /* HTTP; 0: no answer */
        const char *path;  /* the route that answered */
        const char *state; /* what the registry calls us: "pending", "active", …; "" when it does not say */
        const char *words; /* the registry's, or what went wrong; one line for people */
} AnnouncementResult;
typedef void (*AnnouncementDone)(Announcement *a, const AnnouncementResult *result, void *userdata);

/* client: guarded; the operator has written the URL, so that an address in it passes. registry: a base URL. The document is copied. done() is
 * called once, never from within, and may free the announcement. */
int announcement_start(FetchClient *client, const char *registry, const char *document, size_t size,
                       uint64_t timeout_usec, AnnouncementDone done, void *userdata, Announcement **ret);
Announcement *announcement_free(Announcement *a);
DEFINE_CLEANUP(Announcement, announcement_free)
