/* SPDX-License-Identifier: MIT */
/* Facts that outlive their caller: one copy for all the deliveries that they cause. */
#pragma once

#include "actions/action.h"

typedef struct Facts Facts;

/* Copies all but the status document, which is left out. -ENOMEM. */
int facts_new(const ActionFacts *facts, Facts **ret);
int facts_parse(const char *text, Facts **ret); /* from facts_text(); -EINVAL: not written by us, -ENOMEM */
Facts *facts_ref(Facts *f);
Facts *facts_unref(Facts *f);
DEFINE_CLEANUP(Facts, facts_unref)

/* It turned out that they could not be saved in time: who acts on them says so. What is stored stays. */
void facts_doubt(Facts *f);

const ActionFacts *facts_get(const Facts *f);
const char *facts_text(const Facts *f); /* as stored */

/* As JSON and back, for the database. to: NULL when out of memory. from: -EINVAL; its strings are borrowed from j. */
json_t *facts_to_json(const ActionFacts *f);
int facts_from_json(const json_t *j, ActionFacts *ret);

const char *action_kind_name(ActionKind kind); /* "change", "raised", … */
