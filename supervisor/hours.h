/* SPDX-License-Identifier: MIT */
/* Probe history on its way to the store: which windows are worth writing, and what each hour came to. */
#pragma once

#include "supervisor/manager.h"

/* One note for each probe of config. -ENOMEM. */
int hours_new(const Config *config, HourNotes **ret);
HourNotes *hours_free(HourNotes *notes);
DEFINE_CLEANUP(HourNotes, hours_free)
/* Takes over notes, made for m->config, and moves into them what is not written yet, by the probes' names. */
void hours_configure(Manager *m, HourNotes *notes);
void hours_note(Manager *m, unsigned probe, Outcome outcome, bool important);
bool hours_urgent(const Manager *m);                 /* a window that holds a fail is not yet written */
void hours_add(Manager *m, StoreBatch *b, bool all); /* all: the minute's batch; else what is urgent only */
void hours_added(Manager *m); /* the store has taken the minute's batch; nothing was noted in between */
