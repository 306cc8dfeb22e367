/* SPDX-License-Identifier: MIT */
/* mode.json: rewritten at every change of what it says, and at least every 25 s, so that readers can tell that we live. */
#pragma once

#include "supervisor/manager.h"

#define PUBLISH_EVERY_USEC (25 * USEC_PER_SEC) /* readers call it stale after 90 s */

int publisher_new(Manager *m, Publisher **ret);
Publisher *publisher_free(Publisher *p);
void publisher_now(Publisher *p);          /* soon: one write at a time, the newest content wins */
void publisher_look(Publisher *p);         /* the same, when what it says of selling has become different */
bool publisher_stands(const Publisher *p); /* a write has succeeded, and what it said still holds */
/* mode.json as it was found at the start; NULL when there is none or it cannot be read. Blocks shortly. */
json_t *publisher_read(const char *runtime_dir);
