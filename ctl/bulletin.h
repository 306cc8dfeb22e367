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
/* Behind what was done: that it could not be saved. */
void bulletin_show_durable(Page *p, const json_t *answer);
/* The timeline, oldest first, with indentation. */
void bulletin_show_updates(Page *p, const json_t *bulletin);
