/* SPDX-License-Identifier: MIT */
/* What the public may know, put together: actions/public_status.h says what is in it. */
#pragma once

#include "supervisor/manager.h"

/* Is, and counts, how every component is now: at every turn of the engine, and before the config is another one. */
void public_status_count(Manager *m);
/* As it was counted last. NULL when out of memory. It shares parts with others: nobody may change it. */
json_t *public_status_document(Manager *m);
