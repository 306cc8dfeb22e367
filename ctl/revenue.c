/* SPDX-License-Identifier: MIT */
/* `revenue`: what other shops owe this one for buyers that it sent, and what it owes them; and what was paid, by hand. */
#include "ctl/page.h"

#include <inttypes.h>

#define REPORT_USEC (60 * USEC_PER_SEC) /* many years of sales, on a slow disk */

static void add_query(const Invocation *i, Text *target)
{
        text_add_string(target, "/v1/revenue?month=");
        if (i->given[OPTION_MONTH])
                ctl_add_encoded(target, i->value[OPTION_MONTH]);
}

/* --- the table --- */

typedef struct Columns {
        unsigned peer;
} Columns;

static void count_cell(Page *p, const json_t *line, const char *key, Style style)
{
        char number[24];
        int64_t n = ctl_integer(line, key);

        snprintf(number, sizeof(number), "%" PRId64, n);
        page_cell_right(p, n > 0 ? style : STYLE_DIM, number, 8);
}

static void amount_cell(Page *p, const json_t *line, const char *key, Style style)
{
        char amount[48];

        snprintf(amount, sizeof(amount), "%s %s", ctl_string(line, key), ctl_string(line, "currency"));
        page_cell_right(p, style, amount, 15);
}

static void show_line(Page *p, const json_t *line, const Columns *c)
{
        page_put(p, STYLE_PLAIN, "  ");
        page_cell(p, STYLE_PLAIN, ctl_string(line, "peer"), c->peer);
        amount_cell(p, line, "share", ctl_integer(line, "share_minor") > 0 ? STYLE_GOOD : STYLE_DIM);
        amount_cell(p, line, "sales", STYLE_PLAIN);
        count_cell(p, line, "paid", STYLE_PLAIN);
        count_cell(p, line, "refunded", STYLE_PLAIN);
        count_cell(p, line, "confirmed", STYLE_PLAIN);
        page_end(p);
}

static void note(Page *p, int64_t n, const char *one, const char *many)
{
        _cleanup_text_ Text words = {};

        if (n == 0)
                return;
        text_add(&words, "%" PRId64 " %s", n, n == 1 ? one : many);
        p->text.failed |= words.failed;
        page_paragraph(p, STYLE_PLAIN, "      ", 6, STYLE_WARN, words.data ? words.data : "");
}

static void show_notes(Page *p, const json_t *line, bool to_us)
{
        note(p, ctl_integer(line, "open"), "is being ordered", "are being ordered");
        note(p, ctl_integer(line, "unconfirmed"), "is not confirmed yet: asked again",
             "are not confirmed yet: asked again");
        note(p, ctl_integer(line, "never_confirmed"), "was never confirmed, and is asked no more",
             "were never confirmed, and are asked no more");
        if (!to_us)
                note(p, ctl_integer(line, "untold"), "payment or refund has not been heard there yet",
                     "payments or refunds have not been heard there yet");
}

/* The lines of one peer, from k on: one for each currency, and how many are denied, in none of which is money. Returns the next peer's. */
static size_t show_peer(Page *p, const json_t *lines, size_t k, const Columns *c, bool to_us)
{
        const char *peer = ctl_string(json_array_get(lines, k), "peer");
        bool shown = false;
        int64_t denied = 0;

        for (; k < json_array_size(lines); k++) {
                const json_t *line = json_array_get(lines, k);
                int64_t here = ctl_integer(line, "denied");

                if (!streq(ctl_string(line, "peer"), peer))
                        break;
                denied += here;
                if (here > 0 && here == ctl_integer(line, "referrals"))
                        continue;
                show_line(p, line, c);
                show_notes(p, line, to_us);
                shown = true;
        }
        if (!shown) {
                page_put(p, STYLE_PLAIN, "  ");
                page_put(p, STYLE_PLAIN, peer);
                page_end(p);
        }
        note(p, denied, "is denied: `failoverctl revenue --csv` says why",
             "are denied: `failoverctl revenue --csv` says why");
        return k;
}

static void show_side(Page *p, const json_t *lines, const char *title, bool to_us)
{
        Columns c = {.peer = page_widest(lines, "peer", 4, 30)};

        page_put(p, STYLE_BOLD, title);
        page_end(p);
        if (json_array_size(lines) == 0) {
                page_put(p, STYLE_DIM, "  nothing");
                page_end(p);
                return;
        }
        page_put(p, STYLE_DIM, "  ");
        page_cell(p, STYLE_DIM, "peer", c.peer);
        page_cell_right(p, STYLE_DIM, "share", 15);
        page_cell_right(p, STYLE_DIM, "of sales", 15);
        page_cell_right(p, STYLE_DIM, "paid", 8);
        page_cell_right(p, STYLE_DIM, "refunded", 8);
        page_cell_right(p, STYLE_DIM, "not paid", 8);
        page_end(p);
        for (size_t k = 0; k < json_array_size(lines);)
                k = show_peer(p, lines, k, &c, to_us);
}

static int show(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_text_ Text target = {};
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        Error e = {};

        add_query(i, &target);
        if (target.failed)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "GET", target.data, NULL, REPORT_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        show_side(&p, json_object_get(answer, "owed_to_us"), "Owed to us, for buyers that we sent", true);
        page_end(&p);
        show_side(&p, json_object_get(answer, "owed_by_us"), "Owed by us, for buyers that were sent to us",
                  false);
        return ctl_print_page(i, &p);
}

/* --- every referral, for accounts --- */

static int print_csv(const Invocation *i)
{
        char after[64] = "";
        Error e = {};

        for (;;) {
                _cleanup_json_ json_t *answer = NULL;
                _cleanup_text_ Text target = {};

                add_query(i, &target);
                text_add_string(&target, "&format=csv&after=");
                ctl_add_encoded(&target, after);
                if (target.failed)
                        return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
                if (ctl_ask(i, "GET", target.data, NULL, REPORT_USEC, &answer, &e) < 0)
                        return ctl_failed(i, &e);
                fputs(ctl_string(answer, "csv"), stdout);
                snprintf(after, sizeof(after), "%s", ctl_string(answer, "next"));
                if (!*after)
                        return CTL_DONE;
        }
}

/* --- paid, refunded --- */

static json_t *settle_body(const Invocation *i)
{
        json_t *body = json_object();
        char *end;

        json_put(body, "status", json_string_or_null(i->arguments[2]));
        if (!i->arguments[3])
                return body;
        json_put(body, "price_minor", json_integer(strtoll(i->arguments[3], &end, 10)));
        if (*end || end == i->arguments[3])
                json_put(body, "price_minor", json_string_or_null(i->arguments[3])); /* refused by name */
        json_put(body, "currency", json_string_or_null(i->arguments[4] ? i->arguments[4] : ""));
        return body;
}

static int settle(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_text_ Text target = {}, words = {};
        Error e = {};

        text_add_string(&target, "/v1/orders/");
        ctl_add_encoded(&target, i->arguments[1]);
        if (target.failed)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "POST", target.data, settle_body(i), CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        text_add(&words, "%s %s: %s of %s %s %s %s%s.",
                 json_is_true(json_object_get(answer, "changed")) ? "Recorded as" : "It is already",
                 ctl_string(answer, "state"), ctl_string(answer, "share"), ctl_string(answer, "price"),
                 ctl_string(answer, "currency"),
                 streq(ctl_string(answer, "state"), "paid") ? "are owed to" : "are not owed any more to",
                 ctl_string(answer, "peer"),
                 json_is_true(json_object_get(answer, "told")) ? ", which knows" : ", which is told now");
        if (words.data)
                ctl_print_words(words.data);
        return CTL_DONE;
}

int verb_revenue(const Invocation *i)
{
        if (i->arguments[0] && !streq(i->arguments[0], "settle"))
                return ctl_usage(i, "no such thing to do: %s; say settle, or nothing", i->arguments[0]);
        if (i->arguments[0] && (!i->arguments[1] || !i->arguments[2]))
                return ctl_usage(i, "say which referral, and paid or refunded");
        if (i->arguments[0])
                return settle(i);
        if (i->given[OPTION_CSV] && i->given[OPTION_JSON])
                return ctl_usage(i, "--csv and --json: one of them");
        return i->given[OPTION_CSV] ? print_csv(i) : show(i);
}
