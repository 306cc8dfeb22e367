/* SPDX-License-Identifier: MIT */
/* What the parts of the registry share: members.c is the table in memory, member_store.c keeps it in federation.db, registrar.c
 * takes registrations, member_offer.c documents that were found. */
#pragma once

#include "federation/federation.h"
#include "federation/members.h"

#include <sys/queue.h>

#define MEMBERS_LISTENERS_MAX 6

typedef struct MemberChange MemberChange;
typedef struct MembersLoad MembersLoad;

struct Members {
        Federation *f;
        Member **members; /* in the order of their ids */
        size_t n, room;
        size_t n_pending, pending_bytes, bytes; /* of documents */
        uint64_t generation, serial;
        bool ready;
        TAILQ_HEAD(, MemberChange) changes; /* on their way to the disk */
        size_t n_changes, changes_bytes;    /* of the documents that they bring */
        sd_event_source *again;             /* reads once more */
        char load_error[200];               /* why that failed last; "" */
        uint64_t load_usec;
        struct MembersListener {
                MembersChanged fn;
                void *userdata;
        } listeners[MEMBERS_LISTENERS_MAX];
        size_t n_listeners;
};

/* members.c */
Member *member_new(const char *id);
Member *member_free(Member *m);
DEFINE_CLEANUP(Member, member_free)
Member *members_get(const Members *m, const char *id); /* NULL */
/* Beside that of the changes on their way, each of which may bring one. */
int members_make_room(Members *m, size_t more);
void members_insert(Members *m, Member *member); /* consumed; there is room, and none of its id */
void members_remove(Members *m, Member *member); /* and frees it */
/* Around each change of one that is in the table. */
void members_begin_change(Members *m, const Member *member);
void members_end_change(Members *m, Member *member); /* its state and key follow from the rest */
void members_tell(Members *m, const Member *member);
int member_trouble(Member *m, const char *text); /* NULL: none any more */

/* member_store.c: reads what there is, now and until it succeeds. */
int members_load(Members *m);

/* A change on its way: durable first, then in force. The maker fills in what is above the line. */
struct MemberChange {
        StoreJob job;
        Members *members;
        char id[132];
        Member next; /* what is said of it afterwards; its pointers are not used */
        bool forget;
        NodeDocument *document; /* ours; NULL: it keeps the one it has … */
        bool no_document;       /* … or has none any more */
        char evicted[132];      /* "", or who makes room for it, if that is still pending */
        char event[32], actor[96], detail[320];
        bool quiet;                                              /* nothing for the audit log */
        void (*done)(MemberChange *c, int r, const char *error); /* NULL; before the listeners are told */
        void *userdata;
        /* --- */
        Member *fresh;
        TAILQ_ENTRY(MemberChange) entry;
};
/* member: NULL when it is a new one. NULL: no memory. */
MemberChange *member_change_new(Members *m, const char *id, const Member *member);
MemberChange *member_change_free(MemberChange *c); /* that was not submitted */
DEFINE_CLEANUP(MemberChange, member_change_free)
void member_change_say(MemberChange *c, const char *event, const char *actor, const char *format, ...)
                _printf_(4, 5);
void member_change_submit(MemberChange *c); /* consumed */
/* One change of a node at a time: is there one on its way? */
bool members_changing(const Members *m, const char *id);
