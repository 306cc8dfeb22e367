/* SPDX-License-Identifier: MIT */
/* The registry in federation.db: read once, and each change of it written, with its line of the audit log, before it is in
 * force. */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/audit.h"
#include "federation/members_private.h"

#include <stdarg.h>

#define AGAIN_USEC (5 * USEC_PER_SEC)

/* --- reading --- */

struct MembersLoad {
        StoreJob job;
        Members *members;
        Member **list;
        size_t n, room, bad;
        uint64_t usec; /* that the thread has spent, and then all */
};

static void blob_of(sqlite3_stmt *stmt, int i, void *ret, size_t size)
{
        if ((size_t) sqlite3_column_bytes(stmt, i) == size)
                memcpy(ret, sqlite3_column_blob(stmt, i), size);
}

static uint64_t usec_of(sqlite3_stmt *stmt, int i)
{
        int64_t n = sqlite3_column_int64(stmt, i);

        return n > 0 ? (uint64_t) n : 0;
}

/* NULL with *ret_bad: it cannot be used. */
static Member *row_read(sqlite3_stmt *stmt, bool *ret_bad)
{
        const char *id = (const char *) sqlite3_column_text(stmt, 0),
                   *document = (const char *) sqlite3_column_text(stmt, 9);
        int64_t state = sqlite3_column_int64(stmt, 1);
        _cleanup_(member_freep) Member *m = NULL;
        Error e;

        *ret_bad = !id || state < 0 || state >= _MEMBER_STATE_MAX;
        if (*ret_bad)
                return NULL;
        m = member_new(id);
        if (!m)
                return NULL;
        m->stored = (MemberState) state;
        m->proven = sqlite3_column_int(stmt, 2) != 0;
        m->unpinned = sqlite3_column_int(stmt, 3) != 0;
        m->has_given = sqlite3_column_bytes(stmt, 4) == sizeof(m->given);
        blob_of(stmt, 4, m->given, sizeof(m->given));
        blob_of(stmt, 5, m->origin, sizeof(m->origin));
        m->registered_usec = usec_of(stmt, 6);
        m->changed_usec = usec_of(stmt, 7);
        m->accepted_usec = usec_of(stmt, 8);
        if (document) {
                int r = node_document_restore(document, (size_t) sqlite3_column_bytes(stmt, 9), &m->document,
                                              &e);

                *ret_bad = r < 0 && r != -ENOMEM;
                if (r < 0)
                        return NULL;
        }
        return TAKE_PTR(m);
}

static int load_add(MembersLoad *load, Member *m)
{
        if (load->n == load->room) {
                size_t room = load->room > 0 ? load->room * 2 : 256;
                Member **list = reallocarray(load->list, room, sizeof(*list));

                if (!list)
                        return -ENOMEM;
                load->list = list;
                load->room = room;
        }
        load->list[load->n++] = m;
        return 0;
}

static int run_load(sqlite3 *db, StoreJob *job, Error *e)
{
        MembersLoad *load = (MembersLoad *) job;
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        uint64_t began = clock_boot_usec();
        int r;

        r = db_prepare(db, &stmt, e,
                       "SELECT id, state, proven, unpinned, given, origin, registered, changed, accepted, "
                       "document FROM member ORDER BY id LIMIT ?",
                       "i", (int64_t) MEMBERS_MAX + MEMBERS_CONFIGURED_MAX);
        while (r >= 0 && (r = db_step(stmt, e)) > 0) {
                bool bad = false;
                Member *m = row_read(stmt, &bad);

                load->bad += bad;
                if (m)
                        r = load_add(load, m);
                else if (!bad)
                        r = -ENOMEM;
                if (r < 0) {
                        member_free(m);
                        return error_set(e, r, "out of memory");
                }
        }
        load->usec = clock_boot_usec() - began;
        return r;
}

static void load_free(MembersLoad *load)
{
        for (size_t i = 0; i < load->n; i++)
                member_free(load->list[i]);
        free(load->list);
        free(load);
}

/* What the file has said meanwhile stays; what is known of those it names comes from the database. */
static void take_loaded(Members *m, Member *loaded)
{
        Member *here = members_get(m, loaded->id);
        const PeerConfig *config;

        if (!here && (loaded->document || loaded->stored == MEMBER_BANNED)) {
                members_insert(m, loaded);
                return;
        }
        if (!here) { /* was configured once, and nothing came of it */
                member_free(loaded);
                return;
        }
        config = here->config;
        members_remove(m, here);
        loaded->config = config;
        members_insert(m, loaded);
}

static int on_again(sd_event_source *s, uint64_t usec, void *userdata)
{
        Members *m = userdata;

        if (members_load(m) < 0)
                (void) loop_timer_set_after(m->again, AGAIN_USEC);
        return 0;
}

static void load_failed(Members *m, const char *error)
{
        if (!m->load_error[0])
                log_error("the registry cannot be read from federation.db: %s; only configured nodes are "
                          "known, "
                          "and network-registry.json stays as it is",
                          error);
        plain_copy(m->load_error, sizeof(m->load_error), error);
        members_tell(m, NULL);
        if (!m->f->stopping)
                (void) loop_timer_set_after(m->again, AGAIN_USEC);
}

static void on_loaded(StoreJob *job, int r, const char *error)
{
        MembersLoad *load = (MembersLoad *) job;
        Members *m = load->members;
        uint64_t began = clock_boot_usec();

        if (r >= 0)
                r = members_make_room(m, load->n);
        if (r < 0) {
                load_failed(m, error[0] ? error : error_words(r));
                load_free(load);
                return;
        }
        for (size_t i = 0; i < load->n; i++)
                take_loaded(m, load->list[i]);
        if (load->bad > 0)
                log_error("%zu nodes of the registry cannot be read and are left out", load->bad);
        m->load_usec = MAX(load->usec + clock_boot_usec() - began, UINT64_C(1));
        load->n = 0;
        load_free(load);
        if (m->load_error[0])
                log_notice("the registry has been read from federation.db");
        m->load_error[0] = '\0';
        m->ready = true;
        m->generation++;
        members_tell(m, NULL);
}

int members_load(Members *m)
{
        MembersLoad *load;
        int r = m->again ? 0 : loop_timer_new(m->f->event, "registry, once more", on_again, m, &m->again);

        if (r < 0)
                return r;
        load = calloc(1, sizeof(*load));
        if (!load)
                return -ENOMEM;
        load->job = (StoreJob){.run = run_load, .done = on_loaded};
        load->members = m;
        store_submit(m->f->store, &load->job);
        return 0;
}

/* --- writing --- */

static int write_member(sqlite3 *db, const MemberChange *c, Error *e)
{
        const Member *m = &c->next;
        const void *given = m->has_given ? m->given : NULL;

        return db_run(db, e,
                      "INSERT INTO member(id, state, proven, unpinned, given, origin, registered, changed, "
                      "accepted, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
                      "ON CONFLICT(id) DO UPDATE SET state = ?2, proven = ?3, unpinned = ?4, given = ?5, "
                      "origin = ?6, registered = ?7, changed = ?8, accepted = ?9, "
                      "document = CASE ?11 WHEN 0 THEN document ELSE ?10 END",
                      "siiibbiiisi", c->id, (int64_t) m->stored, (int64_t) m->proven, (int64_t) m->unpinned,
                      given, given ? sizeof(m->given) : (size_t) 0, (const void *) m->origin,
                      sizeof(m->origin), (int64_t) m->registered_usec, (int64_t) m->changed_usec,
                      (int64_t) m->accepted_usec, c->document ? c->document->text : NULL,
                      (int64_t) (c->document || c->no_document));
}

static int run_change(sqlite3 *db, StoreJob *job, Error *e)
{
        MemberChange *c = (MemberChange *) job;
        int r;

        if (c->forget)
                r = db_run(db, e, "DELETE FROM member WHERE id = ?", "s", c->id);
        else
                r = write_member(db, c, e);
        if (r >= 0 && *c->evicted)
                r = db_run(db, e, "DELETE FROM member WHERE id = ? AND state = ?", "si", c->evicted,
                           (int64_t) MEMBER_PENDING);
        if (r >= 0 && *c->evicted)
                r = audit_add(db,
                              &(AuditEntry){.event = "node-dropped",
                                            .node = c->evicted,
                                            .detail = "too many wait: it made room for another"},
                              e);
        if (r >= 0 && !c->quiet)
                r = audit_add(db,
                              &(AuditEntry){.event = c->event,
                                            .node = c->id,
                                            .actor = c->actor,
                                            .detail = c->detail},
                              e);
        return r < 0 ? r : 0;
}

/* All that is kept of it but its document. */
static void take_facts(Member *m, const Member *next)
{
        m->stored = next->stored;
        m->proven = next->proven;
        m->unpinned = next->unpinned;
        m->has_given = next->has_given;
        memcpy(m->given, next->given, sizeof(m->given));
        memcpy(m->origin, next->origin, sizeof(m->origin));
        m->registered_usec = next->registered_usec;
        m->changed_usec = next->changed_usec;
        m->accepted_usec = next->accepted_usec;
}

static void take_document(Member *m, MemberChange *c)
{
        if (!c->document && !c->no_document)
                return;
        node_document_free(m->document);
        m->document = TAKE_PTR(c->document);
        m->fetch_due_usec = 0; /* is it still what stands there? */
}

static void forget(Members *m, Member *member, MemberChange *c)
{
        if (!member)
                return;
        if (!member->config) {
                members_remove(m, member);
                return;
        }
        members_begin_change(m, member);
        take_facts(member, &(Member){.stored = MEMBER_CONFIGURED});
        c->no_document = true;
        take_document(member, c);
        (void) member_trouble(member, NULL);
        members_end_change(m, member);
}

/* NULL: the configuration has dropped it meanwhile, and nothing else is known of it. */
static Member *insert(Members *m, MemberChange *c)
{
        Member *member;

        if (c->next.stored == MEMBER_CONFIGURED && !c->document)
                return NULL;
        member = TAKE_PTR(c->fresh);
        take_facts(member, &c->next);
        take_document(member, c);
        members_insert(m, member);
        return member;
}

static Member *apply(Members *m, MemberChange *c)
{
        Member *member = members_get(m, c->id), *evicted = *c->evicted ? members_get(m, c->evicted) : NULL;

        if (evicted && evicted->stored == MEMBER_PENDING && !evicted->config)
                members_remove(m, evicted);
        if (c->forget) {
                forget(m, member, c);
                return members_get(m, c->id);
        }
        if (!member)
                return insert(m, c);
        members_begin_change(m, member);
        take_facts(member, &c->next);
        take_document(member, c);
        members_end_change(m, member);
        return member;
}

MemberChange *member_change_free(MemberChange *c)
{
        if (!c)
                return NULL;
        node_document_free(c->document);
        member_free(c->fresh);
        free(c);
        return NULL;
}

static void on_changed(StoreJob *job, int r, const char *error)
{
        MemberChange *c = (MemberChange *) job;
        Members *m = c->members;
        const Member *member = NULL;

        TAILQ_REMOVE(&m->changes, c, entry);
        m->n_changes--;
        m->changes_bytes -= c->document ? c->document->text_size : 0;
        if (r >= 0)
                member = apply(m, c);
        if (c->done)
                c->done(c, r, error);
        members_tell(m, member);
        member_change_free(c);
}

MemberChange *member_change_new(Members *m, const char *id, const Member *member)
{
        _cleanup_(member_change_freep) MemberChange *c = calloc(1, sizeof(*c));

        assert(strlen(id) < sizeof(c->id));

        if (!c || members_make_room(m, 1) < 0)
                return NULL;
        c->job = (StoreJob){.run = run_change, .done = on_changed};
        c->members = m;
        strcpy(c->id, id);
        if (member)
                take_facts(&c->next, member);
        c->next.changed_usec = clock_wall_usec();
        c->fresh = member_new(id); /* also for one that is there: it may be gone by then */
        return c->fresh ? TAKE_PTR(c) : NULL;
}

void member_change_say(MemberChange *c, const char *event, const char *actor, const char *format, ...)
{
        va_list ap;

        snprintf(c->event, sizeof(c->event), "%s", event);
        snprintf(c->actor, sizeof(c->actor), "%s", actor);
        va_start(ap, format);
        vsnprintf(c->detail, sizeof(c->detail), format, ap);
        va_end(ap);
}

void member_change_submit(MemberChange *c)
{
        Members *m = c->members;

        assert(!members_changing(m, c->id));
        assert(c->quiet || *c->event);

        TAILQ_INSERT_TAIL(&m->changes, c, entry);
        m->n_changes++;
        m->changes_bytes += c->document ? c->document->text_size : 0;
        store_submit(m->f->store, &c->job);
}

bool members_changing(const Members *m, const char *id)
{
        const MemberChange *c;

        TAILQ_FOREACH(c, &m->changes, entry)
        if (streq(c->id, id) || streq(c->evicted, id))
                return true;
        return false;
}
