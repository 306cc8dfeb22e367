/* SPDX-License-Identifier: MIT */
/* Who belongs to the network, in memory: a table in the order of ids, and the keys that count. */
#include "federation/members.h"

#include "base/registry.h"
#include "base/text.h"
#include "federation/members_private.h"

const char *member_state_name(MemberState s)
{
        static const char *const names[] = {
                        [MEMBER_PENDING] = "pending",
                        [MEMBER_ACCEPTED] = "accepted",
                        [MEMBER_BANNED] = "banned",
                        [MEMBER_CONFIGURED] = "configured",
        };

        assert((size_t) s < ELEMENTSOF(names));
        return names[s];
}

/* --- one of them --- */

Member *member_new(const char *id)
{
        Member *m = calloc(1, sizeof(*m));

        if (!m)
                return NULL;
        m->id = strdup(id);
        return m->id ? m : member_free(m);
}

Member *member_free(Member *m)
{
        if (!m)
                return NULL;
        node_document_free(m->document);
        free(m->trouble);
        free(m->id);
        free(m);
        return NULL;
}

const char *member_url(const Member *m)
{
        return m->config ? m->config->url : m->document ? m->document->url : "";
}

const char *member_name(const Member *m)
{
        const char *name = m->config ? m->config->name : m->document ? m->document->name : "";

        return *name ? name : m->id;
}

bool member_is_pinned(const Member *m)
{
        if (!m->document || m->document->n_keys == 0 || m->unpinned)
                return false;
        if (!m->config || !m->config->public_key)
                return true;
        /* A successor need not list the first key any more: by which key it began is what counts. */
        if (m->has_given)
                return memcmp(m->given, m->config->key, sizeof(m->given)) == 0;
        return node_document_lists(m->document, m->config->key) != NULL;
}

const char *member_problem(const Member *m)
{
        bool keyless = m->unpinned && !member_is_pinned(m) && !m->has_key;

        return m->trouble ? m->trouble
               : keyless  ? "no key is known for it: the next that is found at its url is taken"
                          : NULL;
}

unsigned member_share(const Member *m)
{
        const NodeDocument *d = m->document;

        if (m->config && !(d && member_is_pinned(m)))
                return m->config->revenue_share;
        return d && d->accepts_share ? d->revenue_share : 0;
}

/* --- the table --- */

static bool find_place(const Members *m, const char *id, size_t *ret)
{
        size_t from = 0, to = m->n;

        while (from < to) {
                size_t i = from + (to - from) / 2;
                int order = strcmp(m->members[i]->id, id);

                if (order == 0) {
                        *ret = i;
                        return true;
                }
                if (order < 0)
                        from = i + 1;
                else
                        to = i;
        }
        *ret = from;
        return false;
}

int members_make_room(Members *m, size_t more)
{
        size_t room = m->room;
        Member **members;

        while (room < m->n + m->n_changes + more)
                room = room > 0 ? room * 2 : 64;
        if (room == m->room)
                return 0;
        members = reallocarray(m->members, room, sizeof(*members));
        if (!members)
                return -ENOMEM;
        m->members = members;
        m->room = room;
        return 0;
}

static size_t size_of(const Member *m)
{
        return m->document ? m->document->text_size : 0;
}

void members_begin_change(Members *m, const Member *member)
{
        bool pending = member->state == MEMBER_PENDING;

        m->n_pending -= pending;
        m->pending_bytes -= pending ? size_of(member) : 0;
        m->bytes -= size_of(member);
        m->serial++;
        m->generation += member_is_accepted(member);
}

/* What the operator says by his own hand counts most; that he bans somebody, even more. */
static MemberState state_of(const Member *m)
{
        if (m->stored == MEMBER_BANNED)
                return MEMBER_BANNED;
        if (m->config)
                return MEMBER_CONFIGURED;
        return m->stored == MEMBER_ACCEPTED ? MEMBER_ACCEPTED : MEMBER_PENDING;
}

void members_end_change(Members *m, Member *member)
{
        const PeerConfig *config = member->config;
        bool pending;

        member->state = state_of(member);
        member->has_key = member->has_given;
        memcpy(member->key, member->given, sizeof(member->key));
        if (config && config->public_key) {
                member->has_key = true;
                memcpy(member->key, config->key, sizeof(member->key));
        }
        pending = member->state == MEMBER_PENDING;
        m->n_pending += pending;
        m->pending_bytes += pending ? size_of(member) : 0;
        m->bytes += size_of(member);
        m->serial++;
        m->generation += member_is_accepted(member);
}

void members_insert(Members *m, Member *member)
{
        size_t i;

        assert(m->n < m->room);
        if (find_place(m, member->id, &i))
                assert(false);
        memmove(m->members + i + 1, m->members + i, (m->n - i) * sizeof(*m->members));
        m->members[i] = member;
        m->n++;
        members_end_change(m, member);
}

void members_remove(Members *m, Member *member)
{
        size_t i;

        if (!find_place(m, member->id, &i))
                assert(false);
        members_begin_change(m, member);
        m->n--;
        memmove(m->members + i, m->members + i + 1, (m->n - i) * sizeof(*m->members));
        member_free(member);
}

Member *members_get(const Members *m, const char *id)
{
        size_t i;

        return find_place(m, id, &i) ? m->members[i] : NULL;
}

size_t members_count(const Members *m)
{
        return m->n;
}

const Member *members_at(const Members *m, size_t i)
{
        assert(i < m->n);

        return m->members[i];
}

const Member *members_find(const Members *m, const char *id)
{
        return members_get(m, id);
}

bool members_ready(const Members *m)
{
        return m->ready;
}

bool members_settled(const Members *m)
{
        return m->ready || m->load_error[0];
}

const char *members_trouble(const Members *m)
{
        return m->load_error;
}

void members_counts(const Members *m, MembersCounts *ret)
{
        *ret = (MembersCounts){.bytes = m->bytes, .changing = m->n_changes, .load_usec = m->load_usec};
        for (size_t i = 0; i < m->n; i++) {
                ret->nodes[m->members[i]->state]++;
                ret->proven += m->members[i]->proven;
        }
}

bool members_are_full(const Members *m)
{
        size_t n = m->n_changes; /* each may accept one */

        static_assert(MEMBERS_ACCEPTED_MAX + 1 == REGISTRY_NODES_MAX, "all of them are told");
        for (size_t i = 0; i < m->n; i++)
                n += member_is_accepted(m->members[i]);
        return n >= MEMBERS_ACCEPTED_MAX;
}

/* --- keys --- */

static int key_of_document(const Member *m, const char *key_id, uint64_t at_usec,
                           uint8_t ret[static SIGN_PUBLIC_SIZE], Error *e)
{
        char plain[80];
        int r = -ENOKEY;
        const NodeKey *key = node_document_key(m->document, key_id, at_usec, &r);

        if (key) {
                memcpy(ret, key->public_key, SIGN_PUBLIC_SIZE);
                return 0;
        }
        plain_copy(plain, sizeof(plain), key_id);
        switch (r) {
        case -EKEYREVOKED:
                return error_set(e, r, "key `%s` of `%s` has been revoked", plain, m->id);
        case -EKEYEXPIRED:
                return error_set(e, r, "key `%s` of `%s` was not in force any more at that date", plain,
                                 m->id);
        default:
                return error_set(e, r, "`%s` has no key `%s` that is known here", m->id, plain);
        }
}

int members_key(const Members *m, const char *node, const char *key_id, uint64_t at_usec,
                uint8_t ret[static SIGN_PUBLIC_SIZE], Error *e)
{
        const Member *member = members_find(m, node);

        if (!m->ready)
                return error_set(e, -EAGAIN, "the registry has not been read yet");
        if (!member)
                return error_set(e, -ENOENT, "there is no such node");
        if (!member_is_accepted(member))
                return error_set(e, -EACCES, "node `%s` is %s", node,
                                 member->state == MEMBER_BANNED ? "banned" : "not accepted yet");
        if (member_is_pinned(member))
                return key_of_document(member, key_id, at_usec, ret, e);
        if (!member->has_key)
                return error_set(e, -ENOKEY, "no key of `%s` is known", node);
        memcpy(ret, member->key, SIGN_PUBLIC_SIZE);
        return 0;
}

/* --- who is told --- */

void members_on_change(Members *m, MembersChanged fn, void *userdata)
{
        assert(m->n_listeners < ELEMENTSOF(m->listeners));

        m->listeners[m->n_listeners++] = (struct MembersListener){.fn = fn, .userdata = userdata};
}

void members_tell(Members *m, const Member *member)
{
        for (size_t i = 0; i < m->n_listeners; i++)
                m->listeners[i].fn(member, m->listeners[i].userdata);
}

uint64_t members_generation(const Members *m)
{
        return m->generation;
}

uint64_t members_serial(const Members *m)
{
        return m->serial;
}

int member_trouble(Member *m, const char *text)
{
        char *copy = text ? strdup(text) : NULL;

        if (text && !copy)
                return -ENOMEM;
        free(m->trouble);
        m->trouble = copy;
        return 0;
}

/* --- the configured ones --- */

/* What fails comes first: all of them that are new, and room for them. */
static int make_configured(Members *m, const Config *config, Member **ret_fresh)
{
        size_t n = 0;

        for (size_t k = 0; k < config->network.n_peers; k++) {
                const char *id = config->network.peers[k].id;

                if (members_get(m, id))
                        continue;
                ret_fresh[n] = member_new(id);
                if (!ret_fresh[n])
                        return -ENOMEM;
                ret_fresh[n++]->stored = MEMBER_CONFIGURED;
        }
        return members_make_room(m, n);
}

static const PeerConfig *config_of(const NetworkConfig *network, const char *id)
{
        for (size_t k = 0; k < network->n_peers; k++)
                if (streq(network->peers[k].id, id))
                        return &network->peers[k];
        return NULL;
}

static void configure_one(Members *m, Member *member, const PeerConfig *config)
{
        members_begin_change(m, member);
        member->config = config;
        members_end_change(m, member);
        if (!config && !member->document && member->stored == MEMBER_CONFIGURED)
                members_remove(m, member); /* nothing is known of it but that it was configured */
}

int members_configure(Members *m, const Config *config, Error *e)
{
        const NetworkConfig *network = &config->network;
        _cleanup_free_ Member **fresh = calloc(network->n_peers + 1, sizeof(*fresh));
        int r = fresh ? make_configured(m, config, fresh) : -ENOMEM;

        if (r < 0) {
                for (Member **f = fresh; f && *f; f++)
                        member_free(*f);
                return error_set(e, r, "network.peers: %s", error_words(r));
        }
        for (Member **f = fresh; *f; f++) {
                (*f)->config = config_of(network, (*f)->id);
                members_insert(m, *f);
        }
        for (size_t i = m->n; i > 0; i--) /* those that are in the file no more … */
                if (m->members[i - 1]->config)
                        configure_one(m, m->members[i - 1], config_of(network, m->members[i - 1]->id));
        for (size_t k = 0; k < network->n_peers; k++) /* … and those that are now */
                configure_one(m, members_get(m, network->peers[k].id), &network->peers[k]);
        return 0;
}

/* --- life --- */

int members_new(Federation *f, Members **ret)
{
        _cleanup_(members_freep) Members *m = calloc(1, sizeof(*m));
        Error e;
        int r;

        if (!m)
                return -ENOMEM;
        m->f = f;
        m->generation = 1;
        TAILQ_INIT(&m->changes);
        r = members_configure(m, f->config, &e);
        if (r >= 0)
                r = members_load(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

Members *members_free(Members *m)
{
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->n; i++)
                member_free(m->members[i]);
        free(m->members);
        loop_source_free(m->again);
        free(m);
        return NULL;
}
