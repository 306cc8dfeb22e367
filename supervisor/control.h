/* SPDX-License-Identifier: MIT */
/* The control socket: HTTP and JSON for failoverctl, for shops that report, for Prometheus; and metrics_listen. */
#pragma once

#include "supervisor/manager.h"
#include "supervisor/peer.h"

/* On failure, too, *ret is to be freed when it is not NULL. */
int control_new(Manager *m, Control **ret, Error *e);
Control *control_free(Control *c);
/* Listens where the new config says, and takes over rules (emptied): who may do what. On failure nothing has changed. */
int control_reconfigure(Control *c, const Config *config, PeerRules *rules, Error *e);
/* NULL is fine for these. */
void control_touch(Control *c); /* status has changed: streams hear of it soon */
/* To all who listen, at once: the store has said what became of a change. */
void control_tell_change(Control *c, const char *change, const char *mode, bool durable);
void control_judged(Control *c, unsigned probe); /* for who waits for a run of it */
