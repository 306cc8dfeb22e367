/* SPDX-License-Identifier: MIT */
/* Probe history on its way to the store: which windows are worth writing, and what each hour came to. */
#pragma once

#include "supervisor/manager.h"

int hours_configure(Manager *m); /* one note for each probe; keeps what a reload keeps */
void hours_free(Manager *m);
void hours_note(Manager *m, unsigned probe, Outcome outcome, bool important);
bool hours_urgent(const Manager *m);                 /* a window that holds a fail is not yet written */
void hours_add(Manager *m, StoreBatch *b, bool all); /* all: the minute's batch; else what is urgent only */
