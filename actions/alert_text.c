/* SPDX-License-Identifier: MIT */
/* The words of an alert: what happened, since when, what was done, what the operator can do. */
#include "actions/alert.h"

#include "base/clock.h"

/* "2026-11-20 08:59:45 UTC" */
static void add_time(Text *t, uint64_t wall_usec)
{
        char stamp[TIMESTAMP_SIZE];

        timestamp_format(stamp, wall_usec);
        text_add(t, "%.10s %.8s UTC", stamp, stamp + 11);
}

/* The cause or summary inside a sentence: without the full stop that the caller sets. */
static void add_clause(Text *t, const char *s)
{
        size_t size = strlen(s);
        _cleanup_free_ char *copy = strndup(s, size > 0 && s[size - 1] == '.' ? size - 1 : size);

        if (copy)
                text_add_plain(t, copy, 0);
        else
                t->failed = true;
}

static void add_node(Text *t, const ActionFacts *f)
{
        text_add_plain(t, *f->node_name ? f->node_name : f->node_id, 0);
}

static void add_since(Text *t, const ActionFacts *f, const char *event)
{
        char duration[DURATION_SIZE];

        text_add_string(t, "Since: ");
        if (f->since_usec == 0 || f->since_usec > f->at_usec) {
                add_time(t, f->at_usec);
        } else {
                add_time(t, f->since_usec);
                if (f->at_usec - f->since_usec >= USEC_PER_MSEC)
                        text_add(t, ", %s before %s", duration_format(duration, f->at_usec - f->since_usec),
                                 event);
        }
        text_add_string(t, ".\n");
}

static void add_not_durable(Text *t, const ActionFacts *f)
{
        if (!f->durable)
                text_add_string(t, "Not saved: the state could not be written to disk (not durable). It "
                                   "holds in memory "
                                   "and is saved as soon as the disk takes it.\n");
}

static void add_checkout(Text *t, const ActionFacts *f)
{
        text_add_string(t, f->first ? "Done: buyers check out as usual again (payment "
                                    : "Done: buyers now check out by ");
        text_add_plain(t, f->payment, 0);
        text_add_string(t, f->first ? ", route " : " (route ");
        text_add_plain(t, f->checkout, 0);
        text_add_string(t, ")");
        if (*f->message) {
                text_add_string(t, " and read: ");
                text_add_plain(t, f->message, 0);
        } else
                text_add_string(t, ".");
        text_add_string(t, "\n");
}

static void change_title(Text *t, const ActionFacts *f)
{
        if (f->first)
                text_add_string(t, "Back on ");
        else {
                text_add_string(t, "Switched ");
                if (*f->from) {
                        text_add_string(t, "from ");
                        text_add_plain(t, f->from, 0);
                        text_add_string(t, " ");
                }
                text_add_string(t, "to ");
        }
        text_add_plain(t, f->mode, 0);
        if (*f->cause) {
                text_add_string(t, ": ");
                add_clause(t, f->cause);
        }
}

static void change_body(Text *t, const ActionFacts *f)
{
        text_add_string(t, "What happened: ");
        add_node(t, f);
        text_add_string(t, " switched ");
        if (*f->from) {
                text_add_string(t, "from ");
                text_add_plain(t, f->from, 0);
                text_add_string(t, " ");
        }
        text_add_string(t, "to ");
        text_add_plain(t, f->mode, 0);
        text_add_string(t, " at ");
        add_time(t, f->at_usec);
        text_add_string(t, f->automatic ? "" : ", because an operator asked for it");
        if (*f->cause) {
                text_add_string(t, ": ");
                add_clause(t, f->cause);
        }
        text_add_string(t, ".\n");
        add_since(t, f, "the switch");
        add_checkout(t, f);
        add_not_durable(t, f);

        text_add_string(t, "What you can do: ");
        if (!f->automatic)
                text_add_string(t, "failoverctl auto lets the probes decide again. ");
        else if (f->first)
                text_add_string(t, "nothing is needed. ");
        else
                text_add_string(t, "mend the cause; the shop returns by itself once all is well again. "
                                   "failoverctl force-primary returns at once. ");
        text_add_string(t, "failoverctl explain ");
        text_add_plain(t, f->change, 0);
        text_add_string(t, " shows the evidence.");
}

static void alert_title(Text *t, const ActionFacts *f)
{
        if (f->kind == ACTION_CLEARED)
                text_add_string(t, "Resolved: ");
        add_clause(t, *f->summary ? f->summary : f->alert);
}

static void alert_body(Text *t, const ActionFacts *f)
{
        text_add_string(t, f->kind == ACTION_CLEARED ? "What happened: it is over: " : "What happened: ");
        add_clause(t, *f->summary ? f->summary : f->alert);
        text_add_string(t, ".\n");
        add_since(t, f, f->kind == ACTION_CLEARED ? "it ended" : "this message");
        text_add_string(t, "Mode: ");
        text_add_plain(t, f->mode, 0);
        text_add_string(t, ".\n");
        add_not_durable(t, f);
        if (*f->details) {
                _cleanup_free_ char *details = request_clean(f->details, true);
                if (details)
                        text_add_string(t, details);
                else
                        t->failed = true;
        } else
                text_add_string(t, f->kind == ACTION_CLEARED ? "What you can do: nothing is needed."
                                                             : "What you can do: failoverctl status shows "
                                                               "what holds now.");
}

static void test_body(Text *t, const ActionFacts *f)
{
        text_add_string(t, "What happened: an operator tried this channel at ");
        add_time(t, f->at_usec);
        text_add_string(t, "; nothing is wrong.\nMode: ");
        text_add_plain(t, f->mode, 0);
        text_add_string(t, ".\nWhat you can do: nothing is needed. Alerts of ");
        add_node(t, f);
        text_add_string(t, " will arrive here.");
}

int alert_message_make(const ActionFacts *f, AlertMessage *ret)
{
        _cleanup_text_ Text title = {0}, body = {0};
        AlertMessage m = {.facts = f};

        assert(f && f->kind != ACTION_REFRESH);
        text_add_string(&title, "[");
        add_node(&title, f);
        text_add_string(&title, "] ");
        switch (f->kind) {
        case ACTION_CHANGE:
                change_title(&title, f);
                change_body(&body, f);
                m.firing = !f->first;
                m.severity = f->first ? "info" : "critical";
                break;
        case ACTION_RAISED:
        case ACTION_CLEARED:
                alert_title(&title, f);
                alert_body(&body, f);
                m.firing = f->kind == ACTION_RAISED;
                m.severity = !m.firing ? "info" : *f->severity ? f->severity : "warning";
                break;
        default:
                text_add_string(&title, "Test: this channel works");
                test_body(&body, f);
                m.firing = true;
                m.severity = "info";
        }

        int r = text_take(&title, &m.title);
        if (r == 0)
                r = text_take(&body, &m.body);
        if (r < 0) {
                free(m.title);
                return r;
        }
        *ret = m;
        return 0;
}

void alert_message_clear(AlertMessage *m)
{
        free(m->title);
        free(m->body);
        *m = (AlertMessage){0};
}
