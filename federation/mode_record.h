/* SPDX-License-Identifier: MIT */
/* What federationd takes from mode.json (supervisor/status.c, status_mode()), and keeps of it over its own restart. */
#pragma once

#include "base/error.h"

/* Beside the mode, failoverd keeps there what it must not lose while its database does not answer. */
#define MODE_RECORD_SIZE_MAX (1024 * 1024)

typedef struct ModeRecord {
        char *mode, *payment, *checkout, *message, *since, *change,
                        *selling; /* "" when absent; NULL only when cleared */
        bool first, blind;
        uint64_t updated_usec; /* wall time at which it was written */
} ModeRecord;

/* -EBADMSG with the reason, -ENOMEM. payment is primary, crypto or federated. */
int mode_record_parse(const char *data, size_t size, ModeRecord *ret, Error *e);
/* Reads it: small, from a tmpfs. Nothing but a regular file is waited for; -ENOENT, -ELOOP, -EFBIG, … with words. */
int mode_record_read(const char *path, ModeRecord *ret, Error *e);
int mode_record_print(const ModeRecord *m, char **ret);          /* what mode_record_parse() takes */
bool mode_record_same(const ModeRecord *a, const ModeRecord *b); /* but for updated_usec */
void mode_record_clear(ModeRecord *m);
#define _cleanup_mode_record_ _cleanup_(mode_record_clear)
