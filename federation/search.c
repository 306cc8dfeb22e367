/* SPDX-License-Identifier: MIT */
/* Questions come in, answers go out: the cache, the queue, and who shares what with whom. */
#include "federation/search.h"

#include "base/clock.h"
#include "federation/search_private.h"

/* Below HTTP, timers and answers of peers: one more at once begins when nothing else is to be done. One that takes another's place
 * is among the answers; else all would ask together, and then wait together, with nothing to be done. */
#define BEGIN_PRIORITY  100
#define FOLLOW_PRIORITY 10
#define WAITING_MAX     1024
#define WAIT_USEC       (10 * USEC_PER_SEC)
#define RUNNING_MAX     32
#define ASKED_MAX       4096 /* requests to peers under way, more or less */
#define ARRIVE_MAX      8    /* in one turn of the loop */

/* --- one asker --- */

static uint64_t hash_of(const char *s) /* FNV-1a */
{
        uint64_t h = UINT64_C(14695981039346656037);

        for (; *s; s++)
                h = (h ^ (unsigned char) *s) * UINT64_C(1099511628211);
        return h;
}

int search_start(Searcher *s, const Question *q, const SearchSink *sink, Search **ret)
{
        _cleanup_(search_freep) Search *search = NULL;
        int r;

        assert(s && q && sink && sink->done && ret);

        if (s->n_waiting >= WAITING_MAX) {
                s->counts.refused++;
                return -EBUSY;
        }
        search = calloc(1, sizeof(*search));
        if (!search)
                return -ENOMEM;
        search->searcher = s;
        search->sink = *sink;
        search->stream = sink->local || sink->peer;
        search->began_usec = clock_boot_usec();
        search->question = question_copy(q);
        if (!search->question)
                return -ENOMEM;
        r = question_key(q, &search->key);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->arrive, SD_EVENT_ONESHOT);
        if (r < 0)
                return r;
        search->hash = hash_of(search->key);
        search->arriving = true;
        TAILQ_INSERT_TAIL(&s->arriving, search, entry);
        s->n_waiting++;
        s->counts.searches++;
        *ret = TAKE_PTR(search);
        return 0;
}

static struct SearchList *list_of(Search *search)
{
        if (search->arriving)
                return &search->searcher->arriving;
        return search->stream ? &search->fan_out->streams : &search->fan_out->askers;
}

static void search_unhook(Search *search)
{
        if (!search->arriving && !search->fan_out)
                return;
        TAILQ_REMOVE(list_of(search), search, entry);
        if (search->arriving || !search->fan_out->running)
                search->searcher->n_waiting--;
        search->arriving = false;
        search->fan_out = NULL;
}

static bool has_askers(const FanOut *f)
{
        return !TAILQ_EMPTY(&f->askers) || !TAILQ_EMPTY(&f->streams);
}

Search *search_free(Search *search)
{
        FanOut *f;

        if (!search)
                return NULL;
        f = search->fan_out;
        search_unhook(search);
        if (f && !f->running && !has_askers(f)) { /* one that runs goes on: what it learns is of use */
                TAILQ_REMOVE(&f->searcher->waiting, f, entry);
                fan_out_free(f);
        }
        question_free(search->question);
        free(search->key);
        free(search);
        return NULL;
}

static void count_time(Searcher *s, const Search *search)
{
        static const double bounds[] = {SEARCH_BUCKETS};
        uint64_t usec = clock_boot_usec() - search->began_usec;
        size_t i = 0;

        while (i < ELEMENTSOF(bounds) && (double) usec / 1e6 > bounds[i])
                i++;
        s->counts.buckets[i]++;
        s->counts.usec += usec;
}

static void search_done(Search *search, unsigned status, const char *cached, const char *json, size_t size)
{
        search_unhook(search);
        count_time(search->searcher, search);
        search->sink.done(search, status, cached, json, size, search->sink.userdata); /* may free it */
}

static void search_refuse(Search *search, unsigned status, const char *why)
{
        _cleanup_text_ Text t = {0};

        answer_print_error(&t, why);
        search_done(search, status, "miss", t.failed ? "{\"success\":false}" : t.data,
                    t.failed ? 17 : t.size);
}

/* --- those who follow a stream --- */

static void tell_local(Search *search)
{
        _cleanup_text_ Text t = {0};

        search->told_local = true;
        if (!search->sink.local)
                return;
        answer_print_local(&t, search->fan_out);
        if (!t.failed)
                search->sink.local(search, t.data, t.size, search->sink.userdata); /* may free it */
}

static void tell_peer(Search *search)
{
        const FanOut *f = search->fan_out;
        const FanRow *row = &f->rows[f->ended[search->n_told++]];
        _cleanup_text_ Text t = {0};

        if (!search->sink.peer)
                return;
        answer_print_peer(&t, f, row);
        if (!t.failed)
                search->sink.peer(search, t.data, t.size, search->sink.userdata); /* may free it */
}

/* This shop's results first, then peers' as they come. Whoever knows everything goes to the end: all do once the first one
 * does. */
void search_news(FanOut *f)
{
        Search *search;

        while (f->local_ended && (search = TAILQ_FIRST(&f->streams))) {
                size_t left = f->n_ended - search->n_told + !search->told_local;

                if (left == 0)
                        return;
                if (left == 1) {
                        TAILQ_REMOVE(&f->streams, search, entry);
                        TAILQ_INSERT_TAIL(&f->streams, search, entry);
                }
                if (!search->told_local)
                        tell_local(search);
                else
                        tell_peer(search);
        }
}

/* --- arriving --- */

/* Of all that an answer is made of. */
static uint64_t generation(const Searcher *s)
{
        uint64_t h = peers_generation(s->peers) * UINT64_C(0x9e3779b97f4a7c15);

        return (h ^ (h >> 29)) + catalog_generation(s->catalog);
}

static FanOut *find_in(struct FanOutList *list, const Search *search)
{
        FanOut *f;

        TAILQ_FOREACH(f, list, entry)
        if (f->hash == search->hash && streq(f->key, search->key))
                return f;
        return NULL;
}

static void search_join(Search *search, FanOut *f)
{
        TAILQ_REMOVE(&search->searcher->arriving, search, entry);
        search->arriving = false;
        search->fan_out = f;
        if (f->running)
                search->searcher->n_waiting--;
        if (search->stream) /* first, for it knows least */
                TAILQ_INSERT_HEAD(&f->streams, search, entry);
        else
                TAILQ_INSERT_TAIL(&f->askers, search, entry);
}

static void begin_soon(Searcher *s)
{
        if (TAILQ_EMPTY(&s->waiting) || s->n_running >= RUNNING_MAX ||
            (s->n_running > 0 && s->n_asked >= ASKED_MAX))
                return;
        (void) sd_event_source_set_enabled(s->n_running < s->width ? s->follow : s->begin, SD_EVENT_ONESHOT);
}

static void search_arrive(Search *search)
{
        Searcher *s = search->searcher;
        size_t size;
        const char *kept = cache_get(s->cache, search->key, generation(s), clock_boot_usec(), &size);
        FanOut *f;

        if (kept) {
                search_done(search, 200, "hit", kept, size);
                return;
        }
        f = find_in(&s->running, search);
        if (!f)
                f = find_in(&s->waiting, search);
        if (f) {
                search->shared = true;
                s->counts.shared++;
                search_join(search, f);
                search_news(f);
                return;
        }
        if (fan_out_new(s, search, &f) < 0) {
                search_refuse(search, 500, "out of memory");
                return;
        }
        if (TAILQ_EMPTY(&s->waiting))
                (void) loop_timer_set_after(s->expiry, USEC_PER_SEC);
        TAILQ_INSERT_TAIL(&s->waiting, f, entry);
        search_join(search, f);
        begin_soon(s);
}

static int on_arrive(sd_event_source *source, void *userdata)
{
        Searcher *s = userdata;
        Search *search;

        if (s->held)
                return 0;
        for (unsigned i = 0; i < ARRIVE_MAX && (search = TAILQ_FIRST(&s->arriving)); i++)
                search_arrive(search);
        if (!TAILQ_EMPTY(&s->arriving))
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

void searcher_hold(Searcher *s, bool hold)
{
        s->held = hold;
        if (!hold && !TAILQ_EMPTY(&s->arriving))
                (void) sd_event_source_set_enabled(s->arrive, SD_EVENT_ONESHOT);
}

/* --- the queue --- */

static int on_begin(sd_event_source *source, void *userdata)
{
        Searcher *s = userdata;
        FanOut *f = TAILQ_FIRST(&s->waiting);
        Search *search;

        if (!f)
                return 0;
        TAILQ_REMOVE(&s->waiting, f, entry);
        TAILQ_INSERT_TAIL(&s->running, f, entry);
        TAILQ_FOREACH(search, &f->askers, entry)
        s->n_waiting--;
        TAILQ_FOREACH(search, &f->streams, entry)
        s->n_waiting--;
        f->running = true;
        s->n_running++;
        s->width = MAX(s->width, s->n_running);
        s->counts.fan_outs++;
        fan_out_begin(f);
        begin_soon(s);
        return 0;
}

/* f is in no list any more. */
static void tell_all(FanOut *f, unsigned status, const char *json, size_t size)
{
        Search *search;

        while ((search = TAILQ_FIRST(&f->streams)) || (search = TAILQ_FIRST(&f->askers)))
                search_done(search, status, search->shared ? "shared" : "miss", json, size);
}

static void refuse_all(FanOut *f, unsigned status, const char *why)
{
        _cleanup_text_ Text t = {0};

        answer_print_error(&t, why);
        if (!t.failed)
                tell_all(f, status, t.data, t.size);
        else
                tell_all(f, 500, "{\"success\":false}", 17);
}

void search_ended(FanOut *f, unsigned status, const char *json, size_t size, bool keep)
{
        Searcher *s = f->searcher;

        TAILQ_REMOVE(&s->running, f, entry);
        s->n_running--;
        if (s->n_running == 0 && s->n_waiting == 0)
                s->width = 1;
        s->n_asked -= f->n_rows;
        if (keep)
                cache_put(s->cache, f->key, generation(s), json, size, clock_boot_usec());
        else
                s->counts.incomplete++;
        tell_all(f, status, json, size);
        fan_out_free(f);
        begin_soon(s);
}

/* Who waits for the queue for so long is better told. */
static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Searcher *s = userdata;
        uint64_t now = clock_boot_usec();
        FanOut *f;

        while ((f = TAILQ_FIRST(&s->waiting)) && now - f->came_usec > WAIT_USEC) {
                TAILQ_REMOVE(&s->waiting, f, entry);
                s->counts.refused++;
                refuse_all(f, 503, "busy: too many searches wait already");
                fan_out_free(f);
        }
        if (f)
                (void) loop_timer_set_after(s->expiry, USEC_PER_SEC);
        return 0;
}

/* --- the searcher --- */

int searcher_configure(Searcher *s, const Config *config)
{
        char *source;
        int r = answer_print_source(&config->node, &source);

        if (r < 0)
                return r;
        free(s->source);
        s->source = source;
        s->config = config;
        s->configuration++;
        cache_configure(s->cache, config->network.cache_bytes, config->network.cache_ttl_usec);
        cache_clear(s->cache); /* names and shares may be others */
        return 0;
}

static int make_sources(Searcher *s)
{
        int r = loop_add_once(s->event, "searches-arrive", on_arrive, s, &s->arrive);

        if (r >= 0)
                r = sd_event_source_set_enabled(s->arrive, SD_EVENT_OFF);
        if (r >= 0)
                r = loop_add_once(s->event, "searches-begin", on_begin, s, &s->begin);
        if (r >= 0)
                r = sd_event_source_set_priority(s->begin, BEGIN_PRIORITY);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->begin, SD_EVENT_OFF);
        if (r >= 0)
                r = loop_add_once(s->event, "searches-follow", on_begin, s, &s->follow);
        if (r >= 0)
                r = sd_event_source_set_priority(s->follow, FOLLOW_PRIORITY);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->follow, SD_EVENT_OFF);
        if (r >= 0)
                r = loop_timer_new(s->event, "searches-expire", on_expiry, s, &s->expiry);
        return r;
}

int searcher_new(const SearcherOptions *options, Searcher **ret)
{
        const NetworkConfig *network = &options->config->network;
        Searcher *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->event = sd_event_ref(options->event);
        s->fetch = options->fetch;
        s->catalog = options->catalog;
        s->peers = options->peers;
        s->copies = options->copies;
        s->width = 1;
        TAILQ_INIT(&s->arriving);
        TAILQ_INIT(&s->waiting);
        TAILQ_INIT(&s->running);
        r = cache_new(network->cache_bytes, network->cache_ttl_usec, &s->cache);
        if (r >= 0)
                r = searcher_configure(s, options->config);
        if (r >= 0)
                r = make_sources(s);
        if (r < 0) {
                searcher_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

static void end_all(struct FanOutList *list)
{
        FanOut *f;

        while ((f = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, f, entry);
                refuse_all(f, 503, "this node is stopping");
                fan_out_free(f);
        }
}

Searcher *searcher_free(Searcher *s)
{
        Search *search;

        if (!s)
                return NULL;
        while ((search = TAILQ_FIRST(&s->arriving)))
                search_refuse(search, 503, "this node is stopping");
        end_all(&s->running);
        end_all(&s->waiting);
        loop_source_free(s->arrive);
        loop_source_free(s->begin);
        loop_source_free(s->follow);
        loop_source_free(s->expiry);
        cache_free(s->cache);
        text_clear(&s->printed);
        free(s->source);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

void searcher_counts(const Searcher *s, SearcherCounts *ret)
{
        *ret = s->counts;
        ret->running = s->n_running;
        ret->waiting = s->n_waiting;
        ret->bytes_in_flight = fetch_client_held(s->fetch);
        cache_counts(s->cache, &ret->cache);
}
