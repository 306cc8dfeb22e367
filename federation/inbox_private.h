/* SPDX-License-Identifier: MIT */
/* What the parts of the inbox share: inbox.c takes letters in, has them verified in turn, and judges them; inbox_nodes.c is how nodes are,
 * by that; inbox_keep.c keeps what was seen of each, on the disk too. */
#pragma once

#include "base/ration.h"
#include "federation/federation.h"
#include "federation/inbox.h"
#include "federation/lanes.h"
#include "federation/notice.h"
#include "federation/store.h"

#include <uthash.h>

typedef struct InboxNode {
        NoticeMark mark;
        bool failed;
        char *url; /* never NULL */
        uint64_t since_usec, said_usec;
        uint64_t version, durable; /* of all that; what is on the disk */
        uint64_t notices, entries,
                        lines; /* buckets: notices that are taken, entries of the audit log, lines of the log */
        unsigned n_unlogged;   /* entries that there were too many of */
        struct {
                bool seen, unpinned, has_key;
                uint8_t key[SIGN_PUBLIC_SIZE];
        } keyed;      /* by what it was known when it was last looked at */
        char *unkept; /* the entry that could not be kept with it; NULL */
        UT_hash_handle hh;
        char id[];
} InboxNode;

typedef enum InboxResult {
        INBOX_APPLIED,
        INBOX_DUPLICATE,
        INBOX_OLD,
        INBOX_UNKEPT, /* in force, but not on the disk: answered 503 */
        INBOX_MALFORMED,
        INBOX_RECIPIENT,
        INBOX_TIME,
        INBOX_UNKNOWN,
        INBOX_KEY,
        INBOX_SIGNATURE,
        INBOX_TYPE,
        INBOX_RATE,
        INBOX_UNAVAILABLE,
        _INBOX_RESULT_MAX,
} InboxResult;

struct Inbox {
        Federation *f;
        void (*loaded)(void *userdata);
        void *loaded_userdata;
        void (*on_change)(const char *node, void *userdata);
        void *userdata;
        InboxNode *nodes;
        uint64_t generation;
        bool ready, heard; /* it is known what was seen; or at least tried to */
        sd_event_source *again, *verify;
        TAILQ_HEAD(, InboxSave) saves; /* of inbox_keep.c: those for whose end somebody waits */
        sd_event_source *patience;
        uint64_t patience_usec;
        Lanes *lanes;
        uint64_t counts[_INBOX_RESULT_MAX], n_verified, verify_usec;
        uint64_t logged_usec, n_unlogged; /* refusals */
};

/* inbox_nodes.c */
InboxNode *inbox_node(const Inbox *i, const char *id); /* NULL */
InboxNode *inbox_node_new(Inbox *i, const char *id);   /* NULL: no memory */
void inbox_node_free(Inbox *i, InboxNode *n);
/* How the node is now. url: copied. -ENOMEM: nothing has changed. */
int inbox_set(InboxNode *n, bool failed, const char *url, uint64_t since_usec);
void inbox_tell(Inbox *i, const InboxNode *n);      /* peers, and who listens */
void inbox_node_seen(const Inbox *i, InboxNode *n); /* by which key it is known, the first time */
void inbox_nodes_follow(Inbox *i);                  /* what becomes of members and peers */

/* inbox_keep.c */
/* A node that says this and that all day fills no log. */
#define INBOX_ENTRY_USEC    USEC_PER_MIN
#define INBOX_ENTRIES_BURST 30
int inbox_keep_init(Inbox *i);
int inbox_load(Inbox *i);
/* Puts it on the disk as it is now. detail: NULL, or what the audit log says of it (event, actor). done(): r as of StoreJob, once, after
 * 2 s at the latest when there is a request (-ETIMEDOUT: it may still be kept); not called when this fails (-ENOMEM; -EBUSY: too much
 * waits for the disk). */
typedef void (*InboxKept)(Inbox *i, HttpRequest *request, bool news, int r, const char *error);
int inbox_keep(Inbox *i, InboxNode *n, const char *event, const char *actor, const char *detail,
               HttpRequest *request, bool news, InboxKept done);
