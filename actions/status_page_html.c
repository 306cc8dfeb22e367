/* SPDX-License-Identifier: MIT */
/* The status page for people: one file, no script, no request to anywhere, light and dark, from phone to desk. */
#include "actions/status_page.h"

#include "base/sign.h"

/* More rows help nobody; what ails comes first. */
#define PARTS_MAX   500
#define CHANGES_MAX 20

static const char style[] =
                ":root{color-scheme:light "
                "dark;--paper:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#545d68;--line:#d5dae1;"
                "--good:#14713d;--minor:#7d5300;--bad:#b3261e;--link:#0b57d0}"
                "@media "
                "(prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1d2127;--ink:#e8eaed;--soft:#"
                "a8b1bc;"
                "--line:#383f48;--good:#6fd495;--minor:#f0b94d;--bad:#ff8f86;--link:#8ab8ff}}"
                "*{box-sizing:border-box}"
                "body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;"
                "overflow-wrap:anywhere}"
                "header,main,footer{max-width:44rem;margin:0 auto;padding:0 1rem}"
                "header{padding-top:1.5rem;color:var(--soft)}header p{margin:0}"
                "a{color:var(--link)}"
                "section{background:var(--card);border:1px solid "
                "var(--line);border-radius:.6rem;padding:1rem 1.25rem;"
                "margin:1rem 0}"
                "h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 .5rem}h2{font-size:1.1rem;margin:0 0 "
                ".5rem}"
                "p{margin:.4rem 0}.soft{color:var(--soft)}.small{font-size:.875rem}"
                ".now{border-left:.5rem solid var(--good)}.now.minor{border-left-color:var(--minor)}"
                ".now.major,.now.critical{border-left-color:var(--bad)}"
                ".note{border-left:.25rem solid var(--minor);padding-left:.75rem}"
                "table{width:100%;border-collapse:collapse}"
                "caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
                "th,td{text-align:left;vertical-align:top;padding:.5rem 0;border-top:1px solid var(--line)}"
                "thead th{border-top:0;color:var(--soft);font-weight:400;font-size:.875rem}"
                "tbody "
                "th{font-weight:600}td:last-child,th:last-child{text-align:right;padding-left:1rem;width:40%}"
                ".up{color:var(--good)}.warn,.unknown{color:var(--minor)}.down{color:var(--bad)}"
                "ol{list-style:none;margin:0;padding:0}li{border-top:1px solid var(--line);padding:.5rem 0}"
                "li:first-child{border-top:0}"
                "footer{padding-bottom:2rem}"
                "@media (max-width:30rem){td:last-child,th:last-child{width:62%}section{padding:1rem}}";

/* "20 Nov 2026, 09:00 UTC", which is right wherever the reader is, and stays right on a page that lies around. */
static void add_time(Text *t, uint64_t usec)
{
        static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        char stamp[TIMESTAMP_SIZE];

        timestamp_format(stamp, usec);
        unsigned month = (unsigned) (stamp[5] - '0') * 10 + (unsigned) (stamp[6] - '0');
        assert(month >= 1 && month <= ELEMENTSOF(months));
        text_add(t, "<time datetime=\"%s\">%d %s %.4s, %.5s UTC</time>", stamp, atoi(stamp + 8),
                 months[month - 1], stamp, stamp + 11);
}

static void add_name(Text *t, const Page *p)
{
        text_add_html(t, *p->node_name ? p->node_name : p->node_id);
}

/* The policy names the one style sheet by its hash: nothing else that might get in here has any effect. */
static void add_policy(Text *t)
{
        _cleanup_free_ char *base64 = NULL;
        uint8_t hash[SHA256_SIZE];

        sha256(style, strlen(style), hash);
        if (base64_encode(hash, sizeof(hash), &base64) < 0) {
                t->failed = true;
                return;
        }
        text_add(t,
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                 "'sha256-%s='; "
                 "img-src data:; base-uri 'none'; form-action 'none'\">\n",
                 base64);
}

static void add_head(Text *t, const Page *p)
{
        text_add_string(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        add_policy(t);
        text_add_string(t, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                           "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
        text_add_html(t, p->headline);
        text_add_string(t, " – ");
        add_name(t, p);
        text_add_string(t, "</title>\n<link rel=\"icon\" href=\"data:,\">\n"
                           "<link rel=\"alternate\" type=\"application/atom+xml\" title=\"Changes\" "
                           "href=\"history.atom\">\n<style>");
        text_add_string(t, style);
        text_add_string(t, "</style>\n</head>\n<body>\n<header>\n<p>");
        if (*request_link(p->node_url)) {
                text_add_string(t, "<a href=\"");
                text_add_html(t, request_link(p->node_url));
                text_add_string(t, "\">");
                add_name(t, p);
                text_add_string(t, "</a>");
        } else
                add_name(t, p);
        text_add_string(t, " · Status</p>\n</header>\n<main>\n");
}

static void add_paragraph(Text *t, const char *class, const char *before, const char *s)
{
        text_add(t, "<p%s%s%s>%s", *class ? " class=\"" : "", class, *class ? "\"" : "", before);
        text_add_html(t, s);
        text_add_string(t, "</p>\n");
}

static void add_now(Text *t, const Page *p)
{
        text_add(t, "<section class=\"now %s\" aria-labelledby=\"now\">\n<h1 id=\"now\">",
                 level_name(p->level));
        text_add_html(t, p->headline);
        text_add_string(t, "</h1>\n");
        if (*p->message)
                add_paragraph(t, "", "", p->message);
        if (!p->first && *p->cause)
                add_paragraph(t, "", "Why: ", p->cause);
        text_add_string(t, "<p class=\"soft\">Running on ");
        text_add_html(t, p->mode);
        text_add_string(t, " since ");
        add_time(t, p->since_usec);
        text_add_string(t, "</p>\n");
        if (p->blind)
                add_paragraph(t, "note", "",
                              "We cannot see: our own connection to the outside is failing, so nothing can "
                              "be said about what "
                              "lies there. The shop stays as it was.");
        if (!p->durable)
                add_paragraph(t, "note", "",
                              "Not saved: this state could not be written to disk yet. It holds all the "
                              "same.");
        text_add_string(t, "</section>\n");
}

static void add_part(Text *t, const json_t *probe, PartState state)
{
        static const struct {
                const char *class, *sign, *words;
        } states[] = {
                        [PART_UP] = {"up", "✓", "Working"},
                        [PART_WARN] = {"warn", "!", "Working, needs attention"},
                        [PART_DOWN] = {"down", "✕", "Not working"},
                        [PART_UNKNOWN] = {"unknown", "?", "Not known"},
        };
        const char *message = item_string(probe, "message");

        text_add_string(t, "<tr><th scope=\"row\">");
        text_add_html(t, item_string(probe, "name"));
        text_add_string(t, "</th><td>");
        text_add(t, "<span class=\"%s\"><span aria-hidden=\"true\">%s </span>%s</span>", states[state].class,
                 states[state].sign, states[state].words);
        if (state != PART_UP && *message) {
                text_add_string(t, "<br><span class=\"soft small\">");
                text_add_html(t, message);
                text_add_string(t, "</span>");
        }
        text_add_string(t, "</td></tr>\n");
}

/* Of very many probes the document has the first ones only. */
static size_t more_parts(const Page *p)
{
        json_int_t n = json_integer_value(json_object_get(p->status, "more_probes"));

        return n > 0 ? (size_t) n : 0;
}

static void add_parts(Text *t, const Page *p)
{
        static const PartState order[] = {PART_DOWN, PART_WARN, PART_UNKNOWN, PART_UP};
        const json_t *probes = page_list(p, "probes");
        size_t shown = 0, all = more_parts(p);

        for (size_t i = 0; i < json_array_size(probes); i++)
                all += probe_is_part(json_array_get(probes, i));
        if (all == 0)
                return;
        text_add_string(t, "<section aria-labelledby=\"parts\">\n<h2 id=\"parts\">Parts</h2>\n"
                           "<table>\n<caption>What the shop needs, and how it is</caption>\n"
                           "<thead><tr><th scope=\"col\">Part</th><th "
                           "scope=\"col\">State</th></tr></thead>\n<tbody>\n");
        for (size_t o = 0; o < ELEMENTSOF(order); o++)
                for (size_t i = 0; i < json_array_size(probes) && shown < PARTS_MAX; i++) {
                        const json_t *probe = json_array_get(probes, i);
                        if (!probe_is_part(probe) || probe_part_state(probe) != order[o])
                                continue;
                        add_part(t, probe, order[o]);
                        shown++;
                }
        text_add_string(t, "</tbody>\n</table>\n");
        if (shown < all)
                text_add(t, "<p class=\"soft\">and %zu more</p>\n", all - shown);
        text_add_string(t, "</section>\n");
}

static void add_shop(Text *t, const PageShop *s)
{
        static const struct {
                const char *class, *sign, *words;
        } states[] = {
                        [REGISTRY_ACTIVE] = {"up", "✓", "Open"},
                        [REGISTRY_FALLBACK] = {"warn", "!", "Open, by its backup"},
                        [REGISTRY_SUSPECT] = {"unknown", "?", "Not known"},
                        [REGISTRY_FAILED] = {"down", "✕", "Not reachable"},
        };
        size_t state = (size_t) s->status < ELEMENTSOF(states) ? s->status : REGISTRY_SUSPECT;
        bool nowhere = s->status == REGISTRY_FALLBACK && !*s->url;

        text_add_string(t, "<tr><th scope=\"row\">");
        if (*s->url) {
                text_add_string(t, "<a rel=\"nofollow noopener\" href=\"");
                text_add_html(t, s->url);
                text_add_string(t, "\">");
        }
        text_add_html(t, s->name);
        text_add(t,
                 "%s</th><td><span class=\"%s\"><span aria-hidden=\"true\">%s </span>%s</span></td></tr>\n",
                 *s->url ? "</a>" : "", nowhere ? "down" : states[state].class,
                 nowhere ? "✕" : states[state].sign,
                 nowhere ? "Sells nothing at the moment" : states[state].words);
}

static void add_shops(Text *t, const Page *p)
{
        if (p->n_shops == 0)
                return;
        text_add_string(t, "<section aria-labelledby=\"shops\">\n<h2 id=\"shops\">Other shops</h2>\n"
                           "<table>\n<caption>The other shops of the network, and how they are</caption>\n"
                           "<thead><tr><th scope=\"col\">Shop</th><th "
                           "scope=\"col\">State</th></tr></thead>\n<tbody>\n");
        for (size_t i = 0; i < p->n_shops; i++)
                add_shop(t, &p->shops[i]);
        text_add_string(t, "</tbody>\n</table>\n");
        if (p->more_shops > 0)
                text_add(t, "<p class=\"soft\">and %zu more</p>\n", p->more_shops);
        text_add_string(t, "</section>\n");
}

static void add_changes(Text *t, const Page *p)
{
        size_t n = MIN(json_array_size(p->changes), (size_t) CHANGES_MAX);

        if (n == 0)
                return;
        text_add_string(t, "<section aria-labelledby=\"changes\">\n<h2 id=\"changes\">Last "
                           "changes</h2>\n<ol>\n");
        for (size_t i = 0; i < n; i++) {
                const json_t *change = json_array_get(p->changes, i);
                const char *from = item_string(change, "from");

                text_add_string(t, "<li><span class=\"soft small\">");
                add_time(t, item_time(change, "at") ? item_time(change, "at") : p->since_usec);
                text_add_string(t, "</span><br>");
                text_add_string(t, *from ? "From " : "Started on ");
                text_add_html(t, from);
                text_add_string(t, *from ? " to " : "");
                text_add_html(t, item_string(change, "to"));
                if (*item_string(change, "cause")) {
                        text_add_string(t, "<br><span class=\"small\">");
                        text_add_html(t, item_string(change, "cause"));
                        text_add_string(t, "</span>");
                }
                text_add_string(t, "</li>\n");
        }
        text_add_string(t, "</ol>\n</section>\n");
}

int page_html(const Page *p, char **ret)
{
        _cleanup_text_ Text t = {0};

        add_head(&t, p);
        add_now(&t, p);
        add_parts(&t, p);
        add_shops(&t, p);
        add_changes(&t, p);
        text_add_string(&t, "</main>\n<footer class=\"soft small\">\n<p>Updated ");
        add_time(&t, p->updated_usec);
        text_add_string(&t, ". If that is more than a few minutes ago, this page may be out of date.</p>\n"
                            "<p><a href=\"history.atom\">Feed of changes</a> · "
                            "<a href=\"api/v2/summary.json\">For programs</a></p>\n"
                            "</footer>\n</body>\n</html>\n");
        return text_take(&t, ret);
}
