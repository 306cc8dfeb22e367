/* SPDX-License-Identifier: MIT */
/* The names of action targets, resolved ahead: when no resolver answers in an outage, their last good addresses are known
 * (RESOLVE_REMEMBER), also of a target that has never been needed before. */
#pragma once

#include "supervisor/manager.h"

int targets_new(Manager *m, Targets **ret);
Targets *targets_free(Targets *t);
void targets_configure(Targets *t); /* the config is another one: begin anew, soon */
