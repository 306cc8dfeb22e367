/* SPDX-License-Identifier: MIT */
/* Those who wait, in lanes. */
#include "federation/lanes.h"

#include <uthash.h>

struct Lane {
        TAILQ_HEAD(, LaneEntry) entries;
        size_t n;
        TAILQ_ENTRY(Lane) turn;
        UT_hash_handle hh;
        char name[];
};

struct Lanes {
        Lane *table;
        TAILQ_HEAD(, Lane) turns; /* those that are not empty, the next one first */
        size_t n;
};

int lanes_new(Lanes **ret)
{
        Lanes *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        TAILQ_INIT(&l->turns);
        *ret = l;
        return 0;
}

static void lane_drop(Lanes *l, Lane *lane)
{
        HASH_DEL(l->table,
                 lane); /* NOLINT(clang-analyzer-core.NullDereference): it cannot see uthash's list */
        free(lane);
}

Lanes *lanes_free(Lanes *l)
{
        if (!l)
                return NULL;
        assert(l->n == 0);
        free(l);
        return NULL;
}

static Lane *lane_get(Lanes *l, const char *name)
{
        size_t size = strlen(name);
        Lane *lane = NULL;

        HASH_FIND(hh, l->table, name, size, lane);
        if (lane)
                return lane;
        lane = calloc(1, sizeof(*lane) + size + 1);
        if (!lane)
                return NULL;
        memcpy(lane->name, name, size + 1);
        TAILQ_INIT(&lane->entries);
        HASH_ADD(hh, l->table, name, size, lane);
        return lane;
}

static size_t count_from(const Lane *lane, const char *from)
{
        const LaneEntry *e;
        size_t n = 0;

        TAILQ_FOREACH(e, &lane->entries, entry)
        n += streq(e->from, from);
        return n;
}

int lanes_add(Lanes *l, LaneEntry *e, const char *lane, const char *from)
{
        Lane *to;

        if (l->n >= LANES_MAX)
                return -ENOBUFS;
        to = lane_get(l, lane);
        if (!to)
                return -ENOMEM;
        snprintf(e->from, sizeof(e->from), "%s", from);
        if (to->n >= LANE_MAX || count_from(to, e->from) >= LANE_FROM_MAX)
                return -EBUSY; /* so it is not empty, and stays */
        if (to->n == 0)
                TAILQ_INSERT_TAIL(&l->turns, to, turn);
        TAILQ_INSERT_TAIL(&to->entries, e, entry);
        e->lane = to;
        to->n++;
        l->n++;
        return 0;
}

LaneEntry *lanes_next(Lanes *l)
{
        Lane *lane = TAILQ_FIRST(&l->turns);
        LaneEntry *e;

        if (!lane)
                return NULL;
        e = TAILQ_FIRST(&lane->entries);
        TAILQ_REMOVE(&lane->entries, e, entry);
        e->lane = NULL;
        lane->n--;
        l->n--;
        TAILQ_REMOVE(&l->turns, lane, turn);
        if (lane->n > 0)
                TAILQ_INSERT_TAIL(&l->turns, lane, turn);
        else
                lane_drop(l, lane);
        return e;
}

size_t lanes_count(const Lanes *l)
{
        return l->n;
}
