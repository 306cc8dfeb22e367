/* SPDX-License-Identifier: MIT */
/* mode-last.json: the last mode, kept on a disk for a start at which failoverd says nothing. A thread reads and writes it. */
#pragma once

#include "base/loop.h"
#include "federation/mode_record.h"

typedef struct ModeLast ModeLast;
int mode_last_new(sd_event *event, const char *state_dir, ModeLast **ret);
ModeLast *mode_last_free(ModeLast *l); /* waits a little for what is being written */
/* Waits for it at most MODE_LAST_PATIENCE_USEC: for a start. -ENOENT, -ETIMEDOUT, -EBADMSG. */
#define MODE_LAST_PATIENCE_USEC USEC_PER_SEC
int mode_last_read(ModeLast *l, ModeRecord *ret, Error *e);
/* Written unless it stands there already; what cannot be written is tried again at the next call. */
void mode_last_keep(ModeLast *l, const ModeRecord *m);
