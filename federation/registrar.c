/* SPDX-License-Identifier: MIT */
/* A registration on its way: read, judged, rationed, its addresses looked up, judged again, written, answered. */
#include "federation/registrar.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/ration.h"
#include "base/text.h"
#include "federation/admission.h"
#include "federation/members_private.h"
#include "federation/place_check.h"
#include "federation/registry_text.h"
#include "federation/routes.h"

typedef struct Applicant {
        Registrar *registrar;
        HttpRequest *request; /* NULL: answered already, since the disk has let him wait too long */
        uint64_t until_usec;
        NodeDocument *document;
        uint8_t origin[16];
        char actor[96];
        PlaceCheck *places; /* looks up where its urls lead */
        bool placed;        /* and they lead nowhere that is forbidden */
        bool is_new;
        TAILQ_ENTRY(Applicant) entry;
} Applicant;

struct Registrar {
        Federation *f;
        Ration *addresses;
        uint64_t all; /* bucket */
        RegistrarCounts counts;
        size_t n_lookups;
        TAILQ_HEAD(, Applicant) list; /* in the order in which they lose patience */
        sd_event_source *patience;
        bool armed;
};

/* --- answers --- */

static void applicant_free(Applicant *g)
{
        if (!g)
                return;
        TAILQ_REMOVE(&g->registrar->list, g, entry);
        g->registrar->n_lookups -= g->places != NULL;
        place_check_free(g->places);
        node_document_free(g->document);
        free(g);
}

static void refuse(Applicant *g, unsigned status, const char *reason)
{
        RegistrarCounts *counts = &g->registrar->counts;

        if (status == 429)
                counts->limited++;
        else if (status == 503)
                counts->failed++;
        else
                counts->refused++;
        http_reply_error(g->request, status, "%s", reason);
        applicant_free(g);
}

static void refuse_for(Applicant *g, unsigned status, uint64_t usec, const char *reason)
{
        char seconds[32];

        snprintf(seconds, sizeof(seconds), "%llu",
                 (unsigned long long) ((usec + USEC_PER_SEC - 1) / USEC_PER_SEC));
        http_add_header(g->request, "Retry-After", seconds);
        refuse(g, status, reason);
}

/* The node as it stands in the registry now. */
static void answer(Applicant *g, const Member *member, bool created)
{
        _cleanup_text_ Text t = {0};

        text_add_string(&t, "{\"success\":true,\"node\":");
        registry_add_node(&t, g->registrar->f, member, false);
        text_add_string(&t, "}");
        if (t.failed)
                http_reply_error(g->request, 500, "out of memory");
        else
                http_reply(g->request, created ? 201 : 200, "application/json", t.data, t.size);
        applicant_free(g);
}

/* --- what it may write --- */

static bool is_own_change(const Admission *a)
{
        return a->verdict == ADMISSION_CHANGE && a->member && member_is_accepted(a->member);
}

/* 0: it may, else how long to wait. Accepted nodes do not stand in the queue of strangers. */
static uint64_t take_ration(Applicant *g, const Admission *a)
{
        Registrar *r = g->registrar;
        uint64_t now = clock_boot_usec(), wait;

        if (is_own_change(a)) {
                Member *m = members_get(r->f->members, a->member->id);

                return ration_take(&m->bucket, REGISTRAR_OWN_BURST, REGISTRAR_OWN_USEC, now);
        }
        wait = ration_take_of(r->addresses, g->origin, REGISTRAR_ADDRESS_BURST, REGISTRAR_ADDRESS_USEC, now);
        return wait > 0 ? wait : ration_take(&r->all, REGISTRAR_ALL_BURST, REGISTRAR_ALL_USEC, now);
}

static size_t waiting_of(const Members *m, const uint8_t origin[static 16])
{
        size_t n = 0;

        for (size_t i = 0; i < m->n; i++)
                n += m->members[i]->state == MEMBER_PENDING && memcmp(m->members[i]->origin, origin, 16) == 0;
        return n;
}

/* The one that has waited longest of those that may be dropped: unproven, and without a key when the newcomer has one, or old. */
static const Member *whom_to_drop(const Members *m, bool is_signed)
{
        uint64_t now = clock_wall_usec();
        const Member *oldest = NULL;

        for (size_t i = 0; i < m->n; i++) {
                const Member *x = m->members[i];
                bool stale = x->registered_usec + REGISTRAR_STALE_USEC < now;

                if (x->state != MEMBER_PENDING || x->stored != MEMBER_PENDING || x->proven ||
                    !(stale || (is_signed && !x->document->is_signed)) || members_changing(m, x->id))
                        continue;
                if (!oldest || x->registered_usec < oldest->registered_usec)
                        oldest = x;
        }
        return oldest;
}

/* Is there room for one more? *ret_drop: who must go for it, or NULL. False: it has been answered. */
static bool find_room(Applicant *g, const Member **ret_drop)
{
        const Members *m = g->registrar->f->members;
        size_t size = g->document->text_size + m->changes_bytes;

        *ret_drop = NULL;
        if (m->n + m->n_changes >= MEMBERS_MAX || m->bytes + size > MEMBERS_BYTES_MAX) {
                refuse_for(g, 503, USEC_PER_HOUR, "this registry is full");
                return false;
        }
        if (waiting_of(m, g->origin) >= MEMBERS_PENDING_PER_ADDRESS) {
                refuse_for(g, 429, USEC_PER_HOUR,
                           "too many nodes that were registered from your address wait to be accepted");
                return false;
        }
        if (m->n_pending + m->n_changes < MEMBERS_PENDING_MAX &&
            m->pending_bytes + size <= MEMBERS_PENDING_BYTES_MAX)
                return true;
        *ret_drop = whom_to_drop(m, g->document->is_signed);
        if (*ret_drop &&
            m->pending_bytes + size <= MEMBERS_PENDING_BYTES_MAX + (*ret_drop)->document->text_size)
                return true; /* or many large ones took the places of as many small ones */
        refuse_for(g, 503, USEC_PER_HOUR, "too many nodes wait to be accepted here already");
        return false;
}

/* --- writing --- */

static void on_written(MemberChange *c, int r, const char *error)
{
        Applicant *g = c->userdata;
        Registrar *registrar = g->registrar;
        const Member *member = members_find(c->members, c->id);

        if (!g->request) /* in force or not: nobody waits for it any more */
                applicant_free(g);
        else if (r >= 0 && member) {
                registrar->counts.added += g->is_new;
                registrar->counts.changed += !g->is_new;
                answer(g, member, g->is_new);
        } else {
                char text[300];

                snprintf(text, sizeof(text), "it cannot be kept now: %.200s", error);
                refuse_for(g, 503, 5 * USEC_PER_SEC, text);
        }
}

static void write_new(Applicant *g)
{
        Members *m = g->registrar->f->members;
        const NodeDocument *d = g->document;
        const Member *drop;
        MemberChange *c;

        if (!find_room(g, &drop))
                return;
        c = member_change_new(m, d->id, NULL);
        if (!c) {
                refuse(g, 500, "out of memory");
                return;
        }
        if (drop)
                snprintf(c->evicted, sizeof(c->evicted), "%s", drop->id);
        c->next.stored = MEMBER_PENDING;
        c->next.registered_usec = c->next.changed_usec;
        memcpy(c->next.origin, g->origin, sizeof(c->next.origin));
        member_change_say(c, "node-registered", g->actor, "%s: %.256s",
                          d->is_signed ? "signed" : "not signed", d->url);
        c->document = TAKE_PTR(g->document);
        c->done = on_written;
        c->userdata = g;
        g->is_new = true;
        member_change_submit(c);
}

static void write_change(Applicant *g, const Admission *a)
{
        const Member *member = a->member;
        const NodeDocument *d = g->document;
        MemberChange *c = member_change_new(g->registrar->f->members, member->id, member);

        if (!c) {
                refuse(g, 500, "out of memory");
                return;
        }
        c->next.unpinned = false;
        if (a->by_given_key) {
                c->next.has_given = c->next.proven = true;
                memcpy(c->next.given, member->key, sizeof(c->next.given));
        } else if (!streq(d->url, member_url(member)) && !member->config)
                c->next.proven = false; /* nobody has looked there yet */
        member_change_say(c, a->by_given_key ? "node-key-pinned" : "node-changed", g->actor, "%.256s",
                          d->url);
        c->document = TAKE_PTR(g->document);
        c->done = on_written;
        c->userdata = g;
        member_change_submit(c);
}

/* --- the steps --- */

static void judge(const Applicant *g, Admission *ret)
{
        const Federation *f = g->registrar->f;

        admission_judge(&(AdmissionQuestion){.members = f->members,
                                             .self_id = f->config->node.id,
                                             .self_url = f->config->node.url,
                                             .document = g->document,
                                             .origin = g->origin,
                                             .now_usec = clock_wall_usec()},
                        ret);
}

static void step(Applicant *g);
static void go_on(Applicant *g);

static void on_places(PlaceCheck *check, const char *problem, void *userdata)
{
        Applicant *g = userdata;
        char text[300];

        snprintf(text, sizeof(text), "%s", problem ? problem : "");
        g->places = place_check_free(g->places);
        g->registrar->n_lookups--;
        if (problem)
                refuse(g, 400, text);
        else
                go_on(g);
}

static void go_on(Applicant *g)
{
        g->placed = true;
        step(g);
}

static void look_up(Applicant *g)
{
        Registrar *r = g->registrar;
        const NodeDocument *d = g->document;
        const char *const urls[] = {d->url, d->fallback_url, d->checkout_url};
        char problem[PLACE_TEXT_SIZE];
        int n;

        if (r->n_lookups >= REGISTRAR_LOOKUPS_MAX) {
                refuse_for(g, 503, USEC_PER_SEC, "too many registrations at once");
                return;
        }
        n = place_check_start(r->f->resolver, (const char *const *) r->f->config->network.allow_private_peers,
                              urls, ELEMENTSOF(urls), on_places, g, &g->places, problem);
        if (n > 0)
                r->n_lookups++;
        else if (n == 0)
                go_on(g);
        else if (n == -EPERM)
                refuse(g, 400, problem);
        else
                refuse_for(g, 503, USEC_PER_SEC, error_words(n));
}

static void step(Applicant *g)
{
        Registrar *r = g->registrar;
        const Member *drop;
        uint64_t wait;
        Admission a;

        if (!members_settled(r->f->members) || members_changing(r->f->members, g->document->id))
                return; /* resume() comes back to it */
        if (!members_ready(r->f->members)) {
                refuse_for(g, 503, 5 * USEC_PER_SEC, "the registry cannot be read now");
                return;
        }
        judge(g, &a);
        if (a.verdict == ADMISSION_REFUSED) {
                refuse(g, a.status, a.reason);
                return;
        }
        if (a.verdict == ADMISSION_SAME) {
                r->counts.unchanged++;
                answer(g, a.member, false);
                return;
        }
        if (!g->placed) {
                if (a.verdict == ADMISSION_NEW && !find_room(g, &drop))
                        return; /* before it takes of what there is for all */
                wait = take_ration(g, &a);
                if (wait > 0)
                        refuse_for(g, 429, wait, "too many registrations: come again later");
                else
                        look_up(g);
                return;
        }
        if (a.verdict == ADMISSION_NEW)
                write_new(g);
        else
                write_change(g, &a);
}

/* Each that waits for nothing else: it was the change of its own node. */
static void resume(Registrar *r)
{
        Applicant *g, *next;

        for (g = TAILQ_FIRST(&r->list); g; g = next) {
                next = TAILQ_NEXT(g, entry);
                if (!g->places && g->document)
                        step(g);
        }
}

/* --- beginning --- */

static void arm(Registrar *r, uint64_t usec)
{
        r->armed = loop_timer_set(r->patience, usec) >= 0;
}

static NodeDocument *read_document(HttpRequest *request)
{
        size_t size;
        const char *body = http_body(request, &size);
        _cleanup_json_ json_t *j = NULL;
        NodeDocument *d = NULL;
        Error e;
        int r;

        if (size > NODE_DOCUMENT_MAX) {
                http_reply_error(request, 413, "an entry has at most %d KiB", NODE_DOCUMENT_MAX / 1024);
                return NULL;
        }
        r = json_parse(body ? body : "", size, &j, &e);
        if (r >= 0)
                r = node_document_read(j, &d, &e);
        if (r >= 0)
                return d;
        http_reply_error(request, r == -E2BIG ? 413 : r == -ENOMEM ? 500 : 400, "%s", e.text);
        return NULL;
}

void registrar_take(Registrar *r, HttpRequest *request)
{
        NodeDocument *document;
        Applicant *g;

        document = read_document(request);
        if (!document) {
                r->counts.refused++;
                return;
        }
        g = calloc(1, sizeof(*g));
        if (!g) {
                node_document_free(document);
                http_reply_error(request, 500, "out of memory");
                return;
        }
        g->registrar = r;
        g->request = request;
        g->document = document;
        snprintf(g->actor, sizeof(g->actor), "%s",
                 *http_client(request) ? http_client(request) : "a Unix socket");
        (void) ration_origin(http_client(request), g->origin); /* all Unix sockets are one */
        g->until_usec = clock_boot_usec() + WAIT_USEC;
        if (!r->armed)
                arm(r, g->until_usec);
        TAILQ_INSERT_TAIL(&r->list, g, entry);
        step(g);
}

/* The disk hangs, say: whoever asks must not hang with it. What is on its way to the disk goes on. */
static int on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
        Registrar *r = userdata;
        Applicant *g, *next;

        r->armed = false;
        for (g = TAILQ_FIRST(&r->list); g; g = next) {
                next = TAILQ_NEXT(g, entry);
                if (g->until_usec > clock_boot_usec()) {
                        arm(r, g->until_usec);
                        break;
                }
                if (g->request && g->document)
                        refuse_for(g, 503, 5 * USEC_PER_SEC, "it cannot be kept now");
                else if (g->request) {
                        r->counts.failed++;
                        route_unavailable(g->request,
                                          "the disk does not answer: it may be kept yet, ask again");
                        g->request = NULL;
                }
        }
        return 0;
}

/* A change has ended: somebody may have waited for it. */
static void on_member(const Member *member, void *userdata)
{
        Registrar *r = userdata;

        if (!r->f->stopping) /* nothing more may be written */
                resume(r);
}

int registrar_new(Federation *f, Registrar **ret)
{
        Registrar *r = calloc(1, sizeof(*r));
        int n;

        if (!r)
                return -ENOMEM;
        r->f = f;
        TAILQ_INIT(&r->list);
        n = loop_timer_new(f->event, "registrations", on_patience, r, &r->patience);
        if (n >= 0)
                n = ration_new(&r->addresses);
        if (n < 0) {
                registrar_free(r);
                return n;
        }
        members_on_change(f->members, on_member, r);
        *ret = r;
        return 0;
}

Registrar *registrar_free(Registrar *r)
{
        Applicant *g;

        if (!r)
                return NULL;
        while ((g = TAILQ_FIRST(&r->list)))
                if (g->request)
                        refuse_for(g, 503, USEC_PER_SEC, "the service ends");
                else
                        applicant_free(g);
        loop_source_free(r->patience);
        ration_free(r->addresses);
        free(r);
        return NULL;
}

void registrar_counts(const Registrar *r, RegistrarCounts *ret)
{
        *ret = r->counts;
        ret->waiting = 0;
        for (const Applicant *g = TAILQ_FIRST(&r->list); g; g = TAILQ_NEXT(g, entry))
                ret->waiting++;
}
