/* SPDX-License-Identifier: MIT */
/* The listeners of /events, and what each is told when it comes: streams cost memory only for what a slow one has not taken yet,
 * which base/http_stream.c bounds. */
#include "federation/events.h"

#include "base/id.h"

#include <sys/queue.h>

/* Listeners that were cut off together come back one by one. */
#define RETRY_LEAST   (1 * USEC_PER_SEC)
#define RETRY_SPREAD  (4 * USEC_PER_SEC)
#define RETRY_REFUSED "10"

typedef struct Listener {
        TAILQ_ENTRY(Listener) entry;
        Events *events;
        HttpStream *stream;
} Listener;

typedef struct State {
        TAILQ_ENTRY(State) entry;
        char *event, *key, *data;
} State;

struct Events {
        TAILQ_HEAD(, Listener) listeners;
        size_t n_listeners;
        TAILQ_HEAD(, State) states;
        uint64_t random;
};

int events_new(Events **ret)
{
        assert(ret);

        Events *e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        TAILQ_INIT(&e->listeners);
        TAILQ_INIT(&e->states);
        e->random = random_seed();
        *ret = e;
        return 0;
}

static void state_drop(Events *e, State *s)
{
        TAILQ_REMOVE(&e->states, s, entry);
        free(s->event);
        free(s->key);
        free(s->data);
        free(s);
}

Events *events_free(Events *e)
{
        Listener *l;

        if (!e)
                return NULL;
        while ((l = TAILQ_FIRST(&e->listeners)))
                http_stream_close(l->stream); /* on_closed() drops it */
        while (!TAILQ_EMPTY(&e->states))
                state_drop(e, TAILQ_FIRST(&e->states));
        free(e);
        return NULL;
}

size_t events_listeners(const Events *e)
{
        return e->n_listeners;
}

static void on_closed(HttpStream *stream, void *userdata)
{
        Listener *l = userdata;

        TAILQ_REMOVE(&l->events->listeners, l, entry);
        l->events->n_listeners--;
        free(l);
}

static void refuse(HttpRequest *r, const char *reason)
{
        http_add_header(r, "Retry-After", RETRY_REFUSED);
        http_reply_error(r, 503, "%s", reason);
}

void events_join(Events *e, HttpRequest *r, unsigned most)
{
        const State *s;

        assert(e && r);

        if (most > 0 && e->n_listeners >= most) {
                refuse(r, "too many event streams are open: ask /api/config instead, or come again later");
                return;
        }
        Listener *l = calloc(1, sizeof(*l));
        int result = l ? http_stream_open(r, on_closed, l, &l->stream) : -ENOMEM;
        if (result < 0) {
                free(l);
                refuse(r, result == -EBUSY ? "too many event streams are open: ask /api/config instead, or "
                                             "come again later"
                                           : "out of memory");
                return;
        }
        l->events = e;
        TAILQ_INSERT_TAIL(&e->listeners, l, entry);
        e->n_listeners++;
        http_stream_retry(l->stream, RETRY_LEAST + random_next(&e->random) % RETRY_SPREAD);
        TAILQ_FOREACH(s, &e->states, entry)
        {
                http_stream_send(l->stream, s->event, s->data);
        }
}

static void send_all(Events *e, const char *event, const char *data)
{
        Listener *l;

        /* One that cannot take it is broken, and dropped from the loop. */
        TAILQ_FOREACH(l, &e->listeners, entry)
        {
                http_stream_send(l->stream, event, data);
        }
}

void events_tell(Events *e, const char *event, json_t *data)
{
        _cleanup_json_ json_t *owned = data;
        _cleanup_free_ char *text = NULL;

        assert(e && event);

        if (e->n_listeners > 0 && data && json_print(data, &text) == 0)
                send_all(e, event, text);
}

static State *state_find(Events *e, const char *event, const char *key)
{
        State *s;

        TAILQ_FOREACH(s, &e->states, entry)
        {
                if (streq(s->event, event) && streq(s->key, key))
                        return s;
        }
        return NULL;
}

static State *state_new(Events *e, const char *event, const char *key)
{
        State *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        TAILQ_INSERT_TAIL(&e->states, s, entry);
        s->event = strdup(event);
        s->key = strdup(key);
        if (!s->event || !s->key) {
                state_drop(e, s);
                return NULL;
        }
        return s;
}

void events_state(Events *e, const char *event, const char *key, json_t *data)
{
        _cleanup_json_ json_t *owned = data;
        _cleanup_free_ char *text = NULL;
        State *s;

        assert(e && event && key);

        s = state_find(e, event, key);
        if (!data) {
                if (s)
                        state_drop(e, s);
                return;
        }
        if (json_print(data, &text) < 0 || (s && s->data && streq(s->data, text)))
                return;
        send_all(e, event, text);
        s = s ?: state_new(e, event, key);
        if (!s)
                return;
        free(s->data);
        s->data = TAKE_PTR(text);
}

void events_forget(Events *e, const char *event)
{
        State *s, *next;

        for (s = TAILQ_FIRST(&e->states); s; s = next) {
                next = TAILQ_NEXT(s, entry);
                if (streq(s->event, event))
                        state_drop(e, s);
        }
}
