/* SPDX-License-Identifier: MIT */
/* status-page: its languages, and an operator's own texts. */
#include "tests/status_page_rig.h"

/* In German, with texts of one's own in rig.folder. */
static void *german_conf(Rig *rig, const char *texts)
{
        _cleanup_free_ char *yaml = string_printf("{language: de, texts: \"%s/texts.json\"}", rig->folder);

        rig_write(rig, "texts.json", texts, 0644);
        return rig_conf(&action_status_page, yaml);
}

TEST(page_speaks_german_and_an_operators_own_words)
{
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        void *conf = german_conf(&rig, "{\"components\":\"Unsere Teile\",\"since\":\"<b>{since}</b>\"}");
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        check_page(&rig, "<html lang=\"de\"");
        check_page(&rig, "bitte zahlen Sie vorerst mit Kryptowährung");
        check_page(&rig, "Unsere Teile");
        check_page(&rig, "&lt;b&gt;<time");
        check_page(&rig, "99,41 % verfügbar");
        check_page(&rig, "22. November 2026, 08:00 UTC");
        rig_conf_free(&action_status_page, conf);
        rig_close(&rig);
}

TEST(own_texts_that_cannot_be_had_are_told_and_leave_a_page)
{
        static const char *const wrong[][2] = {{"{\"componets\":\"x\"}", "there is no text \"componets\""},
                                               {"{\"dir\":\"sideways\"}", "dir is ltr or rtl"},
                                               {"{\"lang\":\"<b>\"}", "language tag"},
                                               {"{\"since\":\"{when}\"}", "nothing is filled in for {when}"},
                                               {"{\"uptime\":\"up\"}", "uptime: it must have {percent}"},
                                               {"{\"duration.min\":\"a few\"}", "it must have {n}"},
                                               {"{\"components\":\" \\t\"}", "components is blank"}};
        ActionFacts facts = rig_facts();
        Error e = {0};
        Rig rig;

        rig_open(&rig);
        void *conf = german_conf(&rig, "{}");
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                rig_write(&rig, "texts.json", wrong[i][0], 0644);
                CHECK(action_status_page.verify(conf, "/", &e) < 0 && strstr(e.text, wrong[i][1]));
                CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
                CHECK(strstr(rig.message, wrong[i][1]));
                check_page(&rig, "Bestandteile");
        }
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
