/* SPDX-License-Identifier: MIT */
/* The registry as a file, <state>/network-registry.json (0644), for failoverd's notify-peers and `peers` probe, and as what
 * /network-registry.json answers: one text for both. Written by a thread, at once after a change (those of 100 ms together), and every
 * minute, since an old one counts as none. */
#pragma once

#include "federation/federation.h"

int registry_file_new(Federation *f, RegistryFile **ret);
RegistryFile *registry_file_free(RegistryFile *rf);
void registry_file_changed(RegistryFile *rf); /* something in it may be another now */

/* As it is now; borrowed until the loop goes on. -EAGAIN: not all of it is known, since it was not read yet; -ENOMEM. */
int registry_file_text(RegistryFile *rf, const char **ret, size_t *ret_size, const char **ret_etag);
const char *registry_file_trouble(const RegistryFile *rf);   /* why it cannot be written; "" */
uint64_t registry_file_written_usec(const RegistryFile *rf); /* wall; 0: not yet */
