/* SPDX-License-Identifier: MIT */
/* The registry: who belongs to the network, by whose word, and which keys speak for whom. What is configured under network.peers is
 * the operator's word; the rest registered, and waits (`pending`) until it is accepted or proven. Kept in federation.db, held in
 * memory (10,000 nodes in 20 MiB); changes are durable, and in the audit log, before anybody is told of them.
 *
 * Bounds, whatever strangers send: MEMBERS_PENDING_MAX wait at most (the oldest legacy ones give way to those that could prove
 * themselves, none that is accepted ever gives way), MEMBERS_PENDING_PER_ADDRESS of one address. */
#pragma once

#include "federation/node_document.h"
#include "federation/peers.h"
#include "federation/store.h"

#define MEMBERS_MAX            20000
#define MEMBERS_CONFIGURED_MAX 1000 /* config_peers.c takes no more */
#define MEMBERS_ACCEPTED_MAX \
        9999 /* with the configured ones: with this node, what others take (base/registry.h) */
#define MEMBERS_PENDING_MAX         1000
#define MEMBERS_PENDING_PER_ADDRESS 50
#define MEMBERS_OPEN_MAX            4 /* that nobody's word has accepted, of one address; of one site (origin.h) */
#define MEMBERS_PENDING_BYTES_MAX   (2 * 1024 * 1024)  /* of what they say */
#define MEMBERS_BYTES_MAX           (16 * 1024 * 1024) /* and all */

typedef enum MemberState {
        MEMBER_PENDING,
        MEMBER_ACCEPTED,
        MEMBER_BANNED,
        MEMBER_CONFIGURED, /* under network.peers: accepted by the operator's own hand; its id is reserved */
        _MEMBER_STATE_MAX,
} MemberState;
const char *member_state_name(MemberState s);

typedef struct Member { /* owned by Members; stays where it is until it is forgotten, or the configuration drops it */
        char *id;
        MemberState state;
        NodeDocument *document; /* of a configured one: NULL until it was found at its url */
        bool proven; /* the document was found, signed by these keys, at the url, or the operator gave the key */
        /* Of a configured one, as the operator writes them: they count more than its document. Else NULL. */
        const PeerConfig *config; /* borrowed from the configuration in force */
        /* A key that the operator gave, under network.peers or by `nodes rekey --key`: its documents must list it, and until there
         * is one it signs alone, under any key id. */
        bool has_key;
        uint8_t key[SIGN_PUBLIC_SIZE];
        uint64_t registered_usec, changed_usec; /* wall */
        char *trouble; /* why a document found at its url does not count, for people; NULL */

        uint64_t fetch_due_usec; /* boot; of node_fetch.c, which looks at 0 soon */

        /* Of members.c, and kept with it. */
        MemberState stored; /* what it is when it is not configured; MEMBER_CONFIGURED: nobody has said, it was only found there */
        bool unpinned;  /* `nodes rekey`: the keys of its document do not count any more */
        bool has_given; /* by `nodes rekey --key` */
        uint8_t given[SIGN_PUBLIC_SIZE];
        uint8_t origin[16];     /* who registered it: an IPv4 address (mapped), or a /64 */
        uint64_t accepted_usec; /* wall; 0: not */
        uint64_t bucket;        /* of registrar.c: its own changes; boot */
} Member;

typedef struct Members Members;
typedef struct Federation Federation;

/* Reads federation.db in the store's thread; until that has ended (members_ready()) nobody is known but the configured ones,
 * and nothing of them is published: half of a registry, taken for all of it, makes others forget the rest. */
int members_new(Federation *f, Members **ret);
Members *members_free(Members *m);
DEFINE_CLEANUP(Members, members_free)
bool members_ready(const Members *m);
bool members_settled(const Members *m);                            /* the same, or it could not be read … */
const char *members_trouble(const Members *m);                     /* … and why not, for people; "" */
int members_configure(Members *m, const Config *config, Error *e); /* after a reload */
/* Called after each change that is durable and in force; member NULL: of many, or one that is forgotten, or nothing came of it. A
 * few listeners at most. */
typedef void (*MembersChanged)(const Member *member, void *userdata);
void members_on_change(Members *m, MembersChanged fn, void *userdata);
/* Another one whenever who is accepted, or what an accepted one says, is another. */
uint64_t members_generation(const Members *m);
uint64_t members_serial(const Members *m); /* the same for all of them, pending ones too */

const char *
member_url(const Member *m); /* where the operator says, or it does; "": banned, and never registered */
const char *member_name(const Member *m); /* for people; the id when it says none */
const char *
member_problem(const Member *m); /* its trouble, or that the operator has dropped its key; NULL: none */
/* What it pays of the price for a buyer who was sent there, in per cent: by the document that it has signed, else as the operator writes,
 * else as it says. What is shown, and what is counted on. */
unsigned member_share(const Member *m);
/* Do keys of its document count? Not when the operator has said so, or given another key since. */
bool member_is_pinned(const Member *m);
static inline bool member_is_accepted(const Member *m)
{
        return m->state == MEMBER_ACCEPTED || m->state == MEMBER_CONFIGURED;
}

size_t members_count(const Members *m);
const Member *members_at(const Members *m, size_t i); /* in the order of their ids */
const Member *members_find(const Members *m, const char *id);

typedef struct MembersCounts {
        size_t nodes[_MEMBER_STATE_MAX], proven;
        size_t bytes;       /* of their documents */
        size_t changing;    /* on their way to the disk */
        uint64_t load_usec; /* how long reading them took; 0: not read yet */
} MembersCounts;
bool members_are_full(const Members *m); /* nobody can be accepted: there are MEMBERS_ACCEPTED_MAX */
void members_counts(const Members *m, MembersCounts *ret);

/* The key by which `node` may have signed something dated `at`. Keys are pinned: never fetched because a message names one.
 * -ENOENT: no such node; -EACCES: pending or banned; -ENOKEY: none is known for it, or not this one; -EKEYEXPIRED; -EKEYREVOKED;
 * -EAGAIN: what is pinned has not been read yet. */
int members_key(const Members *m, const char *node, const char *key_id, uint64_t at_usec,
                uint8_t ret[static SIGN_PUBLIC_SIZE], Error *e);

/* A signed document that passed node_document_verify() was found at the node's own url (node_fetch.c): consumed. It is taken when it
 * succeeds the pinned one; pinned when there was none (a configured peer: its public_key, where there is one, must have signed it; a
 * pending one under `registration: open`: its id, url and a key are those that were registered). Else the pinned one stays, and
 * Member.trouble says why; when none is wrong any more that is NULL again. 0: taken, or nothing new; -ENOENT; -EKEYREJECTED, -ESTALE, … */
int members_offer_document(Members *m, const char *id, NodeDocument *document, Error *e);
