/* SPDX-License-Identifier: MIT */
/* status-page: several hundred payloads in every field that people, peers or other shops can fill. Whatever they are, the page has
 * exactly the elements and attributes that it has with plain words; feed and badge are XML; JSON is JSON; nothing hides. */
#include "actions/status_page.h"
#include "tests/action_rig.h"

/* Each alone, and each behind what could have opened a way for it. */
static const char *const payloads[] = {
                "<script>alert(1)</script>",
                "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
                "<img src=x onerror=alert(1)>",
                "<svg/onload=alert(1)>",
                "<svg><script>alert(1)</script></svg>",
                "<body onload=alert(1)>",
                "<iframe src=javascript:alert(1)></iframe>",
                "<iframe srcdoc=\"<script>alert(1)</script>\">",
                "<object data=javascript:alert(1)>",
                "<embed src=javascript:alert(1)>",
                "<math href=javascript:alert(1)>x</math>",
                "<a href=javascript:alert(1)>x</a>",
                "<form action=javascript:alert(1)><button>x",
                "<input autofocus onfocus=alert(1)>",
                "<details open ontoggle=alert(1)>",
                "<video><source onerror=alert(1)>",
                "<marquee onstart=alert(1)>",
                "<base href=//evil.example/>",
                "<meta http-equiv=refresh content=0;url=//evil.example>",
                "<link rel=stylesheet href=//evil.example/x.css>",
                "<style>*{background:url(//evil.example)}</style>",
                "<template><script>alert(1)</script></template>",
                "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
                "<plaintext>",
                "<xmp>",
                "<!--",
                "-->",
                "--!><img src=x>",
                "<![CDATA[",
                "]]>",
                "<?xml version=\"1.0\"?>",
                "<!DOCTYPE x [<!ENTITY y SYSTEM \"file:///etc/passwd\">]>",
                "&y;",
                "&lt;script&gt;",
                "&amp;lt;",
                "&#60;script&#62;",
                "&#x3c;",
                "&nosuch;",
                "&",
                "\"",
                "'",
                "`",
                "\" onmouseover=\"alert(1)",
                "' onmouseover='alert(1)",
                "` onmouseover=`alert(1)",
                "\"><script>alert(1)</script>",
                "'><script>alert(1)</script>",
                "</title><script>alert(1)</script>",
                "</style><script>alert(1)</script>",
                "</script><script>alert(1)</script>",
                "</textarea><script>alert(1)</script>",
                "</svg><script>alert(1)</script>",
                "</time></bdi></p></li></ol></article></main><script>alert(1)</script>",
                "</content></entry></feed>",
                "</text></g></svg>",
                "javascript:alert(1)",
                "JaVaScRiPt:alert(1)",
                "java\tscript:alert(1)",
                "data:text/html,<script>alert(1)</script>",
                "vbscript:msgbox(1)",
                "https://evil.example/\" onclick=\"alert(1)",
                "https://user:password@evil.example/",
                "//evil.example",
                "\\\\evil.example\\x",
                "{{headline}}",
                "{{#x}}",
                "{{/x}}",
                "{{>status.js}}",
                "{{_headline.not}}",
                "{name}",
                "{",
                "}",
                "{{",
                "}}",
                "${alert(1)}",
                "#{7*7}",
                "<%= 7*7 %>",
                "{{constructor.constructor('alert(1)')()}}",
                "%s%s%s%n",
                "%",
                "../../../etc/passwd",
                "\r\nSet-Cookie: a=b",
                "\r\n\r\n<script>alert(1)</script>",
                "\n\n\n",
                "\t",
                "\x01\x02\x03\x07\x08\x0b\x0c\x0e\x1f\x7f",
                "\x1b[2J\x1b]0;evil\x07",
                "\xc2\x80\xc2\x85\xc2\x9b",
                "\xe2\x80\xae"
                "evil"
                "\xe2\x80\xac",
                "\xe2\x81\xa6"
                "evil"
                "\xe2\x81\xa9",
                "\xe2\x80\xa8"
                "a"
                "\xe2\x80\xa9",
                "\xe2\x80\x8b\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c",
                "\xef\xbb\xbf"
                "a",
                "\xef\xbf\xbe",
                "\xef\xb7\x90",
                "\xf3\xa0\x81\x81",
                "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", /* right to left, and right so */
                "\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7",
                "\xf0\x9f\x94\xa5",
                "Z\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
                "=cmd|' /C calc'!A0",
                "__proto__",
                "constructor",
                "null",
                "",
                " ",
                "0",
};
static const char *const before[] = {"", "x\">", "a'", "\n"};

/* One string is put wherever somebody else's words may stand; those that we choose from a list are ours. */
static json_t *document(const char *s)
{
        json_t *update = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "id", s, "at", "2026-11-20T09:00:00.000Z",
                                   "state", "identified", "body", s, "mode", s, "payment", "crypto",
                                   "message", s);
        json_t *odd = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "id", s, "at", s, "state", s, "body", "",
                                "mode", s, "payment", s, "message", s, "selling", s);
        json_t *component = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:[{s:s,s:i}]}", "id", s, "name", s,
                                      "description", s, "group", s, "state", "down", "since", s, "days",
                                      "date", "2026-11-20", "up", 500);
        json_t *incident = json_pack("{s:s,s:s,s:n,s:s,s:s,s:s,s:s,s:[s],s:[O,O]}", "id", s, "began",
                                     "2026-11-20T09:00:00.000Z", "resolved", "mode", s, "payment", s,
                                     "impact", s, "name", s, "components", s, "updates", update, odd);
        json_t *past = json_pack("{s:s,s:s,s:s,s:s,s:[o,o]}", "id", s, "began", "2026-11-19T09:00:00.000Z",
                                 "resolved", "2026-11-19T10:00:00.000Z", "name", s, "updates", update, odd);
        json_t *maintenance =
                        json_pack("{s:s,s:s,s:s,s:s,s:s,s:[s],s:[]}", "id", s, "name", s, "body", s, "state",
                                  "active", "from", "2026-11-20T09:00:00.000Z", "components", s, "updates");
        json_t *over = json_pack("{s:s,s:s,s:s,s:s,s:s,s:[]}", "id", s, "name", s, "body", s, "state",
                                 "completed", "from", "2026-11-20T09:00:00.000Z", "updates");
        json_t *j = json_pack("{s:{s:s,s:s,s:s},s:{s:s,s:s,s:s,s:s,s:s},s:s,s:s,s:[o],s:[o,o],s:[o,o]}",
                              "node", "id", s, "name", s, "url", s, "mode", "name", s, "payment", s,
                              "message", s, "since", s, "change", s, "selling", s, "counted_since", s,
                              "components", component, "incidents", incident, past, "maintenances",
                              maintenance, over);
        CHECK(j);
        return j;
}

static void save(const char *folder, const char *name, const char *text)
{
        _cleanup_free_ char *path = string_printf("%s/%s", folder, name);

        CHECK(path);
        FILE *f = fopen(path, "we");
        CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void save_documents(const Page *p, const char *folder)
{
        PageDocuments d;

        CHECK_INT(page_documents(p, NULL, &d), 0);
        const json_t *const all[] = {d.status,       d.summary,  d.components, d.incidents, d.unresolved,
                                     d.maintenances, d.upcoming, d.active,     d.days};
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                _cleanup_free_ char *text = NULL, *name = string_printf("%zu.json", i);
                CHECK_INT(json_print(all[i], &text), 0);
                save(folder, name, text);
        }
        page_documents_clear(&d);
}

static void save_page(const char *folder, size_t n, const char *s)
{
        static const char *const files[][2] = {{"index.html", "status.html"},
                                               {"history.html", "status.history.html"},
                                               {"history.atom", "status.atom"},
                                               {"badge.svg", "status.svg"}};
        _cleanup_free_ char *own = string_printf("%s/%zu", folder, n),
                            *link = string_printf("https://x.example/%s", s);
        PageShop shop = {.name = request_clean(s, false),
                         .url = strdup(request_link(link)),
                         .status = REGISTRY_ACTIVE};
        Page p = {.node_id = request_clean(s, false),
                  .node_name = request_clean(s, false),
                  .node_url = request_clean(link, false),
                  .mode = request_clean(s, false),
                  .payment = request_clean(s, false),
                  .message = request_clean(s, false),
                  .change = request_clean(s, false),
                  .at_usec = RIG_AT,
                  .updated_usec = RIG_AT,
                  .known = document(s)};

        CHECK(own && mkdir(own, 0755) == 0 && shop.name && shop.url);
        CHECK(p.shops = malloc(sizeof(shop)));
        p.shops[p.n_shops++] = shop;
        CHECK(words_load(&p.words, "en") == 0 && page_judge(&p) == 0);
        _cleanup_json_ json_t *view = page_view(&p, &page_unlimited);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *text = NULL;
                CHECK_INT(page_render(view, &p, files[i][1], &text), 0);
                save(own, files[i][0], text);
        }
        save_documents(&p, own);
        page_clear(&p);
}

TEST(whatever_is_written_in_any_field_stays_words)
{
        char folder[] = "/tmp/test-page-XXXXXX", command[300];
        size_t n = 0;

        CHECK(mkdtemp(folder));
        save_page(folder, n++, "plain");
        for (size_t b = 0; b < ELEMENTSOF(before); b++)
                for (size_t i = 0; i < ELEMENTSOF(payloads); i++) {
                        _cleanup_free_ char *s = string_printf("a%s%sz", before[b], payloads[i]);
                        CHECK(s);
                        save_page(folder, n++, s);
                }
        fprintf(stderr, "  %zu payloads\n", n - 1);
        snprintf(command, sizeof(command), "/usr/bin/python3 %s/tests/parts/page_shape.py %s", SOURCE_DIR,
                 folder);
        CHECK_INT(system(command), 0);
        nftw(folder, rig_remove, 16, FTW_DEPTH | FTW_PHYS);
}

MAIN()
