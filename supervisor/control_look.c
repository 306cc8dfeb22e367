/* SPDX-License-Identifier: MIT */
/* The control socket's routes that look. */
#include "base/metrics.h"
#include "supervisor/control_private.h"
#include "supervisor/metrics.h"
#include "supervisor/public_status.h"
#include "supervisor/status.h"

void control_get_status(Control *c, HttpRequest *r, const char *rest)
{
        json_t *j = status_document(c->manager);

        if (j)
                http_reply_json(r, 200, j);
        else
                http_reply_error(r, 500, "out of memory");
}

/* What the status page is made of. */
void control_get_public(Control *c, HttpRequest *r, const char *rest)
{
        json_t *j = public_status_document(c->manager);

        if (j)
                http_reply_json(r, 200, j);
        else
                http_reply_error(r, 500, "out of memory");
}

static void answer(HttpRequest *r, int error, json_t *result)
{
        if (error == -ENOENT)
                http_reply_error(r, 404, "no such change");
        else if (error < 0)
                http_reply_error(r, 503, "the database does not answer: %s", error_words(-error));
        else
                http_reply_json(r, 200, json_incref(result));
}

static void on_answer(int error, json_t *result, void *userdata)
{
        answer(question_end(userdata), error, result);
}

/* The question could not be asked. */
static void refuse(Question *q, int error)
{
        HttpRequest *r = question_end(q);

        if (error == -EBUSY)
                http_reply_error(r, 503, "too many questions wait for the database");
        else
                http_reply_error(r, 500, "%s", error_words(-error));
}

static void on_explained(int error, json_t *result, void *userdata)
{
        HttpRequest *r = question_end(userdata);
        _cleanup_free_ char *words = NULL;

        if (error < 0) {
                answer(r, error, NULL);
                return;
        }
        if (status_explain(result, &words) < 0) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        json_put(result, "text", json_string_or_null(words));
        http_reply_json(r, 200, json_incref(result));
}

void control_get_history(Control *c, HttpRequest *r, const char *rest)
{
        const char *limit = http_query(r, "limit");
        char *end = NULL;
        unsigned long n = limit ? strtoul(limit, &end, 10) : 50;
        Question *q;
        int error;

        if (limit && (!limit[0] || *end || limit[0] == '-' || n == 0 || n > STORE_HISTORY_MAX)) {
                http_reply_error(r, 400, "`limit` is a number from 1 to %d", STORE_HISTORY_MAX);
                return;
        }
        if (control_ask(c, r, &q) < 0)
                return;
        error = store_read_history(c->manager->store, (unsigned) n, on_answer, q);
        if (error < 0)
                refuse(q, error);
}

void control_get_explain(Control *c, HttpRequest *r, const char *rest)
{
        const char *id = rest[0] && !streq(rest, "latest") ? rest : NULL;
        Question *q;
        int error;

        if (control_ask(c, r, &q) < 0)
                return;
        error = store_read_change(c->manager->store, id, on_explained, q);
        if (error < 0)
                refuse(q, error);
}

void control_get_plan(Control *c, HttpRequest *r, const char *rest)
{
        const Manager *m = c->manager;
        const char *name = http_query(r, "mode");
        unsigned mode = name && name[0] ? config_find_mode(m->config, name) : MODE_NONE;
        const ModeState *s = engine_state(m->engine);

        if (name && name[0] && mode == MODE_NONE) {
                http_reply_error(r, 404, "no mode `%s`", name);
                return;
        }
        if (mode == MODE_NONE) /* what would happen next: out of the mode that runs */
                for (unsigned i = 0; i < m->config->n_modes && mode == MODE_NONE; i++)
                        if (i != s->mode && mode_readiness(s, i, &m->config->mode, NULL) == READY)
                                mode = i;
        if (mode == MODE_NONE)
                mode = s->mode;
        http_reply_json(r, 200, status_plan(m, mode));
}

void control_get_events(Control *c, HttpRequest *r, const char *rest)
{
        HttpStream *stream;

        if (c->n_streams == STREAMS_MAX) {
                http_reply_error(r, 503, "too many streams: %d at most", STREAMS_MAX);
                return;
        }
        if (http_stream_open(r, control_on_stream_closed, c, &stream) < 0) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        c->streams[c->n_streams++] = stream;
        control_broadcast_status(c);
        control_arm(c);
}

void control_get_metrics(Control *c, HttpRequest *r, const char *rest)
{
        _cleanup_free_ char *text = NULL;

        if (metrics_text(c->manager, &text) < 0)
                http_reply_error(r, 500, "out of memory");
        else
                http_reply(r, 200, METRIC_CONTENT_TYPE, text, strlen(text));
}
