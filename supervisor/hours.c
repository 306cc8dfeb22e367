/* SPDX-License-Identifier: MIT */
/* Probe history on its way to the store. */
#include "supervisor/hours.h"

#include "base/clock.h"
#include "base/sign.h"

/* One for each probe, in the order of the config; ended by one without a name. */
struct HourNotes {
        char *name;
        HourRecord hour;
        uint64_t counted; /* steady: until when the time that it is down is in the hour */
        bool down;        /* since then */
        bool dirty, urgent;
};

int hours_new(const Config *config, HourNotes **ret)
{
        HourNotes *notes = calloc(config->n_probes + 1, sizeof(*notes));

        if (!notes)
                return -ENOMEM;
        for (size_t i = 0; i < config->n_probes; i++) {
                notes[i].name = strdup(config->probes[i]->name);
                if (!notes[i].name) {
                        hours_free(notes);
                        return -ENOMEM;
                }
                notes[i].hour.probe = notes[i].name;
        }
        *ret = notes;
        return 0;
}

HourNotes *hours_free(HourNotes *notes)
{
        for (size_t i = 0; notes && notes[i].name; i++)
                free(notes[i].name);
        free(notes);
        return NULL;
}

void hours_configure(Manager *m, HourNotes *notes)
{
        m->n_urgent = 0;
        for (const HourNotes *old = m->notes; old && old->name; old++) {
                unsigned probe = config_find_probe(m->config, old->name);
                HourNotes *n;

                if (probe == PROBE_NONE)
                        continue;
                n = &notes[probe];
                n->hour = old->hour;
                n->hour.probe = n->name;
                n->counted = old->counted;
                n->down = old->down;
                n->dirty = old->dirty;
                n->urgent = old->urgent;
                m->n_urgent += old->urgent;
        }
        hours_free(m->notes);
        m->notes = notes;
}

/* Up to now; what the verdict is from now on. */
static void note_time(Manager *m, unsigned probe)
{
        HourNotes *n = &m->notes[probe];
        uint64_t now = manager_now(m), wall = clock_wall_usec();

        if (n->hour.hour_usec == 0)
                n->hour.hour_usec = wall - wall % USEC_PER_HOUR;
        if (n->down) {
                n->hour.down_usec += now - n->counted;
                n->dirty = true;
        }
        n->counted = now;
        n->down = engine_state(m->engine)->probes[probe].verdict == VERDICT_DOWN;
}

void hours_note(Manager *m, unsigned probe, Outcome outcome, bool important)
{
        HourNotes *n = &m->notes[probe];
        uint64_t latency = schedule_latency(engine_schedule(m->engine), probe);

        note_time(m, probe);
        n->hour.counts[outcome]++;
        n->hour.latency_sum_usec += latency;
        n->hour.latency_max_usec = MAX(n->hour.latency_max_usec, latency);
        n->dirty = true;
        if (important && !n->urgent) {
                n->urgent = true;
                m->n_urgent++;
        }
}

bool hours_urgent(const Manager *m)
{
        return m->n_urgent > 0;
}

static void add_probe(Manager *m, StoreBatch *b, unsigned i)
{
        const ProbeConfig *c = m->config->probes[i];
        char hash[2 * sizeof(c->hash) + 1];
        ProbeRecord record = {
                        .name = c->name,
                        .state = engine_state(m->engine)->probes[i],
                        .history = engine_history(m->engine, i),
                        .message = engine_message(m->engine, i),
                        .config = hash,
        };

        hex_encode(hash, c->hash, sizeof(c->hash));
        store_batch_probe(b, &record);
}

void hours_add(Manager *m, StoreBatch *b, bool all)
{
        for (unsigned i = 0; i < m->config->n_probes && (all || m->n_urgent > 0); i++) {
                HourNotes *n = &m->notes[i];

                if (all)
                        note_time(m, i);
                if (!(n->urgent || (all && n->dirty)))
                        continue;
                add_probe(m, b, i);
                if (n->urgent)
                        m->n_urgent--;
                n->urgent = false;
                if (all)
                        store_batch_hour(b, &n->hour);
        }
}

void hours_added(Manager *m)
{
        for (HourNotes *n = m->notes; n->name; n++) {
                if (n->dirty)
                        n->hour = (HourRecord){.probe = n->name};
                n->dirty = false;
        }
}
