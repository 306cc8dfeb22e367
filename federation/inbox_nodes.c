/* SPDX-License-Identifier: MIT */
/* How other nodes are, by their own word: what of it is in force, who is told of it, and when it ends without a notice. */
#include "base/clock.h"
#include "base/log.h"
#include "federation/inbox_private.h"
#include "federation/origin.h"

/* --- what is known of a node --- */

InboxNode *inbox_node(const Inbox *i, const char *id)
{
        InboxNode *n = NULL;

        HASH_FIND_STR(i->nodes, id, n);
        return n;
}

InboxNode *inbox_node_new(Inbox *i, const char *id)
{
        size_t size = strlen(id);
        InboxNode *n = calloc(1, sizeof(*n) + size + 1);

        if (!n)
                return NULL;
        memcpy(n->id, id, size + 1);
        n->mark = NOTICE_MARK_NEW;
        n->url = strdup("");
        if (!n->url) {
                free(n);
                return NULL;
        }
        HASH_ADD_STR(i->nodes, id, n);
        return n;
}

void inbox_node_free(Inbox *i, InboxNode *n)
{
        HASH_DEL(i->nodes, n); /* NOLINT(clang-analyzer-core.NullDereference): it cannot see uthash's list */
        free(n->url);
        free(n->unkept);
        free(n);
}

int inbox_set(InboxNode *n, bool failed, const char *url, uint64_t since_usec)
{
        char *copy = strdup(failed ? url : "");

        if (!copy)
                return -ENOMEM;
        free(n->url);
        n->url = copy;
        n->failed = failed;
        n->since_usec = failed ? since_usec : 0;
        n->said_usec = clock_wall_usec();
        n->version++;
        return 0;
}

/* What was kept may have become another's since. */
static void tell_failed(const Inbox *i, const InboxNode *n)
{
        bool usable = !origin_clash(i->f, n->id, n->url);

        peers_failed(i->f->peers, n->id, usable ? n->url : "", n->since_usec);
}

void inbox_tell(Inbox *i, const InboxNode *n)
{
        if (n->failed)
                tell_failed(i, n);
        else
                peers_back(i->f->peers, n->id);
        i->generation++;
        if (i->on_change)
                i->on_change(n->id, i->userdata);
}

bool inbox_fallback(const Inbox *i, const char *node, NodeFallback *ret)
{
        const InboxNode *n = i ? inbox_node(i, node) : NULL;

        if (!n || !n->failed)
                return false;
        *ret = (NodeFallback){.url = n->url, .since_usec = n->since_usec, .said_usec = n->said_usec};
        return true;
}

uint64_t inbox_generation(const Inbox *i)
{
        return i ? i->generation : 0;
}

void inbox_on_change(Inbox *i, void (*fn)(const char *node, void *userdata), void *userdata)
{
        i->on_change = fn;
        i->userdata = userdata;
}

/* The operator has taken its keys from it, or has given it another. */
static bool is_rekeyed(InboxNode *n, const Member *m)
{
        __typeof__(n->keyed) before = n->keyed;

        if (!m)
                return false;
        n->keyed.seen = true;
        n->keyed.unpinned = m->unpinned;
        n->keyed.has_key = m->has_key;
        memcpy(n->keyed.key, m->key, sizeof(n->keyed.key));
        if (!before.seen)
                return false;
        return (m->unpinned && !before.unpinned) ||
               (m->has_key && before.has_key && memcmp(m->key, before.key, sizeof(m->key)) != 0);
}

void inbox_node_seen(const Inbox *i, InboxNode *n)
{
        if (!n->keyed.seen)
                (void) is_rekeyed(n, members_find(i->f->members, n->id));
}

/* --- without a notice --- */

static void on_unasked(Inbox *i, HttpRequest *request, bool news, int r, const char *error)
{
        if (r < 0 && !i->f->stopping)
                log_warning("how a node is could not be kept over a restart: %s", error);
}

static int end(Inbox *i, InboxNode *n, const char *event, const char *actor, const char *why)
{
        int r = inbox_set(n, false, "", 0);

        if (r < 0)
                return r;
        inbox_tell(i, n);
        log_notice("%s is not in fallback any more: %s", n->id, why);
        return inbox_keep(i, n, event, actor, why, NULL, false, on_unasked);
}

int inbox_end(Inbox *i, const char *node, const char *actor, const char *why)
{
        InboxNode *n = inbox_node(i, node);

        return n && n->failed ? end(i, n, "fallback-ended", actor, why) : -ENOENT;
}

static void on_back(const Peer *peer, void *userdata)
{
        (void) inbox_end(userdata, peer->id, NULL,
                         "its /api/health says that it runs in its first mode again");
}

static void on_fresh(const Peer *peer, void *userdata)
{
        Inbox *i = userdata;
        const InboxNode *n = inbox_node(i, peer->id);

        if (n && n->failed)
                tell_failed(i, n);
}

/* Whoever had its key may have claimed all numbers there are. What the key that is pinned now signs begins at the present, as the
 * numbers of nodes do; below that, old notices stay old. */
static void lower_mark(Inbox *i, InboxNode *n)
{
        int64_t now = (int64_t) (clock_wall_usec() / USEC_PER_MSEC);

        if (n->mark.seq <= now)
                return;
        n->mark.seq = now;
        n->version++;
        (void) inbox_keep(i, n, "notice-mark-lowered", NULL,
                          "its key is another: its numbers begin at the present", NULL, false, on_unasked);
}

static void review_one(Inbox *i, InboxNode *n)
{
        const Member *m = members_find(i->f->members, n->id);
        bool rekeyed = is_rekeyed(n, m);

        if (rekeyed)
                lower_mark(i, n);
        if (n->failed && (!m || !member_is_accepted(m)))
                (void) end(i, n, "fallback-ended", NULL, "it is not an accepted node any more");
        else if (n->failed && rekeyed)
                (void) end(i, n, "fallback-ended", NULL,
                           "the key by which it has said so does not count any more");
}

void inbox_review(Inbox *i)
{
        InboxNode *n, *next;

        if (!i->ready || !members_ready(i->f->members))
                return;
        HASH_ITER(hh, i->nodes, n, next)
        {
                review_one(i, n);
        }
}

static void on_member(const Member *member, void *userdata)
{
        Inbox *i = userdata;
        InboxNode *n = member ? inbox_node(i, member->id) : NULL;

        if (i->f->stopping || !i->ready)
                return;
        if (!member)
                inbox_review(i);
        else if (n)
                review_one(i, n);
}

void inbox_nodes_follow(Inbox *i)
{
        peers_on_fresh(i->f->peers, on_fresh, i);
        peers_on_back(i->f->peers, on_back, i);
        members_on_change(i->f->members, on_member, i);
}
