/* SPDX-License-Identifier: MIT */
/* One file of the status folder, read so that no name and no link leads out of it. Blocks: for a thread. */
#pragma once

#include "base/httpd.h"

#define STATUS_FILE_MAX    (16 * 1024 * 1024) /* as the supervisor's status page has it */
#define STATUS_PATH_MAX    200
#define STATUS_POLICY_SIZE 600

typedef struct StatusFile {
        int error; /* -ENOENT: none such; others: the disk's */
        char *data;
        size_t size;
        uint64_t modified_sec;
        char etag[HTTP_ETAG_SIZE];
        char policy[STATUS_POLICY_SIZE]; /* for its Content-Security-Policy header */
} StatusFile;

/* Is it a name that may be asked for: parts without a leading dot (what is being written begins with one), no empty ones? */
bool status_path_valid(const char *path);
/* By its ending; NULL: nothing that belongs to a status page. */
const char *status_content_type(const char *path);
/* Regular files only, no symbolic link on the way from directory. */
void status_file_read(const char *directory, const char *path, StatusFile *ret);
/* The page itself knows the hashes of its one style and its one script, and says them in a meta element: that, as a header, which
 * the page cannot be without, and which may forbid more. A file that says none may do nothing. */
void status_policy_find(const char *data, size_t size, char ret[static STATUS_POLICY_SIZE]);
void status_file_clear(StatusFile *f);

#define HTTP_DATE_SIZE 32
char *http_date_format(char buffer[static HTTP_DATE_SIZE], uint64_t sec); /* RFC 9110, 5.6.7 */
int http_date_parse(const char *text, uint64_t *ret_sec);                 /* only its preferred form */
