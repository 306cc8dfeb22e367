/* SPDX-License-Identifier: MIT */
/* Dead man's switch. A beat that fails is not repeated: its absence is the message. */
#include "supervisor/heartbeat.h"

#include "base/log.h"

#define HEARTBEAT_TIMEOUT_USEC (10 * USEC_PER_SEC)

struct Heartbeat {
        Manager *manager;
        sd_event_source *timer;
        Fetch *fetch;
        bool failing;
};

static void on_answer(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Heartbeat *h = userdata;
        bool ok = result->error == FETCH_OK && result->status < 400;

        if (!ok && !h->failing)
                log_warning("heartbeat: %s",
                            result->error == FETCH_OK ? "refused by its receiver" : result->message);
        h->failing = !ok;
        h->fetch = fetch_free(fetch);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        Heartbeat *h = userdata;
        const HeartbeatConfig *c = &h->manager->config->heartbeat;
        FetchRequest request = {
                        .url = c->url,
                        .timeout_usec = MIN(c->every_usec, HEARTBEAT_TIMEOUT_USEC),
                        .flags = FETCH_REMEMBER | FETCH_FRESH,
                        .redirects_max = 3,
        };

        loop_timer_set_after(h->timer, c->every_usec);
        h->fetch = fetch_free(h->fetch);
        if (!h->manager->engine)
                return 0; /* not yet at work: no sign of life */
        fetch_start(h->manager->fetch, &request, on_answer, h, &h->fetch);
        return 0;
}

void heartbeat_configure(Heartbeat *h)
{
        if (h->manager->config->heartbeat.url)
                loop_timer_set_after(h->timer, USEC_PER_SEC);
        else
                loop_timer_set(h->timer, USEC_NEVER);
}

int heartbeat_new(Manager *m, Heartbeat **ret)
{
        Heartbeat *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->manager = m;
        r = loop_timer_new(m->event, "heartbeat", on_timer, h, &h->timer);
        if (r < 0) {
                free(h);
                return r;
        }
        heartbeat_configure(h);
        *ret = h;
        return 0;
}

Heartbeat *heartbeat_free(Heartbeat *h)
{
        if (!h)
                return NULL;
        fetch_free(h->fetch);
        loop_source_free(h->timer);
        free(h);
        return NULL;
}
