/* SPDX-License-Identifier: MIT */
/* `search`: the network's answer as a list that fits a terminal, however narrow. */
#include "ctl/page.h"

#include <inttypes.h>
#include <math.h>

#define SEARCH_USEC (15 * USEC_PER_SEC) /* the daemon waits 3 s for peers, and others may be before us */
#define SELLERS_MAX 5                   /* of one work; how many more there are is said */

/* --- what is asked --- */

static void add_option(const Invocation *i, Text *target, Option option, const char *key)
{
        if (!i->given[option])
                return;
        text_add(target, "&%s=", key);
        ctl_add_encoded(target, i->value[option]);
}

static void add_target(const Invocation *i, Text *target)
{
        text_add_string(target, "/v1/search?q=");
        for (char **word = i->arguments; *word; word++) {
                if (word != i->arguments)
                        text_add_string(target, "%20");
                ctl_add_encoded(target, *word);
        }
        add_option(i, target, OPTION_LIMIT, "limit");
        add_option(i, target, OPTION_CATEGORY, "category");
        add_option(i, target, OPTION_MAX_PRICE, "maxPrice");
}

/* --- what comes of it --- */

/* How many digits the currency has is seen from the two forms of its price. */
static int digits_of(double price, double minor)
{
        for (int digits = 0; digits <= 4; digits++)
                if (fabs(price * pow(10, digits) - minor) < 0.5)
                        return digits;
        return 2;
}

static void add_price(Text *t, const json_t *seller)
{
        const json_t *price = json_object_get(seller, "price"),
                     *minor = json_object_get(seller, "price_minor");
        double major = json_number_value(price);

        if (!json_is_number(price))
                text_add_string(t, "no price");
        else if (major == 0)
                text_add_string(t, "free");
        else
                text_add(t, "%.*f %s",
                         json_is_integer(minor) ? digits_of(major, json_number_value(minor)) : 2, major,
                         ctl_string(seller, "currency"));
}

/* Why it has not answered. */
static void add_silence(Text *t, const json_t *peer)
{
        const char *status = ctl_string(peer, "status"), *error = ctl_string(peer, "error");

        if (streq(status, "timeout"))
                text_add(t, "no answer within %.0f ms", json_number_value(json_object_get(peer, "ms")));
        else if (streq(status, "skipped"))
                text_add_string(t, "not asked");
        else if (!*error)
                text_add_string(t, status);
        if (*error)
                text_add(t, "%s%s", streq(status, "timeout") || streq(status, "skipped") ? ": " : "", error);
}

/* Found in the copy of its catalog: the price is of then. */
static void add_copy(Text *t, const json_t *seller, const json_t *peers)
{
        char time[CTL_TIME_SIZE];
        const json_t *peer;
        uint64_t usec = ctl_time(seller, "asOf");
        size_t k;

        if (!json_is_true(json_object_get(seller, "copy")))
                return;
        text_add(t, " (copy%s%s", usec > 0 ? " of " : "", usec > 0 ? ctl_time_format(time, usec) : "");
        json_array_foreach(peers, k, peer)
        {
                if (!streq(ctl_string(peer, "id"), ctl_string(seller, "source_node")))
                        continue;
                text_add_string(t, "; ");
                add_silence(t, peer);
                break;
        }
        text_add_string(t, ")");
}

static const char *first_of(const json_t *object, const char *a, const char *b, const char *c)
{
        const char *s = ctl_string(object, a);

        s = s[0] ? s : ctl_string(object, b);
        return s[0] ? s : ctl_string(object, c);
}

static void add_sellers(Text *t, const json_t *work, const json_t *peers)
{
        const json_t *sellers = json_object_get(work, "sellers"), *seller;
        size_t k, n = json_array_size(sellers);

        if (n == 0) {
                add_price(t, work);
                text_add(t, " at %s", first_of(work, "source_name", "storeName", "source_node"));
                add_copy(t, work, peers);
        }
        json_array_foreach(sellers, k, seller)
        {
                if (k == SELLERS_MAX && n > SELLERS_MAX + 1) {
                        text_add(t, "; and %zu more", n - k);
                        break;
                }
                text_add_string(t, k > 0 ? "; " : "");
                add_price(t, seller);
                text_add(t, " at %s", first_of(seller, "source_name", "source_node", "source_url"));
                add_copy(t, seller, peers);
        }
}

static void show_work(Page *p, size_t number, const json_t *work, const json_t *peers)
{
        const char *author = ctl_string(work, "author");
        _cleanup_text_ Text title = {}, sold = {};
        char label[32];

        snprintf(label, sizeof(label), "%3zu  ", number);
        text_add_string(&title, ctl_string(work, "title"));
        add_sellers(&sold, work, peers);
        page_paragraph(p, STYLE_DIM, label, 5, STYLE_BOLD, title.data ? title.data : "(no title)");
        if (author[0])
                page_paragraph(p, STYLE_PLAIN, "     ", 5, STYLE_PLAIN, author);
        page_paragraph(p, STYLE_PLAIN, "     ", 5, STYLE_GOOD, sold.data ? sold.data : "");
        p->text.failed |= title.failed || sold.failed;
}

/* "empty" has answered, too: it has nothing. */
static bool has_answered(const json_t *peer)
{
        const char *status = ctl_string(peer, "status");

        return streq(status, "ok") || streq(status, "empty");
}

static void show_silent(Page *p, const json_t *peer)
{
        _cleanup_text_ Text label = {}, words = {};

        text_add(&label, "  %s: ", ctl_string(peer, "id"));
        add_silence(&words, peer);
        p->text.failed |= label.failed || words.failed;
        if (label.data && words.data)
                page_paragraph(p, STYLE_WARN, label.data, 4, STYLE_PLAIN, words.data);
}

static void show_peers(Page *p, const json_t *answer)
{
        const json_t *peers = json_object_get(answer, "peers"), *peer;
        size_t k, silent = 0, n = json_array_size(peers);
        _cleanup_text_ Text words = {};

        json_array_foreach(peers, k, peer) silent += !has_answered(peer);
        if (silent == 0)
                return;
        text_add(&words, "Incomplete: %zu of %zu other shop%s %s not answered.", silent, n, PLURAL(n),
                 silent == 1 ? "has" : "have");
        if (words.data)
                page_paragraph(p, STYLE_PLAIN, "", 0, STYLE_WARN, words.data);
        json_array_foreach(peers, k, peer) if (!has_answered(peer)) show_silent(p, peer);
}

static void show_answer(Page *p, const json_t *answer)
{
        const json_t *results = json_object_get(answer, "results"), *work;
        int64_t total = ctl_integer(answer, "totalResults");
        const json_t *peers = json_object_get(answer, "peers"), *peer;
        size_t k, n = json_array_size(results), answered = 0;
        _cleanup_text_ Text words = {};

        json_array_foreach(results, k, work) show_work(p, k + 1, work, peers);
        json_array_foreach(peers, k, peer) answered += has_answered(peer);
        if (n == 0)
                text_add(&words, "Nothing found for %s", ctl_string(answer, "query"));
        else if (total > (int64_t) n)
                text_add(&words, "%zu of %" PRId64 " found", n, total);
        else
                text_add(&words, "%zu found", n);
        if (answered > 0)
                text_add(&words, " in this shop and %zu other%s", answered, PLURAL(answered));
        text_add_string(&words, ".");
        if (n > 0)
                page_end(p);
        if (words.data)
                page_paragraph(p, STYLE_PLAIN, "", 0, STYLE_PLAIN, words.data);
        p->text.failed |= words.failed;
        show_peers(p, answer);
}

int verb_search(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_text_ Text target = {};
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        Error e = {};

        add_target(i, &target);
        if (target.failed)
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        if (ctl_ask(i, "GET", target.data, NULL, SEARCH_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return CTL_DONE;
        }
        show_answer(&p, answer);
        return ctl_print_page(i, &p);
}
