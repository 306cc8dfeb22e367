/* SPDX-License-Identifier: MIT */
/* What the parts of the registry share: members.c is the table in memory, member_store.c keeps it in federation.db. */
#pragma once

#include "federation/federation.h"
#include "federation/members.h"

struct Members {
        Federation *f;
        Member **members; /* in the order of their ids */
        size_t n, room;
        bool ready;
};

Member *member_new(const char *id);
Member *member_free(Member *m);
DEFINE_CLEANUP(Member, member_free)

/* The place of id, or where it belongs. */
bool members_place(const Members *m, const char *id, size_t *ret);
int members_insert(Members *m, Member *member);  /* consumed on success; there is none of its id */
void members_remove(Members *m, Member *member); /* and frees it */
