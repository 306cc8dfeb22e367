/* SPDX-License-Identifier: MIT */
/* Requests that wait for the catalog, none of them for ever. */
#include "base/clock.h"
#include "federation/routes_private.h"

static void unlink_wait(Routes *r, Wait *w)
{
        *(w->previous ? &w->previous->next : &r->first) = w->next;
        *(w->next ? &w->next->previous : &r->last) = w->previous;
        r->n_waits--;
}

/* The request is the caller's again. */
static HttpRequest *wait_end(Wait *w)
{
        HttpRequest *request = w->request;

        unlink_wait(w->f->routes, w);
        catalog_ask_free(w->ask);
        question_free(w->question);
        free(w->data);
        free(w);
        return request;
}

/* All wait equally long, so the first to come is the first to go. Moved only when it fires: most never see it. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Routes *r = userdata;
        uint64_t now = clock_boot_usec();

        while (r->first && r->first->until_usec <= now)
                route_unavailable(wait_end(r->first), "the catalog has not answered within %u s",
                                  (unsigned) (WAIT_USEC / USEC_PER_SEC));
        return r->first ? loop_timer_set(r->timer, r->first->until_usec) : 0;
}

Wait *wait_new(Federation *f, HttpRequest *request, void (*answer)(Wait *w, const CatalogAnswer *answer))
{
        Routes *r = f->routes;
        Wait *w = calloc(1, sizeof(*w));
        int enabled = SD_EVENT_OFF;

        if (!w) {
                http_reply_error(request, 500, "out of memory");
                return NULL;
        }
        w->f = f;
        w->request = request;
        w->answer = answer;
        w->until_usec = clock_boot_usec() + WAIT_USEC;
        w->previous = r->last;
        *(r->last ? &r->last->next : &r->first) = w;
        r->last = w;
        r->n_waits++;
        if (sd_event_source_get_enabled(r->timer, &enabled) < 0 || enabled == SD_EVENT_OFF)
                loop_timer_set(r->timer, r->first->until_usec);
        return w;
}

void wait_begun(Wait *w, int r)
{
        if (r < 0)
                route_unavailable(wait_end(w), "the catalog cannot be asked: %s", strerror(-r));
}

const WaitCounts *routes_wait_counts(const Routes *r)
{
        return &r->wait_counts;
}

static void count_search(WaitCounts *c, uint64_t usec)
{
        static const double bounds[] = {WAIT_BUCKETS};
        size_t i = 0;

        while (i < ELEMENTSOF(bounds) && (double) usec > bounds[i] * (double) USEC_PER_SEC)
                i++;
        c->buckets[i]++;
        c->usec += usec;
}

void wait_answered(CatalogAsk *ask, const CatalogAnswer *answer, void *userdata)
{
        Wait *w = userdata;

        if (w->question)
                count_search(&w->f->routes->wait_counts, clock_boot_usec() - (w->until_usec - WAIT_USEC));
        if (answer->error < 0)
                route_unavailable(wait_end(w), "the catalog cannot answer: %s",
                                  answer->message && *answer->message ? answer->message
                                                                      : strerror(-answer->error));
        else {
                w->answer(w, answer);
                wait_end(w);
        }
}

size_t routes_waiting(const Routes *r)
{
        return r->n_waits;
}

int waits_init(Routes *r)
{
        return loop_timer_new(r->f->event, "catalog-waits", on_timer, r, &r->timer);
}

void waits_end(Routes *r)
{
        while (r->first)
                route_unavailable(wait_end(r->first), "stopping");
        r->timer = loop_source_free(r->timer);
}
