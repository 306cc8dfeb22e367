/* SPDX-License-Identifier: MIT */
/* `audit`: what happened to the registry, to keys and to money, and whether that log is whole. */
#include "base/clock.h"
#include "ctl/page.h"

#include <inttypes.h>

#define CHECK_USEC (5 * USEC_PER_MIN) /* it reads all of it */

static void show_row(Page *p, const json_t *row)
{
        const char *node = ctl_string(row, "node"), *detail = ctl_string(row, "detail");
        char time[CTL_TIME_SIZE + 2];
        _cleanup_text_ Text t = {};

        strcat(ctl_time_format(time, ctl_time(row, "at")), "  ");
        text_add_string(&t, ctl_string(row, "event"));
        if (*node)
                text_add(&t, " %s", node);
        text_add(&t, ", by %s", ctl_string(row, "actor"));
        if (*detail)
                text_add(&t, ": %s", detail);
        p->text.failed |= t.failed;
        if (t.data)
                page_paragraph(p, STYLE_DIM, time, 4, STYLE_PLAIN, t.data);
}

static void show_whole(Page *p, const json_t *answer)
{
        _cleanup_text_ Text t = {};

        page_paragraph(p, STYLE_PLAIN, "", 0, STYLE_GOOD, "The log is whole.");
        text_add(&t,
                 "Its last row is %" PRId64
                 ", with hash %s. Note both down elsewhere: who can write the database can "
                 "make another whole log.",
                 ctl_integer(answer, "last"), ctl_string(answer, "hash"));
        p->text.failed |= t.failed;
        if (t.data && ctl_integer(answer, "last") > 0)
                page_paragraph(p, STYLE_PLAIN, "", 0, STYLE_PLAIN, t.data);
}

int verb_audit(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        _cleanup_text_ Text target = {};
        bool check = i->given[OPTION_CHECK];
        const json_t *rows;
        Error e = {};

        if (i->given[OPTION_LIMIT] && strspn(i->value[OPTION_LIMIT], "0") == strlen(i->value[OPTION_LIMIT]))
                return ctl_usage(i, "--limit takes a whole number, at least 1");
        text_add_string(&target, "/v1/audit?limit=");
        ctl_add_encoded(&target, i->given[OPTION_LIMIT] ? i->value[OPTION_LIMIT] : "20");
        text_add_string(&target, check ? "&check=1" : "");
        if (target.failed)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "GET", target.data, NULL, check ? CHECK_USEC : CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (check && !json_is_true(json_object_get(answer, "whole")))
                error_set(&e, -EBADMSG, "THE LOG IS NOT WHOLE: %s", ctl_string(answer, "problem"));
        if (i->given[OPTION_JSON])
                ctl_print_json(answer);
        else {
                rows = json_object_get(answer, "audit");
                for (size_t k = json_array_size(rows); k > 0; k--) /* the newest last, where the eye is */
                        show_row(&p, json_array_get(rows, k - 1));
                if (json_array_size(rows) == 0)
                        page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN, "Nothing has happened yet.");
                if (check && !e.text[0])
                        show_whole(&p, answer);
                if (ctl_print_page(i, &p) != CTL_DONE)
                        return i->verb->failure;
        }
        return e.text[0] ? ctl_failed(i, &e) : CTL_DONE;
}
