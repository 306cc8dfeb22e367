/* SPDX-License-Identifier: MIT */
/* status-page: its languages, and an operator's own texts. */
#include "tests/status_page_rig.h"

TEST(page_speaks_german_and_an_operators_own_words)
{
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        rig_write(&rig, "texts.json", "{\"components\":\"Unsere Teile\",\"since\":\"<b>{since}</b>\"}", 0644);
        _cleanup_free_ char *yaml = string_printf("{language: de, texts: \"%s/texts.json\"}", rig.folder);
        void *conf = rig_conf(&action_status_page, yaml);
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        check_page(&rig, "<html lang=\"de\"");
        check_page(&rig, "bitte zahlen Sie vorerst mit Kryptowährung");
        check_page(&rig, "Unsere Teile");
        check_page(&rig, "&lt;b&gt;<time");
        check_page(&rig, "99,41 % verfügbar");
        check_page(&rig, "22. November 2026, 08:00 UTC");

        /* Texts that cannot be had are no reason to be without a page. */
        rig_write(&rig, "texts.json", "{\"componets\":\"x\"}", 0644);
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        CHECK(strstr(rig.message, "there is no text \"componets\""));
        check_page(&rig, "Bestandteile");
        Error e = {0};
        CHECK(action_status_page.verify(conf, "/", &e) < 0 && strstr(e.text, "componets"));
        static const char *const wrong[][2] = {{"{\"dir\":\"sideways\"}", "dir is ltr or rtl"},
                                               {"{\"lang\":\"<b>\"}", "language tag"},
                                               {"{\"since\":\"{when}\"}", "nothing is filled in for {when}"},
                                               {"{\"uptime\":\"up\"}", "uptime: it must have {percent}"},
                                               {"{\"duration.min\":\"a few\"}", "it must have {n}"},
                                               {"{\"components\":\" \\t\"}", "components is blank"}};
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                rig_write(&rig, "texts.json", wrong[i][0], 0644);
                CHECK(action_status_page.verify(conf, "/", &e) < 0 && strstr(e.text, wrong[i][1]));
        }
        rig_conf_free(&action_status_page, conf);
        rig_refused(&action_status_page, "{url: \"https://shop.example/status\"}", "slash at its end");
        rig_refused(&action_status_page, "{url: \"javascript:/\"}", "no web address");
        check_file(&rig, "history.atom", "type=\"text/html\" href=\"./\"", true);
        conf = rig_conf(&action_status_page, "{url: \"https://status.example/\"}");
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        check_file(&rig, "history.atom",
                   "rel=\"self\" type=\"application/atom+xml\" href=\"https://status.example/history.atom\"",
                   true);
        check_file(&rig, "history.atom", "type=\"text/html\" href=\"https://status.example/\"", true);
        rig_conf_free(&action_status_page, conf);
        rig_refused(&action_status_page, "{language: fr}", "Known: en, de");
        rig_refused(&action_status_page, "{texts: here.json}", "not absolute");
        rig_close(&rig);
}

TEST(every_language_has_every_text_and_its_blanks)
{
        _cleanup_json_ json_t *english = json_loads(page_file("en"), 0, NULL),
                              *german = json_loads(page_file("de"), 0, NULL);
        const char *key;
        json_t *value;

        CHECK(english && german);
        CHECK_INT(json_object_size(english), json_object_size(german));
        json_object_foreach(english, key, value)
        {
                const char *text = json_string_value(value),
                           *other = json_string_value(json_object_get(german, key));
                CHECK(text && other && *other);
                for (const char *s = text; (s = strchr(s, '{')); s++) {
                        char blank[64];
                        snprintf(blank, sizeof(blank), "%.*s", (int) strcspn(s, "}") + 1, s);
                        if (!strstr(other, blank)) {
                                fprintf(stderr, "%s: %s is not in \"%s\"\n", key, blank, other);
                                exit(1);
                        }
                }
        }
}

MAIN()
