/* SPDX-License-Identifier: MIT */
/* Files: read whole, written whole, secrets with their checks. Every call here may block: never on the loop,
 * but for small reads of configuration and for tmpfs. */
#pragma once

#include "base/error.h"

#include <sys/types.h>

/* Reads a regular file of at most limit bytes; ret_data is terminated, ret_size may be NULL. -EFBIG over the limit. */
int file_read(const char *path, size_t limit, char **ret_data, size_t *ret_size);
/* Reads from an open descriptor, /proc and pipes included. */
int fd_read_all(int fd, size_t limit, char **ret_data, size_t *ret_size);
int fd_write_all(int fd, const void *data, size_t size);

/* A `*_file` value of the config. Without a slash it names a credential in $CREDENTIALS_DIRECTORY; without that
 * variable, a file beside the config (config_dir), to which other relative paths lead as well. A file (but a
 * credential) must be owned by root or the running user and unreadable for others, else -EPERM with what would be
 * right. Trailing newlines are cut off. The data is zeroed by secret_free(). Errors name the path, never the content. */
int secret_read(const char *value, const char *config_dir, char **ret_data, size_t *ret_size, Error *e);
char *secret_free(char *secret); /* wipes up to the terminator; NULL is fine; returns NULL */
DEFINE_CLEANUP(char, secret_free)
int secret_path(const char *value, const char *config_dir, char **ret_path);

/* Writes path so that a reader sees the old or the new content, never half, not even after a power cut, with exactly this
 * mode: a fresh file (".NAME.new") is written, waited for and renamed into place. A spare is kept beside it (".NAME.spare"),
 * both with room for twice the content; when there is no room for a fresh file the spare is overwritten and swapped in by
 * RENAME_EXCHANGE, so that a full disk cannot stop a rewrite of up to that size (in 4 KiB steps). Where the
 * process has no descriptor left, but its hard limit has, that one holds for as long as this takes. One writer per path. */
int file_publish(const char *path, const void *data, size_t size, mode_t mode);
/* The same where nothing is, not even a link to nothing, else -EEXIST and that stays as it is; needs room, and leaves no spare. For who
 * is not the writer of that path, and may meet it. */
int file_publish_first(const char *path, const void *data, size_t size, mode_t mode);

/* With parents (0755). The mode is set explicitly on the last one when it is made here; exists: 0, left as it is. */
int directory_make(const char *path, mode_t mode);
/* Is so little left on its disk (64 MiB, or a 20th of a small one) that what can be made again must not take it? 1: yes; 0: no. */
int directory_is_tight(const char *path);
