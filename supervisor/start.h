/* SPDX-License-Identifier: MIT */
/* The start: the engine comes to life with what was stored, or with mode.json when the database does not answer. */
#pragma once

#include "supervisor/manager.h"

#define START_PATIENCE_USEC (2 * USEC_PER_SEC) /* for the database … */
/* … and where there is no mode.json to go on from, as after a reboot: what was pinned is known to the database alone. */
#define START_BLANK_USEC (30 * USEC_PER_SEC)

void start_on_loaded(const StoreLoaded *loaded, void *userdata);          /* StoreEvents.loaded */
int start_on_patience(sd_event_source *s, uint64_t usec, void *userdata); /* the database has had its time */
/* Also after a reload, and when memory had run out: asks every state action of the mode whether it is so, and applies what
 * is missing. What it cannot begin remains m->unassured, to be tried again. */
void start_assure_state(Manager *m);
