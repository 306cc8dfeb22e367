/* SPDX-License-Identifier: MIT */
/* What `incident` and `maintenance` share: how both are named, written and shown. */
#pragma once

#include "ctl/page.h"

/* "[ID] [TEXT]" behind the verb's first argument: an id looks like one, anything else is the text; "-" is read from standard
 * input. *ret_id: "latest" when none is given. *ret_text: malloc'ed, NULL when none is. 0, or an exit code. */
int bulletin_arguments(const Invocation *i, char *const *arguments, const char **ret_id, char **ret_text);
/* --components a,b as a list into body. */
void bulletin_add_components(const Invocation *i, json_t *body);
/* Posts body (consumed) to "/v1/KIND[/ID/VERB]"; what came of it goes to *ret. 0, or an exit code. */
int bulletin_post(const Invocation *i, const char *kind, const char *id, const char *verb, json_t *body,
                  json_t **ret);
typedef void (*BulletinShow)(Page *p, const json_t *bulletin);
/* `VERB [list]`: what /v1/KIND has, or in words that there is none. newest_last: there the eye is, and they come the other way. Returns
 * the exit code. */
int bulletin_list(const Invocation *i, const char *kind, BulletinShow show, bool newest_last,
                  const char *none);
/* How the one that was written to (a member of the answer) is now; words behind it, NULL for none; and whether it could be saved. */
int bulletin_tell(const Invocation *i, const json_t *answer, const char *member, BulletinShow show,
                  const char *words);
/* The timeline, oldest first, with indentation. */
void bulletin_show_updates(Page *p, const json_t *bulletin);
