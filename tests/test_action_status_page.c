/* SPDX-License-Identifier: MIT */
/* status-page: the files, their shapes, their words, and that nothing gets on it that is not for the public. */
#include "tests/action_rig.h"

#include "actions/status_page.h"

extern const ActionType action_status_page;
static const max_align_t plain[4]; /* without keys */

static const char *const files[] = {"index.html",
                                    "history.html",
                                    "badge.svg",
                                    "history.atom",
                                    "ninety-days.json",
                                    "api/v2/components.json",
                                    "api/v2/incidents.json",
                                    "api/v2/incidents/unresolved.json",
                                    "api/v2/scheduled-maintenances.json",
                                    "api/v2/scheduled-maintenances/upcoming.json",
                                    "api/v2/scheduled-maintenances/active.json",
                                    "api/v2/summary.json",
                                    "api/v2/status.json"};
#define MARKUP 4 /* of them; the others are JSON */

/* JSON with ' for ". */
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

#define COMPONENTS(cards)                                                                                    \
        "'components':[{'id':'cards','name':'Card "                                                          \
        "payments','description':'Visa','group':'Checkout','state':'" cards                                  \
        "','since':'2026-11-20T09:00:00.000Z','days':[{'date':'2026-11-18','up':86400,'unknown':0},"         \
        "{'date':'2026-11-19','up':0,'unknown':86400},{'date':'2026-11-20','up':32000,'down':700,'unknown':" \
        "0}]},"                                                                                              \
        "{'id':'coins','name':'Cryptocurrency','group':'Checkout','state':'operational','since':'2026-11-"   \
        "01T00:00:00.000Z'},"                                                                                \
        "{'id':'search','name':'Search','group':'','state':'unknown','since':'2026-11-02T00:00:00.000Z'}]"

#define FELL                                                                                              \
        "{'id':'01JFELL','began':'2026-11-20T09:00:00.000Z','resolved':null,'mode':'crypto','payment':"   \
        "'crypto','impact':'major','automatic':true,'name':'','components':['cards'],'updates':["         \
        "{'id':'u2','at':'2026-11-20T09:05:00.000Z','state':'monitoring','body':'Our bank is down.\\nWe " \
        "wait.'},"                                                                                        \
        "{'id':'u1','at':'2026-11-20T09:00:00.000Z','state':'identified','body':'','mode':'crypto',"      \
        "'payment':'crypto','message':'Using backup payment system. All books still available.'}]}"
#define PAST                                                                                              \
        "{'id':'01JPAST','began':'2026-11-10T09:00:00.000Z','resolved':'2026-11-10T09:12:00.000Z','mode'" \
        ":'federated','payment':'federated','impact':'critical','name':'A bad morning','components':[],"  \
        "'updates':[{'id':'p2','at':'2026-11-10T09:12:00.000Z','state':'resolved','body':'','mode':"      \
        "'primary','payment':'primary','message':''},{'id':'p1','at':'2026-11-10T09:00:00.000Z','state':" \
        "'identified','body':'','mode':'federated','payment':'federated','message':''}]}"
#define MAINTENANCES                                                                                         \
        "'maintenances':["                                                                                   \
        "{'id':'m2','name':'Database','body':'Slow.','state':'active','from':'2026-11-20T08:00:00.000Z',"    \
        "'until':null,'began':'2026-11-20T08:01:00.000Z','ended':null,'components':[],'updates':["           \
        "{'id':'v2','at':'2026-11-20T08:30:00.000Z','state':'active','body':'Half "                          \
        "done.'},{'id':'v3','at':'2026-11-20T08:01:00.000Z','state':'active','body':''},"                    \
        "{'id':'v1','at':'2026-11-20T08:00:00.000Z','state':'scheduled','body':'Slow.'}]},"                  \
        "{'id':'m1','name':'Moving','body':'We carry "                                                       \
        "boxes.','state':'scheduled','from':'2026-11-22T08:00:00.000Z',"                                     \
        "'until':'2026-11-22T10:00:00.000Z','began':null,'ended':null,'components':['search'],'updates':[{'" \
        "id':'w1','at':'2026-11-20T07:00:00.000Z','state':'scheduled','body':''}]}"                          \
        ","                                                                                                  \
        "{'id':'m0','name':'Disk','body':'','state':'completed','from':'2026-11-01T08:00:00.000Z',"          \
        "'until':'2026-11-01T10:00:00.000Z','began':'2026-11-01T08:00:00.000Z','ended':'2026-11-"            \
        "01T09:00:00.000Z','components':[],'updates':[{'id':'x1','at':'2026-11-01T09:00:00.000Z','state':'"  \
        "completed','body':'It was the cable.'}]}]"

#define ON_CRYPTO                                                                                       \
        "{'node':{'id':'my-shop'},'made':'2026-11-20T09:06:00.000Z','fresh_for':240,"                   \
        "'mode':{'name':'crypto','first':false,'payment':'crypto','since':'2026-11-20T09:00:00.123Z',"  \
        "'change':'01JCHANGE0000000000000000A','durable':true},'selling':'backup','blind':false,"       \
        "'counted_since':'2026-11-18T00:00:00.000Z'," COMPONENTS("down") ",'incidents':[" FELL "," PAST \
                                                                         "]," MAINTENANCES "}"
#define WELL                                                                                             \
        "{'mode':{'name':'primary','first':true,'payment':'primary','since':'2026-11-10T09:12:00.000Z'," \
        "'change':'01JBACK','durable':true},'selling':'as-usual','blind':false,'incidents':[" PAST "],"  \
        "'maintenances':[],'components':[{'id':'cards','name':'Card payments','state':'operational'}]}"

static ActionFacts well_facts(json_t *known)
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
        facts.public_status = known;
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

static void check_file(Rig *rig, const char *name, const char *part, bool wanted)
{
        _cleanup_free_ char *text = rig_read(rig->status, name);

        if (text && !strstr(text, part) == !wanted)
                return;
        if (text && strstr(text, "<main"))
                memmove(text, strstr(text, "<main"), strlen(strstr(text, "<main")) + 1);
        fprintf(stderr, "\"%s\" is %s in %s:\n%s\n", part, wanted ? "not" : "", name, text ? text : "(null)");
        exit(1);
}

static void check_page(Rig *rig, const char *part)
{
        check_file(rig, "index.html", part, true);
}

static void check_not_on_page(Rig *rig, const char *part)
{
        check_file(rig, "index.html", part, false);
}

static void check_indicator(Rig *rig, const char *wanted)
{
        _cleanup_json_ json_t *j = read_json(rig, "api/v2/status.json");

        check_json(j, "status.indicator", wanted);
}

TEST(all_files_are_there_for_everybody_to_read)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
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
        rig_close(&rig);
}

static void check_component(const json_t *c, const char *name, const char *status)
{
        uint64_t usec;

        check_json(c, "name", name);
        check_json(c, "status", status);
        CHECK(json_is_string(json_object_get(c, "id")) && json_is_string(json_object_get(c, "page_id")));
        CHECK_INT(timestamp_parse(json_string_value(json_object_get(c, "updated_at")), &usec), 0);
        CHECK_INT(timestamp_parse(json_string_value(json_object_get(c, "created_at")), &usec), 0);
}

TEST(api_has_statuspage_shape_on_a_fallback)
{
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        uint64_t usec;
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        for (size_t i = MARKUP; i < ELEMENTSOF(files); i++) {
                _cleanup_json_ json_t *j = read_json(&rig, files[i]);
                check_json(j, "page.id", "my-shop");
                check_json(j, "page.name", "My Shop");
                check_json(j, "page.url", "https://shop.example");
                check_json(j, "page.time_zone", "Etc/UTC");
                CHECK_INT(timestamp_parse(json_string_value(json_at(j, "page.updated_at")), &usec), 0);
        }
        _cleanup_json_ json_t *j = read_json(&rig, "api/v2/summary.json");
        check_json(j, "status.indicator", "major");
        check_json(j, "status.description", "You can buy: please pay with cryptocurrency for now");
        json_t *components = json_object_get(j, "components");
        CHECK_INT(json_array_size(components), 4);
        check_component(json_array_get(components, 0), "Checkout", "major_outage");
        CHECK(json_is_true(json_at(components, "0.group")));
        CHECK_INT(json_array_size(json_at(components, "0.components")), 2);
        check_component(json_array_get(components, 1), "Card payments", "major_outage");
        CHECK(json_equal(json_at(components, "1.group_id"), json_at(components, "0.id")));
        check_json(components, "1.updated_at", "2026-11-20T09:00:00.000Z");
        check_component(json_array_get(components, 2), "Cryptocurrency", "operational");
        check_component(json_array_get(components, 3), "Search", "degraded_performance"); /* never as up */
        CHECK(json_is_false(json_at(components, "3.known")));

        CHECK_INT(json_array_size(json_object_get(j, "incidents")), 1);
        check_json(j, "incidents.0.id", "01JFELL");
        check_json(j, "incidents.0.name", "Backup payment system in use");
        check_json(j, "incidents.0.status", "monitoring");
        check_json(j, "incidents.0.impact", "major");
        check_json(j, "incidents.0.created_at", "2026-11-20T09:00:00.000Z");
        check_json(j, "incidents.0.updated_at", "2026-11-20T09:05:00.000Z");
        check_json(j, "incidents.0.monitoring_at", "2026-11-20T09:05:00.000Z");
        CHECK(json_is_null(json_at(j, "incidents.0.resolved_at")));
        check_json(j, "incidents.0.incident_updates.0.body", "Our bank is down.\nWe wait.");
        check_json(j, "incidents.0.incident_updates.1.body",
                   "Using backup payment system. All books still available.");
        check_json(j, "incidents.0.incident_updates.1.incident_id", "01JFELL");
        check_json(j, "incidents.0.components.0.id", "cards");
        rig_close(&rig);
}

static size_t occurrences(Rig *rig, const char *name, const char *part)
{
        _cleanup_free_ char *text = rig_read(rig->status, name);
        size_t n = 0;

        CHECK(text);
        for (const char *s = text; (s = strstr(s, part)); s++)
                n++;
        return n;
}

TEST(maintenances_are_told_by_their_state)
{
        static const struct {
                const char *file;
                const char *ids[4];
        } lists[] = {{"api/v2/summary.json", {"m2", "m1"}},
                     {"api/v2/scheduled-maintenances.json", {"m2", "m1", "m0"}},
                     {"api/v2/scheduled-maintenances/upcoming.json", {"m1"}},
                     {"api/v2/scheduled-maintenances/active.json", {"m2"}}};
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                _cleanup_json_ json_t *j = read_json(&rig, lists[i].file);
                const json_t *list = json_object_get(j, "scheduled_maintenances");
                size_t n = 0;
                for (; lists[i].ids[n]; n++)
                        CHECK_STR(item_string(json_array_get(list, n), "id"), lists[i].ids[n]);
                CHECK_INT(json_array_size(list), n);
        }
        _cleanup_json_ json_t *j = read_json(&rig, "api/v2/scheduled-maintenances.json");
        json_t *list = json_object_get(j, "scheduled_maintenances");
        check_json(list, "0.status", "in_progress");
        CHECK(json_is_null(json_at(list, "0.scheduled_until")));
        check_json(list, "1.status", "scheduled");
        check_json(list, "1.scheduled_for", "2026-11-22T08:00:00.000Z");
        check_json(list, "1.scheduled_until", "2026-11-22T10:00:00.000Z");
        check_json(list, "1.impact", "maintenance");
        check_json(list, "2.status", "completed");
        check_json(list, "2.resolved_at", "2026-11-01T09:00:00.000Z");
        /* As they were told: nothing of it before, nothing in the future. */
        check_json(list, "0.created_at", "2026-11-20T08:00:00.000Z");
        check_json(list, "0.started_at", "2026-11-20T08:01:00.000Z");
        check_json(list, "0.updated_at", "2026-11-20T08:30:00.000Z");
        check_json(list, "0.incident_updates.0.status", "in_progress");
        check_json(list, "0.incident_updates.2.status", "scheduled");
        check_json(list, "1.created_at", "2026-11-20T07:00:00.000Z");
        check_json(list, "1.started_at", "2026-11-20T07:00:00.000Z");
        check_json(list, "1.updated_at", "2026-11-20T07:00:00.000Z");
        check_json(list, "1.incident_updates.0.body", "We carry boxes.");
        CHECK_INT(json_array_size(json_at(list, "0.components")), 3); /* the whole shop */
        CHECK_INT(json_array_size(json_at(list, "1.components")), 1);
        check_json(list, "1.components.0.id", "search");
        CHECK_INT(json_integer_value(json_at(list, "1.components.0.position")),
                  4); /* as in components.json */
        check_json(list, "2.incident_updates.0.status", "completed");
        check_page(&rig, "It was the cable.");
        check_page(&rig, "<h2 id=\"ahead\">Maintenance</h2>");
        check_file(&rig, "history.atom", "<published>2026-11-20T07:00:00.000Z</published>", true);
        check_page(&rig, "<bdi>Affects: The whole shop</bdi>");
        check_page(&rig, "<strong>Under way</strong>");
        check_page(&rig, "Half done.");
        CHECK_INT(occurrences(&rig, "index.html", "<bdi>Slow.</bdi>"), 1);
        check_page(&rig, "<time datetime=\"2026-11-22T08:00:00.000Z\">22 Nov 2026, 08:00 UTC</time>");
        rig_close(&rig);
}

TEST(work_on_what_is_no_longer_there_is_no_work_on_the_whole_shop)
{
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        json_t *item;
        size_t i;
        Rig rig;

        rig_open(&rig);
        json_array_foreach(json_object_get(known, "maintenances"), i, item)
        {
                json_put(item, "components", json_pack("[s]", "renamed"));
        }
        facts.public_status = known;
        publish(&rig, &facts);
        CHECK_INT(occurrences(&rig, "index.html", "The whole shop"), 0);
        CHECK_INT(occurrences(&rig, "index.html", "renamed"), 0);
        check_page(&rig, "<strong>Under way</strong>");
        rig_close(&rig);
}

TEST(page_says_it_in_a_buyers_words)
{
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        check_page(&rig, "<h1 id=\"now\">You can buy: please pay with cryptocurrency for now</h1>");
        check_page(&rig, "Using backup payment system. All books still available.");
        check_page(&rig, "Since <time datetime=\"2026-11-20T09:00:00.123Z\">20 Nov 2026, 09:00 UTC</time>");
        check_page(&rig, "Card payments</bdi>");
        check_page(&rig, "Not working");
        check_page(&rig, "Not known");
        check_page(&rig, "Our bank is down.</bdi></p><p><bdi>We wait.");
        check_page(&rig, "A bad morning");
        check_page(&rig, "lasted 12 min");
        check_page(&rig, "The usual checkout is back");
        check_page(&rig, "more than <bdi>4 min</bdi> ago");
        check_page(&rig, "data-date=\"{day} {month} {year}\""); /* the script's */
        check_file(&rig, "history.html", "This page was made <time", true);
        check_page(&rig, "data-stale=\"This page is out of date: it has not been renewed for {age}.");
        check_file(&rig, "badge.svg", ">on backup<", true);
        check_file(&rig, "history.atom", "<id>https://shop.example#status-01JFELL</id>", true);
        check_file(&rig, "history.atom", "<title>Maintenance: Moving</title>", true);
        rig_close(&rig);
}

/* Ten components with trouble on every ninth day, twenty incidents. */
static json_t *busy_document(void)
{
        json_t *j = document(ON_CRYPTO), *components = json_array(), *incidents = json_array(),
               *days = json_array();

        for (int d = 0; d < 90; d++) {
                char date[40];
                timestamp_format(date, RIG_AT - (uint64_t) (89 - d) * 86400 * USEC_PER_SEC);
                json_array_append_new(days, json_pack("{s:s%,s:i,s:i}", "date", date, (size_t) 10, "up",
                                                      86000, "down", d % 9 == 0 ? 60 * d : 0));
        }
        for (int i = 0; i < 10; i++) {
                json_t *c = json_deep_copy(json_at(j, "components.0"));
                json_object_set(c, "days", days);
                json_array_append_new(components, c);
        }
        for (int i = 0; i < 20; i++)
                json_array_append(incidents, json_at(j, i == 0 ? "incidents.0" : "incidents.1"));
        json_object_set_new(j, "components", components);
        json_object_set_new(j, "incidents", incidents);
        json_decref(days);
        return j;
}

TEST(page_of_a_busy_shop_is_one_file_of_less_than_60_kilobytes)
{
        _cleanup_json_ json_t *known = busy_document();
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        _cleanup_free_ char *page = rig_read(rig.status, "index.html");
        fprintf(stderr, "  %zu bytes\n", strlen(page));
        CHECK(strlen(page) < 60000);
        CHECK(!strstr(page, "history.html")); /* nothing was left out */
        CHECK(!strstr(page, "src=") && !strstr(page, "url(") && !strstr(page, "@import"));
        rig_close(&rig);
}

/* So many components with trouble on every such day, and incidents of which one is open, each with three updates. */
static json_t *large_document(int components, int incidents, int every)
{
        json_t *j = busy_document(), *few = json_object_get(j, "components"), *some = json_array(),
               *list = json_array(), *days = json_array();

        for (int d = 0; d < 90; d++) {
                char date[40];
                timestamp_format(date, RIG_AT - (uint64_t) (89 - d) * 86400 * USEC_PER_SEC);
                json_array_append_new(days, json_pack("{s:s%,s:i,s:i}", "date", date, (size_t) 10, "up",
                                                      80000, d % 2 ? "down" : "degraded",
                                                      d % every == 0 ? 60 * d + 1 : 0));
        }
        for (int i = 0; i < components; i++) {
                json_t *c = json_deep_copy(json_array_get(few, 0));
                json_object_set_new(c, "id", json_sprintf("c%d", i));
                json_object_set_new(c, "name", json_sprintf("Component %d", i));
                json_object_set(c, "days", days);
                json_array_append_new(some, c);
        }
        for (int i = 0; i < incidents; i++) {
                json_t *one = json_deep_copy(json_at(j, i == 0 ? "incidents.0" : "incidents.1"));
                json_object_set_new(one, "name", json_sprintf("A bad morning, number %d", i));
                json_array_append_new(json_object_get(one, "updates"),
                                      json_pack("{s:s,s:s,s:s,s:s}", "id", "x", "at",
                                                "2026-11-10T08:59:00.000Z", "state", "investigating", "body",
                                                "We have asked our bank."));
                json_array_append_new(list, one);
        }
        json_object_set_new(j, "components", some);
        json_object_set_new(j, "incidents", list);
        json_decref(days);
        return j;
}

TEST(large_pages_leave_to_a_second_file_what_does_not_fit)
{
        static const struct {
                int components, incidents, every;
                bool bounded;
        } sizes[] = {{1, 0, 100, true},   {4, 37, 30, true},   {8, 12, 15, true},  {8, 30, 9, true},
                     {20, 50, 9, true},   {20, 200, 9, true},  {20, 200, 3, true}, {20, 200, 1, false},
                     {60, 200, 9, false}, {500, 200, 9, false}};
        Rig rig;

        rig_open(&rig);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_json_ json_t *known =
                                large_document(sizes[i].components, sizes[i].incidents, sizes[i].every);
                ActionFacts facts = rig_facts();
                facts.public_status = known;
                publish(&rig, &facts);
                _cleanup_free_ char *page = rig_read(rig.status, "index.html");
                fprintf(stderr, "  %d components, %d incidents: %zu bytes\n", sizes[i].components,
                        sizes[i].incidents, strlen(page));
                CHECK(strlen(page) < PAGE_BUDGET || !sizes[i].bounded);
                /* What goes on, and each component, stay whatever is left out; and what is left out is linked. */
                CHECK_INT(occurrences(&rig, "index.html", "class=\"bar\""), sizes[i].components);
                for (int k = 0; k < sizes[i].incidents; k++) {
                        _cleanup_free_ char *name = string_printf("<bdi>A bad morning, number %d</bdi>", k);
                        bool here = strstr(page, name);
                        CHECK(here || (k > 2 && strstr(page, "href=\"history.html\">Earlier ones: ")));
                        check_file(&rig, "history.html", name, true);
                }
                CHECK(strstr(page, "class=\"days\"") || strstr(page, "href=\"history.html#days\"") ||
                      sizes[i].every == 100);
                check_file(&rig, "history.html", "lasted 12 min", sizes[i].incidents > 1);
                CHECK_INT(occurrences(&rig, "history.html", "class=\"card days\""), sizes[i].components);
        }
        rig_close(&rig);
}

TEST(nothing_internal_is_on_it_anywhere)
{
        static const char *const internal[] = {"payment-api", "503", "canary"};
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.cause = "payment-api down: HTTP 503 from canary.internal";
        facts.status = document(
                        "{'mode':'crypto','probes':[{'name':'canary','type':'http','verdict':'down','message'"
                        ":'"
                        "canary'}],'modes':[{'name':'canary'}],'changes':[{'id':'x','cause':'canary'}]}");
        for (int with = 0; with < 2; with++) {
                facts.public_status = with ? document(ON_CRYPTO) : NULL;
                publish(&rig, &facts);
                for (size_t i = 0; i < ELEMENTSOF(files); i++)
                        for (size_t k = 0; k < ELEMENTSOF(internal); k++)
                                check_file(&rig, files[i], internal[k], false);
                json_decref(facts.public_status);
        }
        json_decref(facts.status);
        rig_close(&rig);
}

TEST(days_are_bars_and_figures_in_which_unknown_is_never_up)
{
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        /* 87 days before anybody counted, a day up, one unknown, today down for a while. */
        check_page(&rig, "<path class=\"n\" d=\"M0 7h87v3H0z\"><title>23 Aug 2026 – 17 Nov 2026: Not "
                         "known</title>");
        check_page(&rig, "<path class=\"u\" d=\"M87 2h1v8H87z\"/>");
        check_page(&rig, "<path class=\"n\" d=\"M88 7h1v3H88z\"><title>19 Nov 2026: Not known</title>");
        check_page(&rig, "<path class=\"d\" d=\"M89 0h1v10H89z\"><title>20 Nov 2026: not working for 11 min "
                         "40 s</title>");
        check_page(&rig, "99.41 % uptime"); /* 118,400 / 119,100, rounded down */
        check_page(&rig, "Days with trouble: 1.");
        _cleanup_json_ json_t *j = read_json(&rig, "ninety-days.json");
        json_t *cards = json_at(j, "components.0");
        CHECK(json_real_value(json_object_get(cards, "uptime_percent")) > 99.40 &&
              json_real_value(json_object_get(cards, "uptime_percent")) < 99.42);
        CHECK_INT(json_integer_value(json_object_get(cards, "known_seconds")), 119100);
        CHECK_INT(json_integer_value(json_at(cards, "days.1.unknown")), 86400);
        CHECK_INT(json_array_size(json_object_get(cards, "days")), 3);
        CHECK(json_is_null(json_at(j, "components.1.uptime_percent")));
        rig_close(&rig);
}

TEST(uptime_is_rounded_down_and_leaves_out_what_is_not_known)
{
        CHECK_INT(days_uptime(&(DayTotals){.up = 7776000 - 1, .down = 1}), 9999);
        CHECK_INT(days_uptime(&(DayTotals){.up = 7776000}), 10000);
        CHECK_INT(days_uptime(&(DayTotals){.up = 3600, .unknown = 7772400}), 10000);
        CHECK_INT(days_uptime(&(DayTotals){.up = 3599}), -1);
        CHECK_INT(days_uptime(&(DayTotals){.degraded = 1800, .down = 1800, .maintenance = 86400}), 5000);
        CHECK_INT(days_uptime(&(DayTotals){.unknown = 7776000}), -1);
        CHECK_INT(days_uptime(&(DayTotals){.down = 7776000}), 0);
}

TEST(past_incidents_are_resolved_and_the_present_is_well)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        Rig rig;

        rig_open(&rig);
        publish(&rig, &facts);
        check_indicator(&rig, "none");
        check_page(&rig, "<h1 id=\"now\">Everything works</h1>");
        check_page(&rig, "Since <time datetime=\"2026-11-10T09:12:00.000Z\">");
        check_not_on_page(&rig, "Going on now");
        check_file(&rig, "badge.svg", ">working<", true);
        _cleanup_json_ json_t *j = read_json(&rig, "api/v2/incidents.json");
        CHECK_INT(json_array_size(json_object_get(j, "incidents")), 1);
        check_json(j, "incidents.0.id", "01JPAST");
        check_json(j, "incidents.0.name", "A bad morning");
        check_json(j, "incidents.0.status", "resolved");
        check_json(j, "incidents.0.impact", "critical");
        check_json(j, "incidents.0.started_at", "2026-11-10T09:00:00.000Z");
        check_json(j, "incidents.0.resolved_at", "2026-11-10T09:12:00.000Z");
        CHECK_INT(json_array_size(json_at(j, "incidents.0.incident_updates")), 2);
        check_json(j, "incidents.0.incident_updates.0.status", "resolved");
        _cleanup_json_ json_t *open = read_json(&rig, "api/v2/incidents/unresolved.json");
        json_object_set_new(json_at(known, "incidents.0"), "resolved",
                            json_string("2026-11-10T09:13:00.000Z"));
        publish(&rig, &facts);
        check_page(&rig, "Since <time datetime=\"2026-11-10T09:13:00.000Z\">"); /* though the mode is older */
        json_object_set_new(json_at(known, "components.0"), "since", json_string("2026-11-11T07:00:00.000Z"));
        publish(&rig, &facts);
        check_page(&rig, "Since <time datetime=\"2026-11-11T07:00:00.000Z\">");
        CHECK(json_is_array(json_object_get(open, "incidents")));
        CHECK_INT(json_array_size(json_object_get(open, "incidents")), 0);
        rig_close(&rig);
}

TEST(each_way_of_selling_has_its_level_and_words)
{
        static const struct {
                const char *selling, *state, *indicator, *headline;
        } ways[] = {
                        {"as-usual", "operational", "none", "Everything works"},
                        {"as-usual", "degraded", "minor",
                         "You can buy as usual; part of the shop has trouble"},
                        {"as-usual", "unknown", "minor",
                         "You can buy as usual; part of the shop cannot be seen"},
                        {"as-usual", "maintenance", "minor", "You can buy; maintenance is under way"},
                        {"backup", "down", "major", "You can buy: our backup is in use"},
                        {"elsewhere", "down", "major",
                         "Our own checkout is closed; partner shops may have what you look for"},
                        {"hampered", "down", "major", "There are problems with checkout right now"},
                        {"not", "down", "critical", "Checkout is not working right now"},
                        {"unknown", "unknown", "minor", "We cannot see right now whether everything works"},
                        {"a new word", "operational", "none", "Everything works"},
        };
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        Rig rig;

        rig_open(&rig);
        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                json_object_set_new(known, "selling", json_string(ways[i].selling));
                json_object_set_new(json_at(known, "components.0"), "state", json_string(ways[i].state));
                publish(&rig, &facts);
                check_indicator(&rig, ways[i].indicator);
                check_page(&rig, ways[i].headline);
        }
        rig_close(&rig);
}

TEST(an_operators_open_incident_is_never_below_what_he_said)
{
        static const struct {
                const char *impact, *selling, *more; /* more: members of the incident */
                const char *indicator, *headline, *badge, *component, *not ;
        } cases[] = {
                        {"critical", "as-usual", "", "critical", "Serious trouble: Cards fail",
                         ">serious trouble<", "major_outage", "All ways to pay are open"},
                        {"major", "as-usual", "", "major", "Trouble: Cards fail", ">trouble<",
                         "partial_outage", "Everything works"},
                        {"minor", "as-usual", "", "minor", "Minor trouble: Cards fail", ">attention<",
                         "degraded_performance", "Everything works"},
                        {"none", "as-usual", "", "none", "Everything works", ">working<", "operational",
                         "rouble:"},
                        {"critical", "backup", "", "critical", "You can buy: our backup is in use",
                         ">serious trouble<", "major_outage", "All ways to pay are open"},
                        {"minor", "backup", "", "major", "You can buy: our backup is in use", ">on backup<",
                         "degraded_performance", "rouble:"},
                        {"critical", "not", "", "critical", "Checkout is not working right now",
                         ">not working<", "major_outage", "rouble:"},
                        {"critical", "as-usual", ",'automatic':true", "none", "Everything works", ">working<",
                         "operational", "rouble:"}, /* how bad it was at worst; what is now, selling says */
                        {"critical", "as-usual", ",'resolved':'2026-11-20T09:02:00.000Z'", "none",
                         "Since <time datetime=\"2026-11-20T09:02:00.000Z\">", ">working<", "operational",
                         "rouble:"},
        };
        Rig rig;

        rig_open(&rig);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *known = document(WELL);
                ActionFacts facts = well_facts(known);
                _cleanup_free_ char *text = string_printf(
                                "[{'id':'o','began':'2026-11-20T09:01:00.000Z','impact':'%s','name':'Cards "
                                "fail','components':['cards'],'updates':[{'id':'o1','at':'2026-11-20T09:01:"
                                "00.000Z',"
                                "'state':'investigating','body':'A "
                                "bank.'}]%s},{'id':'p','began':'2026-11-20T09:00:00."
                                "000Z','impact':'none','name':'Not this','components':[],'updates':[]}]",
                                cases[i].impact, cases[i].more);
                json_object_set_new(known, "incidents", document(text));
                json_object_set_new(known, "selling", json_string(cases[i].selling));
                publish(&rig, &facts);
                check_indicator(&rig, cases[i].indicator);
                check_page(&rig, cases[i].headline);
                check_not_on_page(&rig, cases[i].not );
                check_file(&rig, "badge.svg", cases[i].badge, true);
                _cleanup_json_ json_t *j = read_json(&rig, "api/v2/components.json");
                check_json(j, "components.0.status", cases[i].component);
                CHECK_STR(item_string(json_at(known, "components.0"), "state"),
                          "operational"); /* it is the loop's */
        }
        rig_close(&rig);
}

TEST(blind_is_said_as_not_seeing_and_not_saved_is_said)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        Rig rig;

        rig_open(&rig);
        json_object_set_new(known, "blind", json_true());
        publish(&rig, &facts);
        check_indicator(&rig, "minor");
        check_page(&rig, "We cannot see right now whether everything works");
        check_not_on_page(&rig, "class=\"state down\"");
        check_not_on_page(&rig, "Not saved");

        facts.durable = false;
        publish(&rig, &facts);
        check_page(&rig, "Not saved");
        json_object_set_new(known, "selling", json_string("unknown"));
        publish(&rig, &facts);
        CHECK_INT(occurrences(&rig, "index.html", "view to the outside") +
                                  occurrences(&rig, "index.html", "Our own view is"),
                  1);
        rig_close(&rig);
}

TEST(without_a_document_the_mode_alone_makes_a_page)
{
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        publish(&rig, &facts);
        check_indicator(&rig, "major");
        check_page(&rig, "You can buy: please pay with cryptocurrency for now");
        check_page(&rig, "Checkout</bdi>");
        _cleanup_json_ json_t *j = read_json(&rig, "api/v2/summary.json");
        check_component(json_at(j, "components.0"), "Checkout", "degraded_performance");
        check_json(j, "incidents.0.id", "01JCHANGE0000000000000000A");
        check_json(j, "incidents.0.created_at", "2026-11-20T09:00:00.123Z");

        facts = well_facts(NULL);
        publish(&rig, &facts);
        check_indicator(&rig, "none");
        check_page(&rig, "None in the last 90 days.");
        facts.mode = facts.payment = "federated";
        facts.first = false;
        publish(&rig, &facts);
        check_page(&rig, "Our own checkout is closed; partner shops may have what you look for");
        rig_close(&rig);
}

TEST(document_of_another_change_does_not_say_how_the_shop_sells_now)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = rig_facts(); /* to crypto */
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        check_indicator(&rig, "major");
        check_page(&rig, "please pay with cryptocurrency");
        check_page(&rig, "Card payments</bdi>"); /* the rest is of use */
        rig_close(&rig);
}

TEST(document_may_be_nonsense)
{
        static const char *const nonsense[] = {
                        "{}",
                        "[]",
                        "{'components':7,'incidents':{'a':1},'maintenances':'x','mode':[],'selling':5}",
                        "{'components':[1,null,{'name':5},{},{'days':7},{'days':[1,null,{}]}],'incidents':["
                        "null,[],{}"
                        ",{'updates':5},{'updates':[7,{}]}],'maintenances':[3,{}, "
                        "{'components':'x','updates':{}}]}",
                        "{'mode':{'since':'yesterday','change':'01JCHANGE0000000000000000A'},'fresh_for':-5,"
                        "'counted_since':'never','incidents':[{'began':'later','resolved':'no','components':["
                        "1,'x']}]}",
                        "{'components':[{'days':[{'date':'nonsense','up':-1,'down':99999999999}]}]}",
                        "{'components':[{'days':[{'date':'0001-01-01','up':86400}]}]}"};
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        for (size_t i = 0; i < ELEMENTSOF(nonsense); i++) {
                facts.public_status = document(nonsense[i]);
                publish(&rig, &facts);
                check_page(&rig, "pay with cryptocurrency");
                check_page(&rig, "</html>");
                json_decref(facts.public_status);
        }
        rig_close(&rig);
}

TEST(query_tells_this_change_from_others)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        Rig rig;

        rig_open(&rig);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_MISSING);
        publish(&rig, &facts);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_DONE);
        facts.change = "01JOTHER";
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_MISSING);
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
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        ino_t before[ELEMENTSOF(files)];
        Rig rig;

        rig_open(&rig);
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                before[i] = inode(&rig, files[i]);
        json_t *old = read_json(&rig, "api/v2/components.json");
        usleep(2000); /* the stamps have milliseconds */
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                bool says_when = streq(files[i], "index.html") || streq(files[i], "history.html") ||
                                 streq(files[i], "api/v2/status.json") || streq(files[i], "ninety-days.json");
                CHECK_INT(inode(&rig, files[i]) != before[i], says_when);
        }

        json_object_set_new(json_at(known, "components.0"), "state", json_string("down"));
        publish(&rig, &facts);
        json_t *new = read_json(&rig, "api/v2/components.json");
        CHECK(json_equal(json_at(old, "components.0.created_at"), json_at(new, "components.0.created_at")));
        CHECK(!json_equal(json_at(old, "page.updated_at"), json_at(new, "page.updated_at")));
        json_decref(old);
        json_decref(new);
        rig_close(&rig);
}

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

static void check_xml(Rig *rig)
{
        char command[400];

        snprintf(command, sizeof(command),
                 "/usr/bin/python3 -c 'import sys,xml.dom.minidom as m; [m.parse(p) for p in sys.argv[1:]]' "
                 "%s/history.atom %s/badge.svg",
                 rig->status, rig->status);
        CHECK_INT(system(command), 0);
}

TEST(page_is_well_formed_and_its_policy_allows_its_own_style_and_script)
{
        static const char *const kinds[][2] = {{"style", "style-src"}, {"script", "script-src"}};
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        char command[500];
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        check_page(&rig, "default-src 'none'; script-src 'sha256-");
        check_not_on_page(&rig, "style=\"");
        check_not_on_page(&rig, "onclick");
        /* The hash in the policy is that of the text between the tags. */
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                snprintf(command, sizeof(command),
                         "/usr/bin/python3 -c 'import sys,re,hashlib,base64 as b; "
                         "t=open(sys.argv[1]).read(); "
                         "m=re.findall(\"<%s>(.*?)</%s>\", t, re.S); assert len(m)==1; "
                         "h=b.b64encode(hashlib.sha256(m[0].encode()).digest()).decode(); "
                         "assert \"%s \\x27sha256-\"+h+\"\\x27\" in t, h' %s/index.html",
                         kinds[i][0], kinds[i][0], kinds[i][1], rig.status);
                CHECK_INT(system(command), 0);
        }
        check_xml(&rig);
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
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        rig.scarce_step = 5;
        rig_run_scarce(&rig, &action_status_page, plain, &facts, false, NULL, NULL);
        facts.public_status = known;
        rig.scarce_step = 60;
        rig_run_scarce(&rig, &action_status_page, plain, &facts, false, NULL, NULL);
        rig.scarce_step = 0;
        rig_run_scarce(&rig, &action_status_page, plain, &facts, true, NULL, NULL);
        rig_close(&rig);
}

MAIN()
