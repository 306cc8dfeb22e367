/* SPDX-License-Identifier: MIT */
/* What was learned of the peers, kept over a restart: their dialects, and how quick they are. Losing it costs a few slower
 * searches, no more. */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "federation/peers_private.h"

#define SAVE_USEC     USEC_PER_MIN
#define FILE_MAX      (16 * 1024 * 1024)
#define PATIENCE_USEC (2 * USEC_PER_SEC)

struct PeerMemory {
        Peers *peers;
        char *path;
        json_t *known; /* from the file, by id; NULL */
        Worker *writer;
        sd_event_source *timer;
        bool changed, planned;
};

typedef struct Job {
        char *path, *text;
} Job;

static void job_free(Job *job)
{
        free(job->path);
        free(job->text);
        free(job);
}

static int job_run(void *userdata)
{
        Job *job = userdata;

        return file_publish(job->path, job->text, strlen(job->text), 0600);
}

static void job_done(int r, void *userdata)
{
        job_free(userdata); /* what failed is tried again when something changes */
}

static json_t *remember(const Peer *peer)
{
        json_t *j = json_object(), *latency = json_array();

        json_put(j, "url", json_string_or_null(peer->url));
        if (peer->dialect_known)
                json_put(j, "dialect", json_string_or_null(dialect_path(peer->dialect)));
        json_put(j, "check", json_integer(peer->check_known ? (json_int_t) peer->check_path : -1));
        json_put(j, "listings", json_integer((json_int_t) peer->listings));
        json_put(j, "seen", json_timestamp(peer->seen_usec));
        json_put(j, "rtt_usec", json_integer((json_int_t) peer->rtt_usec));
        for (unsigned i = 0; i < peer->latency.n; i++)
                json_add(latency, json_integer(peer->latency.usec[i]));
        json_put(j, "latency_usec", latency);
        return j;
}

static int print(const Peers *p, char **ret)
{
        json_t *document = json_object();
        int r;

        for (size_t i = 0; i < p->n_peers; i++)
                json_put(document, p->peers[i]->id, remember(p->peers[i]));
        document = json_whole(document);
        if (!document)
                return -ENOMEM;
        r = json_print(document, ret);
        json_decref(document);
        return r;
}

static int save(PeerMemory *m)
{
        Job *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        job->path = strdup(m->path);
        r = job->path ? print(m->peers, &job->text) : -ENOMEM;
        if (r >= 0 && !m->writer)
                r = -ESHUTDOWN;
        if (r >= 0)
                r = worker_submit(m->writer, job_run, job_done, job);
        if (r < 0) {
                job_free(job);
                return r;
        }
        m->changed = false;
        return 0;
}

static int on_save(sd_event_source *s, uint64_t usec, void *userdata)
{
        PeerMemory *m = userdata;

        m->planned = false;
        if ((m->writer && worker_pending(m->writer) > 0) || save(m) < 0) /* a disk that hangs, or no memory */
                peer_memory_changed(m);
        return 0;
}

void peer_memory_changed(PeerMemory *m)
{
        m->changed = true;
        if (m->planned)
                return;
        m->planned = true;
        if (!m->writer) /* now: at the end, the loop takes no more sources */
                (void) worker_new(m->peers->event, "peers", &m->writer);
        (void) loop_timer_set_after(m->timer, SAVE_USEC);
}

int peer_memory_new(Peers *p, const char *state_dir)
{
        PeerMemory *m = calloc(1, sizeof(*m));
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        if (!m)
                return -ENOMEM;
        p->memory = m;
        m->peers = p;
        m->path = string_printf("%s/peers.json", state_dir);
        if (!m->path)
                return -ENOMEM;
        r = loop_timer_new(p->event, "peers-memory", on_save, m, &m->timer);
        if (r < 0)
                return r;
        if (file_read(m->path, FILE_MAX, &data, &size) >= 0)
                (void) json_parse(data, size, &m->known, NULL); /* a damaged one is as good as none */
        return 0;
}

PeerMemory *peer_memory_free(PeerMemory *m)
{
        if (!m)
                return NULL;
        if (m->changed)
                (void) save(m);
        worker_free(m->writer, PATIENCE_USEC);
        loop_source_free(m->timer);
        json_decref(m->known);
        free(m->path);
        free(m);
        return NULL;
}

static uint64_t number(const json_t *j, const char *key)
{
        json_int_t n = json_integer_value(json_object_get(j, key));

        return n > 0 ? (uint64_t) n : 0;
}

void peer_memory_recall(PeerMemory *m, Peer *peer)
{
        const json_t *j = json_object_get(m->known, peer->id), *latency, *check;
        const char *url = json_string_value(json_object_get(j, "url")),
                   *dialect = json_string_value(json_object_get(j, "dialect")),
                   *seen = json_string_value(json_object_get(j, "seen"));

        if (!url || !streq(url, peer->url))
                return;
        for (unsigned d = 0; dialect && d < _DIALECT_MAX; d++)
                if (streq(dialect, dialect_path((Dialect) d))) {
                        peer->dialect = (Dialect) d;
                        peer->dialect_known = true;
                }
        check = json_object_get(j, "check");
        if (json_is_integer(check) && json_integer_value(check) >= 0 &&
            json_integer_value(check) < PEER_CHECK_PATHS) {
                peer->check_path = (unsigned) json_integer_value(check);
                peer->check_known = true;
        }
        peer->listings = number(j, "listings");
        peer->rtt_usec = number(j, "rtt_usec");
        if (seen)
                (void) timestamp_parse(seen, &peer->seen_usec);
        latency = json_object_get(j, "latency_usec");
        for (size_t i = 0; i < MIN(json_array_size(latency), (size_t) LATENCY_KEPT); i++) {
                json_int_t usec = json_integer_value(json_array_get(latency, i));

                if (usec > 0 && usec <= UINT32_MAX)
                        latency_add(&peer->latency, (uint64_t) usec);
        }
}
