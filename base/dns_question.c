/* SPDX-License-Identifier: MIT */
/* One DNS question to several servers: in turn when one cannot answer, side by side when one is slow. */
#include "base/dns.h"

#include "base/clock.h"

#include <ares.h>

#define PATIENCE_MIN_USEC (50 * USEC_PER_MSEC)
#define PATIENCE_MAX_USEC (1 * USEC_PER_SEC)

typedef struct Candidate {
        struct sockaddr_storage address;
        DnsQuestion *question;
        DnsAsk *ask;
        bool asked, failed;
        int error; /* when failed */
        char reason[32];
} Candidate;

struct DnsQuestion {
        DnsPool *pool;
        char *name;
        int type;
        uint64_t patience_usec, deadline_usec;
        sd_event_source *timer;
        DnsQuestionDone done;
        void *userdata;
        size_t n_servers, next;
        Candidate servers[];
};

static const char *rcode_name(unsigned rcode)
{
        static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                            "NXDOMAIN", "NOTIMP",  "REFUSED"};

        return rcode < ELEMENTSOF(names) ? names[rcode] : "an error";
}

/* How much a server's failure says: an answer, then our own trouble, then silence. */
static int failure_rank(int error)
{
        switch (error) {
        case -EAGAIN:
                return 3;
        case -ETIMEDOUT:
                return 1;
        default:
                return 2;
        }
}

/* used: the server whose packet is in the answer, or NULL. */
static void question_finish(DnsQuestion *q, DnsAnswer *answer, const Candidate *used)
{
        (void) loop_timer_set(q->timer, USEC_NEVER);
        for (Candidate *s = q->servers; s < q->servers + q->n_servers; s++)
                if (s != used)
                        s->ask = dns_ask_free(s->ask);
        q->done(q, answer, q->userdata); /* may free q */
}

static void question_fail(DnsQuestion *q)
{
        const Candidate *worst = NULL;
        char text[ADDRESS_SIZE], message[256];
        DnsAnswer answer;

        for (Candidate *s = q->servers; s < q->servers + q->n_servers; s++) {
                if (s->asked && !s->failed)
                        *s = (Candidate){s->address, q,          dns_ask_free(s->ask), true,
                                         true,       -ETIMEDOUT, "no answer"};
                if (s->failed && (!worst || failure_rank(s->error) > failure_rank(worst->error)))
                        worst = s;
        }
        assert(worst);
        answer = (DnsAnswer){.error = worst->error, .message = message};
        address_format(text, &worst->address);
        if (worst->error == -EAGAIN || worst->error == -ETIMEDOUT)
                snprintf(message, sizeof(message), "%s from %s", worst->reason, text);
        else
                snprintf(message, sizeof(message), "cannot ask %s: %s", text, strerror(-worst->error));
        question_finish(q, &answer, NULL);
}

static void candidate_fail(Candidate *s, int error, const char *reason)
{
        s->failed = true;
        s->error = error;
        snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

/* What the socket said about the server, or about us. */
static void candidate_fail_errno(Candidate *s, int error)
{
        switch (error) {
        case -ETIMEDOUT:
                candidate_fail(s, -ETIMEDOUT, "no answer");
                break;
        case -ECONNREFUSED:
                candidate_fail(s, -EAGAIN, "connection refused");
                break;
        case -ECONNRESET:
        case -EPIPE:
                candidate_fail(s, -EAGAIN, "connection reset");
                break;
        case -EHOSTUNREACH:
                candidate_fail(s, -ETIMEDOUT, "host unreachable: no answer");
                break;
        default:
                candidate_fail(s, error, strerror(-error));
                break;
        }
}

/* A referral instead of an answer: neither authoritative nor willing to recurse. */
static bool is_lame(const uint8_t *packet)
{
        bool authoritative = packet[2] & 0x04, recursive = packet[3] & 0x80;

        return packet[6] == 0 && packet[7] == 0 && !authoritative && !recursive;
}

static void question_next(DnsQuestion *q);

static void on_reply(DnsAsk *ask, int error, const uint8_t *packet, size_t size, void *userdata)
{
        Candidate *s = userdata;
        DnsQuestion *q = s->question;
        DnsAnswer answer;

        if (error < 0)
                candidate_fail_errno(s, error);
        else if ((packet[3] & 0x0f) == 0 && !is_lame(packet)) {
                answer = (DnsAnswer){.message = "", .packet = packet, .size = size};
                question_finish(q, &answer, s);
                return;
        } else if ((packet[3] & 0x0f) == 3) {
                answer = (DnsAnswer){.error = -ENOENT, .message = "NXDOMAIN"};
                question_finish(q, &answer, s);
                return;
        } else
                candidate_fail(s, -EAGAIN,
                               is_lame(packet) && (packet[3] & 0x0f) == 0 ? "a mere referral"
                                                                          : rcode_name(packet[3] & 0x0f));
        s->ask = dns_ask_free(s->ask);
        question_next(q);
}

static bool question_waits(const DnsQuestion *q)
{
        for (const Candidate *s = q->servers; s < q->servers + q->n_servers; s++)
                if (s->asked && !s->failed)
                        return true;
        return false;
}

static void question_ask(DnsQuestion *q)
{
        Candidate *s = &q->servers[q->next++];
        int r;

        s->asked = true;
        r = dns_ask_start(q->pool, &s->address, q->name, q->type, on_reply, s, &s->ask);
        if (r < 0)
                candidate_fail(s, r, strerror(-r));
}

static void question_arm(DnsQuestion *q)
{
        uint64_t now = clock_boot_usec(), due = q->deadline_usec;

        if (q->next < q->n_servers)
                due = MIN(due, now + q->patience_usec);
        if (!question_waits(q) && q->next == q->n_servers)
                due = now; /* all failed within their start: said from the loop */
        if (loop_timer_set(q->timer, due) < 0)
                (void) loop_timer_set(q->timer, now);
}

static void question_next(DnsQuestion *q)
{
        if (q->next < q->n_servers) {
                question_ask(q);
                question_arm(q);
        } else if (!question_waits(q))
                question_fail(q);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        DnsQuestion *q = userdata;

        if (clock_boot_usec() < q->deadline_usec && (question_waits(q) || q->next < q->n_servers)) {
                if (q->next < q->n_servers)
                        question_ask(q);
                question_arm(q);
        } else
                question_fail(q);
        return 0;
}

int dns_question_start(DnsPool *pool, sd_event *event, const struct sockaddr_storage *servers,
                       size_t n_servers, const char *name, int type, uint64_t timeout_usec,
                       DnsQuestionDone done, void *userdata, DnsQuestion **ret)
{
        DnsQuestion *q;
        uint64_t now = clock_boot_usec();
        int r;

        assert(n_servers > 0);
        assert(done);

        if (!dns_name_valid(name))
                return -EINVAL;
        n_servers = MIN(n_servers, (size_t) DNS_SERVERS_MAX);
        q = calloc(1, sizeof(*q) + n_servers * sizeof(*q->servers));
        if (!q)
                return -ENOMEM;
        q->pool = pool;
        q->type = type;
        q->done = done;
        q->userdata = userdata;
        q->n_servers = n_servers;
        for (size_t i = 0; i < q->n_servers; i++)
                q->servers[i] = (Candidate){.address = servers[i], .question = q};
        q->deadline_usec = timeout_usec < USEC_NEVER - now ? now + timeout_usec : USEC_NEVER;
        q->patience_usec = MIN(MAX(timeout_usec / (q->n_servers + 1), PATIENCE_MIN_USEC), PATIENCE_MAX_USEC);
        q->name = strdup(name);
        r = q->name ? loop_timer_new(event, "dns-question", on_timer, q, &q->timer) : -ENOMEM;
        if (r < 0) {
                dns_question_free(q);
                return r;
        }
        question_ask(q);
        question_arm(q);
        *ret = q;
        return 0;
}

DnsQuestion *dns_question_free(DnsQuestion *q)
{
        if (!q)
                return NULL;
        for (Candidate *s = q->servers; s < q->servers + q->n_servers; s++)
                dns_ask_free(s->ask);
        loop_source_free(q->timer);
        free(q->name);
        free(q);
        return NULL;
}
