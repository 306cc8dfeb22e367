/* SPDX-License-Identifier: MIT */
/* What was seen of each node's notices, in federation.db. */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/audit.h"
#include "federation/inbox_private.h"

#define AGAIN_USEC    (5 * USEC_PER_SEC)
#define PATIENCE_USEC (2 * USEC_PER_SEC) /* with the disk; who waits is answered then */

/* --- keeping --- */

struct InboxSave {
        StoreJob job;
        Inbox *inbox;
        HttpRequest *request; /* NULL: nobody waits, or he has been answered */
        bool awaited, answered;
        uint64_t until_usec;
        TAILQ_ENTRY(InboxSave) entry; /* while awaited: in the order in which they end */
        bool news;
        InboxKept done;
        uint64_t version;
        /* The node as it was then. */
        char *node, *url, *event, *actor, *detail; /* event NULL: nothing for the audit log */
        NoticeMark mark;
        bool failed;
        uint64_t since_usec, said_usec;
};
typedef struct InboxSave Save;

static void save_free(Save *s)
{
        free(s->node);
        free(s->url);
        free(s->event);
        free(s->actor);
        free(s->detail);
        free(s);
}

static int save_run(sqlite3 *db, StoreJob *job, Error *e)
{
        const Save *s = (const Save *) job;
        int r;

        r = db_run(db, e,
                   "INSERT INTO notice(node, seq, ids, failed, url, since, said) VALUES (?, ?, ?, ?, ?, ?, "
                   "?) "
                   "ON CONFLICT(node) DO UPDATE SET seq = excluded.seq, ids = excluded.ids, failed = "
                   "excluded.failed, url = excluded.url, since = excluded.since, said = excluded.said",
                   "sibisii", s->node, s->mark.seq, (const void *) s->mark.ids, sizeof(s->mark.ids),
                   (int64_t) s->failed, s->url, (int64_t) s->since_usec, (int64_t) s->said_usec);
        if (r < 0 || !s->event)
                return r;
        return audit_add(db, &(AuditEntry){s->event, s->node, s->actor, s->detail}, e);
}

static void save_done(StoreJob *job, int r, const char *error)
{
        Save *s = (Save *) job;
        Inbox *i = s->inbox;
        InboxNode *n = inbox_node(i, s->node);

        if (r >= 0 && n)
                n->durable = MAX(n->durable, s->version);
        else if (n && s->event && !n->unkept)
                n->unkept = TAKE_PTR(s->detail); /* with the next one */
        if (s->awaited)
                TAILQ_REMOVE(&i->saves, s, entry);
        if (s->done && (s->awaited || !s->answered))
                s->done(i, s->request, s->news, r, error);
        save_free(s);
}

/* The disk hangs: what is said is in force, and must come again. It may be kept all the same, later. */
static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        Inbox *i = userdata;
        uint64_t now = clock_boot_usec();
        Save *s;

        while ((s = TAILQ_FIRST(&i->saves)) && s->until_usec <= now) {
                TAILQ_REMOVE(&i->saves, s, entry);
                s->awaited = false;
                s->answered = true;
                s->done(i, TAKE_PTR(s->request), s->news, -ETIMEDOUT, "the disk has not answered for 2 s");
        }
        i->patience_usec = s ? s->until_usec : 0;
        return s ? loop_timer_set(source, s->until_usec) : 0;
}

static void await(Inbox *i, Save *s)
{
        bool first = TAILQ_EMPTY(&i->saves);

        s->awaited = true;
        s->until_usec = clock_boot_usec() + PATIENCE_USEC;
        TAILQ_INSERT_TAIL(&i->saves, s, entry);
        if (first && clock_boot_usec() >= i->patience_usec) { /* else it is on its way, and will look again */
                i->patience_usec = s->until_usec;
                (void) loop_timer_set(i->patience, s->until_usec);
        }
}

int inbox_keep_init(Inbox *i)
{
        TAILQ_INIT(&i->saves);
        return loop_timer_new(i->f->event, "inbox-patience", on_patience, i, &i->patience);
}

/* What could not be kept before comes first; what there are too many of is only counted. */
static char *entry_of(InboxNode *n, const char *detail)
{
        _cleanup_free_ char *before = TAKE_PTR(n->unkept);
        unsigned left_out = n->n_unlogged;

        if (!detail && !before)
                return NULL;
        if (ration_take(&n->entries, INBOX_ENTRIES_BURST, INBOX_ENTRY_USEC, clock_boot_usec()) > 0) {
                n->n_unlogged++;
                return NULL;
        }
        n->n_unlogged = 0;
        if (left_out > 0)
                return string_printf("%s (%u changes before are left out)", detail ?: before, left_out);
        return string_printf("%s%s%s", before ?: "", before && detail ? "; " : "", detail ?: "");
}

int inbox_keep(Inbox *i, InboxNode *n, const char *event, const char *actor, const char *detail,
               HttpRequest *request, bool news, InboxKept done)
{
        Save *s = store_is_crowded(i->f->store) ? NULL : calloc(1, sizeof(*s));

        if (!s) {
                if (detail && !n->unkept)
                        n->unkept = strdup(detail); /* with the next one */
                return store_is_crowded(i->f->store) ? -EBUSY : -ENOMEM;
        }
        *s = (Save){.job = {.run = save_run, .done = save_done},
                    .inbox = i,
                    .request = request,
                    .news = news,
                    .done = done,
                    .version = n->version,
                    .node = strdup(n->id),
                    .url = strdup(n->url),
                    .mark = n->mark,
                    .failed = n->failed,
                    .since_usec = n->since_usec,
                    .said_usec = n->said_usec};
        s->detail = entry_of(n, detail);
        if (s->detail) {
                s->event = strdup(event);
                s->actor = actor ? strdup(actor) : NULL;
        }
        if (!s->node || !s->url || (s->detail && !s->event)) {
                save_free(s);
                return -ENOMEM;
        }
        if (request)
                await(i, s);
        store_submit(i->f->store, &s->job);
        return 0;
}

/* --- reading it back --- */

typedef struct Row {
        char *node, *url;
        NoticeMark mark;
        bool failed;
        uint64_t since_usec, said_usec;
} Row;

typedef struct Load {
        StoreJob job;
        Inbox *inbox;
        Row *rows;
        size_t n, capacity;
} Load;

static void load_clear(Load *l)
{
        for (size_t k = 0; k < l->n; k++) {
                free(l->rows[k].node);
                free(l->rows[k].url);
        }
        free(l->rows);
        l->rows = NULL;
        l->n = l->capacity = 0;
}

static int load_row(Load *l, sqlite3_stmt *stmt)
{
        Row *row;

        if (l->n == l->capacity) {
                size_t capacity = MAX(l->capacity * 2, (size_t) 64);
                Row *rows = reallocarray(l->rows, capacity, sizeof(*rows));

                if (!rows)
                        return -ENOMEM;
                l->rows = rows;
                l->capacity = capacity;
        }
        row = &l->rows[l->n++];
        *row = (Row){.node = db_column_text(stmt, 0),
                     .mark = {.seq = sqlite3_column_int64(stmt, 1)},
                     .failed = sqlite3_column_int(stmt, 3) != 0,
                     .url = db_column_text(stmt, 4),
                     .since_usec = (uint64_t) sqlite3_column_int64(stmt, 5),
                     .said_usec = (uint64_t) sqlite3_column_int64(stmt, 6)};
        if ((size_t) sqlite3_column_bytes(stmt, 2) == sizeof(row->mark.ids))
                memcpy(row->mark.ids, sqlite3_column_blob(stmt, 2), sizeof(row->mark.ids));
        return row->node && row->url ? 0 : -ENOMEM;
}

static int load_run(sqlite3 *db, StoreJob *job, Error *e)
{
        Load *l = (Load *) job;
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int r;

        load_clear(l);
        r = db_prepare(db, &stmt, e, "SELECT node, seq, ids, failed, url, since, said FROM notice", "");
        while (r >= 0 && (r = db_step(stmt, e)) > 0)
                if (load_row(l, stmt) < 0)
                        return error_set(e, -ENOMEM, "out of memory");
        return r;
}

static int take_row(Inbox *i, const Row *row)
{
        InboxNode *n = inbox_node(i, row->node) ?: inbox_node_new(i, row->node);

        if (!n || inbox_set(n, row->failed, row->url, row->since_usec) < 0)
                return -ENOMEM;
        n->mark = row->mark;
        n->said_usec = row->said_usec;
        n->version = n->durable = 1;
        return 0;
}

static void load_done(StoreJob *job, int r, const char *error)
{
        Load *l = (Load *) job;
        Inbox *i = l->inbox;
        bool first = !i->heard;

        for (size_t k = 0; r >= 0 && k < l->n; k++)
                r = take_row(i, &l->rows[k]);
        if (r >= 0) {
                i->ready = true;
                for (const InboxNode *n = i->nodes; n; n = n->hh.next)
                        if (n->failed)
                                inbox_tell(i, n);
                if (!first)
                        log_notice("notices are taken again");
        } else if (!i->f->stopping) {
                if (first)
                        log_error("notices are refused until it can be read what was seen of them: %s",
                                  *error ? error : error_words(-r));
                (void) loop_timer_set_after(i->again, AGAIN_USEC);
        }
        load_clear(l);
        free(l);
        i->heard = true;
        if (first && !i->f->stopping)
                i->loaded(i->loaded_userdata);
        if (i->ready && !i->f->stopping)
                inbox_review(i);
}

int inbox_load(Inbox *i)
{
        Load *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->job = (StoreJob){.run = load_run, .done = load_done};
        l->inbox = i;
        store_submit(i->f->store, &l->job);
        return 0;
}
