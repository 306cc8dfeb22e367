/* SPDX-License-Identifier: MIT */
/* status-page: the files, their shapes, their words, and foreign text in each of them. */
#include "tests/action_rig.h"

extern const ActionType action_status_page;
static const max_align_t plain[4]; /* without keys */

static const char *const files[] = {"index.html",           "badge.svg",           "history.atom",
                                    "api/v2/status.json",   "api/v2/summary.json", "api/v2/components.json",
                                    "api/v2/incidents.json"};

/* A status document as GET /v1/status has it, ' for ". */
static json_t *document(const char *text)
{
        _cleanup_free_ char *copy = strdup(text);
        json_error_t error;

        CHECK(copy);
        for (char *c = copy; *c; c++)
                *c = *c == '\'' ? '"' : *c;
        json_t *j = json_loads(copy, 0, &error);
        if (!j) {
                fprintf(stderr, "%s: %s\n", error.text, text);
                exit(1);
        }
        return j;
}

#define WELL                                                                                                 \
        "{'node':'my-shop','mode':'primary','since':'2026-11-20T09:12:00.000Z','change':'01JBACK','blind':"  \
        "false,"                                                                                             \
        "'modes':[{'name':'primary','ready':true,'waiting_for':[]},{'name':'crypto','ready':true,'waiting_"  \
        "for':[]}],"                                                                                         \
        "'probes':[{'name':'payment-api','type':'http','verdict':'up','outcome':'pass','message':'HTTP "     \
        "200'},"                                                                                             \
        "{'name':'checkout','type':'passive','verdict':'unknown','message':''},"                             \
        "{'name':'reference-a','type':'http','verdict':'down','message':'no route','vantage':true}],"        \
        "'changes':[{'id':'01JBACK','at':'2026-11-20T09:12:00.000Z','from':'crypto','to':'primary','cause':" \
        "'well'},"                                                                                           \
        "{'id':'01JFELL','at':'2026-11-20T09:00:00.000Z','from':'primary','to':'crypto','cause':'HTTP "      \
        "503'},"                                                                                             \
        "{'id':'01JFIRST','at':'2026-11-01T00:00:00.000Z','from':'','to':'primary','cause':'first start'}]}"

#define ON_CRYPTO                                                                                          \
        "{'node':'my-shop','mode':'crypto','since':'2026-11-20T09:00:00.123Z','change':'"                  \
        "01JCHANGE0000000000000000A',"                                                                     \
        "'blind':false,"                                                                                   \
        "'modes':[{'name':'primary','ready':false,'waiting_for':['payment-api']},"                         \
        "{'name':'crypto','ready':true,'waiting_for':[]}],"                                                \
        "'probes':[{'name':'payment-api','type':'http','verdict':'down','outcome':'fail','message':'HTTP " \
        "503'},"                                                                                           \
        "{'name':'disk','type':'disk','verdict':'up','outcome':'warn','message':'4 % free'},"              \
        "{'name':'domain','type':'dns','verdict':'unknown','message':'SERVFAIL'}],"                        \
        "'changes':[{'id':'01JFIRST','at':'2026-11-01T00:00:00.000Z','from':'','to':'primary','cause':'"   \
        "first start'}]}"

static ActionFacts well_facts(json_t *status)
{
        ActionFacts facts = rig_facts();

        facts.kind = ACTION_REFRESH;
        facts.change = facts.id = "01JBACK";
        facts.mode = facts.payment = "primary";
        facts.from = "crypto";
        facts.checkout = "checkout";
        facts.message = "";
        facts.cause = "well";
        facts.first = true;
        facts.status = status;
        return facts;
}

static void publish(Rig *rig, const ActionFacts *facts)
{
        CHECK_INT(rig_run(rig, &action_status_page, plain, facts, false), ACTION_DONE);
}

static json_t *read_json(Rig *rig, const char *name)
{
        _cleanup_free_ char *text = rig_read(rig->status, name);
        json_t *j = NULL;

        CHECK(text);
        CHECK_INT(json_parse(text, strlen(text), &j, NULL), 0);
        return j;
}

static void check_page(Rig *rig, const char *part)
{
        _cleanup_free_ char *html = rig_read(rig->status, "index.html");

        if (html && strstr(html, part))
                return;
        fprintf(stderr, "\"%s\" is not in:\n%s\n", part, html ? html : "(null)");
        exit(1);
}

static void check_indicator(Rig *rig, const char *wanted)
{
        json_t *j = read_json(rig, "api/v2/status.json");

        check_json(j, "status.indicator", wanted);
        json_decref(j);
}

TEST(all_files_are_there_for_everybody_to_read)
{
        json_t *status = document(WELL);
        ActionFacts facts = well_facts(status);
        struct stat st;
        Rig rig;

        rig_open(&rig);
        umask(0077);
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = string_printf("%s/%s", rig.status, files[i]);
                CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0644);
        }
        CHECK(stat(rig.status, &st) == 0 && (st.st_mode & 07777) == 0755);
        umask(0022);
        json_decref(status);
        rig_close(&rig);
}

static void check_component(const json_t *components, size_t i, const char *name, const char *status)
{
        const json_t *c = json_array_get(components, i);
        uint64_t usec;

        check_json(c, "name", name);
        check_json(c, "status", status);
        CHECK(json_is_string(json_object_get(c, "id")) && json_is_string(json_object_get(c, "page_id")));
        CHECK_INT(timestamp_parse(json_string_value(json_object_get(c, "updated_at")), &usec), 0);
        CHECK_INT(timestamp_parse(json_string_value(json_object_get(c, "created_at")), &usec), 0);
}

TEST(api_has_statuspage_shape_on_a_fallback)
{
        json_t *status = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        uint64_t usec;
        Rig rig;

        rig_open(&rig);
        facts.status = status;
        publish(&rig, &facts);
        for (size_t i = 3; i < ELEMENTSOF(files); i++) {
                json_t *j = read_json(&rig, files[i]);
                check_json(j, "page.id", "my-shop");
                check_json(j, "page.name", "My Shop");
                check_json(j, "page.url", "https://shop.example");
                check_json(j, "page.time_zone", "Etc/UTC");
                CHECK_INT(timestamp_parse(json_string_value(json_at(j, "page.updated_at")), &usec), 0);
                json_decref(j);
        }
        json_t *j = read_json(&rig, "api/v2/summary.json");
        check_json(j, "status.indicator", "major");
        check_json(j, "status.description", "You can buy: please pay with cryptocurrency for now");
        json_t *components = json_object_get(j, "components");
        CHECK_INT(json_array_size(components), 3);
        check_component(components, 0, "payment-api", "major_outage");
        check_component(components, 1, "disk", "degraded_performance");
        check_component(components, 2, "domain", "degraded_performance");
        CHECK_INT(json_array_size(json_object_get(j, "incidents")), 1);
        CHECK(json_is_array(json_object_get(j, "scheduled_maintenances")));
        check_json(j, "incidents.0.id", "01JCHANGE0000000000000000A");
        check_json(j, "incidents.0.status", "identified");
        check_json(j, "incidents.0.impact", "major");
        check_json(j, "incidents.0.created_at", "2026-11-20T09:00:00.123Z");
        CHECK(json_is_null(json_at(j, "incidents.0.resolved_at")));
        check_json(j, "incidents.0.incident_updates.0.body",
                   "Switched from primary to crypto: payment-api down: HTTP 503 (3 of 5)");
        json_decref(j);

        check_page(&rig, "You can buy: please pay with cryptocurrency for now");
        check_page(&rig, "Using backup payment system. All books still available.");
        check_page(&rig, "since <time datetime=\"2026-11-20T09:00:00.123Z\">20 Nov 2026, 09:00 UTC</time>");
        check_page(&rig, "Not working");
        check_page(&rig, "Working, needs attention");
        check_page(&rig, "Not known");
        json_decref(status);
        rig_close(&rig);
}

TEST(past_incidents_are_resolved_and_the_present_is_well)
{
        json_t *status = document(WELL);
        ActionFacts facts = well_facts(status);
        Rig rig;

        rig_open(&rig);
        publish(&rig, &facts);
        check_indicator(&rig, "none");
        check_page(&rig, "<h1 id=\"now\">Everything works</h1>");
        json_t *j = read_json(&rig, "api/v2/incidents.json");
        CHECK_INT(json_array_size(json_object_get(j, "incidents")), 1);
        check_json(j, "incidents.0.id", "01JFELL");
        check_json(j, "incidents.0.status", "resolved");
        check_json(j, "incidents.0.started_at", "2026-11-20T09:00:00.000Z");
        check_json(j, "incidents.0.resolved_at", "2026-11-20T09:12:00.000Z");
        CHECK_INT(json_array_size(json_at(j, "incidents.0.incident_updates")), 2);
        check_json(j, "incidents.0.incident_updates.0.status", "resolved");
        json_decref(j);
        j = read_json(&rig, "api/v2/summary.json");
        CHECK_INT(json_array_size(json_object_get(j, "incidents")), 0);
        CHECK_INT(json_array_size(json_object_get(j, "components")),
                  2); /* how we see is no part of the shop */
        check_component(json_object_get(j, "components"), 1, "checkout",
                        "operational"); /* silent: nobody complains */
        json_decref(j);
        json_decref(status);
        rig_close(&rig);
}

TEST(blind_is_said_as_not_seeing_and_not_saved_is_said)
{
        json_t *status = document(WELL);
        ActionFacts facts = well_facts(status);
        Rig rig;

        rig_open(&rig);
        json_object_set_new(status, "blind", json_true());
        publish(&rig, &facts);
        check_indicator(&rig, "minor");
        check_page(&rig, "We cannot see right now whether everything works");
        _cleanup_free_ char *html = rig_read(rig.status, "index.html");
        CHECK(!strstr(html, "Not working") && !strstr(html, "Not saved"));

        facts.durable = false;
        publish(&rig, &facts);
        check_page(&rig, "Not saved");
        json_decref(status);
        rig_close(&rig);
}

TEST(broken_mode_is_critical_when_no_other_is_ready)
{
        json_t *status = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.status = status;
        facts.mode = facts.payment = "primary";
        facts.first = true;
        publish(&rig, &facts);
        check_indicator(&rig, "major"); /* crypto is ready */
        json_object_set_new(json_at(status, "modes.1"), "ready", json_false());
        publish(&rig, &facts);
        check_indicator(&rig, "critical");
        check_page(&rig, "Checkout is not working right now");
        json_decref(status);
        rig_close(&rig);
}

TEST(status_document_may_be_missing_or_nonsense)
{
        static const char *const nonsense[] = {
                        "{}", "{'probes':7,'modes':{'a':1},'changes':'x','since':5}",
                        "{'probes':[1,null,{'name':5},{}],'modes':[null,[]],'changes':[{},{'id':3}]}",
                        "{'since':'yesterday','changes':[{'id':'a','at':'never','to':7}]}"};
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        publish(&rig, &facts);
        check_indicator(&rig, "major");
        json_t *j = read_json(&rig, "api/v2/incidents.json");
        CHECK_INT(json_array_size(json_object_get(j, "incidents")), 1);
        json_decref(j);
        for (size_t i = 0; i < ELEMENTSOF(nonsense); i++) {
                facts.status = document(nonsense[i]);
                publish(&rig, &facts);
                check_page(&rig, "pay with cryptocurrency");
                json_decref(facts.status);
        }
        rig_close(&rig);
}

TEST(query_tells_this_change_from_others)
{
        json_t *status = document(WELL);
        ActionFacts facts = well_facts(status);
        Rig rig;

        rig_open(&rig);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_MISSING);
        publish(&rig, &facts);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_DONE);
        facts.change = "01JOTHER";
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_MISSING);
        json_decref(status);
        rig_close(&rig);
}

static ino_t inode(Rig *rig, const char *name)
{
        _cleanup_free_ char *path = string_printf("%s/%s", rig->status, name);
        struct stat st;

        CHECK(stat(path, &st) == 0);
        return st.st_ino;
}

TEST(refresh_rewrites_only_what_changed)
{
        static const bool fresh[] = {true, false, false, true, false, false, false}; /* those that say when */
        json_t *status = document(WELL);
        ActionFacts facts = well_facts(status);
        ino_t before[ELEMENTSOF(files)];
        Rig rig;

        rig_open(&rig);
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                before[i] = inode(&rig, files[i]);
        json_t *old = read_json(&rig, "api/v2/components.json");
        usleep(2000); /* the stamps have milliseconds */
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                CHECK_INT(inode(&rig, files[i]) != before[i], fresh[i]);

        /* One part changes: its updated_at moves, those of the others stay. */
        json_object_set_new(json_at(status, "probes.0"), "verdict", json_string("down"));
        publish(&rig, &facts);
        json_t *new = read_json(&rig, "api/v2/components.json");
        CHECK(!json_equal(json_at(old, "components.0.updated_at"), json_at(new, "components.0.updated_at")));
        CHECK(json_equal(json_at(old, "components.0.created_at"), json_at(new, "components.0.created_at")));
        CHECK(json_equal(json_at(old, "components.1"), json_at(new, "components.1")));
        CHECK(!json_equal(json_at(old, "page.updated_at"), json_at(new, "page.updated_at")));
        json_decref(old);
        json_decref(new);
        json_decref(status);
        rig_close(&rig);
}

TEST(foreign_text_is_escaped_in_every_file)
{
        json_t *status = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        char command[400];
        Rig rig;

        rig_open(&rig);
        facts.status = status;
        facts.cause = facts.message = facts.node_name = NASTY;
        facts.node_url = "javascript:alert(1)";
        /* What stands in a document is UTF-8; the rest may be anything. */
        json_object_set_new(json_at(status, "probes.0"), "message",
                            json_string("<img src=x onerror=alert(1)>" NASTY_BIDI "\x1b"));
        json_object_set_new(json_at(status, "probes.1"), "name",
                            json_string("\"><script>alert(2)</script>" NASTY_BIDI));
        json_object_set_new(json_at(status, "changes.0"), "cause",
                            json_string("</content><script>" NASTY_BIDI "\x07\xef\xbf\xbe"));
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *text = rig_read(rig.status, files[i]);
                bool markup = i < 3;
                CHECK(text && !strpbrk(text, "\x1b\x07\r\xff") && !strstr(text, NASTY_BIDI));
                CHECK(!strstr(text, "javascript:"));
                if (markup)
                        CHECK(!strstr(text, "<script") && !strstr(text, "<img"));
                else {
                        json_t *j = read_json(&rig, files[i]);
                        json_decref(j);
                        CHECK(!strstr(text, "\\u202e") || strstr(text, "\\\\u202e")); /* the six characters */
                        CHECK(!strstr(text, "\\u001b") && !strstr(text, "\\u0007"));
                }
        }
        check_page(&rig, "&lt;script&gt;alert(1)&lt;/script&gt;");
        check_page(&rig, "&lt;img src=x onerror=alert(1)&gt;");
        check_page(&rig, "&quot;&gt;&lt;script&gt;");
        snprintf(command, sizeof(command),
                 "python3 -c 'import sys,xml.dom.minidom as m; [m.parse(p) for p in sys.argv[1:]]' "
                 "%s/history.atom %s/badge.svg",
                 rig.status, rig.status);
        CHECK_INT(system(command), 0);
        _cleanup_free_ char *atom = rig_read(rig.status, "history.atom");
        CHECK(!strstr(atom, "\xef\xbf\xbe")); /* U+FFFE is no character of XML */
        json_decref(status);
        rig_close(&rig);
}

TEST(page_is_well_formed_and_its_policy_allows_its_own_style)
{
        json_t *status = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        char command[400];
        Rig rig;

        rig_open(&rig);
        facts.status = status;
        facts.cause = "a < b & c";
        publish(&rig, &facts);
        check_page(&rig, "default-src 'none'; style-src 'sha256-");
        _cleanup_free_ char *html = rig_read(rig.status, "index.html");
        CHECK(!strstr(html, "<script") && !strstr(html, "style=\"") && !strstr(html, "onclick"));
        /* The hash in the policy is that of the text between <style> and </style>. */
        snprintf(command, sizeof(command),
                 "h=$(sed -n 's/.*<style>\\(.*\\)<\\/style>.*/\\1/p' %s/index.html | tr -d '\\n' | openssl "
                 "dgst -sha256 -binary | "
                 "base64) && grep -qF \"style-src 'sha256-$h'\" %s/index.html",
                 rig.status, rig.status);
        CHECK_INT(system(command), 0);
        snprintf(command, sizeof(command),
                 "python3 -c 'import sys,xml.dom.minidom as m; [m.parse(p) for p in sys.argv[1:]]' "
                 "%s/history.atom %s/badge.svg",
                 rig.status, rig.status);
        CHECK_INT(system(command), 0);
        json_decref(status);
        rig_close(&rig);
}

TEST(folder_that_cannot_be_written_is_a_retry_that_says_so)
{
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        rig_write(&rig, "status", "a file in the way", 0644);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, false), ACTION_RETRY);
        CHECK(*rig.message);
        rig_close(&rig);
}

static int stuck(void *job)
{
        usleep(*(unsigned *) job);
        return 0;
}

static void on_stuck(int r, void *job)
{
        *(unsigned *) job = 0;
}

TEST(stuck_disk_is_told_at_once_and_gets_no_more_work)
{
        ActionFacts facts = rig_facts();
        unsigned usec = 3000000;
        Rig rig;

        rig_open(&rig);
        CHECK_INT(worker_submit(rig.context.disk, stuck, on_stuck, &usec), 0);
        for (uint64_t end = clock_boot_usec() + 2100 * USEC_PER_MSEC; clock_boot_usec() < end;)
                CHECK(sd_event_run(rig.event, 50 * USEC_PER_MSEC) >= 0);
        uint64_t began = clock_boot_usec();
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, false), ACTION_RETRY);
        CHECK(clock_boot_usec() - began < 500 * USEC_PER_MSEC);
        CHECK(strstr(rig.message, "the disk has not answered for"));
        CHECK_INT(worker_pending(rig.context.disk), 1);
        while (usec)
                CHECK(sd_event_run(rig.event, 50 * USEC_PER_MSEC) >= 0);
        rig_close(&rig);
}

TEST(abandoned_job_ends_quietly)
{
        ActionFacts facts = rig_facts();
        Action *a;
        Rig rig;

        rig_open(&rig);
        CHECK_INT(action_start(&rig.context, &action_status_page, plain, &facts, false, on_rig_done, &rig,
                               &a),
                  0);
        action_free(a);
        while (worker_pending(rig.context.disk) > 0)
                CHECK(sd_event_run(rig.event, 50 * USEC_PER_MSEC) >= 0);
        CHECK_INT(rig.reports, 0);
        rig_close(&rig);
}

TEST(our_own_shortage_is_a_retry)
{
        _cleanup_json_ json_t *status = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.status = status;
        rig_run_scarce(&rig, &action_status_page, plain, &facts, false, NULL, NULL);
        rig_run_scarce(&rig, &action_status_page, plain, &facts, true, NULL, NULL);
        rig_close(&rig);
}

static void on_registries(void *userdata)
{
        bool *changed = userdata;

        *changed = true;
}

static bool is_wanted(const char *path, void *userdata)
{
        return true;
}

static void write_registry(Rig *rig, const char *nodes)
{
        char path[128], fresh[140];
        _cleanup_free_ char *text = string_printf(
                        "{\"version\":\"1.0\",\"protocol\":\"AAN/1.0\",\"network\":\"AAN\",\"nodes\":[%s]}",
                        nodes);

        snprintf(path, sizeof(path), "%s/registry.json", rig->folder);
        snprintf(fresh, sizeof(fresh), "%s.new", path);
        FILE *f = fopen(fresh, "w");
        CHECK(text && f && fputs(text, f) >= 0 && fclose(f) == 0);
        CHECK_INT(rename(fresh, path), 0);
}

#define SHOP(id, more)                                                      \
        "{\"id\":\"" id "\",\"name\":\"Shop " id "\",\"url\":\"https://" id \
        ".example\",\"type\":\"full\"," more "}"

TEST(other_shops_stand_on_the_page_and_a_new_registry_is_heard_of_at_once)
{
        _cleanup_free_ char *yaml = NULL;
        bool changed = false;
        Error e = {""};
        Rig rig;

        rig_open(&rig);
        ActionFacts facts = rig_facts();
        rig.context.node_id = "my-shop";
        CHECK_INT(registries_new(rig.event, on_registries, &changed, &rig.context.registries), 0);
        yaml = string_printf("{registry: \"%s/registry.json\"}", rig.folder);
        void *conf = rig_conf_try(&action_status_page, yaml, &e);
        CHECK(conf);
        CHECK_INT(registries_want(rig.context.registries, action_status_page.registry(conf)), 0);

        /* Not there yet: none. */
        rig_turn(&rig, &changed, "the registry is looked at");
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        _cleanup_free_ char *none = rig_read(rig.status, "index.html");
        CHECK(!strstr(none, "Other shops"));
        CHECK_INT(registries_serial(rig.context.registries), 0);

        write_registry(&rig,
                       SHOP("my-shop", "\"status\":\"active\"") "," SHOP("a", "\"status\":\"active\"") "," SHOP(
                                       "b",
                                       "\"status\":\"fallback\",\"fallbackUrl\":\"https://backup.example/"
                                       "b\"") "," SHOP("c",
                                                       "\"status\":\"fallback\"") "," SHOP("d",
                                                                                           "\"status\":"
                                                                                           "\"failed\"") "," SHOP("e",
                                                                                                                  "\"status\":\"suspect\"") "," SHOP("f",
                                                                                                                                                     "\"status\":\"pending\"") ",{\"id\":\"g\",\"name\":\"<script>alert(1)</script>\\u202e\",\"url\":\"https://g.example\","
                                                                                                                                                                               "\"status\":\"active\"}");
        registries_keep(rig.context.registries, is_wanted, NULL);
        changed = false;
        rig_turn(&rig, &changed, "it is read");
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        _cleanup_free_ char *page = rig_read(rig.status, "index.html");
        CHECK(strstr(page, "href=\"https://a.example\">Shop a</a></th><td><span class=\"up\">"));
        CHECK(strstr(page, "href=\"https://backup.example/b\">Shop b</a></th><td><span class=\"warn\">"));
        CHECK(strstr(page, "<th scope=\"row\">Shop c</th><td><span class=\"down\">"));
        CHECK(strstr(page, "Not reachable") && strstr(page, "Not known"));
        CHECK(!strstr(page, "Shop f") && !strstr(page, "Shop my-shop"));
        CHECK(strstr(page, "&lt;script&gt;alert(1)") && !strstr(page, "<script>") &&
              !strstr(page, NASTY_BIDI));

        /* Replaced: heard of without waiting for the next minute; what says nothing new changes no serial. */
        uint64_t serial = registries_serial(rig.context.registries), began = clock_boot_usec();
        write_registry(&rig,
                       SHOP("a", "\"status\":\"fallback\",\"fallbackUrl\":\"https://backup.example/a\""));
        changed = false;
        rig_turn(&rig, &changed, "the new one is read");
        CHECK(clock_boot_usec() - began < USEC_PER_SEC);
        CHECK(registries_serial(rig.context.registries) > serial);
        serial = registries_serial(rig.context.registries);
        write_registry(&rig,
                       SHOP("a",
                            "\"status\":\"fallback\",\"fallbackUrl\":\"https://backup.example/a\",\"x\":1"));
        changed = false;
        rig_turn(&rig, &changed, "that one, too");
        CHECK_INT(registries_serial(rig.context.registries), serial);
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        _cleanup_free_ char *again = rig_read(rig.status, "index.html");
        CHECK(strstr(again, "https://backup.example/a"));

        registries_free(rig.context.registries);
        rig.context.registries = NULL;
        conf_clear(action_status_page.fields, conf);
        free(conf);
        rig_close(&rig);
}

MAIN()
