/* SPDX-License-Identifier: MIT */
/* What the parts of the configuration's reader share: config.c, config_peers.c, config_files.c. */
#pragma once

#include "federation/config.h"

extern const ConfField config_peer_fields[];
extern const ConfType config_peers; /* NetworkConfig.peers, and n_peers with it */

/* Where the key stands, or the mapping that lacks it. */
const ConfNode *config_place(const ConfNode *node, const char *key);
int config_normalise_url(const ConfNode *place, const char *key, char **url,
                         Error *e); /* config_base_url() */
/* Names them all; refuses what clashes; leaves this node out. */
int config_settle_peers(Config *c, const ConfNode *list, Error *e);
