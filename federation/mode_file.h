/* SPDX-License-Identifier: MIT */
/* What failoverd says: mode.json, followed by inotify. When failoverd is gone or its file is old, the last mode holds, and that
 * it is stale is said. */
#pragma once

#include "base/json.h"
#include "base/loop.h"

#define MODE_STALE_USEC (90 * USEC_PER_SEC) /* mode.json is written at least every 30 s */

typedef struct ModeNow {
        bool known; /* there was a mode file, ever */
        bool stale; /* none, unreadable, or older than MODE_STALE_USEC by its `updated` and by our own clock */
        bool first; /* the running mode is the first one; true when not known */
        const char *mode, *payment, *checkout, *message, *since,
                        *change; /* never NULL; payment "primary" when not known */
        const char *selling; /* actions/public_status.h; "unknown", too, when all was well but may not be by now: blind, stale */
        const char *trouble; /* why it is stale, for people; "" */
} ModeNow;

/* For buyers, to whom it matters whether there is a node that takes those of `federated`. */
const char *mode_selling(const ModeNow *n, bool node);

typedef struct ModeFile ModeFile;
/* changed() is called when anything of ModeNow has become different. The directory need not exist yet; it is then waited for
 * (the nearest parent is watched). state_dir: mode-last.json there keeps the last mode over our own restart. */
int mode_file_new(sd_event *event, const char *runtime_dir, const char *state_dir,
                  void (*changed)(const ModeNow *now, void *userdata), void *userdata, ModeFile **ret);
ModeFile *mode_file_free(ModeFile *f);
DEFINE_CLEANUP(ModeFile, mode_file_free)
const ModeNow *mode_file_now(const ModeFile *f); /* borrowed until the loop goes on */
