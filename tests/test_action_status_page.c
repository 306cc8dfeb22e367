/* SPDX-License-Identifier: MIT */
/* status-page: what it says, and that nothing gets on it that is not for the public. */
#include "tests/status_page_rig.h"

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

TEST(an_operators_incident_without_a_text_says_nothing_of_how_to_pay)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        Rig rig;

        rig_open(&rig);
        json_object_set_new(
                        known, "incidents",
                        document("[{'id':'o','began':'2026-11-20T09:01:00.000Z','resolved':'2026-11-20T09:03:"
                                 "00.000Z','impact':'minor','automatic':false,'payment':'primary','name':"
                                 "'Search is slow','components':[],'updates':[{'id':'o2','at':'2026-11-20T09:"
                                 "03:00.000Z','state':'resolved','body':'','automatic':false,'payment':"
                                 "'primary','selling':'as-usual','message':''},{'id':'o1','at':'2026-11-"
                                 "20T09:"
                                 "01:00.000Z','state':'investigating','body':'','automatic':false,'payment':"
                                 "'primary','selling':'as-usual','message':''}]}]"));
        publish(&rig, &facts);
        check_page(&rig, "Search is slow");
        check_not_on_page(&rig, "usual checkout");
        check_file(&rig, "history.atom", "usual checkout", false);
        _cleanup_json_ json_t *j = read_json(&rig, "api/v2/incidents.json");
        check_json(j, "incidents.0.incident_updates.0.body", "Resolved");
        check_json(j, "incidents.0.incident_updates.1.body", "Investigating");
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

MAIN()
