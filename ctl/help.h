/* SPDX-License-Identifier: MIT */
/* Help, and finding verbs by name. */
#pragma once

#include "ctl/ctl.h"

void help_all(const Invocation *i, FILE *to);
void help_verb(const Invocation *i, const Verb *verb);
/* NULL: none of that name; ret_near is then the nearest one, or NULL. */
const Verb *help_find(const Invocation *i, const char *name, const Verb **ret_near);
