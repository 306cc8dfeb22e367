/* SPDX-License-Identifier: MIT */
/* Notices come in: the cheap checks at once, signatures in turn, and then what they say is in force. How nodes are: inbox_nodes.c. */
#include "base/clock.h"
#include "base/log.h"
#include "base/message_id.h"
#include "base/text.h"
#include "federation/inbox_private.h"
#include "federation/origin.h"
#include "federation/routes.h"

/* Beside the beginning of searches, behind all who are being answered. */
#define VERIFY_PRIORITY 100
#define VERIFY_TURN     4 /* signatures in one turn of the loop: some 0.3 ms */
#define LOG_USEC        USEC_PER_MIN

typedef struct Letter { /* waits for its signature to be verified */
        LaneEntry entry;
        HttpRequest *request;
        json_t *object;
        Envelope envelope; /* of object */
        uint8_t key[SIGN_PUBLIC_SIZE];
} Letter;

static const char *const result_names[] = {
                [INBOX_APPLIED] = "applied",
                [INBOX_DUPLICATE] = "duplicate",
                [INBOX_OLD] = "old",
                [INBOX_UNKEPT] = "unkept",
                [INBOX_MALFORMED] = "malformed",
                [INBOX_RECIPIENT] = "recipient",
                [INBOX_TIME] = "time",
                [INBOX_UNKNOWN] = "unknown",
                [INBOX_KEY] = "key",
                [INBOX_SIGNATURE] = "signature",
                [INBOX_TYPE] = "type",
                [INBOX_RATE] = "rate",
                [INBOX_UNAVAILABLE] = "unavailable",
};

/* --- answers --- */

static void count(Inbox *i, InboxResult r)
{
        i->counts[r]++;
}

static void count_word(Inbox *i, const char *word)
{
        for (unsigned r = 0; r < _INBOX_RESULT_MAX; r++)
                if (streq(result_names[r], word)) {
                        count(i, (InboxResult) r);
                        return;
                }
        assert(!"known word");
}

static void reply(HttpRequest *r, unsigned status, json_t *document)
{
        if (document)
                http_reply_json(r, status, document);
        else
                http_reply_error(r, 500, "out of memory");
}

/* Once a minute, however many there are: whoever sends them must not fill our log. */
static void log_refusal(Inbox *i, const char *from, const EnvelopeRefusal *refusal)
{
        uint64_t now = clock_boot_usec();

        if (i->logged_usec > 0 && now - i->logged_usec < LOG_USEC) {
                i->n_unlogged++;
                return;
        }
        if (i->n_unlogged > 0)
                log_notice("a notice from %s was refused (%s): %s; so were %lu since the last one told", from,
                           refusal->word, refusal->reason, (unsigned long) i->n_unlogged);
        else
                log_notice("a notice from %s was refused (%s): %s", from, refusal->word, refusal->reason);
        i->logged_usec = now;
        i->n_unlogged = 0;
}

static void refuse(Inbox *i, HttpRequest *r, const EnvelopeRefusal *refusal)
{
        const char *from = http_client(r);

        count_word(i, refusal->word);
        log_refusal(i, *from ? from : "a Unix socket", refusal);
        if (refusal->status == 429 || refusal->status == 503)
                http_add_header(r, "Retry-After", refusal->status == 429 ? "2" : "5");
        reply(r, refusal->status, envelope_refusal_document(refusal));
}

static json_t *answer_document(bool news)
{
        json_t *j = json_object();

        json_put(j, "success", json_true());
        json_put(j, news ? "applied" : "duplicate", json_true());
        return json_whole(j);
}

/* It is in force whatever became of it; but what is not kept must come again. */
static void on_kept(Inbox *i, HttpRequest *request, bool news, int r, const char *error)
{
        EnvelopeRefusal refusal;

        if (r >= 0) {
                count(i, news ? INBOX_APPLIED : INBOX_DUPLICATE);
                reply(request, 200, answer_document(news));
                return;
        }
        envelope_refuse(&refusal, 503, "unkept", "it is in force, but could not be kept: %.120s",
                        *error ? error : error_words(-r));
        refuse(i, request, &refusal);
}

/* --- judging --- */

static void log_news(const InboxNode *n, const Notice *notice)
{
        const char *id = n->failed ? "MESSAGE_ID=" MESSAGE_PEER_FAILED : "MESSAGE_ID=" MESSAGE_PEER_BACK;
        char since[TIMESTAMP_SIZE], peer[300];
        const char *const fields[] = {id, peer, NULL};

        snprintf(peer, sizeof(peer), "FAILOVER_PEER=%s", n->id);
        if (!n->failed)
                log_fields(LOG_NOTICE, fields, "%s says that it is back", n->id);
        else if (*n->url)
                log_fields(LOG_NOTICE, fields, "%s says that it has failed (%s): its buyers go to %s", n->id,
                           timestamp_format(since, n->since_usec), n->url);
        else
                log_fields(LOG_NOTICE, fields,
                           "%s says that it has failed (%s), and nothing takes its place: no buyers go "
                           "there%s%s",
                           n->id, timestamp_format(since, n->since_usec), *notice->passed_over ? "; " : "",
                           notice->passed_over);
}

static char *describe(const InboxNode *n, const Notice *notice, bool news)
{
        if (!news)
                return string_printf("%s %s: as was known", notice_type_name(notice->type), notice->id);
        return string_printf("%s %s: %s%s%s%s", notice_type_name(notice->type), notice->id,
                             !n->failed ? "it is back"
                             : *n->url  ? "its buyers go to "
                                        : "its buyers go nowhere",
                             n->url, *notice->passed_over ? "; " : "", notice->passed_over);
}

static int apply(Inbox *i, InboxNode *n, const Notice *notice, HttpRequest *r)
{
        bool failed = notice->type == NOTICE_FAILURE,
             news = failed != n->failed || !streq(n->url, notice->fallback_url);
        _cleanup_free_ char *detail = NULL;
        int error;

        news = failed ? news : n->failed;
        error = inbox_set(n, failed, notice->fallback_url, notice->occurred_usec);
        if (error < 0)
                return error;
        notice_mark(&n->mark, notice);
        if (news) {
                inbox_tell(i, n);
                if (ration_take(&n->lines, INBOX_ENTRIES_BURST, INBOX_ENTRY_USEC, clock_boot_usec()) == 0)
                        log_news(n, notice);
        }
        detail = describe(n, notice, news);
        return inbox_keep(i, n, "notice-applied", http_client(r), detail, r, true, on_kept);
}

/* Consumes the request. */
static void judge(Inbox *i, const Envelope *e, const Notice *notice, HttpRequest *r)
{
        InboxNode *n = inbox_node(i, e->node) ?: inbox_node_new(i, e->node);
        EnvelopeRefusal refusal;
        unsigned rate = i->f->config->limits.notices_per_second;
        int error = 0;

        if (n)
                inbox_node_seen(i, n);
        if (!n)
                error = -ENOMEM;
        else if (rate > 0 && ration_take(&n->notices, 2 * rate, USEC_PER_SEC / rate, clock_boot_usec()) > 0) {
                envelope_refuse(&refusal, 429, "rate", "more than %u notices of `%s` in a second", rate,
                                e->node);
                refuse(i, r, &refusal);
                return;
        } else
                switch (notice_judge(&n->mark, notice)) {
                case NOTICE_APPLY:
                        error = apply(i, n, notice, r);
                        break;
                case NOTICE_DUPLICATE:
                        if (n->durable == n->version) {
                                count(i, INBOX_DUPLICATE);
                                reply(r, 200, answer_document(false));
                                return;
                        }
                        error = inbox_keep(i, n, "notice-applied", http_client(r), NULL, r, false, on_kept);
                        break;
                case NOTICE_OLD:
                        envelope_refuse(&refusal, 409, "old",
                                        "something newer of `%s` is known: its number is %lld, "
                                        "and this one's %lld",
                                        e->node, (long long) n->mark.seq, (long long) notice->seq);
                        refuse(i, r, &refusal);
                        return;
                }
        if (error < 0) {
                if (error == -EBUSY)
                        envelope_refuse(&refusal, 503, "unkept",
                                        "it is in force, but too much waits for the disk");
                else
                        envelope_refuse(&refusal, 503, "unavailable", "out of memory");
                refuse(i, r, &refusal);
        }
}

/* --- verifying --- */

static void letter_free(Letter *l)
{
        json_decref(l->object);
        free(l);
}

/* Another's shop is nobody's fallback: that this one has failed is true all the same. */
static void pass_over(const Inbox *i, const char *node, Notice *notice)
{
        const char *why = origin_clash(i->f, node, notice->fallback_url);

        if (!why)
                return;
        snprintf(notice->passed_over, sizeof(notice->passed_over), "%s: not used here", why);
        notice->fallback_url[0] = '\0';
}

static void letter_open(Inbox *i, Letter *l)
{
        uint64_t began = clock_boot_usec();
        EnvelopeRefusal refusal;
        Notice notice;
        int r;

        r = envelope_verify(&l->envelope, i->f->members, l->key, &refusal);
        i->n_verified++;
        i->verify_usec += clock_boot_usec() - began;
        if (r >= 0)
                r = notice_read(&l->envelope, (const char *const *) i->f->config->network.allow_private_peers,
                                &notice, &refusal);
        if (r < 0)
                refuse(i, l->request, &refusal);
        else {
                pass_over(i, l->envelope.node, &notice);
                judge(i, &l->envelope, &notice, l->request);
        }
        letter_free(l);
}

static int on_verify(sd_event_source *s, void *userdata)
{
        Inbox *i = userdata;
        Letter *l;

        for (unsigned k = 0; k < VERIFY_TURN && (l = (Letter *) lanes_next(i->lanes)); k++)
                letter_open(i, l);
        if (lanes_count(i->lanes) > 0)
                (void) sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        return 0;
}

/* --- taking in --- */

static int read_letter(Inbox *i, HttpRequest *r, Letter *l, EnvelopeRefusal *refusal)
{
        const Federation *f = i->f;
        size_t size;
        const void *body = http_body(r, &size);
        Error e;
        int n;

        if (!i->ready || !members_ready(f->members))
                return envelope_refuse(refusal, 503, "unavailable",
                                       "this node does not know yet what it has seen before");
        if (size > ENVELOPE_MAX)
                return envelope_refuse(refusal, 413, "malformed", "it is larger than %u bytes", ENVELOPE_MAX);
        n = json_parse(body, size, &l->object, &e);
        if (n == -ENOMEM)
                return envelope_refuse(refusal, 503, "unavailable", "out of memory");
        if (n < 0)
                return envelope_refuse(refusal, 400, "malformed", "it is no JSON: %.150s", e.text);
        return envelope_look(l->object, f->config->node.id, f->members, clock_wall_usec(), &l->envelope,
                             l->key, refusal);
}

void inbox_take(Inbox *i, HttpRequest *r)
{
        EnvelopeRefusal refusal;
        Letter *l = calloc(1, sizeof(*l));
        int n;

        if (!l) {
                envelope_refuse(&refusal, 503, "unavailable", "out of memory");
                refuse(i, r, &refusal);
                return;
        }
        l->request = r;
        n = read_letter(i, r, l, &refusal);
        if (n >= 0) {
                n = lanes_add(i->lanes, &l->entry, l->envelope.node, http_client(r));
                if (n == -EBUSY)
                        envelope_refuse(&refusal, 429, "rate",
                                        "too many that say they are of `%s` wait already", l->envelope.node);
                else if (n < 0)
                        envelope_refuse(&refusal, 503, "unavailable", "too many notices wait already");
        }
        if (n < 0) {
                refuse(i, r, &refusal);
                letter_free(l);
                return;
        }
        (void) sd_event_source_set_enabled(i->verify, SD_EVENT_ONESHOT);
}

/* --- counting --- */

void inbox_counts(const Inbox *i, void (*fn)(const char *result, uint64_t n, void *userdata), void *userdata)
{
        for (unsigned r = 0; r < _INBOX_RESULT_MAX; r++)
                fn(result_names[r], i->counts[r], userdata);
}

void inbox_spent(const Inbox *i, uint64_t *ret_verified, uint64_t *ret_usec)
{
        *ret_verified = i->n_verified;
        *ret_usec = i->verify_usec;
}

/* --- life --- */

static int on_again(sd_event_source *s, uint64_t usec, void *userdata)
{
        Inbox *i = userdata;

        if (inbox_load(i) < 0)
                (void) loop_timer_set_after(s, USEC_PER_SEC);
        return 0;
}

int inbox_new(Federation *f, void (*loaded)(void *userdata), void *userdata, Inbox **ret)
{
        _cleanup_(inbox_freep) Inbox *i = calloc(1, sizeof(*i));
        int r;

        if (!i)
                return -ENOMEM;
        i->f = f;
        i->loaded = loaded;
        i->loaded_userdata = userdata;
        r = lanes_new(&i->lanes);
        if (r >= 0)
                r = inbox_keep_init(i);
        if (r >= 0)
                r = loop_timer_new(f->event, "inbox-again", on_again, i, &i->again);
        if (r >= 0)
                r = loop_add_once(f->event, "inbox-verify", on_verify, i, &i->verify);
        if (r >= 0)
                r = sd_event_source_set_priority(i->verify, VERIFY_PRIORITY);
        if (r >= 0)
                r = sd_event_source_set_enabled(i->verify, SD_EVENT_OFF);
        if (r >= 0)
                r = inbox_load(i);
        if (r < 0)
                return r;
        inbox_nodes_follow(i);
        *ret = TAKE_PTR(i);
        return 0;
}

Inbox *inbox_free(Inbox *i)
{
        InboxNode *n, *next;
        Letter *l;

        if (!i)
                return NULL;
        while (i->lanes && (l = (Letter *) lanes_next(i->lanes))) {
                http_reply_error(l->request, 503, "this node is stopping");
                letter_free(l);
        }
        lanes_free(i->lanes);
        loop_source_free(i->again);
        loop_source_free(i->verify);
        loop_source_free(i->patience);
        HASH_ITER(hh, i->nodes, n, next)
        {
                inbox_node_free(i, n);
        }
        free(i);
        return NULL;
}

void route_messages(Federation *f, HttpRequest *r, const char *rest)
{
        inbox_take(f->inbox, r);
}
