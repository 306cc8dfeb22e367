/* SPDX-License-Identifier: MIT */
/* Probe history on its way to the store. */
#include "supervisor/hours.h"

#include "base/clock.h"

typedef struct HourNotes {
        char *name;
        HourRecord hour;
        bool dirty, urgent;
} HourNotes;

static size_t count(const HourNotes *notes)
{
        size_t n = 0;

        while (notes && notes[n].name)
                n++;
        return n;
}

static void notes_free(HourNotes *notes)
{
        for (size_t i = 0; notes && notes[i].name; i++)
                free(notes[i].name);
        free(notes);
}

int hours_configure(Manager *m)
{
        HourNotes *notes = calloc(m->config->n_probes + 1, sizeof(*notes)), *old = m->notes;
        size_t n_old = count(old);

        if (!notes)
                return -ENOMEM;
        for (size_t i = 0; i < m->config->n_probes; i++) {
                const char *name = m->config->probes[i]->name;

                notes[i].name = strdup(name);
                if (!notes[i].name) {
                        notes_free(notes);
                        return -ENOMEM;
                }
                if (i < n_old && streq(old[i].name, name)) {
                        notes[i].hour = old[i].hour;
                        notes[i].dirty = old[i].dirty;
                        notes[i].urgent = old[i].urgent;
                }
                notes[i].hour.probe = notes[i].name;
        }
        notes_free(old);
        m->notes = notes;
        m->n_urgent = 0;
        for (size_t i = 0; i < m->config->n_probes; i++)
                m->n_urgent += notes[i].urgent;
        return 0;
}

void hours_free(Manager *m)
{
        notes_free(m->notes);
        m->notes = NULL;
}

void hours_note(Manager *m, unsigned probe, Outcome outcome, bool important)
{
        HourNotes *n = &m->notes[probe];
        uint64_t now = clock_wall_usec(), latency = schedule_latency(engine_schedule(m->engine), probe);

        if (n->hour.hour_usec == 0)
                n->hour.hour_usec = now - now % USEC_PER_HOUR;
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
        ProbeRecord record = {
                        .name = m->config->probes[i]->name,
                        .state = engine_state(m->engine)->probes[i],
                        .history = engine_history(m->engine, i),
                        .message = engine_message(m->engine, i),
        };

        store_batch_probe(b, &record);
}

void hours_add(Manager *m, StoreBatch *b, bool all)
{
        for (unsigned i = 0; i < m->config->n_probes && (all || m->n_urgent > 0); i++) {
                HourNotes *n = &m->notes[i];

                if (!(n->urgent || (all && n->dirty)))
                        continue;
                add_probe(m, b, i);
                if (n->urgent)
                        m->n_urgent--;
                n->urgent = false;
                if (!all)
                        continue;
                store_batch_hour(b, &n->hour);
                n->hour = (HourRecord){.probe = n->name};
                n->dirty = false;
        }
}
