/* SPDX-License-Identifier: MIT */
/* How buyers pay now, as HTML for shops without scripts. */
#include "federation/banner.h"

#define STYLE                                                                                   \
        "body{margin:0;padding:.75em 1em;font:1em/1.5 system-ui,sans-serif;background:#fff3cd;" \
        "color:#533f03}p{margin:0}a{color:inherit}.usual{background:#fff;color:#333}"           \
        "@media(prefers-color-scheme:dark){body{background:#4a3a08;color:#ffe9a8}"              \
        ".usual{background:#171615;color:#edeae6}}"
#define STYLE_HASH "/0QRUgn4EcmtPX3pQfHkcmPk4G6/X5ZdwWfKvc7PHPE=" /* of STYLE, SHA-256; a test compares */

const char banner_policy[] = "default-src 'none'; style-src 'sha256-" STYLE_HASH
                             "'; base-uri 'none'; form-action 'none'; frame-ancestors *";

typedef struct Words {
        const char *language, *title, *usual, *unseen, *crypto, *federated, *elsewhere, *hampered, *closed,
                        *stale;
} Words;

static const Words all_words[] = {
                {.language = "en",
                 .title = "How to pay now",
                 .usual = "Orders and payment work as usual.",
                 .unseen = "We cannot see right now whether orders and payment work.",
                 .crypto = "Card payment is not possible at the moment. You can pay by cryptocurrency.",
                 .federated = "We cannot take orders at the moment.",
                 .elsewhere = "You can buy here instead:",
                 .hampered = "There are problems with the checkout right now: buying may fail.",
                 .closed = "Buying is not possible right now. Please try again later.",
                 .stale = "This may be out of date."},
                {.language = "de",
                 .title = "Wie man gerade bezahlt",
                 .usual = "Bestellen und Bezahlen gehen wie gewohnt.",
                 .unseen = "Wir können gerade nicht sehen, ob Bestellen und Bezahlen gehen.",
                 .crypto = "Kartenzahlung ist gerade nicht möglich. Sie können mit Kryptowährung bezahlen.",
                 .federated = "Wir können gerade keine Bestellungen annehmen.",
                 .elsewhere = "Hier können Sie stattdessen kaufen:",
                 .hampered = "Es gibt gerade Probleme mit der Kasse: Der Kauf kann misslingen.",
                 .closed = "Der Kauf ist gerade nicht möglich. Bitte versuchen Sie es später noch einmal.",
                 .stale = "Das kann überholt sein."},
};

static const Words *words_find(const char *language)
{
        for (size_t i = 0; i < ELEMENTSOF(all_words); i++)
                if (streq(all_words[i].language, language))
                        return &all_words[i];
        return &all_words[0];
}

/* "de-AT;q=0.7": 700 for `de`, 0 for others. */
static unsigned weight(const char *range, size_t size, const char *language)
{
        const char *parameter = memchr(range, ';', size), *q;
        size_t n = strlen(language);

        if (size < n || strncasecmp(range, language, n) != 0 || (size > n && !strchr("-; \t", range[n])))
                return 0;
        if (!parameter || !(q = memmem(parameter, size - (size_t) (parameter - range), "q=", 2)))
                return 1000;
        q += 2;
        if (*q == '1')
                return 1000;
        unsigned sum = 0, place = 100;
        if (*q != '0' || q[1] != '.')
                return 0;
        for (q += 2; q < range + size && *q >= '0' && *q <= '9' && place > 0; q++, place /= 10)
                sum += (unsigned) (*q - '0') * place;
        return sum;
}

const char *banner_language(const char *accept)
{
        const Words *best = &all_words[0];
        unsigned most = 0;

        while (accept && *accept) {
                accept += strspn(accept, ", \t");
                size_t size = strcspn(accept, ",");
                for (size_t i = 0; i < ELEMENTSOF(all_words); i++) {
                        unsigned w = weight(accept, size, all_words[i].language);
                        if (w > most) {
                                most = w;
                                best = &all_words[i];
                        }
                }
                accept += size;
        }
        return best->language;
}

const char *banner_trouble(const char *selling, const char *language)
{
        const Words *w = words_find(language);

        return streq(selling, "not") ? w->closed : streq(selling, "hampered") ? w->hampered : NULL;
}

/* Nothing that a buyer would have to know. */
static bool is_quiet(const ModeNow *now, const char *selling)
{
        return streq(now->payment, "primary") && !*now->message && !banner_trouble(selling, "en");
}

static void add_message(Text *t, const ModeNow *now, const Words *w)
{
        if (*now->message) {
                text_add_string(t, "<bdi>");
                text_add_html(t, now->message);
                text_add_string(t, "</bdi>");
        } else
                text_add_string(t, streq(now->payment, "crypto") ? w->crypto : w->federated);
}

/* A frame is left by its links, for the whole page. */
static void add_elsewhere(Text *t, const Words *w, const char *url)
{
        const char *host = strstr(url, "//");

        text_add(t, " %s <a href=\"", w->elsewhere);
        text_add_html(t, url);
        text_add_string(t, "\" target=\"_top\">");
        text_add_html(t, host ? host + 2 : url);
        text_add_string(t, "</a>");
}

static void add_sentences(Text *t, const ModeNow *now, const char *node_url, const Words *w)
{
        const char *selling = mode_selling(now, node_url), *trouble = banner_trouble(selling, w->language);

        if (is_quiet(now, selling)) {
                text_add_string(t, now->stale || streq(selling, "unknown") ? w->unseen : w->usual);
                return;
        }
        if (trouble)
                text_add_string(t, trouble);
        else
                add_message(t, now, w);
        if (streq(now->payment, "federated") && node_url)
                add_elsewhere(t, w, node_url);
        if (now->stale)
                text_add(t, " %s", w->stale);
}

void banner_add(Text *t, BannerForm form, const ModeNow *now, const char *node_url, const char *language)
{
        const Words *w = words_find(language);
        bool quiet = is_quiet(now, mode_selling(now, node_url));

        assert(t && now && language);

        if (form == BANNER_PIECE) {
                if (quiet)
                        return;
                text_add(t, "<div class=\"failover-banner\" role=\"status\" lang=\"%s\">", w->language);
                add_sentences(t, now, node_url, w);
                text_add_string(t, "</div>\n");
                return;
        }
        text_add(t,
                 "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<title>%s</title>\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta name=\"color-scheme\" content=\"light dark\">\n<style>" STYLE
                 "</style>\n</head>\n<body%s>\n<main>\n<p role=\"status\">",
                 w->language, w->title, quiet ? " class=\"usual\"" : "");
        add_sentences(t, now, node_url, w);
        text_add_string(t, "</p>\n</main>\n</body>\n</html>\n");
}
