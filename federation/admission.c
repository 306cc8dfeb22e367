/* SPDX-License-Identifier: MIT */
/* Who may be in the registry as what. */
#include "federation/admission.h"

#include <stdarg.h>
#include <strings.h>

static void refuse(Admission *a, unsigned status, const char *format, ...) _printf_(3, 4);
static void refuse(Admission *a, unsigned status, const char *format, ...)
{
        va_list ap;

        a->verdict = ADMISSION_REFUSED;
        a->status = status;
        va_start(ap, format);
        vsnprintf(a->reason, sizeof(a->reason), format, ap);
        va_end(ap);
}

int admission_check_given(const NodeDocument *d, const Member *member, uint64_t now_usec, Error *e)
{
        const NodeKey *key = node_document_lists(d, member->key);
        _cleanup_json_ json_t *j = NULL;
        int r;

        assert(member->has_key);

        if (!key || key->expired_usec > 0)
                return error_set(e, -EKEYREJECTED, "it is not signed by the key that the operator has given");
        r = node_document_verify(d, now_usec, e);
        if (r < 0)
                return r;
        j = node_document_json(d);
        if (!j)
                return error_set(e, -ENOMEM, "out of memory");
        return verify_json(j, d->id, key->id, key->public_key, e);
}

/* --- one that is there --- */

static void judge_given(const AdmissionQuestion *q, Admission *a)
{
        Error e;

        if (admission_check_given(q->document, a->member, q->now_usec, &e) < 0) {
                refuse(a, a->member->config ? 403 : 409, "%.150s", e.text);
                return;
        }
        a->verdict = ADMISSION_CHANGE;
        a->by_given_key = true;
}

static void judge_pinned(const AdmissionQuestion *q, Admission *a)
{
        unsigned status = a->member->config ? 403 : 409;
        Error e;
        int r;

        if (!q->document->is_signed) {
                refuse(a, status, "`%s` signs what it says: this is not signed", a->member->id);
                return;
        }
        r = node_document_succeeds(a->member->document, q->document, q->now_usec, &e);
        if (r < 0)
                refuse(a, status, "`%s` is taken: %.150s", a->member->id, e.text);
        else
                a->verdict = r > 0 ? ADMISSION_SAME : ADMISSION_CHANGE;
}

static void judge_configured(const AdmissionQuestion *q, Admission *a)
{
        const Member *m = a->member;

        if (!q->document->is_signed && streq(q->document->url, m->config->url))
                a->verdict = ADMISSION_SAME;
        else if (!q->document->is_signed)
                refuse(a, 403, "`%s` is reserved for %.100s", m->id, m->config->url);
        else if (member_is_pinned(m))
                judge_pinned(q, a);
        else if (m->has_key)
                judge_given(q, a);
        else
                refuse(a, 403,
                       "`%s` is reserved: its key is taken from the document at its own address, "
                       "nowhere else",
                       m->id);
}

/* It has no key that counts. */
static void judge_unpinned(const AdmissionQuestion *q, Admission *a)
{
        const Member *m = a->member;
        bool same_place = streq(q->document->url, m->document->url),
             same_origin = memcmp(q->origin, m->origin, sizeof(m->origin)) == 0;

        if (m->has_key)
                judge_given(q, a);
        else if (m->unpinned)
                refuse(a, 409, "`%s` is to have another key: it is taken from the document at its own url",
                       m->id);
        else if (m->state == MEMBER_PENDING && same_place && same_origin)
                a->verdict = ADMISSION_CHANGE;
        else if (!same_place)
                refuse(a, 409, "`%s` is taken", m->id);
        else if (m->state == MEMBER_PENDING)
                refuse(a, 409, "`%s` is taken: while it waits, only who registered it changes it", m->id);
        else if (q->document->is_signed)
                refuse(a, 409,
                       "`%s` is accepted without a key: one is taken from the document at its own url",
                       m->id);
        else
                refuse(a, 409, "`%s` is accepted: what does not sign is changed by the operator only", m->id);
}

static void judge_known(const AdmissionQuestion *q, Admission *a)
{
        const Member *m = a->member;

        if (m->state == MEMBER_BANNED)
                refuse(a, 403, "`%s` is banned here", m->id);
        else if (m->config)
                judge_configured(q, a);
        else if (!m->unpinned && node_document_same(m->document, q->document))
                a->verdict = ADMISSION_SAME;
        else if (member_is_pinned(m))
                judge_pinned(q, a);
        else
                judge_unpinned(q, a);
}

/* --- a new one --- */

static const Member *find_url(const Members *members, const char *url)
{
        for (size_t i = 0; i < members_count(members); i++) {
                const Member *m = members_at(members, i);

                if (m->state != MEMBER_PENDING && streq(member_url(m), url))
                        return m;
        }
        return NULL;
}

/* Those that people, and some file systems, take for one another. */
static bool is_twin(const char *a, const char *b)
{
        return strcasecmp(a, b) == 0 && !streq(a, b);
}

static const char *find_twin(const AdmissionQuestion *q)
{
        if (is_twin(q->document->id, q->self_id))
                return q->self_id;
        for (size_t i = 0; i < members_count(q->members); i++) {
                const Member *m = members_at(q->members, i);

                if (m->state != MEMBER_PENDING && is_twin(q->document->id, m->id))
                        return m->id;
        }
        return NULL;
}

static void judge_url(const AdmissionQuestion *q, Admission *a)
{
        const Member *m = find_url(q->members, q->document->url);

        if (!m) {
                a->verdict = ADMISSION_NEW;
                return;
        }
        a->member = m;
        if (m->state == MEMBER_BANNED)
                refuse(a, 403, "the node at %.100s is banned here", member_url(m));
        else if (!q->document->id_given && !q->document->is_signed && m->config)
                a->verdict = ADMISSION_SAME; /* it does not know how it is called here */
        else
                refuse(a, 409, "the node at %.100s is `%s` here", member_url(m), m->id);
}

/* "https://a.example" and all below it are one another's. */
static bool is_at(const char *url, const char *base)
{
        size_t n = strlen(base);

        return strncmp(url, base, n) == 0 && (url[n] == '\0' || url[n] == '/');
}

void admission_judge(const AdmissionQuestion *q, Admission *ret)
{
        const NodeDocument *d = q->document;
        const char *twin;
        Error e;

        *ret = (Admission){.member = members_find(q->members, d->id)};
        if (streq(d->id, q->self_id)) {
                refuse(ret, 403, "`%s` is this node's own id", d->id);
                return;
        }
        if (is_at(d->url, q->self_url)) {
                refuse(ret, 403, "%.100s is this node's own address", d->url);
                return;
        }
        if (d->is_signed && node_document_verify(d, q->now_usec, &e) < 0) {
                refuse(ret, 401, "%.180s", e.text);
                return;
        }
        if (ret->member)
                judge_known(q, ret);
        else if ((twin = find_twin(q)))
                refuse(ret, 409, "`%s` is too like `%s`, which is taken", d->id, twin);
        else
                judge_url(q, ret);
}
