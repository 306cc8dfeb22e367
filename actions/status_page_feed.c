/* SPDX-License-Identifier: MIT */
/* The status page's small companions: a feed of changes (Atom, RFC 4287) and a badge for the shop's own pages. */
#include "actions/status_page.h"

#define ENTRIES_MAX 50

static void add_id(Text *t, const Page *p, const char *change)
{
        const char *link = request_link(p->node_url);

        text_add_string(t, "<id>");
        if (*link)
                text_add_html(t, link);
        else {
                text_add_string(t, "urn:failoverd:");
                text_add_html(t, p->node_id);
        }
        text_add_string(t, "#status");
        if (*change) {
                text_add_string(t, "-");
                text_add_html(t, change);
        }
        text_add_string(t, "</id>\n");
}

static void add_updated(Text *t, uint64_t usec)
{
        char stamp[TIMESTAMP_SIZE];
        text_add(t, "<updated>%s</updated>\n", timestamp_format(stamp, usec));
}

static void add_entry(Text *t, const Page *p, const json_t *change)
{
        const char *from = item_string(change, "from"), *cause = item_string(change, "cause");
        uint64_t at = item_time(change, "at");

        text_add_string(t, "<entry>\n");
        add_id(t, p, item_string(change, "id"));
        add_updated(t, at ? at : p->since_usec);
        text_add_string(t, "<title>");
        text_add_string(t, *from ? "Switched from " : "Started on ");
        text_add_html(t, from);
        text_add_string(t, *from ? " to " : "");
        text_add_html(t, item_string(change, "to"));
        text_add_string(t, "</title>\n<content type=\"text\">");
        text_add_html(t, *cause ? cause : "No cause was given.");
        text_add_string(t, "</content>\n</entry>\n");
}

int page_atom(const Page *p, char **ret)
{
        _cleanup_text_ Text t = {0};
        const char *name = *p->node_name ? p->node_name : p->node_id, *link = request_link(p->node_url);
        size_t n = MIN(json_array_size(p->changes), (size_t) ENTRIES_MAX);
        uint64_t newest = item_time(json_array_get(p->changes, 0), "at");

        text_add_string(&t, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                            "<feed xmlns=\"http://www.w3.org/2005/Atom\">\n");
        add_id(&t, p, "");
        text_add_string(&t, "<title>");
        text_add_html(&t, name);
        text_add_string(&t, " status</title>\n<author><name>");
        text_add_html(&t, name);
        text_add_string(&t, "</name></author>\n");
        add_updated(&t, newest ? newest : p->since_usec);
        if (*link) {
                text_add_string(&t, "<link rel=\"alternate\" href=\"");
                text_add_html(&t, link);
                text_add_string(&t, "\"/>\n");
        }
        text_add_string(&t, "<link rel=\"self\" href=\"history.atom\"/>\n");
        for (size_t i = 0; i < n; i++)
                add_entry(&t, p, json_array_get(p->changes, i));
        text_add_string(&t, "</feed>\n");
        return text_take(&t, ret);
}

int page_badge(const Page *p, char **ret)
{
        static const struct {
                const char *word, *colour;
                unsigned width;
        } faces[] = {
                        [LEVEL_NONE] = {"working", "#14713d", 62},
                        [LEVEL_MINOR] = {"attention", "#7d5300", 66},
                        [LEVEL_MAJOR] = {"on backup", "#a33b00", 70},
                        [LEVEL_CRITICAL] = {"not working", "#b3261e", 80},
        };
        enum { LABEL = 48 };
        _cleanup_text_ Text t = {0};
        const char *word = p->blind && p->level == LEVEL_MINOR ? "not known" : faces[p->level].word;
        unsigned width = faces[p->level].width;

        text_add(&t,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"20\" role=\"img\" "
                 "aria-label=\"status: %s\"><title>status: %s</title>"
                 "<rect width=\"%u\" height=\"20\" rx=\"3\" fill=\"%s\"/>"
                 "<path d=\"M3 0h%dv20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z\" fill=\"#444b54\"/>"
                 "<g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\" "
                 "text-anchor=\"middle\"><text x=\"%d\" y=\"14\">status</text><text x=\"%u\" "
                 "y=\"14\">%s</text></g></svg>\n",
                 LABEL + width, word, word, LABEL + width, faces[p->level].colour, LABEL - 3, LABEL / 2,
                 LABEL + width / 2, word);
        return text_take(&t, ret);
}
