/* SPDX-License-Identifier: MIT */
/* What bulletins.c, incidents.c and maintenances.c share. */
#pragma once

#include "supervisor/bulletins.h"

const char *bulletin_text(const json_t *j, const char *key); /* "" when absent */
uint64_t bulletin_time(const json_t *j, const char *key);    /* 0 when absent */
json_t *bulletin_strings(const json_t *list);                /* a copy; [] for NULL */

bool bulletin_is_blank(const char *text); /* readers would see nothing */

bool bulletin_has_update(const Bulletin *b, const char *id);

/* A new one with that document, consumed; in its place by its id. */
int bulletins_insert(Bulletins *b, BulletinKind kind, json_t *j, Bulletin **ret);
/* A copy to be changed, since the one that stands may have been shown; NULL: out of memory. */
json_t *bulletin_edit(const Bulletin *b);
/* Takes over the changed copy; -ENOMEM when something could not be put into it. */
int bulletin_replace(Bulletin *b, json_t *edited);
/* One line of the timeline, in front of the others. id NULL or "": a new one. Into edited; json_failed() knows. */
void bulletin_tell(json_t *edited, const char *id, const Scene *scene, const char *state, const char *body,
                   bool automatic);
/* Is at least as bad as the other, and concerns its components, too. Into edited. */
void incident_outgrow(json_t *edited, const Bulletin *other);
