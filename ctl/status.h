/* SPDX-License-Identifier: MIT */
/* A status document for people and for Nagios. */
#pragma once

#include "ctl/health.h"
#include "ctl/page.h"

/* The whole status. urgent_first: alerts and failing actions stand above the tables (a live screen is read from the
 * top, a printed text from the end). */
void status_show(Page *p, const json_t *status, const Health *h, uint64_t now_wall_usec, bool urgent_first);
/* One line: "FAILOVER OK - …| perfdata". */
void status_nagios(Text *t, const json_t *status, const Health *h);

struct Invocation;
int status_watch(const struct Invocation *i); /* the live screen; returns the exit code */
