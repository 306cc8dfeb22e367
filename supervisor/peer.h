/* SPDX-License-Identifier: MIT */
/* Who may do what on the control socket: base/access.h, and who may report. */
#pragma once

#include "base/access.h"
#include "supervisor/config.h"

typedef struct PeerRules {
        Access access;
        uid_t *reporters; /* pairs of probe and uid, see peer_may_report() */
        unsigned *reporter_probes;
        size_t n_reporters;
} PeerRules;

/* Looks the groups and the users of `from:` up, once: later nothing blocks, but this may (LDAP, say), so once the loop runs
 * a worker calls it. On failure (-ENOMEM) rules stay as they are. */
int peer_rules_load(PeerRules *rules, const Config *config);
void peer_rules_clear(PeerRules *rules);

bool peer_may_report(const PeerRules *rules, const HttpPeer *peer, unsigned probe);
