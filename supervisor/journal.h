/* SPDX-License-Identifier: MIT */
/* Changes of mode and alerts as the journal gets them: with an id that tells their kind, and fields to search by. */
#pragma once

#include "supervisor/alarms.h"
#include "supervisor/engine.h"

/* from: "" at the first start. */
void journal_change(const EngineChange *change, const char *from, const char *to);
/* held: nobody is told, since a maintenance explains it. */
void journal_alarm(const Alarm *alarm, bool raised, bool held);
