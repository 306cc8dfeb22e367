/* SPDX-License-Identifier: MIT */
/* What was found at a node's own url: proof of who registered, the first key of who has none, or the next of who has. */
#include "base/clock.h"
#include "base/text.h"
#include "federation/admission.h"
#include "federation/members_private.h"
#include "federation/origin.h"

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

typedef struct Crowd {
        size_t of_address, of_site;
} Crowd;

/* Those that are accepted, or about to be, from its address, and at names that whoever has one of them may have made. */
static Crowd crowd_of(const Members *m, const Member *member)
{
        static const uint8_t nowhere[16];
        const MemberChange *c;
        Crowd crowd = {0};
        Origin own, other;
        const char *site = origin_read(member_url(member), &own) >= 0 ? origin_site(&own) : NULL;

        for (size_t i = 0; i < m->n; i++) {
                const Member *x = m->members[i];
                bool in = x->stored == MEMBER_ACCEPTED;

                TAILQ_FOREACH(c, &m->changes, entry)
                in = in || (c->next.stored == MEMBER_ACCEPTED && streq(c->id, x->id));
                if (!in || x->config || x == member)
                        continue;
                crowd.of_address += memcmp(x->origin, member->origin, 16) == 0 &&
                                    memcmp(x->origin, nowhere, 16) != 0;
                crowd.of_site += site && strstr(member_url(x), site) &&
                                 origin_read(member_url(x), &other) >= 0 && streq(origin_site(&other), site);
        }
        return crowd;
}

/* Whoever can make one key, and one name, can make a thousand: they do not take all the places by themselves. */
static bool is_crowded(const Members *m, const Member *member, Error *e)
{
        Crowd crowd = crowd_of(m, member);

        if (crowd.of_address >= MEMBERS_OPEN_MAX)
                error_set(e, 0,
                          "it is proven, and waits for your word: %zu nodes are accepted that its address "
                          "has registered",
                          crowd.of_address);
        else if (crowd.of_site >= MEMBERS_OPEN_MAX)
                error_set(e, 0,
                          "it is proven, and waits for your word: %zu nodes are accepted under the same name",
                          crowd.of_site);
        else
                return false;
        return true;
}

/* Where that is open, who has registered his key and is found to have it needs nobody's word. */
static bool may_join(const Members *m, const Member *member)
{
        return member->stored == MEMBER_PENDING && !member->config && member_is_pinned(member) &&
               m->f->config->network.registration == REGISTRATION_OPEN && !members_are_full(m);
}

static int submit(Members *m, const Member *member, NodeDocument *document, const Offer *o, bool joins)
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
        if (joins) {
                c->next.stored = MEMBER_ACCEPTED;
                c->next.accepted_usec = c->next.changed_usec;
        }
        member_change_say(c, joins ? "node-accepted" : o->event, "federationd",
                          joins ? "its document was found at %.256s, signed by the key that it "
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
        Error crowded = {""};
        bool joins;
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
        joins = r >= 0 && may_join(m, member) && !is_crowded(m, member, &crowded);
        (void) member_trouble(member, r < 0 && r != -ENOMEM ? e->text : *crowded.text ? crowded.text : NULL);
        if (r < 0 || (!o.event && !joins))
                return r < 0 ? r : 0;
        return submit(m, member, TAKE_PTR(d), &o, joins);
}
