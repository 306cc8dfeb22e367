/* SPDX-License-Identifier: MIT */
/* Fetching other nodes' catalogs: whom, when, how many at once, and who is told. */
#include "federation/pull.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/export_file.h"
#include "federation/federation.h"
#include "federation/members.h"
#include "federation/pull_job.h"

#include <inttypes.h>
#include <strings.h>
#include <sys/queue.h>

#define RUNNING_MAX    2
#define WAITERS_MAX    256
#define ANSWER_USEC    (3 * USEC_PER_SEC) /* then 202 */
#define TIMEOUT_USEC   (30 * USEC_PER_MIN)
#define STALL_USEC     (150 * USEC_PER_SEC) /* the other node makes its export first */
#define ERROR_SIZE     300
#define PULL_FILE_SIZE (ID_SIZE + 4)

typedef enum PullState {
        PULL_NONE,
        PULL_WAITING,
        PULL_RUNNING,
        PULL_ADDED,
        PULL_UNCHANGED,
        PULL_FAILED,
} PullState;

static const char *const state_names[] = {"none", "waiting", "running", "added", "unchanged", "failed"};

/* Of a node that was ever asked for; in the order of ids. */
typedef struct Pull {
        Puller *puller;
        char *id, *name, *url;
        bool registered; /* its address is its own word */
        PullState state;
        bool force, ours;                /* ours: it failed here, not there */
        bool storing;                    /* the copy is being put in force */
        bool gone;                       /* meanwhile: belongs to the network no longer */
        uint64_t began_usec, ended_usec; /* boot; 0: never */
        uint64_t sync;                   /* the last one that it was in */
        uint64_t bytes;
        char error[ERROR_SIZE];
        char file[PULL_FILE_SIZE];
        Fetch *fetch;
        PullJob *job;
        LIST_ENTRY(Pull) entry;
        TAILQ_ENTRY(Pull) turn;
} Pull;

typedef struct Waiter {
        Pull *pull;
        HttpRequest *request;
        uint64_t until_usec;
        TAILQ_ENTRY(Waiter) entry;
} Waiter;

struct Puller {
        Federation *f;
        LIST_HEAD(, Pull) pulls;
        TAILQ_HEAD(, Pull) queue;
        TAILQ_HEAD(, Waiter) waiters; /* in the order in which they end */
        unsigned n_running, n_waiters;
        uint64_t sync; /* number of the last one */
        sd_event_source *timer, *periodic;
        uint64_t periodic_usec; /* boot: the last periodic one began, or all of this */
        bool stopping;
        PullerCounts counts;
};

/* --- whom --- */

static const char *url_of(const Puller *p, const char *id, const char **ret_name, bool *ret_registered)
{
        const Peer *peer = peers_find(p->f->peers, id);
        const Member *m = members_find(p->f->members, id);

        if (m && member_is_accepted(m)) {
                *ret_name = member_name(m);
                *ret_registered = m->state != MEMBER_CONFIGURED;
                return member_url(m);
        }
        if (m || !peer)
                return NULL;
        *ret_name = peer->name;
        *ret_registered = peer->registered;
        return peer->url;
}

static bool is_allowed(const char *id, void *userdata)
{
        const char *name;
        bool registered;

        return url_of(userdata, id, &name, &registered) != NULL;
}

/* "HTTP://Other.example:80/" is where http://other.example is; what else differs is another place. */
static bool same_url(const char *a, const char *b)
{
        size_t n = strlen(a), m = strlen(b), host;

        while (n > 0 && a[n - 1] == '/')
                n--;
        while (m > 0 && b[m - 1] == '/')
                m--;
        if (n != m)
                return false;
        host = strcspn(a, ":");
        if (host + 3 < n && strncmp(a + host, "://", 3) == 0)
                host += 3 + strcspn(a + host + 3, "/");
        host = MIN(host, n);
        return strncasecmp(a, b, host) == 0 && strncmp(a + host, b + host, n - host) == 0;
}

static const char *id_at(const Puller *p, const char *url)
{
        const Members *all = p->f->members;

        for (size_t i = 0; i < peers_count(p->f->peers); i++)
                if (same_url(peers_at(p->f->peers, i)->url, url))
                        return peers_at(p->f->peers, i)->id;
        for (size_t i = 0; i < members_count(all); i++) {
                const Member *m = members_at(all, i);

                if (member_is_accepted(m) && same_url(member_url(m), url))
                        return m->id;
        }
        return NULL;
}

static Pull *pull_find(const Puller *p, const char *id)
{
        Pull *pull;

        LIST_FOREACH(pull, &p->pulls, entry)
        if (streq(pull->id, id))
                return pull;
        return NULL;
}

static Pull *pull_free(Pull *pull)
{
        if (!pull)
                return NULL;
        fetch_free(pull->fetch);
        pull_job_free(pull->job, pull->puller->stopping);
        free(pull->id);
        free(pull->name);
        free(pull->url);
        free(pull);
        return NULL;
}

static int set_text(char **to, const char *text)
{
        char *copy;

        if (*to && streq(*to, text))
                return 0;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        free(*to);
        *to = copy;
        return 0;
}

static void list_insert(Puller *p, Pull *pull)
{
        Pull *at, *before = NULL;

        LIST_FOREACH(at, &p->pulls, entry)
        {
                if (strcmp(at->id, pull->id) > 0)
                        break;
                before = at;
        }
        if (before)
                LIST_INSERT_AFTER(before, pull, entry);
        else
                LIST_INSERT_HEAD(&p->pulls, pull, entry);
}

/* As the network knows it now. -ENOENT. */
static int pull_get(Puller *p, const char *id, Pull **ret)
{
        bool registered, fresh = false;
        const char *name, *url = url_of(p, id, &name, &registered);
        Pull *pull = pull_find(p, id);

        if (!url || !*url)
                return -ENOENT;
        if (pull && (pull->state == PULL_RUNNING || pull->storing)) {
                *ret = pull;
                return 0;
        }
        if (!pull) {
                pull = calloc(1, sizeof(*pull));
                if (!pull)
                        return -ENOMEM;
                pull->puller = p;
                fresh = true;
        }
        pull->registered = registered;
        if (set_text(&pull->id, id) < 0 || set_text(&pull->name, name) < 0 || set_text(&pull->url, url) < 0) {
                if (fresh)
                        pull_free(pull);
                return -ENOMEM;
        }
        if (fresh)
                list_insert(p, pull);
        *ret = pull;
        return 0;
}

static bool is_busy(const Pull *pull)
{
        return pull->state == PULL_WAITING || pull->state == PULL_RUNNING;
}

/* --- who is told --- */

static void answer_good(const Pull *pull, HttpRequest *r)
{
        const Copy *copy = copies_find(pull->puller->f->copies, pull->id);
        json_t *d = json_object();

        json_put(d, "success", json_true());
        json_put(d, "source", json_string_or_null(pull->url));
        json_put(d, "node", json_string_or_null(pull->id));
        json_put(d, "listings", json_integer((json_int_t) (copy ? copy->listings : 0)));
        json_put(d, "unchanged", json_boolean(pull->state == PULL_UNCHANGED));
        json_put(d, "refused", json_integer((json_int_t) (copy ? copy->refused : 0)));
        json_put(d, "transactions", json_integer((json_int_t) (copy ? copy->transactions : 0)));
        json_put(d, "users", json_integer((json_int_t) (copy ? copy->users : 0)));
        json_put(d, "hash", json_string_or_null(copy ? copy->hash : ""));
        json_put(d, "lastSync", json_timestamp(copy ? copy->seen_usec : 0));
        http_reply_json(r, 200, json_whole(d));
}

static void answer(const Pull *pull, HttpRequest *r)
{
        if (pull->state == PULL_FAILED)
                http_reply_error(r, pull->ours ? 503 : 502, "%s: %s", pull->id, pull->error);
        else if (is_busy(pull))
                http_reply_json(r, 202,
                                json_pack("{s:b, s:b, s:s, s:s, s:s}", "success", 1, "started", 1, "source",
                                          pull->url, "node", pull->id, "message",
                                          "it goes on; failoverctl sync tells when it has ended"));
        else
                answer_good(pull, r);
}

static HttpRequest *waiter_end(Puller *p, Waiter *w)
{
        HttpRequest *r = w->request;

        TAILQ_REMOVE(&p->waiters, w, entry);
        p->n_waiters--;
        free(w);
        return r;
}

static void tell(const Pull *pull)
{
        Puller *p = pull->puller;
        Waiter *w, *next;

        for (w = TAILQ_FIRST(&p->waiters); w; w = next) {
                next = TAILQ_NEXT(w, entry);
                if (w->pull == pull)
                        answer(pull, waiter_end(p, w));
        }
}

static int on_waited(sd_event_source *source, uint64_t usec, void *userdata)
{
        Puller *p = userdata;
        uint64_t now = clock_boot_usec();
        Waiter *w;

        while ((w = TAILQ_FIRST(&p->waiters)) && w->until_usec <= now) {
                const Pull *pull = w->pull;

                answer(pull, waiter_end(p, w));
        }
        return loop_timer_set(p->timer, w ? w->until_usec : USEC_NEVER);
}

static void wait_for(Pull *pull, HttpRequest *r)
{
        Puller *p = pull->puller;
        Waiter *w = p->n_waiters < WAITERS_MAX ? calloc(1, sizeof(*w)) : NULL;

        if (!w) {
                answer(pull, r); /* 202 */
                return;
        }
        *w = (Waiter){.pull = pull, .request = r, .until_usec = clock_boot_usec() + ANSWER_USEC};
        TAILQ_INSERT_TAIL(&p->waiters, w, entry);
        if (p->n_waiters++ == 0)
                loop_timer_set(p->timer, w->until_usec);
}

/* --- one --- */

static void queue_go(Puller *p);

static void pull_end(Pull *pull, PullState state)
{
        Puller *p = pull->puller;

        pull->fetch = fetch_free(pull->fetch);
        pull->job = pull_job_free(pull->job, p->stopping);
        pull->state = state;
        pull->storing = false;
        pull->ended_usec = clock_boot_usec();
        p->n_running--;
        p->counts.added += state == PULL_ADDED;
        p->counts.unchanged += state == PULL_UNCHANGED;
        p->counts.failed += state == PULL_FAILED;
        tell(pull);
        if (pull->gone) {
                LIST_REMOVE(pull, entry);
                pull_free(pull);
        }
        queue_go(p);
}

static void pull_fail(Pull *pull, bool ours, const char *why)
{
        char text[ERROR_SIZE];

        plain_copy(text, sizeof(text), why);
        memcpy(pull->error, text, sizeof(text));
        pull->ours = ours;
        if (!pull->puller->stopping && !pull->puller->f->stopping)
                log_warning("the catalog of %s cannot be fetched: %s", pull->id, pull->error);
        pull_end(pull, PULL_FAILED);
}

static void fail_job(Pull *pull)
{
        pull_fail(pull, !pull_job_blames_sender(pull->job), pull_job_error(pull->job));
}

static void on_stored(int r, const char *error, void *userdata)
{
        Pull *pull = userdata;
        const Copy *copy = copies_find(pull->puller->f->copies, pull->id);

        if (r < 0) {
                pull_fail(pull, true, error);
                return;
        }
        pull->puller->counts.listings += copy ? copy->listings : 0;
        log_info("fetched the catalog of %s: %" PRIu64 " books, %" PRIu64 " refused", pull->id,
                 copy ? copy->listings : 0, copy ? copy->refused : 0);
        if (pull->gone) /* meanwhile */
                copies_keep_only(pull->puller->f->copies, is_allowed, pull->puller);
        pull_end(pull, PULL_ADDED);
}

/* Bytes that its copy may have, beside those of the others. */
static uint64_t room_of(const Pull *pull)
{
        const Federation *f = pull->puller->f;
        const Copy *copy = copies_find(f->copies, pull->id);
        uint64_t others = copies_bytes(f->copies) - (copy ? copy->bytes : 0),
                 most = f->config->network.copies_max;

        return most > others ? most - others : 0;
}

static void on_read(int r, const PullJobResult *result, void *userdata)
{
        Pull *pull = userdata;
        const ExportFacts *facts = &result->facts;
        uint64_t now = clock_wall_usec();

        if (r < 0) {
                fail_job(pull);
                return;
        }
        Copy copy = {.node = pull->id,
                     .file = pull->file,
                     .generation = facts->generation,
                     .listings = result->report.rows - result->report.refused,
                     .refused = result->report.refused + facts->unfit,
                     .transactions = facts->transactions,
                     .users = facts->users,
                     .bytes = result->bytes,
                     .made_usec = now,
                     .seen_usec = now};
        snprintf(copy.hash, sizeof(copy.hash), "%s", *facts->hash ? facts->hash : facts->computed);
        if (copy.bytes > room_of(pull)) { /* another has come meanwhile */
                copies_discard(pull->puller->f->copies, pull->file);
                pull_fail(pull, true, PULL_JOB_NO_ROOM);
                return;
        }
        pull->storing = true;
        r = copies_put(pull->puller->f->copies, &copy, on_stored, pull);
        if (r < 0) {
                copies_discard(pull->puller->f->copies, pull->file);
                pull_fail(pull, true, error_words(r));
        }
}

static void take_unchanged(Pull *pull)
{
        Copies *copies = pull->puller->f->copies;

        if (copies_touch(copies, pull->id, clock_wall_usec()) < 0)
                pull_fail(pull, false, "it says that nothing has changed, but there is no copy of it");
        else
                pull_end(pull, PULL_UNCHANGED);
}

static void take_status(Pull *pull, const FetchResult *result)
{
        char text[120];

        if (result->status == 304) {
                take_unchanged(pull);
                return;
        }
        if (result->status == 404 || result->status == 405 || result->status == 501)
                snprintf(text, sizeof(text), "it has no export (HTTP %u)", result->status);
        else if (result->status == 429 || result->status == 503)
                snprintf(text, sizeof(text), "it cannot give it now (HTTP %u)%s%.20s", result->status,
                         *result->retry_after ? "; come again in seconds: " : "", result->retry_after);
        else
                snprintf(text, sizeof(text), "it does not give it (HTTP %u)", result->status);
        pull_fail(pull, false, text);
}

static void on_fetched(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Pull *pull = userdata;

        pull->bytes = result->body_size;
        if (result->error == FETCH_OK && result->status == 200) {
                pull->puller->counts.bytes += result->body_size;
                if (*pull_job_error(pull->job))
                        fail_job(pull);
                else
                        pull_job_finish(pull->job, on_read);
        } else if (result->error == FETCH_OK)
                take_status(pull, result);
        else if (result->error == FETCH_LOCAL && *pull_job_error(pull->job))
                fail_job(pull);
        else
                pull_fail(pull, result->error == FETCH_LOCAL, result->message);
}

static int on_data(Fetch *fetch, const void *data, size_t size, void *userdata)
{
        Pull *pull = userdata;
        int r = pull_job_feed(pull->job, data, size);

        if (r == 0)
                pull->bytes += size;
        return r == PULL_JOB_PAUSE ? FETCH_PAUSE : r;
}

static void on_room(void *userdata)
{
        Pull *pull = userdata;

        if (pull->fetch)
                fetch_resume(pull->fetch);
}

/* Something that can stand in a header. */
static bool is_tag(const char *hash)
{
        if (!*hash)
                return false;
        for (; *hash; hash++)
                if (*hash <= ' ' || *hash == '"' || *hash == 127 || (unsigned char) *hash > 126)
                        return false;
        return true;
}

static int fetch_begin(Pull *pull)
{
        const Federation *f = pull->puller->f;
        const Copy *copy = copies_find(f->copies, pull->id);
        _cleanup_free_ char *url = string_printf("%s/federation/export", pull->url),
                            *node = string_printf("X-Node-Id: %s", f->config->node.id), *none = NULL;
        const char *headers[4] = {node, "Accept: application/json"};

        if (copy && !pull->force && is_tag(copy->hash)) {
                none = string_printf("If-None-Match: \"%s\"", copy->hash);
                headers[2] = none;
                if (!none)
                        return -ENOMEM;
        }
        if (!url || !node)
                return -ENOMEM;
        FetchRequest request = {.url = url,
                                .headers = headers,
                                .timeout_usec = TIMEOUT_USEC,
                                .stall_usec = STALL_USEC,
                                .response_max = f->config->network.export_max,
                                .on_data = on_data,
                                .redirects_max = 1,
                                .flags = FETCH_GUARD | (pull->registered ? 0 : FETCH_TRUST_HOST)};
        return fetch_start(f->fetch, &request, on_fetched, pull, &pull->fetch);
}

static int pull_begin(Pull *pull)
{
        const Federation *f = pull->puller->f;
        char id[ID_SIZE];
        int r;

        id_make(id, clock_wall_usec());
        snprintf(pull->file, sizeof(pull->file), "%s.db", id);
        const PullJobOptions options = {.folder = copies_folder(f->copies),
                                        .file = pull->file,
                                        .node = pull->id,
                                        .room = room_of(pull),
                                        .on_room = on_room,
                                        .userdata = pull};
        r = pull_job_new(f->event, &options, &pull->job);
        return r < 0 ? r : fetch_begin(pull);
}

static void pull_run(Pull *pull)
{
        Puller *p = pull->puller;
        int r;

        TAILQ_REMOVE(&p->queue, pull, turn);
        p->n_running++;
        pull->state = PULL_RUNNING;
        pull->bytes = 0;
        pull->error[0] = '\0';
        r = pull_begin(pull);
        if (r < 0)
                pull_fail(pull, r != -EINVAL, r == -EINVAL ? "its URL cannot be used" : error_words(r));
}

static void queue_go(Puller *p)
{
        Pull *pull;

        if (p->stopping || p->f->stopping || !copies_ready(p->f->copies))
                return;
        while (p->n_running < RUNNING_MAX && (pull = TAILQ_FIRST(&p->queue)))
                pull_run(pull);
}

/* 0: under way; below 0: not yet, *ret_wait_usec says for how long. */
static int pull_start(Pull *pull, bool force, bool urgent, uint64_t *ret_wait_usec)
{
        Puller *p = pull->puller;
        uint64_t now = clock_boot_usec(), interval = p->f->config->limits.pull_interval_usec;

        if (is_busy(pull)) {
                pull->force = pull->force || (force && pull->state == PULL_WAITING);
                return 0;
        }
        if (!urgent && pull->began_usec > 0 && now - pull->began_usec < interval) {
                *ret_wait_usec = pull->began_usec + interval - now;
                return -EAGAIN;
        }
        pull->began_usec = now;
        pull->ended_usec = 0;
        pull->force = force;
        pull->state = PULL_WAITING;
        TAILQ_INSERT_TAIL(&p->queue, pull, turn);
        queue_go(p);
        return 0;
}

/* --- for others --- */

static void refuse_early(HttpRequest *r, uint64_t wait_usec)
{
        char seconds[32];

        snprintf(seconds, sizeof(seconds), "%" PRIu64, (wait_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        http_add_header(r, "Retry-After", seconds);
        http_reply_error(r, 429, "its catalog was asked for a moment ago: again in %s s", seconds);
}

void puller_serve(Puller *p, HttpRequest *r, const char *source_url, bool force)
{
        const char *id = p->f->config->network.enabled ? id_at(p, source_url) : NULL;
        uint64_t wait_usec = 0;
        Pull *pull = NULL;

        int error = id ? pull_get(p, id, &pull) : -ENOENT;
        if (error == -ENOENT) {
                p->counts.refused++;
                http_reply_error(r, 403, "sourceUrl is not that of an accepted node");
                return;
        }
        if (error == 0)
                error = pull_start(pull, force, false, &wait_usec);
        if (error == -EAGAIN) {
                p->counts.refused++;
                refuse_early(r, wait_usec);
        } else if (error < 0)
                http_reply_error(r, 503, "%s", error_words(error));
        else if (is_busy(pull))
                wait_for(pull, r);
        else
                answer(pull, r);
}

unsigned puller_sync(Puller *p, bool force, bool urgent)
{
        unsigned n = 0;

        p->sync++;
        for (size_t i = 0; i < peers_count(p->f->peers) && p->f->config->network.enabled; i++) {
                const Peer *peer = peers_at(p->f->peers, i);
                uint64_t wait_usec;
                Pull *pull;

                if (peer->type != NODE_FULL) /* no catalog of its own */
                        continue;
                if (pull_get(p, peer->id, &pull) == 0 && pull_start(pull, force, urgent, &wait_usec) == 0) {
                        pull->sync = p->sync;
                        n++;
                }
        }
        return n;
}

int puller_sync_one(Puller *p, const char *id, bool force)
{
        uint64_t wait_usec;
        Pull *pull;
        int r = pull_get(p, id, &pull);

        if (r < 0)
                return r;
        pull->sync = ++p->sync;
        return pull_start(pull, force, true, &wait_usec);
}

json_t *copy_document(const Copy *c)
{
        if (!c)
                return json_null();

        json_t *d = json_object();

        json_put(d, "listings", json_integer((json_int_t) c->listings));
        json_put(d, "refused", json_integer((json_int_t) c->refused));
        json_put(d, "transactions", json_integer((json_int_t) c->transactions));
        json_put(d, "users", json_integer((json_int_t) c->users));
        json_put(d, "bytes", json_integer((json_int_t) c->bytes));
        json_put(d, "hash", json_string_or_null(c->hash));
        json_put(d, "made", json_timestamp(c->made_usec));
        json_put(d, "lastSync", json_timestamp(c->seen_usec));
        return d;
}

static json_t *pull_document(const Pull *pull)
{
        const Copy *copy = copies_find(pull->puller->f->copies, pull->id);
        uint64_t end = pull->ended_usec ?: clock_boot_usec();
        json_t *d = json_object();

        json_put(d, "node", json_string_or_null(pull->id));
        json_put(d, "name", json_string_or_null(pull->name));
        json_put(d, "url", json_string_or_null(pull->url));
        json_put(d, "sync", json_integer((json_int_t) pull->sync));
        json_put(d, "state", json_string(state_names[pull->state]));
        json_put(d, "error", pull->state == PULL_FAILED ? json_string_or_null(pull->error) : json_null());
        json_put(d, "seconds",
                 pull->began_usec > 0 ? json_real((double) (end - pull->began_usec) / (double) USEC_PER_SEC)
                                      : json_null());
        json_put(d, "bytes", json_integer((json_int_t) pull->bytes));
        json_put(d, "copy", copy_document(copy));
        return d;
}

json_t *puller_document(const Puller *p)
{
        json_t *d = json_object(), *list = json_array();
        unsigned running = 0;
        const Pull *pull;

        LIST_FOREACH(pull, &p->pulls, entry)
        {
                running += is_busy(pull);
                json_add(list, pull_document(pull));
        }
        json_put(d, "running", json_integer(running));
        json_put(d, "sync", json_integer((json_int_t) p->sync));
        json_put(d, "copies_bytes", json_integer((json_int_t) copies_bytes(p->f->copies)));
        json_put(d, "pulls", list);
        return json_whole(d);
}

void puller_counts(const Puller *p, PullerCounts *ret)
{
        const Pull *pull;

        *ret = p->counts;
        ret->running = p->n_running;
        TAILQ_FOREACH(pull, &p->queue, turn)
        ret->waiting++;
}

/* --- life --- */

static void pull_drop(Pull *pull)
{
        Puller *p = pull->puller;

        pull->gone = true;
        if (pull->storing) /* its end is near */
                return;
        if (pull->state == PULL_WAITING) {
                TAILQ_REMOVE(&p->queue, pull, turn);
                p->n_running++; /* as pull_end() has it */
        }
        if (is_busy(pull))
                pull_fail(pull, true, "it belongs to the network no longer");
        else {
                LIST_REMOVE(pull, entry);
                pull_free(pull);
        }
}

/* However often the configuration or the network is another meanwhile. */
static void plan_periodic(Puller *p)
{
        uint64_t interval = p->f->config->network.sync_interval_usec;

        loop_timer_set(p->periodic, interval == 0 ? USEC_NEVER : p->periodic_usec + interval);
}

static int on_periodic(sd_event_source *source, uint64_t usec, void *userdata)
{
        Puller *p = userdata;

        p->periodic_usec = clock_boot_usec();
        (void) puller_sync(p, false, true);
        plan_periodic(p);
        return 0;
}

void puller_settle(Puller *p)
{
        Pull *pull, *next;

        plan_periodic(p);
        if (!members_ready(p->f->members) || !copies_ready(p->f->copies))
                return;
        for (pull = LIST_FIRST(&p->pulls); pull; pull = next) {
                next = LIST_NEXT(pull, entry);
                if (!is_allowed(pull->id, p))
                        pull_drop(pull);
        }
        copies_keep_only(p->f->copies, is_allowed, p);
}

static void on_copies_ready(void *userdata)
{
        Puller *p = userdata;

        puller_settle(p);
        queue_go(p);
}

int puller_new(Federation *f, Puller **ret)
{
        _cleanup_(puller_freep) Puller *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->f = f;
        p->periodic_usec = clock_boot_usec();
        LIST_INIT(&p->pulls);
        TAILQ_INIT(&p->queue);
        TAILQ_INIT(&p->waiters);
        r = loop_timer_new(f->event, "pulls' waiters", on_waited, p, &p->timer);
        if (r >= 0)
                r = loop_timer_new(f->event, "periodic sync", on_periodic, p, &p->periodic);
        if (r < 0)
                return r;
        copies_on_ready(f->copies, on_copies_ready, p);
        plan_periodic(p);
        *ret = TAKE_PTR(p);
        return 0;
}

Puller *puller_free(Puller *p)
{
        Waiter *w;
        Pull *pull;

        if (!p)
                return NULL;
        p->stopping = true;
        while ((w = TAILQ_FIRST(&p->waiters)))
                http_reply_error(waiter_end(p, w), 503, "this node is stopping");
        while ((pull = LIST_FIRST(&p->pulls))) {
                LIST_REMOVE(pull, entry);
                pull_free(pull);
        }
        loop_source_free(p->timer);
        loop_source_free(p->periodic);
        free(p);
        return NULL;
}
