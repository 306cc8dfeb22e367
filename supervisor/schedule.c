/* SPDX-License-Identifier: MIT */
/* When a probe runs: interval, pace, spread, overlap, and the vantage that an external failure waits for. */
#include "supervisor/schedule.h"

#include "base/id.h"

/* One attempt: in flight until `ended`, then perhaps held until the references have answered. */
typedef struct Flight {
        uint64_t serial; /* 0: free */
        uint64_t began;
        uint64_t ended; /* 0: in flight */
        uint64_t order; /* of ending */
        Outcome outcome;
        bool late_seen; /* the vantage has been asked about it */
} Flight;

typedef struct Slot {
        uint64_t wake; /* key in the heap */
        size_t position;

        uint64_t due;          /* next start by interval or pace */
        uint64_t last_start;   /* 0: never */
        uint64_t phase;        /* of its interval's grid */
        unsigned fast_runs;    /* started at the fast pace since it became unsettled */
        bool unsettled, tired; /* tired: 2 x window fast runs did not settle it, and it runs slowly again */
        bool down;
        bool again; /* run once more when the attempt in flight has ended */

        Flight *flights; /* `fall` of them */
        unsigned running, held;

        uint32_t passes[SCHEDULE_PASSES]; /* latencies in microseconds */
        unsigned n_passes;                /* ever */
        uint64_t late_after;
        uint64_t latency, runs;

        uint64_t reference_passed; /* vantage: began, of the newest run that passed … */
        uint64_t reference_failed; /* … and of the newest that did not */
} Slot;

struct Schedule {
        const ScheduleProbe *probes;
        size_t n;
        ScheduleOutput output;
        Slot *slots;
        Flight *flights;
        Slot **heap;
        unsigned *vantage;
        size_t n_vantage;
        uint64_t serial, order;
        uint64_t tilt_until;
        uint64_t started, last_due;
        size_t n_held;
        bool blind;
};

/* --- a heap of slots by wake time --- */

static void heap_place(Schedule *s, Slot *slot, size_t i)
{
        s->heap[i] = slot;
        slot->position = i;
}

static void heap_up(Schedule *s, Slot *slot)
{
        size_t i = slot->position;

        while (i > 0 && s->heap[(i - 1) / 2]->wake > slot->wake) {
                heap_place(s, s->heap[(i - 1) / 2], i);
                i = (i - 1) / 2;
        }
        heap_place(s, slot, i);
}

static void heap_down(Schedule *s, Slot *slot)
{
        size_t i = slot->position;

        for (;;) {
                size_t child = 2 * i + 1;

                if (child >= s->n)
                        break;
                if (child + 1 < s->n && s->heap[child + 1]->wake < s->heap[child]->wake)
                        child++;
                if (s->heap[child]->wake >= slot->wake)
                        break;
                heap_place(s, s->heap[child], i);
                i = child;
        }
        heap_place(s, slot, i);
}

static void heap_set(Schedule *s, Slot *slot, uint64_t wake)
{
        uint64_t old = slot->wake;

        slot->wake = wake;
        if (wake < old)
                heap_up(s, slot);
        else if (wake > old)
                heap_down(s, slot);
}

/* --- one probe: flights --- */

static unsigned slot_probe(const Schedule *s, const Slot *slot)
{
        return (unsigned) (slot - s->slots);
}

static const ScheduleProbe *slot_config(const Schedule *s, const Slot *slot)
{
        return &s->probes[slot_probe(s, slot)];
}

static Flight *flight_find(const Schedule *s, Slot *slot, uint64_t serial)
{
        const ScheduleProbe *c = slot_config(s, slot);

        for (unsigned i = 0; i < c->fall; i++)
                if (slot->flights[i].serial == serial)
                        return &slot->flights[i];
        return NULL;
}

static Flight *flight_oldest_running(const Schedule *s, Slot *slot)
{
        const ScheduleProbe *c = slot_config(s, slot);
        Flight *oldest = NULL;

        for (unsigned i = 0; i < c->fall && slot->running > 0; i++) {
                Flight *f = &slot->flights[i];

                if (f->serial != 0 && f->ended == 0 && (!oldest || f->began < oldest->began))
                        oldest = f;
        }
        return oldest;
}

static Flight *flight_first_held(const Schedule *s, Slot *slot)
{
        const ScheduleProbe *c = slot_config(s, slot);
        Flight *first = NULL;

        for (unsigned i = 0; i < c->fall && slot->held > 0; i++) {
                Flight *f = &slot->flights[i];

                if (f->serial != 0 && f->ended != 0 && (!first || f->order < first->order))
                        first = f;
        }
        return first;
}

/* Those that began at or before `until`. */
static void cancel_running(Schedule *s, Slot *slot, uint64_t until)
{
        const ScheduleProbe *c = slot_config(s, slot);

        for (unsigned i = 0; i < c->fall && slot->running > 0; i++) {
                Flight *f = &slot->flights[i];

                if (f->serial == 0 || f->ended != 0 || f->began > until)
                        continue;
                s->output.cancel(slot_probe(s, slot), f->serial, s->output.userdata);
                *f = (Flight){0};
                slot->running--;
        }
}

/* --- one probe: when --- */

static uint64_t grid_after(const Schedule *s, const Slot *slot, uint64_t time)
{
        uint64_t interval = slot_config(s, slot)->interval_usec;

        if (time < slot->phase)
                return slot->phase;
        return slot->phase + ((time - slot->phase) / interval + 1) * interval;
}

static bool slot_is_fast(const Schedule *s, const Slot *slot, uint64_t now)
{
        if (now < s->tilt_until && (slot->unsettled || slot->down))
                return true;
        return slot->unsettled && slot->fast_runs < 2 * slot_config(s, slot)->window;
}

static void slot_set_due(Schedule *s, Slot *slot, uint64_t now)
{
        const ScheduleProbe *c = slot_config(s, slot);

        if (slot->last_start == 0)
                return; /* schedule_begin() spreads the first runs, whatever is judged or forgotten before */
        if (slot->again && slot->running == 0)
                slot->due = now;
        else if (slot_is_fast(s, slot, now))
                slot->due = slot->last_start + c->fast_interval_usec;
        else
                slot->due = grid_after(s, slot, slot->last_start + c->fast_interval_usec / 2);
}

static bool flight_is_late(const Slot *slot, const Flight *f, uint64_t now)
{
        return now >= f->began + slot->late_after;
}

static void slot_set_wake(Schedule *s, Slot *slot)
{
        const ScheduleProbe *c = slot_config(s, slot);
        uint64_t wake = USEC_NEVER;
        Flight *oldest;

        if (slot->running == 0) {
                if (!c->passive && slot->held < c->fall)
                        wake = slot->due;
        } else {
                oldest = flight_oldest_running(s, slot);
                if (c->external && !oldest->late_seen)
                        wake = oldest->began + slot->late_after;
                else if (!c->single && slot->running + slot->held < c->fall)
                        wake = MAX(oldest->began + slot->late_after,
                                   slot->last_start + c->fast_interval_usec);
        }
        heap_set(s, slot, wake);
}

static void settle(Schedule *s, Slot *slot, Flight *f, Outcome outcome, bool blind)
{
        uint64_t serial = f->serial;

        if (f->ended != 0) {
                *f = (Flight){0};
                slot->held--;
                s->n_held--;
        }
        s->output.outcome(slot_probe(s, slot), serial, outcome, blind, s->output.userdata);
}

static void reference_ended(Schedule *s, Slot *slot, const Flight *f, Outcome outcome)
{
        if (outcome == OUTCOME_PASS || outcome == OUTCOME_WARN) {
                slot->reference_passed = MAX(slot->reference_passed, f->began);
                s->blind = false;
        } else {
                slot->reference_failed = MAX(slot->reference_failed, f->began);
        }
}

static void start(Schedule *s, Slot *slot, uint64_t now)
{
        const ScheduleProbe *c = slot_config(s, slot);
        Flight *f = flight_find(s, slot, 0);

        assert(f && slot->running + slot->held < c->fall);

        s->last_due = MIN(slot->wake, now);
        *f = (Flight){.serial = ++s->serial, .began = now};
        slot->running++;
        slot->runs++;
        s->started++;
        if (slot->unsettled && slot->fast_runs < 2 * c->window)
                slot->fast_runs++;
        else if (slot->unsettled)
                slot->tired = true; /* until it disagrees: this run may, the fast ones have had their say */
        slot->last_start = now;
        slot->again = false;
        slot_set_due(s, slot, now);

        if (s->output.start(slot_probe(s, slot), f->serial, s->output.userdata) < 0) {
                f->ended = now;
                f->order = ++s->order;
                f->outcome = OUTCOME_INCONCLUSIVE; /* told at the next wake */
                slot->running--;
                slot->held++;
                s->n_held++;
                if (c->vantage)
                        reference_ended(s, slot, f, OUTCOME_INCONCLUSIVE);
        }
        slot_set_wake(s, slot);
}

/* --- the vantage --- */

/* Is a run of this reference that began at or after `since` in flight? */
static bool reference_asked(const Schedule *s, Slot *slot, uint64_t since)
{
        const ScheduleProbe *c = slot_config(s, slot);

        for (unsigned i = 0; i < c->fall && slot->running > 0; i++) {
                Flight *f = &slot->flights[i];

                if (f->serial != 0 && f->ended == 0 && f->began >= since)
                        return true;
        }
        return false;
}

static void reference_ask(Schedule *s, Slot *slot, uint64_t since, uint64_t now)
{
        const ScheduleProbe *c = slot_config(s, slot);

        if (slot->reference_passed >= since || slot->reference_failed >= since ||
            reference_asked(s, slot, since))
                return;
        if (slot->running + slot->held < c->fall && (!c->single || slot->running == 0))
                start(s, slot, now);
        else
                slot->again = true;
}

static void vantage_ask(Schedule *s, uint64_t since, uint64_t now)
{
        for (size_t i = 0; i < s->n_vantage; i++)
                reference_ask(s, &s->slots[s->vantage[i]], since, now);
}

typedef enum Sight {
        SIGHT_WAIT,
        SIGHT_CLEAR, /* a reference passed: the failure is theirs */
        SIGHT_BLIND, /* every reference failed: it may well be ours */
} Sight;

static Sight vantage_sight(const Schedule *s, uint64_t since)
{
        bool all_failed = true;

        for (size_t i = 0; i < s->n_vantage; i++) {
                const Slot *slot = &s->slots[s->vantage[i]];

                if (slot->reference_passed >= since)
                        return SIGHT_CLEAR;
                all_failed = all_failed && slot->reference_failed >= since;
        }
        return all_failed ? SIGHT_BLIND : SIGHT_WAIT;
}

/* Tells what can be told of one probe's ended attempts, in the order in which they ended. */
static void release_held(Schedule *s, Slot *slot)
{
        const ScheduleProbe *c = slot_config(s, slot);
        Flight *f;

        while ((f = flight_first_held(s, slot))) {
                Sight sight = SIGHT_CLEAR;

                if (f->outcome == OUTCOME_FAIL && c->external && s->n_vantage > 0)
                        sight = vantage_sight(s, f->began);
                if (sight == SIGHT_WAIT)
                        return;
                if (sight == SIGHT_BLIND)
                        s->blind = true;
                settle(s, slot, f, sight == SIGHT_BLIND ? OUTCOME_INCONCLUSIVE : f->outcome,
                       sight == SIGHT_BLIND);
                slot_set_wake(s, slot);
        }
}

static void release_all_held(Schedule *s)
{
        for (size_t i = 0; i < s->n && s->n_held > 0; i++)
                if (s->slots[i].held > 0)
                        release_held(s, &s->slots[i]);
}

/* Whoever waits is never forgotten: a reference's run may have been cancelled, or gone with a reload. */
static void ask_for_held(Schedule *s, uint64_t now)
{
        release_all_held(s);
        for (size_t i = 0; i < s->n && s->n_held > 0; i++) {
                Flight *f = flight_first_held(s, &s->slots[i]);

                if (f)
                        vantage_ask(s, f->began, now);
        }
}

/* --- life --- */

int schedule_new(const ScheduleProbe *probes, size_t n_probes, uint64_t seed, const ScheduleOutput *output,
                 Schedule **ret)
{
        _cleanup_(schedule_freep) Schedule *s = NULL;
        size_t n_flights = 0, used = 0;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->probes = probes;
        s->n = n_probes;
        s->output = *output;
        for (size_t i = 0; i < n_probes; i++) {
                assert(probes[i].fall > 0 && probes[i].fall <= SCHEDULE_FALL_MAX &&
                       probes[i].interval_usec > 0);
                n_flights += probes[i].fall;
                s->n_vantage += probes[i].vantage;
        }
        s->slots = calloc(MAX(n_probes, (size_t) 1), sizeof(*s->slots));
        s->flights = calloc(MAX(n_flights, (size_t) 1), sizeof(*s->flights));
        s->heap = calloc(MAX(n_probes, (size_t) 1), sizeof(*s->heap));
        s->vantage = calloc(MAX(s->n_vantage, (size_t) 1), sizeof(*s->vantage));
        if (!s->slots || !s->flights || !s->heap || !s->vantage)
                return -ENOMEM;

        s->n_vantage = 0;
        for (size_t i = 0; i < n_probes; i++) {
                Slot *slot = &s->slots[i];
                /* Steps of the golden ratio fill an interval evenly, however many probes there are. */
                double turn = (double) (i + 1) * 0.6180339887498949 + random_fraction(&(uint64_t){seed});

                *slot = (Slot){.wake = USEC_NEVER, .position = i, .due = USEC_NEVER, .unsettled = true};
                slot->phase = (uint64_t) ((turn - (double) (uint64_t) turn) *
                                          (double) probes[i].interval_usec);
                slot->late_after = probes[i].fast_interval_usec;
                slot->flights = s->flights + used;
                used += probes[i].fall;
                s->heap[i] = slot;
                if (probes[i].vantage)
                        s->vantage[s->n_vantage++] = (unsigned) i;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

Schedule *schedule_free(Schedule *s)
{
        if (!s)
                return NULL;
        free(s->slots);
        free(s->flights);
        free(s->heap);
        free(s->vantage);
        free(s);
        return NULL;
}

void schedule_carry_over(Schedule *s, Schedule *old, const unsigned *from)
{
        for (size_t i = 0; i < s->n; i++) {
                Slot *slot = &s->slots[i], *was;
                Flight *flights = slot->flights;
                size_t position = slot->position;

                if (from[i] == PROBE_NONE)
                        continue;
                was = &old->slots[from[i]];
                assert(s->probes[i].fall == old->probes[from[i]].fall);
                *slot = *was;
                slot->wake = USEC_NEVER;
                slot->position = position;
                slot->flights = flights;
                memcpy(flights, was->flights, s->probes[i].fall * sizeof(*flights));
                memset(was->flights, 0, s->probes[i].fall * sizeof(*flights));
                s->n_held += slot->held;
                was->running = was->held = 0;
        }
#ifndef FAILOVERD_BUG_ATTEMPTS_STAY /* tests/faults/reloads.sh must notice when they do */
        for (size_t i = 0; i < old->n; i++)
                cancel_running(old, &old->slots[i], USEC_NEVER);
#endif
        s->serial = old->serial;
        s->order = old->order;
        s->tilt_until = old->tilt_until;
        s->started = old->started;
        s->blind = old->blind && s->n_vantage > 0;
        for (size_t i = 0; i < s->n; i++)
                slot_set_wake(s, &s->slots[i]);
}

void schedule_begin(Schedule *s, uint64_t now)
{
        uint64_t first = now;

        for (size_t i = 0; i < s->n; i++) {
                Slot *slot = &s->slots[i];

                if (s->probes[i].passive || slot->last_start != 0)
                        continue;
                slot->due = first;
                first += SCHEDULE_SPREAD_USEC;
                slot_set_wake(s, slot);
        }
}

void schedule_restore(Schedule *s, unsigned probe, Verdict verdict, bool settled)
{
        s->slots[probe].unsettled = !settled;
        s->slots[probe].down = verdict == VERDICT_DOWN;
}

uint64_t schedule_next(const Schedule *s)
{
        return s->n == 0 ? USEC_NEVER : s->heap[0]->wake;
}

static void slot_wake(Schedule *s, Slot *slot, uint64_t now)
{
        const ScheduleProbe *c = slot_config(s, slot);
        Flight *oldest = flight_oldest_running(s, slot);

        if (oldest && c->external && !oldest->late_seen && flight_is_late(slot, oldest, now)) {
                oldest->late_seen = true;
                vantage_ask(s, oldest->began, now);
        }
        if (!oldest ||
            (!c->single && flight_is_late(slot, oldest, now) &&
             now >= slot->last_start + c->fast_interval_usec && slot->running + slot->held < c->fall))
                start(s, slot, now);
        else
                slot_set_wake(s, slot);
}

void schedule_wake(Schedule *s, uint64_t now)
{
        uint64_t before = s->started;

        while (s->n > 0 && s->heap[0]->wake <= now && s->started - before < SCHEDULE_BATCH)
                slot_wake(s, s->heap[0], now);
        if (s->n_held > 0)
                ask_for_held(s, now);
}

/* --- outcomes --- */

static int compare_latency(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

        return x < y ? -1 : x > y;
}

/* Late: older than four times the 95th percentile of the last passes, and than the fast interval. */
static void latency_learn(Schedule *s, Slot *slot, uint64_t latency)
{
        uint32_t sorted[SCHEDULE_PASSES];
        unsigned n;

        slot->passes[slot->n_passes++ % SCHEDULE_PASSES] = (uint32_t) MIN(latency, (uint64_t) UINT32_MAX);
        n = MIN(slot->n_passes, (unsigned) SCHEDULE_PASSES);
        memcpy(sorted, slot->passes, n * sizeof(sorted[0]));
        qsort(sorted, n, sizeof(sorted[0]), compare_latency);
        slot->late_after = MAX(4 * (uint64_t) sorted[(n * 95 + 99) / 100 - 1],
                               slot_config(s, slot)->fast_interval_usec);
}

void schedule_ended(Schedule *s, unsigned probe, uint64_t serial, Outcome outcome, uint64_t now)
{
        Slot *slot = &s->slots[probe];
        const ScheduleProbe *c = &s->probes[probe];
        Flight *f = serial == 0 ? NULL : flight_find(s, slot, serial);

        if (!f || f->ended != 0)
                return; /* cancelled meanwhile */
        slot->latency = now - f->began;
        f->ended = now;
        f->order = ++s->order;
        f->outcome = outcome;
        slot->running--;
        slot->held++;
        s->n_held++;
        if (c->vantage)
                reference_ended(s, slot, f, outcome);
        if (outcome == OUTCOME_PASS || outcome == OUTCOME_WARN) {
                latency_learn(s, slot, slot->latency);
                /* The first pass forgets the rest; but a reference may have been asked anew by a later failure. */
                cancel_running(s, slot, c->vantage ? f->began : USEC_NEVER);
        } else if (outcome == OUTCOME_FAIL && c->external && s->n_vantage > 0) {
                vantage_ask(s, f->began, now);
        }
        slot_set_due(s, slot, now);
        slot_set_wake(s, slot);
        release_held(s, slot);
        if (c->vantage && s->n_held > 0)
                release_all_held(s);
}

void schedule_judged(Schedule *s, unsigned probe, Outcome outcome, Verdict verdict, bool settled,
                     uint64_t now)
{
        Slot *slot = &s->slots[probe];
        bool disagrees = verdict == VERDICT_UNKNOWN || (verdict == VERDICT_UP) == (outcome == OUTCOME_FAIL);

        slot->down = verdict == VERDICT_DOWN;
        if (outcome == OUTCOME_INCONCLUSIVE)
                disagrees = false;
        if (settled) {
                slot->unsettled = slot->tired = false;
                slot->fast_runs = 0;
        } else if (disagrees && (!slot->unsettled || slot->tired)) {
                slot->unsettled = true;
                slot->tired = false;
                slot->fast_runs = 0;
        }
        if (s->probes[probe].passive)
                return;
        slot_set_due(s, slot, now);
        slot_set_wake(s, slot);
}

void schedule_forget(Schedule *s, unsigned probe, uint64_t now)
{
        Slot *slot = &s->slots[probe];

        slot->unsettled = true;
        slot->tired = slot->down = false;
        slot->fast_runs = 0;
        if (s->probes[probe].passive)
                return;
        slot_set_due(s, slot, now);
        slot_set_wake(s, slot);
}

void schedule_run_now(Schedule *s, unsigned probe, uint64_t now)
{
        Slot *slot = &s->slots[probe];
        const ScheduleProbe *c = &s->probes[probe];

        if (c->passive)
                return;
        if (slot->running == 0 && slot->held < c->fall) {
                slot->due = now;
                start(s, slot, now);
        } else if (slot->running == 0) {
                slot->again = true; /* as soon as one of those that wait for the references is told */
        } else if (c->single) {
                if (flight_oldest_running(s, slot)->began < now)
                        slot->again = true;
        } else if (flight_is_late(slot, flight_oldest_running(s, slot), now) &&
                   slot->running + slot->held < c->fall) {
                start(s, slot, now);
        }
}

void schedule_tilt(Schedule *s, uint64_t now, uint64_t until)
{
        s->tilt_until = until;
        for (size_t i = 0; i < s->n; i++) {
                Slot *slot = &s->slots[i];
                const ScheduleProbe *c = &s->probes[i];
                Flight *f;

                for (unsigned k = 0; k < c->fall && slot->running > 0; k++) {
                        f = &slot->flights[k];
                        if (f->serial == 0 || f->ended != 0)
                                continue;
                        s->output.cancel((unsigned) i, f->serial, s->output.userdata);
                        f->ended = now;
                        f->order = ++s->order;
                        slot->running--;
                        slot->held++;
                        s->n_held++;
                        slot->again = true;
                }
                for (unsigned k = 0; k < c->fall; k++)
                        if (slot->flights[k].serial != 0)
                                slot->flights[k].outcome = OUTCOME_INCONCLUSIVE;
                if (slot->held > 0)
                        release_held(s, slot);
                slot_set_due(s, slot, now);
                slot_set_wake(s, slot);
        }
}

/* --- looking --- */

bool schedule_blind(const Schedule *s)
{
        return s->blind;
}

uint64_t schedule_due(const Schedule *s, unsigned probe)
{
        return s->slots[probe].due;
}

uint64_t schedule_latency(const Schedule *s, unsigned probe)
{
        return s->slots[probe].latency;
}

uint64_t schedule_runs(const Schedule *s, unsigned probe)
{
        return s->slots[probe].runs;
}

uint64_t schedule_started(const Schedule *s)
{
        return s->started;
}

bool schedule_is_running(const Schedule *s, unsigned probe, uint64_t serial)
{
        Flight *f = serial == 0 ? NULL : flight_find(s, &s->slots[probe], serial);

        return f && f->ended == 0;
}

unsigned schedule_in_flight(const Schedule *s, unsigned probe)
{
        return s->slots[probe].running;
}

uint64_t schedule_last_due(const Schedule *s)
{
        return s->last_due;
}
