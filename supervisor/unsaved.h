/* SPDX-License-Identifier: MIT */
/* Changes that the store has not taken yet, in mode.json: a start after a kill saves and tells them after all. */
#pragma once

#include "supervisor/manager.h"

#define UNSAVED_MAX 16 /* the newest ones */

void unsaved_add(Manager *m, const ChangeRecord *change, const ActionFacts *facts);
void unsaved_drop(Manager *m, const char *id); /* this one and those before it are saved; NULL: all are */
/* What mode.json has kept, but for those up to the change that is stored last. Their actions are run (again: receivers
 * tell doubles by their id). */
void unsaved_adopt(Manager *m, const json_t *list, const char *stored);
