/* SPDX-License-Identifier: MIT */
/* What the engine wants done: attempts, changes and alerts as transactions, news for whoever looks on. */
#pragma once

#include "supervisor/manager.h"

void wishes_output(Manager *m, EngineOutput *ret);
/* Writes facts and their deliveries, with all that hangs on them, in one transaction; then lets them run. change: NULL
 * for an alert. */
void wishes_commit(Manager *m, const ActionFacts *facts, const ChangeRecord *change);
/* An alert that was held and stands still is told. */
void wishes_alarm(Manager *m, const Alarm *alarm, bool raised);
