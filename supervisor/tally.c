/* SPDX-License-Identifier: MIT */
/* How each component has been, by days. */
#include "supervisor/tally.h"

#include "actions/public_status.h"
#include "base/clock.h"

#include <sys/queue.h>

#define TIME_MAX (UINT64_C(1) << 53) /* no date that a clock shows is later */

typedef struct Day {
        uint64_t day_usec; /* wall: its beginning */
        uint64_t usec[_DAY_MAX];
        uint64_t written[_DAY_MAX]; /* of it */
        json_t *json;               /* as it was last shown; NULL: it has changed since */
} Day;

typedef struct Count {           /* of one component */
        LIST_ENTRY(Count) entry; /* of those that are gone */
        char *id;
        ComponentState state;
        uint64_t since_wall; /* 0: not counted yet */
        Day days[PUBLIC_STATUS_DAYS];
        size_t n_days; /* oldest first, each once, not all of them without gaps */
        bool dirty;
} Count;

struct Tally {
        Count **counts;
        size_t n_counts;
        LIST_HEAD(, Count) gone; /* which the config no longer has, newest first: they may come back */
        uint64_t counted;        /* steady; 0: not yet */
};

static Count *count_free(Count *c)
{
        if (!c)
                return NULL;
        for (size_t k = 0; k < c->n_days; k++)
                json_decref(c->days[k].json);
        free(c->id);
        free(c);
        return NULL;
}

static Count *count_new(const char *id)
{
        Count *c = calloc(1, sizeof(*c));

        if (!c || !(c->id = strdup(id)))
                return count_free(c);
        c->state = COMPONENT_UNKNOWN;
        return c;
}

int tally_new(const Config *config, Tally **ret)
{
        _cleanup_(tally_freep) Tally *t = calloc(1, sizeof(*t));

        if (!t || !(t->counts = calloc(config->n_components, sizeof(Count *))))
                return -ENOMEM;
        for (; t->n_counts < config->n_components; t->n_counts++) {
                t->counts[t->n_counts] = count_new(config->components[t->n_counts].id);
                if (!t->counts[t->n_counts])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(t);
        return 0;
}

Tally *tally_free(Tally *t)
{
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_counts; i++)
                count_free(t->counts[i]);
        for (Count *c; (c = LIST_FIRST(&t->gone));) {
                LIST_REMOVE(c, entry);
                count_free(c);
        }
        free(t->counts);
        free(t);
        return NULL;
}

static Count *find_gone(const Tally *t, const char *id)
{
        Count *c;

        LIST_FOREACH(c, &t->gone, entry)
        if (streq(c->id, id))
                return c;
        return NULL;
}

static Count *find(const Tally *t, const char *id)
{
        for (size_t i = 0; i < t->n_counts; i++)
                if (streq(t->counts[i]->id, id))
                        return t->counts[i];
        return find_gone(t, id);
}

/* Of many that are gone the one that went first is forgotten: the database has it until the next start. */
static void keep_gone(Tally *t, Count *c)
{
        Count *last = NULL, *each;
        size_t n = 0;

        c->state = COMPONENT_UNKNOWN; /* nobody looks at it, and since when it is so is not known when it comes back */
        c->since_wall = 0;
        LIST_INSERT_HEAD(&t->gone, c, entry);
        LIST_FOREACH(each, &t->gone, entry)
        {
                last = each;
                n++;
        }
        if (n > TALLY_GONE_MAX) {
                LIST_REMOVE(last, entry);
                count_free(last);
        }
}

/* Into the place of the one that t has for it, or else among those that are gone. */
static void hand_over(Tally *t, Count *c)
{
        for (size_t i = 0; i < t->n_counts; i++)
                if (streq(t->counts[i]->id, c->id)) {
                        count_free(t->counts[i]);
                        t->counts[i] = c;
                        return;
                }
        keep_gone(t, c);
}

void tally_carry_over(Tally *t, Tally *old)
{
        Count *c, *oldest;

        t->counted = old->counted;
        while ((c = LIST_FIRST(&old->gone))) {
                for (oldest = c; (c = LIST_NEXT(oldest, entry));) /* those that went last are kept in front */
                        oldest = c;
                LIST_REMOVE(oldest, entry);
                hand_over(t, oldest);
        }
        for (size_t i = 0; i < old->n_counts; i++)
                hand_over(t, TAKE_PTR(old->counts[i]));
        old->n_counts = 0;
}

/* --- counting --- */

static bool kind_of(ComponentState s, DayKind *ret)
{
        switch (s) {
        case COMPONENT_OPERATIONAL:
                *ret = DAY_UP;
                return true;
        case COMPONENT_DEGRADED:
        case COMPONENT_PARTIAL:
                *ret = DAY_DEGRADED;
                return true;
        case COMPONENT_DOWN:
                *ret = DAY_DOWN;
                return true;
        case COMPONENT_MAINTENANCE:
                *ret = DAY_MAINTENANCE;
                return true;
        case COMPONENT_UNKNOWN:
        case _COMPONENT_MAX:
                break;
        }
        return false;
}

static void day_touch(Day *d)
{
        json_decref(d->json);
        d->json = NULL;
}

/* In its place; when there is no room, the oldest one goes, or this one is the oldest: NULL. */
static Day *day_get(Count *c, uint64_t day_usec)
{
        size_t at = c->n_days;

        while (at > 0 && c->days[at - 1].day_usec >= day_usec)
                at--;
        if (at < c->n_days && c->days[at].day_usec == day_usec)
                return &c->days[at];
        if (c->n_days == PUBLIC_STATUS_DAYS) {
                if (at == 0)
                        return NULL;
                day_touch(&c->days[0]);
                memmove(&c->days[0], &c->days[1], (at - 1) * sizeof(Day));
                at--;
        } else {
                memmove(&c->days[at + 1], &c->days[at], (c->n_days - at) * sizeof(Day));
                c->n_days++;
        }
        c->days[at] = (Day){.day_usec = day_usec};
        return &c->days[at];
}

/* A clock that was set back would give a day more hours than it has. */
static uint64_t day_room(const Day *d)
{
        uint64_t sum = 0;

        for (size_t k = 0; k < _DAY_MAX; k++)
                sum += d->usec[k];
        return sum < USEC_PER_DAY ? USEC_PER_DAY - sum : 0;
}

/* From wall time begin on, for so long, in state kind. */
static void count_span(Count *c, DayKind kind, uint64_t begin, uint64_t length)
{
        while (length > 0) {
                uint64_t day_usec = begin - begin % USEC_PER_DAY;
                uint64_t part = MIN(length, day_usec + USEC_PER_DAY - begin);
                Day *d = day_get(c, day_usec);

                if (d) {
                        uint64_t room = day_room(d);

                        d->usec[kind] += MIN(part, room);
                        day_touch(d);
                        c->dirty = true;
                }
                begin += part;
                length -= part;
        }
}

void tally_count(Tally *t, const ComponentState *states, uint64_t now, uint64_t wall)
{
        uint64_t elapsed = t->counted > 0 && now > t->counted ? now - t->counted : 0;
        bool seen = elapsed <= TALLY_GAP_USEC && elapsed < wall && wall < TIME_MAX;

        t->counted = now;
        for (size_t i = 0; i < t->n_counts; i++) {
                Count *c = t->counts[i];
                DayKind kind;

                if (seen && kind_of(c->state, &kind))
                        count_span(c, kind, wall - elapsed, elapsed);
                if (c->since_wall == 0 || c->state != states[i])
                        c->since_wall = wall;
                c->state = states[i];
        }
}

/* --- across restarts --- */

int tally_restore(Tally *t, const DayRecord *day)
{
        Count *c = find(t, day->component);
        Day *d;

        if (!c) { /* it may come back, by a reload */
                c = count_new(day->component);
                if (!c)
                        return -ENOMEM;
                keep_gone(t, c);
        }
        d = day_get(c, day->day_usec);
        if (!d)
                return 0;
        for (size_t k = 0; k < _DAY_MAX; k++) {
                uint64_t room = day_room(d), add = MIN(day->usec[k], room);

                d->usec[k] += add;
                d->written[k] += add;
        }
        day_touch(d);
        return 0;
}

void tally_recall(Tally *t, const json_t *stored)
{
        const char *id;
        json_t *item;

        json_object_foreach((json_t *) (uintptr_t) stored, id, item)
        {
                Count *c = find(t, id);
                const char *state = json_string_value(json_object_get(item, "state"));
                json_int_t since = json_integer_value(json_object_get(item, "since"));
                int s = state ? component_state_from_name(state) : -EINVAL;

                if (!c || s < 0 || since <= 0)
                        continue;
                c->state = (ComponentState) s;
                c->since_wall = (uint64_t) since;
        }
}

json_t *tally_to_json(const Tally *t)
{
        json_t *j = json_object();

        for (size_t i = 0; i < t->n_counts; i++) {
                const Count *c = t->counts[i];
                json_t *item = json_object();

                json_put(item, "state", json_string(component_state_name(c->state)));
                json_put(item, "since", json_integer((json_int_t) c->since_wall));
                json_put(j, c->id, item);
        }
        return j;
}

static void count_add(const Count *c, StoreBatch *b)
{
        for (size_t k = 0; c->dirty && k < c->n_days; k++) {
                const Day *d = &c->days[k];
                DayRecord record = {.component = c->id, .day_usec = d->day_usec};

                if (memcmp(d->usec, d->written, sizeof(d->usec)) == 0)
                        continue;
                for (size_t n = 0; n < _DAY_MAX; n++)
                        record.usec[n] = d->usec[n] - d->written[n];
                store_batch_day(b, &record);
        }
}

void tally_add(const Tally *t, StoreBatch *b)
{
        const Count *c;

        for (size_t i = 0; i < t->n_counts; i++)
                count_add(t->counts[i], b);
        LIST_FOREACH(c, &t->gone, entry)
        count_add(c, b);
}

static void count_added(Count *c)
{
        for (size_t k = 0; c->dirty && k < c->n_days; k++)
                memcpy(c->days[k].written, c->days[k].usec, sizeof(c->days[k].usec));
        c->dirty = false;
}

void tally_added(Tally *t)
{
        Count *c;

        for (size_t i = 0; i < t->n_counts; i++)
                count_added(t->counts[i]);
        LIST_FOREACH(c, &t->gone, entry)
        count_added(c);
}

/* --- looking --- */

ComponentState tally_state(const Tally *t, unsigned component)
{
        return t->counts[component]->state;
}

uint64_t tally_since(const Tally *t, unsigned component)
{
        return t->counts[component]->since_wall;
}

/* The first of the 90 days up to today. */
static uint64_t oldest_shown(uint64_t wall)
{
        uint64_t today = wall - wall % USEC_PER_DAY, span = (PUBLIC_STATUS_DAYS - 1) * USEC_PER_DAY;

        return today > span ? today - span : 0;
}

static uint64_t first_day(const Count *c, uint64_t wall)
{
        uint64_t from = oldest_shown(wall);

        for (size_t i = 0; i < c->n_days; i++)
                if (c->days[i].day_usec >= from && c->days[i].day_usec <= wall)
                        return c->days[i].day_usec;
        return 0;
}

uint64_t tally_first(const Tally *t, uint64_t wall)
{
        uint64_t first = 0;

        for (size_t i = 0; i < t->n_counts; i++) {
                uint64_t day = first_day(t->counts[i], wall);

                if (day > 0 && (first == 0 || day < first))
                        first = day;
        }
        return first;
}

/* In whole seconds that add up to the day so far: what rounding leaves goes to the greatest part. */
static void day_seconds(const uint64_t usec[static _DAY_MAX], uint64_t length,
                        int64_t ret[static _DAY_MAX + 1])
{
        int64_t left = (int64_t) (length / USEC_PER_SEC);
        uint64_t known = 0;
        size_t greatest = 0;

        for (size_t k = 0; k < _DAY_MAX; k++)
                known += usec[k];
        ret[_DAY_MAX] = known < length ? (int64_t) ((length - known) / USEC_PER_SEC) : 0;
        left -= ret[_DAY_MAX];
        for (size_t k = 0; k < _DAY_MAX; k++) {
                ret[k] = (int64_t) (usec[k] / USEC_PER_SEC);
                left -= ret[k];
                if (usec[k] > usec[greatest])
                        greatest = k;
        }
        if (known == 0)
                greatest = _DAY_MAX;
        ret[greatest] = MAX(ret[greatest] + left, (int64_t) 0);
}

static json_t *day_to_json(uint64_t day_usec, const uint64_t usec[static _DAY_MAX], uint64_t length)
{
        static const char *const names[] = {[DAY_UP] = "up",
                                            [DAY_DEGRADED] = "degraded",
                                            [DAY_DOWN] = "down",
                                            [DAY_MAINTENANCE] = "maintenance",
                                            [_DAY_MAX] = "unknown"};
        char stamp[TIMESTAMP_SIZE], date[11];
        int64_t seconds[_DAY_MAX + 1];
        json_t *j = json_object();

        day_seconds(usec, length, seconds);
        snprintf(date, sizeof(date), "%.10s", timestamp_format(stamp, day_usec));
        json_put(j, "date", json_string(date));
        for (size_t k = 0; k < ELEMENTSOF(names); k++)
                json_put(j, names[k], json_integer(seconds[k]));
        return j;
}

json_t *tally_days(Tally *t, unsigned component, uint64_t wall)
{
        static const uint64_t nothing[_DAY_MAX];
        Count *c = t->counts[component];
        uint64_t today = wall - wall % USEC_PER_DAY, day = first_day(c, wall);
        json_t *list = json_array();
        size_t i = 0;

        for (day = day > 0 ? day : today; day < today; day += USEC_PER_DAY) {
                while (i < c->n_days && c->days[i].day_usec < day)
                        i++;
                if (i == c->n_days || c->days[i].day_usec > day) {
                        json_add(list, day_to_json(day, nothing, USEC_PER_DAY));
                        continue;
                }
                if (!c->days[i].json)
                        c->days[i].json = day_to_json(day, c->days[i].usec, USEC_PER_DAY);
                json_add(list, json_incref(c->days[i].json));
        }
        while (i < c->n_days && c->days[i].day_usec < today)
                i++;
        json_add(list,
                 day_to_json(today, i < c->n_days && c->days[i].day_usec == today ? c->days[i].usec : nothing,
                             wall - today));
        return list;
}
