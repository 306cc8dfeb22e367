/* SPDX-License-Identifier: MIT */
/* What is owed, as failoverctl and those who may see it are told. */
#pragma once

#include "federation/ledger.h"

#define REVENUE_PAGE 5000 /* referrals in one answer */

/* By the request's query: month=2026-11 (all without it), and
 *   (nothing)           {"success", "node", "month", "generated", "owed_to_us": […], "owed_by_us": […]}: see ledger_report()
 *   format=rows&after=  {"referrals": […], "next": null or what to say as `after`}
 *   format=csv&after=   {"csv": lines (with a header in the first answer), "next"} */
void revenue_answer(Federation *f, HttpRequest *r);
