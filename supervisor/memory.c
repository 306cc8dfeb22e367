/* SPDX-License-Identifier: MIT */
/* What the engine must know again after a restart, as JSON, and its way back. */
#include "base/text.h"
#include "supervisor/engine_private.h"

#define MEMORY_VERSION 1

static void put_usec(json_t *j, const char *key, uint64_t usec)
{
        json_put(j, key, usec == USEC_NEVER ? json_null() : json_integer((json_int_t) usec));
}

static json_t *changes_to_json(const ModeState *s)
{
        json_t *list = json_array();

        for (unsigned i = 0; i < s->n_changes; i++)
                json_add(list, json_integer((json_int_t) s->changes[i]));
        return list;
}

json_t *engine_remember(const Engine *e)
{
        const ModeState *s = &e->state;
        json_t *j = json_object();

        json_put(j, "version", json_integer(MEMORY_VERSION));
        json_put(j, "mode", json_string(e->config->modes[s->mode].name));
        put_usec(j, "mode_since", s->mode_since);
        json_put(j, "pinned", s->pin == MODE_NONE ? json_null() : json_string(e->config->modes[s->pin].name));
        put_usec(j, "pin_until", s->pin_until);
        json_put(j, "paused", json_boolean(s->paused));
        put_usec(j, "hold", s->hold > e->config->failback.hold_usec ? s->hold : 0); /* only a doubled one */
        put_usec(j, "last_return", s->last_return);
        json_put(j, "last_was_return", json_boolean(s->last_was_return));
        json_put(j, "changes", changes_to_json(s));
        json_put(j, "returns_stopped", json_boolean(s->returns_stopped));
        json_put(j, "change", json_string(e->change_id));
        json_put(j, "cause", json_string_or_null(e->cause));
        put_usec(j, "since", e->since_wall);
        json_put(j, "alarms", alarms_to_json(&e->alarms, true));
        return json_whole(j); /* one without its mode would be forgotten at the next start */
}

static uint64_t get_usec(const json_t *j, const char *key, uint64_t now)
{
        const json_t *v = json_object_get(j, key);

        if (!json_is_integer(v) || json_integer_value(v) < 0)
                return 0;
        return MIN((uint64_t) json_integer_value(v), now);
}

static void recall_changes(ModeState *s, const json_t *list, uint64_t now)
{
        size_t i;
        json_t *item;

        s->n_changes = 0;
        json_array_foreach(list, i, item)
        {
                if (s->n_changes == MODE_CHANGES_MAX || !json_is_integer(item))
                        break;
                s->changes[s->n_changes++] = MIN((uint64_t) json_integer_value(item), now);
        }
}

/* The first mode whose requirements all stood when we last looked, else the first. */
static unsigned first_ready(const Engine *e)
{
        for (unsigned m = 0; m < e->config->n_modes; m++)
                if (mode_readiness(&e->state, m, &e->config->mode, NULL) == READY)
                        return m;
        return 0;
}

static void recall_pin(ModeState *s, unsigned pin, const json_t *until)
{
        s->pin = pin;
        s->pin_until = USEC_NEVER;
        if (pin != MODE_NONE && json_is_integer(until) && json_integer_value(until) >= 0)
                s->pin_until = (uint64_t) json_integer_value(until);
}

/* What takes memory, so that all of it can be had before anything is changed. */
typedef struct Recalled {
        Alarms alarms;
        char *gone, *cause;
} Recalled;

static void recalled_clear(Recalled *r)
{
        alarms_clear(&r->alarms);
        free(r->gone);
        free(r->cause);
}

static int recall_texts(const Config *c, const json_t *memory, Recalled *ret)
{
        const char *mode = json_string_value(json_object_get(memory, "mode"));
        const char *cause = json_string_value(json_object_get(memory, "cause"));

        if (!mode || json_integer_value(json_object_get(memory, "version")) != MEMORY_VERSION)
                return -EBADMSG;
        if (config_find_mode(c, mode) == MODE_NONE && !(ret->gone = strdup(mode)))
                return -ENOMEM;
        if (cause && !(ret->cause = strdup(cause)))
                return -ENOMEM;
        return alarms_from_json(&ret->alarms, json_object_get(memory, "alarms"));
}

int engine_recall(Engine *e, const json_t *memory, uint64_t now)
{
        _cleanup_(recalled_clear) Recalled texts = {0};
        const char *pinned = json_string_value(json_object_get(memory, "pinned"));
        const char *id = json_string_value(json_object_get(memory, "change"));
        ModeState *s = &e->state;
        int r;

        r = recall_texts(e->config, memory, &texts);
        if (r < 0)
                return r;
        s->mode = texts.gone ? first_ready(e)
                             : config_find_mode(e->config,
                                                json_string_value(json_object_get(memory, "mode")));
        e->gone = TAKE_PTR(texts.gone);
        e->cause = TAKE_PTR(texts.cause);
        e->alarms = texts.alarms;
        texts.alarms = (Alarms){0};
        s->mode_since = get_usec(memory, "mode_since", now);
        recall_pin(s, pinned ? config_find_mode(e->config, pinned) : MODE_NONE,
                   json_object_get(memory, "pin_until"));
        s->paused = json_is_true(json_object_get(memory, "paused"));
        s->hold = engine_hold(e->config, get_usec(memory, "hold", USEC_NEVER));
        s->last_return = get_usec(memory, "last_return", now);
        s->last_was_return = json_is_true(json_object_get(memory, "last_was_return"));
        recall_changes(s, json_object_get(memory, "changes"), now);
        s->returns_stopped = json_is_true(json_object_get(memory, "returns_stopped"));
        snprintf(e->change_id, sizeof(e->change_id), "%s", id ? id : "");
        e->since_wall = get_usec(memory, "since", UINT64_MAX);
        return 0;
}

static void cut(uint64_t *time, uint64_t now)
{
        *time = MIN(*time, now);
}

/* The window may be narrower now than it was when this was stored. */
static void window_fit(ProbeState *p, const ModeProbe *c)
{
        p->count = MIN(p->count, c->window);
        p->run = MIN(p->run, c->rise - 1);
        p->streak = MIN(p->streak, c->fall);
        if (c->window < MODE_WINDOW_MAX)
                p->fails &= (UINT64_C(1) << c->window) - 1;
}

void engine_restore_probe(Engine *e, unsigned probe, const ProbeState *state, const char *history,
                          const char *message, uint64_t now)
{
        ProbeState *p = &e->probe_states[probe];
        EngineProbe *own = &e->probes[probe];
        char text[sizeof(((Attempt *) NULL)->message)];

        *p = *state;
        window_fit(p, &e->config->mode_probes[probe]);
        cut(&p->verdict_since, now);
        cut(&p->last_conclusive, now);
        cut(&p->last_pass, now);
        cut(&p->last_fail, now);
        cut(&p->first_fail, now);
        own->known = (uint8_t) p->verdict;
        snprintf(own->history, sizeof(own->history), "%.*s", (int) strspn(history, "pwfi"), history);
        plain_copy(text, sizeof(text), message); /* a damaged row must not break what we say of ourselves */
        if (text[0]) {
                own->message = strdup(text);
                if (p->last == OUTCOME_FAIL)
                        own->trouble = strdup(text);
        }
        schedule_restore(e->schedule, probe, p->verdict, p->verdict != VERDICT_UNKNOWN && p->first_fail == 0);
}
