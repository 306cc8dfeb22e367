/* SPDX-License-Identifier: MIT */
/* Putting a file where it belongs: whole or not at all, with its owner and mode from the first moment. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct Place {
        mode_t mode; /* exactly, whatever the umask */
        bool owned;  /* give it to root and this group; for root only */
        gid_t group;
        bool replace; /* what is there already is replaced; else -EEXIST */
} Place;

/* Not even a power cut leaves half of it. Returns 0 or -errno. */
int place_file(const char *path, const char *text, const Place *how);
