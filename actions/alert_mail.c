/* SPDX-License-Identifier: MIT */
/* An alert as a mail: a subject that says all on a phone's lock screen, what happened, and who it is from, so that what ends
 * an outage stands beside what began it. */
#include "actions/alert.h"

#include "base/mime.h"

#define NAME_MAX_  40  /* bytes of the shop's name in the subject, */
#define CLAUSE_MAX 160 /* … and of the cause */
#define BODY_MAX   (64 * 1024)
#define ELLIPSIS   "\xe2\x80\xa6"

/* Clean, in one line, without its full stop, cut to size. */
static void add_cut(Text *t, const char *s, size_t limit)
{
        _cleanup_free_ char *clean = request_clean(s, false);
        size_t size = clean ? strlen(clean) : 0;

        if (!clean) {
                t->failed = true;
                return;
        }
        if (size > 0 && clean[size - 1] == '.')
                clean[--size] = '\0';
        size_t kept = utf8_cut(clean, limit);
        text_add_bytes(t, clean, kept);
        if (kept < size)
                text_add_string(t, ELLIPSIS);
}

static const char *pays_by(const char *payment)
{
        return streq(payment, "primary") ? "cards" : payment;
}

static void change_subject(Text *t, const ActionFacts *f)
{
        if (f->first) {
                text_add_string(t, "BACK on ");
                add_cut(t, pays_by(f->payment), NAME_MAX_);
                text_add_string(t, f->automatic ? "" : ", by an operator");
        } else if (f->automatic)
                text_add_string(t, "DOWN");
        else {
                text_add_string(t, "Switched to ");
                add_cut(t, f->mode, NAME_MAX_);
                text_add_string(t, " by an operator");
        }
        if (*f->cause) {
                text_add_string(t, ": ");
                add_cut(t, f->cause, CLAUSE_MAX);
        }
        if (!f->first && f->automatic) {
                text_add_string(t, "; now on ");
                add_cut(t, f->mode, NAME_MAX_);
        }
}

static void alert_subject(Text *t, const ActionFacts *f, const char *severity)
{
        text_add_string(t, f->kind == ACTION_CLEARED     ? "RESOLVED: "
                           : streq(severity, "critical") ? "CRITICAL: "
                                                         : "Warning: ");
        add_cut(t, *f->summary ? f->summary : f->alert, CLAUSE_MAX);
}

static int subject_make(const AlertMessage *m, char **ret)
{
        const ActionFacts *f = m->facts;
        _cleanup_text_ Text t = {0};

        text_add_string(&t, "[");
        add_cut(&t, *f->node_name ? f->node_name : f->node_id, NAME_MAX_);
        text_add_string(&t, "] ");
        switch (f->kind) {
        case ACTION_CHANGE:
                change_subject(&t, f);
                break;
        case ACTION_RAISED:
        case ACTION_CLEARED:
                alert_subject(&t, f, m->severity);
                break;
        default:
                text_add_string(&t, "TEST: mail from failoverd arrives");
        }
        return text_take(&t, ret);
}

/* Without a name of its own, mail comes from the shop. */
static int add_from(Text *t, const ActionFacts *f, const MailAddress *from)
{
        _cleanup_text_ Text name = {0};
        _cleanup_free_ char *shown = NULL;

        add_cut(&name, *from->name ? from->name : f->node_name, NAME_MAX_ * 2);
        int r = text_take(&name, &shown);
        if (r < 0)
                return r;
        const MailAddress list[] = {{.name = shown, .address = from->address}, {0}};
        mime_add_addresses(t, "From", list);
        return 0;
}

/* For filters: kind, node, mode, severity. */
static int add_event(Text *t, const AlertMessage *m)
{
        const ActionFacts *f = m->facts;
        _cleanup_free_ char *event = NULL;
        _cleanup_text_ Text value = {0};

        text_add(&value, "%s; node=", request_kind(f->kind));
        add_cut(&value, f->node_id, NAME_MAX_ * 2);
        text_add_string(&value, "; mode=");
        add_cut(&value, f->mode, NAME_MAX_ * 2);
        text_add_string(&value, "; severity=");
        add_cut(&value, m->severity, NAME_MAX_);
        int r = text_take(&value, &event);
        if (r == 0)
                mime_add_text(t, "X-Failoverd", event);
        return r;
}

static int add_headers(Text *t, const AlertMessage *m, const MailAddress *from, const MailAddress *to)
{
        const ActionFacts *f = m->facts;
        _cleanup_free_ char *subject = NULL;
        const char *domain = mail_address_domain(from);

        int r = subject_make(m, &subject);
        if (r == 0)
                r = add_from(t, f, from);
        if (r < 0)
                return r;
        mime_add_addresses(t, "To", to);
        mime_add_text(t, "Subject", subject);
        mime_add_date(t, "Date", f->at_usec);
        mime_add_id(t, "Message-ID", f->id, domain);
        if (*f->follows) {
                mime_add_id(t, "In-Reply-To", f->follows, domain);
                mime_add_id(t, "References", f->follows, domain);
        }
        /* RFC 3834: no vacation notices in answer; Exchange does not know it, and wants the other. */
        mime_add_text(t, "Auto-Submitted", "auto-generated");
        mime_add_text(t, "X-Auto-Response-Suppress", "All");
        if (m->firing && streq(m->severity, "critical")) {
                mime_add_text(t, "Importance", "high");
                mime_add_text(t, "X-Priority", "1");
        }
        return add_event(t, m);
}

static int body_make(const AlertMessage *m, char **ret)
{
        const ActionFacts *f = m->facts;
        _cleanup_text_ Text t = {0};
        size_t size = utf8_cut(m->body, BODY_MAX);

        text_add_bytes(&t, m->body, size);
        if (m->body[size] != '\0')
                text_add_string(&t, ELLIPSIS);
        text_add_string(&t, "\n\n-- \n");
        add_cut(&t, *f->node_name ? f->node_name : f->node_id, NAME_MAX_ * 2);
        if (*request_link(f->node_url))
                text_add(&t, ", %s", request_link(f->node_url));
        text_add_string(&t, "\nfailoverd on ");
        add_cut(&t, f->node_id, NAME_MAX_ * 2);
        text_add_string(&t, "\n");
        return text_take(&t, ret);
}

int alert_mail_make(const ActionFacts *facts, const MailAddress *from, const MailAddress *to, char **ret)
{
        _cleanup_alert_message_ AlertMessage m = {0};
        _cleanup_free_ char *body = NULL;
        _cleanup_text_ Text t = {0};

        int r = alert_message_make(facts, &m);
        if (r == 0)
                r = add_headers(&t, &m, from, to);
        if (r == 0)
                r = body_make(&m, &body);
        if (r < 0)
                return r;
        mime_add_body(&t, body);
        return text_take(&t, ret);
}
