/* SPDX-License-Identifier: MIT */
/* What was found at a node's own url: proof of who registered, the first key of who has none, or the next of who has. */
#include "base/clock.h"
#include "base/text.h"
#include "federation/admission.h"
#include "federation/members_private.h"

/* What comes of it. */
typedef struct Offer {
        const char *event; /* NULL: nothing new */
        bool take;         /* the document is another one */
        bool by_given_key;
} Offer;

static int judge_pinned(const Member *m, const NodeDocument *d, Offer *o, Error *e)
{
        int r = node_document_succeeds(m->document, d, clock_wall_usec(), e);

        if (r < 0)
                return r;
        o->take = r == 0;
        if (!m->proven)
                o->event = "node-proven";
        else if (o->take)
                o->event = "node-changed";
        return 0;
}

/* Where somebody registered is where he must be found, or a stranger's document proves what it was not written for. */
static int judge_place(const Member *m, const NodeDocument *d, Error *e)
{
        if (m->config || streq(d->url, m->document->url))
                return 0;
        return error_set(e, -EKEYREJECTED, "the document there says that its url is %.200s", d->url);
}

static int judge(const Member *m, const NodeDocument *d, Offer *o, Error *e)
{
        int r;

        if (!streq(d->id, m->id))
                return error_set(e, -EKEYREJECTED, "the document there is of `%s`", d->id);
        if (!d->is_signed)
                return error_set(e, -ENOKEY, "the document there is not signed");
        r = member_is_pinned(m) ? 0 : judge_place(m, d, e);
        if (r >= 0 && !m->config && !m->proven)
                r = judge_place(m, d, e);
        if (r < 0)
                return r;
        if (member_is_pinned(m))
                return judge_pinned(m, d, o, e);
        o->event = "node-key-pinned";
        o->take = true;
        if (!m->has_key)
                return 0;
        o->by_given_key = true;
        return admission_check_given(d, m, clock_wall_usec(), e);
}

/* Where that is open, who has registered his key and is found to have it needs nobody's word. */
static bool joins(const Members *m, const Member *member)
{
        return member->stored == MEMBER_PENDING && !member->config && member_is_pinned(member) &&
               m->f->config->network.registration == REGISTRATION_OPEN && !members_are_full(m);
}

static int submit(Members *m, const Member *member, NodeDocument *document, const Offer *o)
{
        MemberChange *c = member_change_new(m, member->id, member);

        if (!c) {
                node_document_free(document);
                return -ENOMEM;
        }
        c->next.proven = true;
        c->next.unpinned = false;
        if (o->by_given_key) {
                c->next.has_given = true;
                memcpy(c->next.given, member->key, sizeof(c->next.given));
        }
        if (joins(m, member)) {
                c->next.stored = MEMBER_ACCEPTED;
                c->next.accepted_usec = c->next.changed_usec;
        }
        member_change_say(c, joins(m, member) ? "node-accepted" : o->event, "federationd",
                          joins(m, member) ? "its document was found at %.256s, signed by the key that it "
                                             "registered"
                                           : "its document was found at %.256s",
                          member_url(member));
        if (o->take)
                c->document = document;
        else
                node_document_free(document);
        member_change_submit(c);
        return 0;
}

int members_offer_document(Members *m, const char *id, NodeDocument *document, Error *e)
{
        _cleanup_(node_document_freep) NodeDocument *d = document;
        Member *member = members_get(m, id);
        Offer o = {0};
        int r;

        if (!member)
                return error_set(e, -ENOENT, "there is no such node");
        if (!m->ready || members_changing(m, id))
                return error_set(e, -EBUSY, "it is being changed now");
        if (member->state == MEMBER_BANNED)
                return error_set(e, -EACCES, "it is banned");
        r = judge(member, d, &o, e);
        if (r >= 0 && o.take && m->bytes + d->text_size > MEMBERS_BYTES_MAX)
                r = error_set(e, -ENOSPC, "this registry is full");
        (void) member_trouble(member, r < 0 && r != -ENOMEM ? e->text : NULL);
        if (r < 0 || (!o.event && !joins(m, member)))
                return r < 0 ? r : 0;
        return submit(m, member, TAKE_PTR(d), &o);
}
