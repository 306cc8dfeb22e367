/* SPDX-License-Identifier: MIT */
/* The control socket: HTTP and JSON for failoverctl, for shops that report, for Prometheus; and metrics_listen. */
#pragma once

#include "supervisor/manager.h"

int control_new(Manager *m, Control **ret, Error *e);
Control *control_free(Control *c);
/* Opens what the new config listens on, before anything else of a reload: all or nothing. */
int control_reconfigure(Control *c, const Config *config, Error *e);
/* NULL is fine for these. */
void control_touch(Control *c); /* status has changed: streams hear of it soon */
void control_event(Control *c, const char *event, const char *change); /* at once */
void control_judged(Control *c, unsigned probe);                       /* for who waits for a run of it */
