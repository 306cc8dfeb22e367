/* SPDX-License-Identifier: MIT */
/* Books into the catalog over the control socket: a file in pieces, each worked off by a thread of the import's own, since the
 * disk may be slow. */
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/control_private.h"
#include "federation/import.h"

#include <stdatomic.h>

#define PATIENCE_USEC USEC_PER_SEC

struct ImportSession {
        Control *control;
        char id[ID_SIZE];
        Worker *worker;
        char *name, *path;
        ImportFormat format;
        uint64_t idle_since; /* boot time; 0: a piece is being worked off */
        bool closing;        /* nobody finds it any more */
        atomic_bool ending;  /* … and the thread shall let go of the catalog after this piece */

        /* The job that is under way, and the thread's alone until it is done. */
        HttpRequest *request;
        int (*work)(ImportSession *s);
        const void *data; /* the request's */
        size_t size;
        Import *import;
        json_t *problems;
        uint64_t more;
        ImportReport report;
        Error error;
};

static void session_free(ImportSession *s)
{
        import_free(s->import); /* in mid-life only when the thread did it, or never began it */
        json_decref(s->problems);
        free(s->name);
        free(s->path);
        free(s);
}

static void arm_idle(Control *c)
{
        uint64_t next = USEC_NEVER;

        for (size_t i = 0; i < IMPORTS_MAX; i++)
                if (c->imports[i] && c->imports[i]->idle_since > 0)
                        next = MIN(next, c->imports[i]->idle_since + IMPORT_IDLE_USEC);
        loop_timer_set(c->idle, next);
}

static ImportSession **find(Control *c, const char *id, size_t size)
{
        for (size_t i = 0; i < IMPORTS_MAX; i++)
                if (c->imports[i] && !c->imports[i]->closing && strlen(c->imports[i]->id) == size &&
                    strncmp(c->imports[i]->id, id, size) == 0)
                        return &c->imports[i];
        return NULL;
}

/* --- in the thread --- */

static void on_row(uint64_t line, bool refused, const char *reason, void *userdata)
{
        ImportSession *s = userdata;

        if (json_array_size(s->problems) >= PROBLEMS_MAX) {
                s->more++;
                return;
        }
        json_add(s->problems, json_pack("{s:I, s:b, s:o}", "line", (json_int_t) line, "refused", refused,
                                        "reason", json_string_or_null(reason)));
}

static int work_open(ImportSession *s)
{
        ImportOptions options = {.name = s->name, .format = s->format, .on_row = on_row, .userdata = s};

        return import_new(s->path, &options, &s->import, &s->error);
}

static int work_piece(ImportSession *s)
{
        int r = import_feed(s->import, s->data, s->size, &s->error);

        import_report(s->import, &s->report);
        return r;
}

static int work_end(ImportSession *s)
{
        return import_finish(s->import, &s->report, &s->error);
}

static int work_close(ImportSession *s)
{
        return 0;
}

static int run(void *job)
{
        ImportSession *s = job;
        int r = s->work(s);

        if (json_failed() && r >= 0)
                r = error_set(&s->error, -ENOMEM, "out of memory");
        if (r < 0 || s->work == work_end || s->work == work_close || s->ending)
                s->import = import_free(s->import); /* which may wait for the disk */
        return r;
}

/* --- on the loop --- */

static json_t *report_to_json(const ImportReport *r)
{
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t) r->rows, "added",
                         (json_int_t) r->added, "updated", (json_int_t) r->updated, "unchanged",
                         (json_int_t) r->unchanged, "refused", (json_int_t) r->refused, "warned",
                         (json_int_t) r->warned, "generation", (json_int_t) r->generation);
}

static void reply(ImportSession *s, HttpRequest *r, int error)
{
        if (error == -EINVAL || error == -EBADMSG)
                http_reply_error(r, 422, "%s", s->error.text);
        else if (error < 0)
                http_reply_error(r, 503, "%s", s->error.text[0] ? s->error.text : error_words(-error));
        else if (s->work == work_open)
                http_reply_json(r, 201, json_pack("{s:b, s:s}", "success", true, "import", s->id));
        else
                http_reply_json(r, 200,
                                json_pack("{s:b, s:o, s:O, s:I}", "success", true, "report",
                                          report_to_json(&s->report), "problems", s->problems, "more",
                                          (json_int_t) s->more));
}

static void log_end(const ImportSession *s, int error)
{
        const ImportReport *r = &s->report;

        if (error < 0)
                log_warning("import of %s failed: %s", s->name,
                            s->error.text[0] ? s->error.text : error_words(-error));
        else if (s->work == work_end)
                log_notice("imported %s: %llu rows, %llu added, %llu updated, %llu refused", s->name,
                           (unsigned long long) r->rows, (unsigned long long) r->added,
                           (unsigned long long) r->updated, (unsigned long long) r->refused);
}

static void on_worked(int error, void *job)
{
        ImportSession *s = job;
        Control *c = s->control;
        HttpRequest *r = TAKE_PTR(s->request);
        bool over = error < 0 || s->work == work_end || s->work == work_close || s->ending;

        if (r)
                reply(s, r, error);
        json_array_clear(s->problems);
        s->more = 0;
        if (!over) {
                s->idle_since = clock_boot_usec();
                arm_idle(c);
                return;
        }
        log_end(s, error);
        catalog_note_import(c->f->catalog, &s->report);
        for (size_t i = 0; i < IMPORTS_MAX; i++)
                if (c->imports[i] == s)
                        c->imports[i] = NULL;
        worker_free(TAKE_PTR(s->worker), 0);
        session_free(s);
        arm_idle(c);
}

/* r: NULL, or answered, now or later. */
static int begin(ImportSession *s, HttpRequest *r, int (*work)(ImportSession *s))
{
        int error;

        s->work = work;
        s->request = r;
        s->data = r ? http_body(r, &s->size) : NULL;
        s->error.text[0] = '\0';
        error = worker_submit(s->worker, run, on_worked, s);
        if (error < 0) {
                s->request = NULL;
                return error;
        }
        s->idle_since = 0;
        arm_idle(s->control);
        return 0;
}

static int parse_format(const char *text, ImportFormat *ret)
{
        if (!text || !text[0])
                *ret = IMPORT_GUESS;
        else if (streq(text, "csv"))
                *ret = IMPORT_CSV;
        else if (streq(text, "jsonl"))
                *ret = IMPORT_JSONL;
        else
                return -EINVAL;
        return 0;
}

static int session_new(Control *c, const char *name, ImportFormat format, ImportSession **ret)
{
        ImportSession *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->control = c;
        s->format = format;
        s->name = strdup(name);
        s->path = string_printf("%s/catalog.db", c->f->places.state_dir);
        s->problems = json_array();
        id_make(s->id, clock_wall_usec());
        r = s->name && s->path && s->problems ? worker_new(c->f->event, "import", &s->worker) : -ENOMEM;
        if (r < 0) {
                session_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

static ImportSession **free_place(Control *c)
{
        for (size_t i = 0; i < IMPORTS_MAX; i++)
                if (!c->imports[i])
                        return &c->imports[i];
        return NULL;
}

void control_post_import(Control *c, HttpRequest *r, const char *rest)
{
        const char *name = http_query(r, "name");
        ImportSession **place = free_place(c), *s;
        ImportFormat format;
        char plain[128];
        int error;

        if (parse_format(http_query(r, "format"), &format) < 0) {
                http_reply_error(r, 400, "`format` is csv or jsonl");
                return;
        }
        if (!place) {
                http_add_header(r, "Retry-After", "5");
                http_reply_error(r, 503, "%d imports are under way already", IMPORTS_MAX);
                return;
        }
        plain_copy(plain, sizeof(plain), name && name[0] ? name : "import");
        error = session_new(c, plain, format, &s);
        if (error >= 0) {
                error = begin(s, r, work_open);
                if (error >= 0) {
                        *place = s;
                        return;
                }
                worker_free(TAKE_PTR(s->worker), 0);
                session_free(s);
        }
        http_reply_error(r, 503, "%s", error_words(-error));
}

/* "<id>" or "<id>/end" */
void control_post_piece(Control *c, HttpRequest *r, const char *rest)
{
        size_t size = strcspn(rest, "/");
        ImportSession **s = find(c, rest, size);
        bool end = streq(rest + size, "/end");
        int error;

        if (!s || (rest[size] && !end)) {
                http_reply_error(r, 404, "no such import: it has ended, or heard nothing for a minute");
                return;
        }
        if ((*s)->idle_since == 0) {
                http_reply_error(r, 409, "the piece before is still being worked off");
                return;
        }
        error = begin(*s, r, end ? work_end : work_piece);
        if (error < 0)
                http_reply_error(r, 503, "%s", error_words(-error));
}

/* The rollback is the thread's, too. */
static int session_close(ImportSession *s, HttpRequest *r)
{
        int error = begin(s, r, work_close);

        s->closing = error >= 0;
        return error;
}

void control_delete_import(Control *c, HttpRequest *r, const char *rest)
{
        ImportSession **s = find(c, rest, strlen(rest));
        int error;

        if (!s) {
                http_reply_error(r, 404, "no such import: it has ended, or heard nothing for a minute");
                return;
        }
        if ((*s)->idle_since == 0) {
                http_reply_error(r, 409, "the piece before is still being worked off");
                return;
        }
        error = session_close(*s, r);
        if (error < 0)
                http_reply_error(r, 503, "%s", error_words(-error));
}

int control_on_idle(sd_event_source *timer, uint64_t usec, void *userdata)
{
        Control *c = userdata;
        uint64_t now = clock_boot_usec();

        for (size_t i = 0; i < IMPORTS_MAX; i++) {
                ImportSession *s = c->imports[i];

                if (!s || s->idle_since == 0 || s->idle_since + IMPORT_IDLE_USEC > now)
                        continue;
                log_warning("import of %s: nothing came for a minute, what is not committed is dropped",
                            s->name);
                if (session_close(s, NULL) < 0)
                        s->idle_since = now; /* later */
        }
        arm_idle(c);
        return 0;
}

void control_end_imports(Control *c)
{
        uint64_t until = clock_boot_usec() + PATIENCE_USEC;

        for (size_t i = 0; i < IMPORTS_MAX; i++) {
                ImportSession *s = c->imports[i];
                uint64_t now = clock_boot_usec();

                if (!s)
                        continue;
                s->ending = true;
                if (s->idle_since > 0)
                        session_close(s, NULL);
                /* What ends is freed by on_worked(); what is stuck in the kernel is left behind with all it uses. */
                worker_free(TAKE_PTR(s->worker), now < until ? until - now : 0);
        }
}
