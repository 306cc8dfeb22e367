/* SPDX-License-Identifier: MIT */
/* Which listings are one work: by work key, then by ISBN, guarded so that no single source joins what is not one. The rule
 * stands in merge.h. */
#include "federation/merge_private.h"
#include "federation/work_private.h"

#include <sodium.h>

#define NONE               UINT32_MAX
#define SUBTITLE_WORDS     3 /* of a subtitle at least, for the title to mean the same without it */
#define SOURCES_TO_BELIEVE 2

/* From a string (and a number) to what was numbered first under it. */
typedef struct Table {
        const unsigned char *seed;
        size_t mask;
        struct TableSlot {
                const char *s;
                uint32_t size, number, value; /* value: NONE when the slot is free */
        } * slots;
} Table;

static int table_init(Table *t, size_t n, const unsigned char *seed)
{
        size_t size = 16;

        while (size < 2 * n)
                size *= 2;
        t->slots = malloc(size * sizeof *t->slots);
        if (!t->slots)
                return -ENOMEM;
        t->mask = size - 1;
        t->seed = seed;
        for (size_t i = 0; i < size; i++)
                t->slots[i].value = NONE;
        return 0;
}

static void table_clear(Table *t)
{
        free(t->slots);
}

#define _cleanup_table_ _cleanup_(table_clear)

/* What stands there; value, from now on, when nothing did. */
static uint32_t table_put(Table *t, const char *s, size_t size, uint32_t number, uint32_t value)
{
        unsigned char hash[crypto_shorthash_BYTES];
        uint64_t at;

        crypto_shorthash(hash, (const unsigned char *) s, size, t->seed);
        memcpy(&at, hash, sizeof at);
        at += number * UINT64_C(0x9e3779b97f4a7c15);
        at ^= at >> 32;
        for (;; at++) {
                struct TableSlot *slot = t->slots + (at & t->mask);
                if (slot->value == NONE) {
                        *slot = (struct TableSlot){s, (uint32_t) size, number, value};
                        return value;
                }
                if (slot->number == number && slot->size == size && memcmp(slot->s, s, size) == 0)
                        return slot->value;
        }
}

/* Listings with the same key, or of the same ISBN: a list of positions in order of source and rank. */
typedef struct List {
        uint32_t first, last;
} List;

typedef struct Cluster {
        const MergeItem *items;
        const uint32_t *order;
        size_t n;
        unsigned char seed[crypto_shorthash_KEYBYTES];

        List *lists; /* at most n */
        size_t n_lists;
        uint32_t *next; /* in the list of the position; NONE */

        /* Groups are candidates for a work: one for each key, then one for each listing that has none. */
        uint32_t *group; /* of the position; NONE: it has no key */
        size_t n_groups;
        uint32_t *parent;  /* of the group: groups are joined into trees */
        uint32_t *votes;   /* scratch of the group, zero between uses */
        uint32_t *sources; /* that the group has */
} Cluster;

static const MergeItem *item_at(const Cluster *c, size_t i)
{
        return c->items + c->order[i];
}

static uint32_t find(Cluster *c, uint32_t group)
{
        while (c->parent[group] != group) {
                c->parent[group] = c->parent[c->parent[group]];
                group = c->parent[group];
        }
        return group;
}

static void join(Cluster *c, uint32_t a, uint32_t b)
{
        a = find(c, a);
        b = find(c, b);
        c->parent[MAX(a, b)] = MIN(a, b);
}

static void append(Cluster *c, uint32_t list, uint32_t i)
{
        c->next[i] = NONE;
        if (list == c->n_lists) {
                c->lists[c->n_lists++] = (List){i, i};
                return;
        }
        c->next[c->lists[list].last] = i;
        c->lists[list].last = i;
}

/* By work key */

static const char *subtitle_of(const Cluster *c, uint32_t i)
{
        const char *colon = strchr(item_at(c, i)->work, ':');

        return colon ? colon + 1 : "";
}

static unsigned count_words(const char *s)
{
        unsigned n = *s != 0;

        for (; *s; s++)
                n += *s == ' ';
        return n;
}

/* Is one the beginning of the other, and the rest no number? Then one shop cut it. */
static bool agree(const char *a, const char *b)
{
        size_t size = MIN(strlen(a), strlen(b));
        const char *rest = strlen(a) > size ? a + size : b + size;

        return memcmp(a, b, size) == 0 && (!*rest || (*rest == ' ' && !strpbrk(rest, "0123456789")));
}

/* Whether the listings of this title are one work, subtitle or not. */
static bool subtitles_agree(const Cluster *c, const List *list, bool *ret_plain_too)
{
        const char *longest = "";
        unsigned fewest = UINT32_MAX;

        for (uint32_t i = list->first; i != NONE; i = c->next[i]) {
                const char *s = subtitle_of(c, i);
                if (!*s)
                        continue;
                if (*longest && !agree(s, longest))
                        return false;
                if (strlen(s) > strlen(longest))
                        longest = s;
                fewest = MIN(fewest, count_words(s));
        }
        *ret_plain_too = fewest >= SUBTITLE_WORDS;
        return true;
}

static uint32_t group_new(Cluster *c)
{
        c->parent[c->n_groups] = (uint32_t) c->n_groups;
        return (uint32_t) c->n_groups++;
}

static void group_titles(Cluster *c, const List *list, Table *keys)
{
        bool plain_too = true, one = subtitles_agree(c, list, &plain_too);
        uint32_t with = NONE, plain = NONE;

        for (uint32_t i = list->first; i != NONE; i = c->next[i]) {
                bool has = *subtitle_of(c, i) != 0;
                uint32_t *common = has && !plain_too ? &with : &plain;
                if (has && !one) {
                        const char *work = item_at(c, i)->work;
                        c->group[i] = table_put(keys, work, strlen(work), 0, (uint32_t) c->n_groups);
                        if (c->group[i] == c->n_groups)
                                (void) group_new(c);
                        continue;
                }
                if (*common == NONE)
                        *common = group_new(c);
                c->group[i] = *common;
        }
}

static int group_by_key(Cluster *c)
{
        _cleanup_table_ Table titles = {0}, keys = {0};

        if (table_init(&titles, c->n, c->seed) < 0 || table_init(&keys, c->n, c->seed) < 0)
                return -ENOMEM;
        c->n_lists = 0;
        for (uint32_t i = 0; i < c->n; i++) {
                const char *work = item_at(c, i)->work;
                if (*work)
                        append(c, table_put(&titles, work, strcspn(work, ":"), 0, (uint32_t) c->n_lists), i);
        }
        for (size_t l = 0; l < c->n_lists; l++)
                group_titles(c, c->lists + l, &keys);
        return 0;
}

/* Positions come in order of source: one that differs from the one before is another. */
static int count_sources(Cluster *c)
{
        _cleanup_free_ uint32_t *last = malloc(MAX(c->n_groups, (size_t) 1) * sizeof *last);

        if (!last)
                return -ENOMEM;
        for (uint32_t i = 0; i < c->n; i++) {
                uint32_t g = c->group[i];
                if (g == NONE)
                        continue;
                if (c->sources[g] == 0 || last[g] != item_at(c, i)->source)
                        c->sources[g]++;
                last[g] = item_at(c, i)->source;
        }
        return 0;
}

/* By ISBN */

/* A listing that goes to another group, where its ISBN is at home. */
typedef struct Move {
        uint32_t from, to;
        unsigned source;
} Move;

static int compare_moves(const void *pa, const void *pb)
{
        const Move *a = pa, *b = pb;

        if (a->from != b->from)
                return a->from < b->from ? -1 : 1;
        if (a->to != b->to)
                return a->to < b->to ? -1 : 1;
        return a->source < b->source ? -1 : a->source > b->source;
}

/* Where the listings of one source end that begin at i; ret_one: whether their keys agree. */
static uint32_t end_of_source(const Cluster *c, uint32_t i, uint32_t *ret_group, bool *ret_one)
{
        unsigned source = item_at(c, i)->source;

        *ret_group = NONE;
        *ret_one = true;
        for (; i != NONE && item_at(c, i)->source == source; i = c->next[i]) {
                if (*ret_group == NONE)
                        *ret_group = c->group[i];
                else if (c->group[i] != NONE && c->group[i] != *ret_group)
                        *ret_one = false;
        }
        return i;
}

/* The group that most sources have for this ISBN; of those the one with most sources at all. NONE: nobody has a key. */
static uint32_t home_of(Cluster *c, const List *list)
{
        uint32_t home = NONE, group;
        bool one;

        for (uint32_t i = list->first; i != NONE;) {
                i = end_of_source(c, i, &group, &one);
                if (!one || group == NONE)
                        continue;
                c->votes[group]++;
        }
        for (uint32_t i = list->first; i != NONE; i = c->next[i]) {
                group = c->group[i];
                if (group == NONE || c->votes[group] == 0)
                        continue;
                if (home == NONE || c->votes[group] > c->votes[home] ||
                    (c->votes[group] == c->votes[home] &&
                     (c->sources[group] > c->sources[home] ||
                      (c->sources[group] == c->sources[home] && group < home))))
                        home = group;
        }
        for (uint32_t i = list->first; i != NONE; i = c->next[i])
                if (c->group[i] != NONE)
                        c->votes[c->group[i]] = 0;
        return home;
}

/* Every listing of this ISBN goes home; to[] has where. */
static void send_home(Cluster *c, const List *list, uint32_t *to, Move *moves, size_t *n_moves)
{
        uint32_t home = home_of(c, list), group, end;
        bool one;

        for (uint32_t i = list->first; i != NONE; i = end) {
                end = end_of_source(c, i, &group, &one);
                if (!one)
                        continue;
                if (home == NONE) /* all are without a key: the ISBN is what they have */
                        home = group_new(c);
                if (group != NONE && group != home)
                        moves[(*n_moves)++] = (Move){group, home, item_at(c, i)->source};
                for (; i != end; i = c->next[i])
                        to[i] = home;
        }
}

static void follow(Cluster *c, Move *moves, size_t n)
{
        unsigned sources = 0;

        qsort(moves, n, sizeof *moves, compare_moves);
        for (size_t i = 0; i < n; i++) {
                bool same = i > 0 && moves[i].from == moves[i - 1].from && moves[i].to == moves[i - 1].to;
                if (!same)
                        sources = 1;
                else if (moves[i].source != moves[i - 1].source)
                        sources++;
                if (sources >= SOURCES_TO_BELIEVE)
                        join(c, moves[i].from, moves[i].to);
        }
}

static int group_by_isbn(Cluster *c, uint32_t *to)
{
        _cleanup_table_ Table isbns = {0};
        _cleanup_free_ Move *moves = malloc(MAX(c->n, (size_t) 1) * sizeof *moves);
        size_t n_moves = 0;

        if (!moves || table_init(&isbns, c->n, c->seed) < 0)
                return -ENOMEM;
        c->n_lists = 0;
        for (uint32_t i = 0; i < c->n; i++) {
                const char *isbn = item_at(c, i)->isbn13;
                to[i] = c->group[i];
                if (*isbn)
                        append(c, table_put(&isbns, isbn, strlen(isbn), 0, (uint32_t) c->n_lists), i);
        }
        for (size_t l = 0; l < c->n_lists; l++)
                send_home(c, c->lists + l, to, moves, &n_moves);
        follow(c, moves, n_moves);
        return 0;
}

/* All together */

static int leave_out_repeated(const MergeItem *items, uint32_t *order, size_t *n, const unsigned char *seed)
{
        _cleanup_table_ Table listings = {0};
        size_t kept = 0;

        if (table_init(&listings, *n, seed) < 0)
                return -ENOMEM;
        for (uint32_t i = 0; i < *n; i++) {
                const MergeItem *item = items + order[i];
                if (!*item->id || table_put(&listings, item->id, strlen(item->id), item->source, i) == i)
                        order[kept++] = order[i];
        }
        *n = kept;
        return 0;
}

static size_t number_clusters(Cluster *c, const uint32_t *to, uint32_t *numbers, uint32_t *ret_cluster)
{
        uint32_t n = 0;

        for (size_t g = 0; g < c->n_groups; g++)
                numbers[g] = NONE;
        for (size_t i = 0; i < c->n; i++) {
                uint32_t *number = to[i] == NONE ? NULL : numbers + find(c, to[i]);
                if (number && *number == NONE)
                        *number = n++;
                ret_cluster[i] = number ? *number : n++;
        }
        return n;
}

int cluster_items(const MergeItem *items, uint32_t *order, size_t *n, uint32_t *ret_cluster,
                  size_t *ret_clusters)
{
        Cluster c = {.items = items, .order = order};
        int r;

        crypto_shorthash_keygen(c.seed); /* changes no answer, but nobody can choose keys that meet */
        r = leave_out_repeated(items, order, n, c.seed);
        if (r < 0)
                return r;
        c.n = *n;
        /* Groups: one for a key of each listing, and one for its ISBN. */
        size_t most = MAX(*n, (size_t) 1);
        _cleanup_free_ uint32_t *space = calloc(9 * most, sizeof *space);
        _cleanup_free_ List *lists = calloc(most, sizeof *lists);
        if (!space || !lists)
                return -ENOMEM;
        c.lists = lists;
        c.next = space;
        c.group = space + most;
        uint32_t *to = space + 2 * most;
        c.parent = space + 3 * most;
        c.votes = space + 5 * most;
        c.sources = space + 7 * most;
        for (size_t i = 0; i < c.n; i++)
                c.group[i] = NONE;
        r = group_by_key(&c);
        if (r >= 0)
                r = count_sources(&c);
        if (r >= 0)
                r = group_by_isbn(&c, to);
        if (r < 0)
                return r;
        /* No more votes are cast: their place is free. */
        *ret_clusters = number_clusters(&c, to, c.votes, ret_cluster);
        return 0;
}
