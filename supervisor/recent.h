/* SPDX-License-Identifier: MIT */
/* The last changes, for the status page: Manager.recent, newest first. */
#pragma once

#include "supervisor/manager.h"

#define RECENT_CHANGES 20

void recent_on_read(int r, json_t *result, void *userdata); /* StoreAnswer of store_read_history() */
void recent_add(Manager *m, const ChangeRecord *change);
/* The id of the newest one; "" when none is known. Borrowed until the next call. */
const char *recent_latest(const Manager *m);
