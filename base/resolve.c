/* SPDX-License-Identifier: MIT */
/* The addresses of a name: a literal, the hosts file, or A and AAAA from the system's resolver; and the last good ones
 * of those names that must be reached even when no resolver answers. */
#include "base/resolve.h"

#include "base/clock.h"
#include "base/dns.h"

#include <strings.h>
#include <sys/queue.h>

#define REMEMBERED_MAX 1024
/* With an address to fall back on, a silent resolver must not use up the time to reach it. */
#define REMEMBERED_WAIT_USEC (2 * USEC_PER_SEC)
/* One family has answered: how long the other is waited for (RFC 8305, section 3, is stricter). */
#define OTHER_FAMILY_USEC (100 * USEC_PER_MSEC)

typedef struct Remembered {
        char *name;
        size_t count;
        struct sockaddr_storage *addresses;
        TAILQ_ENTRY(Remembered) entry;
} Remembered;
TAILQ_HEAD(RememberedList, Remembered);

struct Resolver {
        sd_event *event;
        DnsPool *pool;
        ResolveSystem *system;
        struct RememberedList remembered; /* newest first */
        size_t n_remembered;
};

/* A sockaddr_storage is eight times as large, and thousands may be waiting. */
typedef struct Address {
        sa_family_t family;
        uint8_t bytes[16];
        uint32_t zone;
} Address;

typedef struct Family {
        Resolve *resolve;
        int type; /* of the DNS record */
        DnsQuestion *question;
        int error; /* -EINPROGRESS, 0, or as in ResolveResult; -ENODATA: no such address, but the name exists */
} Family;

struct Resolve {
        Resolver *resolver;
        char *name;
        unsigned flags;
        size_t candidate, n_candidates; /* of the names to ask for, the search list first: candidate_name() */
        Family v6, v4;
        sd_event_source *grace, *finished;
        uint64_t deadline_usec;
        int error; /* of a candidate that could not be asked, or of the start */
        ResolveDone done;
        void *userdata;
        size_t count;
        Address addresses[RESOLVE_ADDRESSES_MAX];
        char message[128];
};

int resolver_new(sd_event *event, Resolver **ret)
{
        Resolver *r;
        int error;

        assert(event);
        assert(ret);

        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->event = sd_event_ref(event);
        TAILQ_INIT(&r->remembered);
        error = dns_pool_new(event, &r->pool);
        if (error >= 0)
                error = resolve_system_new(&r->system);
        if (error < 0) {
                resolver_free(r);
                return error;
        }
        *ret = r;
        return 0;
}

static void remembered_drop(Resolver *r, Remembered *m)
{
        TAILQ_REMOVE(&r->remembered, m, entry);
        r->n_remembered--;
        free(m->name);
        free(m->addresses);
        free(m);
}

Resolver *resolver_free(Resolver *r)
{
        if (!r)
                return NULL;
        while (!TAILQ_EMPTY(&r->remembered))
                remembered_drop(r, TAILQ_FIRST(&r->remembered));
        dns_pool_free(r->pool);
        resolve_system_free(r->system);
        sd_event_unref(r->event);
        free(r);
        return NULL;
}

sd_event *resolver_event(const Resolver *r)
{
        return r->event;
}

DnsPool *resolver_pool(const Resolver *r)
{
        return r->pool;
}

const ResolveConf *resolver_conf(Resolver *r)
{
        return resolve_system_conf(r->system);
}

static Remembered *remembered_find(Resolver *r, const char *name)
{
        Remembered *m;

        TAILQ_FOREACH(m, &r->remembered, entry)
        if (strcasecmp(m->name, name) == 0)
                return m;
        return NULL;
}

/* Best effort: without memory nothing is remembered. */
static void remember(Resolver *r, const char *name, const ResolveResult *result)
{
        size_t size = result->count * sizeof(*result->addresses);
        Remembered *m = remembered_find(r, name);

        if (m)
                remembered_drop(r, m);
        else if (r->n_remembered >= REMEMBERED_MAX)
                remembered_drop(r, TAILQ_LAST(&r->remembered, RememberedList));
        m = calloc(1, sizeof(*m));
        if (!m)
                return;
        TAILQ_INSERT_HEAD(&r->remembered, m, entry);
        r->n_remembered++;
        m->name = strdup(name);
        m->addresses = malloc(size);
        if (!m->name || !m->addresses) {
                remembered_drop(r, m);
                return;
        }
        m->count = result->count;
        memcpy(m->addresses, result->addresses, size);
}

static void add_sockaddr(Resolve *res, const struct sockaddr_storage *from)
{
        Address *a = &res->addresses[res->count];

        if (res->count == RESOLVE_ADDRESSES_MAX)
                return;
        a->family = from->ss_family;
        if (a->family == AF_INET)
                memcpy(a->bytes, &((const struct sockaddr_in *) from)->sin_addr, 4);
        else {
                memcpy(a->bytes, &((const struct sockaddr_in6 *) from)->sin6_addr, 16);
                a->zone = ((const struct sockaddr_in6 *) from)->sin6_scope_id;
        }
        res->count++;
}

static void get_sockaddr(const Address *a, struct sockaddr_storage *ret)
{
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ret;

        ret->ss_family = a->family;
        if (a->family == AF_INET)
                memcpy(&((struct sockaddr_in *) ret)->sin_addr, a->bytes, 4);
        else {
                memcpy(&v6->sin6_addr, a->bytes, 16);
                v6->sin6_scope_id = a->zone;
        }
}

static void resolve_stop(Resolve *res)
{
        res->grace = loop_source_free(res->grace);
        res->v4.question = dns_question_free(res->v4.question);
        res->v6.question = dns_question_free(res->v6.question);
}

static void resolve_finish(Resolve *res, int error)
{
        ResolveResult result = {.error = error, .message = res->message};
        Remembered *m;

        resolve_stop(res);
        if (error == 0) {
                for (; result.count < res->count; result.count++)
                        get_sockaddr(&res->addresses[result.count], &result.addresses[result.count]);
                if (res->flags & RESOLVE_REMEMBER)
                        remember(res->resolver, res->name, &result);
        } else if (error != -ENOENT && error != -EINVAL && (res->flags & RESOLVE_REMEMBER) &&
                   (m = remembered_find(res->resolver, res->name))) {
                result.error = 0;
                result.remembered = true;
                result.count = m->count;
                memcpy(result.addresses, m->addresses, m->count * sizeof(*m->addresses));
        }
        res->done(res, &result, res->userdata); /* may free res */
}

/* "name.search" for the first ones, the name alone for the last. */
static bool candidate_name(Resolve *res, char *buffer, size_t size)
{
        const ResolveConf *conf = resolver_conf(res->resolver);
        int n;

        if (res->candidate + 1 < res->n_candidates && res->candidate < conf->n_search)
                n = snprintf(buffer, size, "%s.%s", res->name, conf->search[res->candidate]);
        else
                n = snprintf(buffer, size, "%s", res->name);
        return n >= 0 && (size_t) n < size && dns_name_valid(buffer);
}

static size_t count_candidates(Resolve *res)
{
        const ResolveConf *conf = resolver_conf(res->resolver);
        unsigned dots = 0;
        size_t size = strlen(res->name);

        if (size > 0 && res->name[size - 1] == '.')
                return 1;
        for (const char *c = res->name; *c; c++)
                dots += *c == '.';
        return dots >= conf->ndots ? 1 : 1 + conf->n_search;
}

static void on_answer(DnsQuestion *question, const DnsAnswer *answer, void *userdata);

static int candidate_ask(Resolve *res)
{
        const ResolveConf *conf = resolver_conf(res->resolver);
        uint64_t now = clock_boot_usec();
        uint64_t left = res->deadline_usec > now ? res->deadline_usec - now : 1;
        char name[256];

        if (!candidate_name(res, name, sizeof(name)))
                return -EINVAL;
        for (int i = 0; i < 2; i++) {
                Family *f = i == 0 ? &res->v6 : &res->v4;
                int r;

                f->error = -EINPROGRESS;
                r = dns_question_start(res->resolver->pool, res->resolver->event, conf->servers,
                                       conf->n_servers, name, f->type, left, on_answer, f, &f->question);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* From the candidate at hand; a name that the search list makes too long is passed over. */
static int candidates_ask(Resolve *res)
{
        int r = -EINVAL;

        for (; res->candidate < res->n_candidates && r == -EINVAL; res->candidate += r == -EINVAL) {
                r = candidate_ask(res);
                if (r < 0)
                        resolve_stop(res);
        }
        return r;
}

/* The candidate at hand has ended without an address. */
static void candidate_next(Resolve *res, int error)
{
        int r;

        resolve_stop(res);
        if (error != -ENOENT)
                res->error = error;
        res->candidate++;
        r = candidates_ask(res);
        if (r >= 0)
                return;
        if (r == -EINVAL) /* that was the last */
                r = res->error < 0 ? res->error : -ENOENT;
        else
                snprintf(res->message, sizeof(res->message), "%s", strerror(-r));
        resolve_finish(res, r);
}

static void resolve_conclude(Resolve *res)
{
        int error4 = res->v4.error, error6 = res->v6.error;

        if (res->count > 0) {
                res->message[0] = '\0';
                resolve_finish(res, 0);
        } else if (error4 == -ENOENT || error6 == -ENOENT)
                candidate_next(res, -ENOENT);
        else if (error4 == -ENODATA && error6 == -ENODATA) {
                if (res->error == 0)
                        strcpy(res->message, "no address");
                candidate_next(res, -ENOENT);
        } else /* one knows of none, and the other does not know: not conclusive */
                candidate_next(res, error4 != -ENODATA ? error4 : error6);
}

static int on_grace(sd_event_source *s, uint64_t usec, void *userdata)
{
        resolve_conclude(userdata);
        return 0;
}

static int add_record(const DnsRecord *record, void *userdata)
{
        Family *f = userdata;
        Resolve *res = f->resolve;
        size_t size = f == &res->v4 ? 4 : 16;
        Address *a = &res->addresses[res->count];

        if (record->size != size)
                return -EBADMSG;
        if (res->count == RESOLVE_ADDRESSES_MAX)
                return 0;
        *a = (Address){.family = size == 4 ? AF_INET : AF_INET6};
        memcpy(a->bytes, record->data, size);
        res->count++;
        return 0;
}

static void on_answer(DnsQuestion *question, const DnsAnswer *answer, void *userdata)
{
        Family *f = userdata;
        Resolve *res = f->resolve;
        Family *other = f == &res->v4 ? &res->v6 : &res->v4;
        const char *message = answer->message;
        char name[256];
        int r = answer->error;

        if (r == 0) {
                (void) candidate_name(res, name, sizeof(name));
                r = dns_packet_records(answer->packet, answer->size, name, f->type, add_record, f, NULL);
                if (r == -EBADMSG) {
                        r = -EAGAIN;
                        message = "an answer that cannot be parsed";
                }
                r = r > 0 ? 0 : r == 0 ? -ENODATA : r;
        }
        f->error = r;
        if (r < 0 && r != -ENODATA && (r != -ENOENT || res->error == 0))
                snprintf(res->message, sizeof(res->message), "%s", message);
        if (other->error != -EINPROGRESS || r == -ENOENT ||
            (r == 0 &&
             (loop_timer_new(res->resolver->event, "resolve-grace", on_grace, res, &res->grace) < 0 ||
              loop_timer_set_after(res->grace, OTHER_FAMILY_USEC) < 0)))
                resolve_conclude(res);
}

static int on_finished(sd_event_source *s, void *userdata)
{
        Resolve *res = userdata;

        resolve_finish(res, res->error);
        return 0;
}

/* What needs no question. */
static bool resolve_locally(Resolve *res)
{
        struct sockaddr_storage found[RESOLVE_ADDRESSES_MAX];
        size_t size = strlen(res->name), n;

        if (address_parse(res->name, 0, &found[0], NULL) >= 0) {
                add_sockaddr(res, &found[0]);
                return true;
        }
        if (!dns_name_valid(res->name) || streq(res->name, ".")) {
                res->error = -EINVAL;
                strcpy(res->message, "not a valid name");
                return true;
        }
        if (res->name[size - 1] == '.') /* for the hosts file only */
                res->name[size - 1] = '\0';
        n = resolve_system_hosts(res->resolver->system, res->name, found, ELEMENTSOF(found));
        res->name[size - 1] = res->name[size - 1] ? res->name[size - 1] : '.';
        for (size_t i = 0; i < n; i++)
                add_sockaddr(res, &found[i]);
        return n > 0;
}

int resolve_start(Resolver *r, const char *name, unsigned flags, uint64_t timeout_usec, ResolveDone done,
                  void *userdata, Resolve **ret)
{
        _cleanup_(resolve_freep) Resolve *res = NULL;
        uint64_t now = clock_boot_usec();
        int error;

        assert(r);
        assert(name);
        assert(done);
        assert(ret);

        res = calloc(1, sizeof(*res));
        if (!res)
                return -ENOMEM;
        *res = (Resolve){
                        .resolver = r,
                        .name = strdup(name),
                        .flags = flags,
                        .v6 = {.resolve = res, .type = 28},
                        .v4 = {.resolve = res, .type = 1},
                        .done = done,
                        .userdata = userdata,
        };
        if (!res->name)
                return -ENOMEM;
        if (resolve_locally(res)) {
                error = loop_add_once(r->event, "resolved", on_finished, res, &res->finished);
        } else {
                if ((flags & RESOLVE_REMEMBER) && remembered_find(r, name))
                        timeout_usec = MIN(timeout_usec / 2, REMEMBERED_WAIT_USEC);
                res->deadline_usec = timeout_usec < USEC_NEVER - now ? now + timeout_usec : USEC_NEVER;
                res->n_candidates = count_candidates(res);
                error = candidates_ask(res);
        }
        if (error < 0)
                return error;
        *ret = TAKE_PTR(res);
        return 0;
}

Resolve *resolve_free(Resolve *res)
{
        if (!res)
                return NULL;
        resolve_stop(res);
        loop_source_free(res->finished);
        free(res->name);
        free(res);
        return NULL;
}
