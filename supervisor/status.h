/* SPDX-License-Identifier: MIT */
/* What the node says of itself: the documents of /v1/status, mode.json, /v1/plan, and the evidence of a change. */
#pragma once

#include "supervisor/manager.h"

/* NULL when out of memory. */
json_t *status_document(const Manager *m); /* GET /v1/status */
/* The same with at most so many probes, and "more_probes": what the page shows and the outbox keeps. The JSON of ten
 * thousand would be 20 MiB of memory. */
#define STATUS_PAGE_PROBES 500
json_t *status_page_document(const Manager *m);
json_t *status_mode(const Manager *m); /* mode.json */
/* Its part that needs no probe, and with "payment_env": is that file written in this mode? For standing.h. */
json_t *status_standing(const Manager *m);
json_t *status_plan(const Manager *m, unsigned mode); /* what a change to it would cause */
json_t *status_evidence(const Manager *m); /* outcomes, windows and verdicts of what modes require */
/* A stored change in words, for `failoverctl explain`; malloc'ed. change: of store_read_change(). */
int status_explain(const json_t *change, char **ret);
