/* SPDX-License-Identifier: MIT */
/* What `incident` and `maintenance` share. */
#include "ctl/bulletin.h"

#include "base/clock.h"
#include "base/id.h"

#define TEXT_MAX 4000 /* what failoverd takes */

static int read_text(const Invocation *i, char **ret)
{
        char buffer[TEXT_MAX + 2];
        size_t size = fread(buffer, 1, sizeof(buffer) - 1, stdin);
        Error e;

        if (ferror(stdin))
                return ctl_failed(i, (error_set(&e, -errno, "cannot read standard input: %m"), &e));
        if (size > TEXT_MAX)
                return ctl_failed(i, (error_set(&e, -E2BIG, "a text has at most %d bytes", TEXT_MAX), &e));
        if (memchr(buffer, 0, size))
                return ctl_failed(i,
                                  (error_set(&e, -EBADMSG, "a text holds no NUL: is standard input a text?"),
                                   &e));
        while (size > 0 && (buffer[size - 1] == '\n' || buffer[size - 1] == ' '))
                size--;
        buffer[size] = '\0';
        *ret = strdup(buffer);
        return *ret ? 0 : ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
}

int bulletin_arguments(const Invocation *i, char *const *arguments, const char **ret_id, char **ret_text)
{
        Error e;

        *ret_id = "latest";
        *ret_text = NULL;
        if (arguments[0] && id_usec(arguments[0]) > 0)
                *ret_id = *arguments++;
        if (!arguments[0])
                return 0;
        if (arguments[1])
                return ctl_usage(i, "one argument too many: %s (put the text into quotation marks)",
                                 arguments[1]);
        if (streq(arguments[0], "-"))
                return read_text(i, ret_text);
        *ret_text = strdup(arguments[0]);
        return *ret_text ? 0 : ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
}

void bulletin_add_components(const Invocation *i, json_t *body)
{
        const char *s = i->value[OPTION_COMPONENTS];
        json_t *list;

        if (!i->given[OPTION_COMPONENTS])
                return;
        list = json_array();
        while (*s) {
                size_t n = strcspn(s, ", ");
                char id[80];

                snprintf(id, sizeof(id), "%.*s", (int) MIN(n, sizeof(id) - 1), s);
                if (n > 0)
                        json_add(list, json_string_or_null(id));
                s += n;
                s += strspn(s, ", ");
        }
        json_put(body, "components", list);
}

int bulletin_post(const Invocation *i, const char *kind, const char *id, const char *verb, json_t *body,
                  json_t **ret)
{
        _cleanup_text_ Text target = {};
        Error e = {};

        text_add(&target, "/v1/%s", kind);
        if (id) {
                text_add_string(&target, "/");
                ctl_add_encoded(&target, id);
                text_add(&target, "/%s", verb);
        }
        body = json_whole(body);
        if (target.failed || !body) {
                json_decref(body);
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        }
        if (ctl_ask(i, "POST", target.data, body, CTL_ANSWER_USEC, ret, &e) < 0) {
                json_decref(*ret);
                *ret = NULL;
                return ctl_failed(i, &e);
        }
        return 0;
}

int bulletin_list(const Invocation *i, const char *kind, BulletinShow show, bool newest_last,
                  const char *none)
{
        _cleanup_free_ char *target = string_printf("/v1/%s", kind);
        _cleanup_json_ json_t *answer = NULL;
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        const json_t *all;
        Error e = {};
        size_t n;

        if (i->arguments[0] && i->arguments[1])
                return ctl_usage(i, "list takes no argument");
        if (!target)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "GET", target, NULL, CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        all = json_object_get(answer, kind);
        n = json_array_size(all);
        for (size_t k = 0; k < n; k++)
                show(&p, json_array_get(all, newest_last ? n - 1 - k : k));
        if (n == 0)
                page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN, none);
        return ctl_print_page(i, &p);
}

int bulletin_tell(const Invocation *i, const json_t *answer, const char *member, BulletinShow show,
                  const char *words)
{
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};

        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        show(&p, json_object_get(answer, member));
        if (words)
                page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN, words);
        if (json_is_false(json_object_get(answer, "durable")))
                page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_BAD,
                               "NOT DURABLE: it is shown, but cannot be saved now; a restart may forget it.");
        return ctl_print_page(i, &p);
}

/* What nobody wrote by hand, in words; nothing: the state says it all. */
static void add_own_words(Text *t, const json_t *update)
{
        const char *state = ctl_string(update, "state"), *selling = ctl_string(update, "selling");

        if (!json_is_true(json_object_get(update, "automatic")))
                return;
        if (streq(state, "active") || streq(state, "completed")) {
                text_add(t, streq(state, "active") ? ": it has begun" : ": it is over");
                return;
        }
        if (streq(state, "resolved"))
                text_add(t, ": buyers can buy as usual, in");
        else if (streq(selling, "not"))
                text_add(t, ": buyers cannot buy, in");
        else if (streq(selling, "hampered"))
                text_add(t, ": buying may fail, in");
        else
                text_add(t, ": the shop runs in");
        text_add(t, " mode %s", ctl_string(update, "mode"));
}

void bulletin_show_updates(Page *p, const json_t *bulletin)
{
        const json_t *updates = json_object_get(bulletin, "updates");

        for (size_t k = json_array_size(updates); k > 0; k--) {
                const json_t *update = json_array_get(updates, k - 1);
                const char *body = ctl_string(update, "body");
                char time[CTL_TIME_SIZE], label[CTL_TIME_SIZE + 8];
                _cleanup_text_ Text t = {};

                snprintf(label, sizeof(label), "    %s  ", ctl_time_format(time, ctl_time(update, "at")));
                text_add_string(&t, ctl_string(update, "state"));
                if (body[0])
                        text_add(&t, ": %s", body);
                else
                        add_own_words(&t, update);
                p->text.failed |= t.failed;
                if (t.data)
                        page_paragraph(p, STYLE_DIM, label, 6, STYLE_PLAIN, t.data);
        }
}
