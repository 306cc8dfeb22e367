/* SPDX-License-Identifier: MIT */
/* A status document for people and for Nagios. */
#pragma once

#include "ctl/health.h"
#include "ctl/page.h"

/* The whole status. live: for a screen, which is read from the top and has few rows: alerts and failing actions stand
 * above the probes, and the modes share a line. A printed text is read from its end. */
void status_show(Page *p, const json_t *status, const Health *h, uint64_t now_wall_usec, bool live);
/* One line: "FAILOVER OK - …| perfdata". */
void status_nagios(Text *t, const json_t *status, const Health *h);

struct Invocation;
int status_watch(const struct Invocation *i); /* the live screen; returns the exit code */
