/* SPDX-License-Identifier: MIT */
/* What a shop's front end is told: the documents of /api/config and /api/health, kept printed, since every page view asks for
 * them, and the events that say when they change. */
#pragma once

#include "federation/events.h"
#include "federation/mode_file.h"
#include "federation/peers.h"

typedef struct Front Front;
/* Made before ModeFile and Peers, which take the two callbacks below; tells events, which outlives it. */
int front_new(Events *events, Front **ret);
Front *front_free(Front *f);
DEFINE_CLEANUP(Front, front_free)
/* Once both are there: what holds now. Before, no mode is known, and no peer. NULL before they are freed. */
void front_attach(Front *f, const ModeFile *mode, Peers *peers);
void front_on_mode(const ModeNow *now, void *front); /* for mode_file_new() */
void front_on_peer(const Peer *peer, void *front);   /* for peers_on_change() */
void front_on_peers(Front *f);                       /* after peers_configure() */

typedef struct FrontPage {
        const char *text, *etag; /* borrowed until the loop goes on */
        size_t size;
        unsigned status;
} FrontPage;
FrontPage front_config(Front *f);
FrontPage front_health(Front *f);
/* The same in pieces: what holds, and where buyers of `federated` go (NULL: nowhere). */
const ModeNow *front_mode(const Front *f);
const char *front_node(Front *f);
