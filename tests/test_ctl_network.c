/* SPDX-License-Identifier: MIT */
/* failoverctl as a program, the verbs that ask federationd: what they ask, what they print, how they exit. */
#include "tests/ctl_standin.h"

#define SELLERS                                                                                    \
        "[{\"source_node\":\"a\",\"source_name\":\"My Shop\",\"price\":12.5,\"price_minor\":1250," \
        "\"currency\":\"USD\"},{\"source_node\":\"b\",\"source_name\":\"Other\",\"price\":1299,"   \
        "\"price_minor\":1299,\"currency\":\"JPY\"},{\"source_node\":\"c\",\"source_name\":"       \
        "\"Third\\u001b\","                                                                        \
        "\"price\":null,\"price_minor\":null,\"currency\":\"USD\"}]"
#define FOUND                                                                                              \
        "{\"query\":\"the dune\",\"results\":[{\"title\":\"Dune\",\"author\":\"Frank "                     \
        "Herbert\",\"sellers\":" SELLERS                                                                   \
        "},{\"title\":\"Dune Messiah\",\"author\":\"\",\"price\":0,\"price_minor\":0,\"currency\":"        \
        "\"USD\",\"storeName\":\"My "                                                                      \
        "Shop\"}],\"totalResults\":7,\"complete\":false,\"peers\":[{\"id\":\"b\","                         \
        "\"status\":\"ok\",\"ms\":4,\"count\":1},{\"id\":\"d\",\"status\":\"timeout\",\"ms\":300.4,"       \
        "\"count\":0,\"error\":null},{\"id\":\"e\",\"status\":\"skipped\",\"ms\":0,\"count\":0,\"error\":" \
        "\"its breaker is open\"},{\"id\":\"f\",\"status\":\"empty\",\"ms\":2,\"count\":0}]}"

TEST(search_lists_works_with_their_sellers)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, FOUND);
        CHECK_INT(CTL(&s, &ran, "search", "the", "dune", "--limit", "2"), 0);
        CHECK_STR(s.request, "GET /v1/search limit=2 q=the dune");
        CHECK_STR(ran.out, "  1  Dune\n"
                           "     Frank Herbert\n"
                           "     12.50 USD at My Shop; 1299 JPY at Other; no price at Third\\x1b\n"
                           "  2  Dune Messiah\n"
                           "     free at My Shop\n"
                           "\n"
                           "2 of 7 found in this shop and 2 others.\n"
                           "Incomplete: 2 of 4 other shops have not answered.\n"
                           "  d: no answer within 300 ms\n"
                           "  e: not asked: its breaker is open\n");
        CHECK_STR(ran.err, "");
        s.columns = "COLUMNS=40";
        CHECK_INT(CTL(&s, &ran, "search", "dune"), 0);
        CHECK_STR(ran.out, "  1  Dune\n"
                           "     Frank Herbert\n"
                           "     12.50 USD at My Shop; 1299 JPY at\n"
                           "     Other; no price at Third\\x1b\n"
                           "  2  Dune Messiah\n"
                           "     free at My Shop\n"
                           "\n"
                           "2 of 7 found in this shop and 2 others.\n"
                           "Incomplete: 2 of 4 other shops have not\n"
                           "answered.\n"
                           "  d: no answer within 300 ms\n"
                           "  e: not asked: its breaker is open\n");
        s.answer = "{\"query\":\"x\",\"results\":[],\"totalResults\":0,\"complete\":true,\"peers\":[]}";
        CHECK_INT(CTL(&s, &ran, "search", "x"), 0);
        CHECK_STR(ran.out, "Nothing found for x.\n");
        CHECK_INT(CTL(&s, &ran, "search", "x", "--json"), 0);
        CHECK(strncmp(ran.out, "{\"query\":\"x\"", 12) == 0);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(search_marks_what_was_found_in_a_copy)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200,
                      "{\"query\":\"x\",\"results\":[{\"title\":\"Dune\",\"sellers\":[{\"source_node\":\"e\","
                      "\"source_name\":\"Shop eve\",\"price\":8,\"price_minor\":800,\"currency\":\"USD\","
                      "\"copy\":true,\"asOf\":\"2026-11-20T09:00:00Z\"},{\"source_node\":\"b\",\"source_"
                      "name\":"
                      "\"Bob\",\"price\":9,\"price_minor\":900,\"currency\":\"USD\"}]}],\"totalResults\":1,"
                      "\"peers\":[{\"id\":\"e\",\"status\":\"skipped\",\"error\":\"its breaker is open\"}]}");
        CHECK_INT(CTL(&s, &ran, "search", "x"), 0);
        CHECK(strstr(ran.out, "8.00 USD at Shop eve (copy of 2026-11-20 09:00:00 UTC; not asked: its breaker "
                              "is open); 9.00 USD at Bob\n"));
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(search_says_why_it_was_refused)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 400, "{\"success\":false,\"error\":\"limit: at least 1\"}");
        CHECK_INT(CTL(&s, &ran, "search", "x", "--limit", "0"), 1);
        CHECK_STR(ran.err, "failoverctl: search: limit: at least 1\n");
        CHECK_INT(CTL(&s, &ran, "search"), 2);
        s.status = 503;
        s.answer = "{}";
        CHECK_INT(CTL(&s, &ran, "search", "x"), 1);
        CHECK_STR(ran.err, "failoverctl: search: federationd answered 503 without a reason\n");
        CHECK_INT(CTL(&s, &ran, "search", "x", "--socket", "/nowhere/s"), 1);
        CHECK_STR(ran.err,
                  "failoverctl: search: no federationd at /nowhere/s: not running? (systemctl status "
                  "federationd)\n");
        ran_clear(&ran);
        standin_stop(&s);
}

#define PEERS                                                                                                \
        "{\"peers\":[{\"id\":\"b\",\"url\":\"http://b.example:8440\",\"status\":\"active\",\"breaker\":"     \
        "\"closed\",\"asked_again_s\":null,\"listings\":1200,\"seen\":\"2015-01-01T00:00:00Z\",\"latency_"   \
        "ms\":12.3,"                                                                                         \
        "\"error\":null},{\"id\":\"d\",\"url\":\"http://d.example:8440\",\"status\":\"failed\",\"breaker\":" \
        "\"open\",\"asked_again_s\":4.2,\"listings\":0,\"seen\":null,\"latency_ms\":null,\"error\":"         \
        "\"connection "                                                                                      \
        "refused\"}]}"

/* Ages of many years, so that they do not change under the test's hands. */
static void mask_age(char *out)
{
        char *d = out;

        while ((d = strstr(d, " d")) && !(d[-1] >= '0' && d[-1] <= '9'))
                d++;
        CHECK(d);
        for (d--; *d >= '0' && *d <= '9'; d--)
                *d = '9';
}

TEST(peers_fit_the_terminal)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, PEERS);
        s.columns = "COLUMNS=80";
        CHECK_INT(CTL(&s, &ran, "peers"), 0);
        CHECK_STR(s.request, "GET /v1/peers");
        mask_age(ran.out);
        CHECK_STR(ran.out, "  id  url                    status    listings  synced  latency  breaker\n"
                           "  b   http://b.example:8440  active        1200  9999 d    12 ms  closed\n"
                           "  d   http://d.example:8440  failed           0       -        -  open\n"
                           "      connection refused; asked again in 5 s\n");
        s.columns = "COLUMNS=70";
        CHECK_INT(CTL(&s, &ran, "peers"), 0);
        CHECK(strstr(ran.out, "  id  status    listings  synced  latency  breaker\n  b   active "));
        CHECK(strstr(ran.out, "closed\n      http://b.example:8440\n  d "));
        s.columns = "COLUMNS=40";
        CHECK_INT(CTL(&s, &ran, "peers"), 0);
        mask_age(ran.out);
        CHECK_STR(ran.out, "b\n"
                           "  http://b.example:8440\n"
                           "  active, 1200 listings, synced 9999 d\n"
                           "  ago, latency 12 ms, breaker closed\n"
                           "d\n"
                           "  http://d.example:8440\n"
                           "  failed, 0 listings, has never\n"
                           "  answered, breaker open\n"
                           "      connection refused; asked again in\n"
                           "      5 s\n");
        s.answer = "{\"peers\":[]}";
        CHECK_INT(CTL(&s, &ran, "peers"), 0);
        CHECK_STR(ran.out, "No peers: network.peers in\n"
                           "federationd.yaml names none.\n");
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(stats_say_what_there_is)
{
        StandIn s;
        Ran ran = {};

        /* One document for both questions. */
        standin_start(&s, 200,
                      "{\"success\":true,\"store\":\"my-shop\",\"stats\":{\"totalBooks\":500,"
                      "\"totalCategories\":2,"
                      "\"categories\":[\"Fiction\",\"Law\"],\"lastUpdated\":\"2026-11-20T09:00:00Z\"},"
                      "\"node\":{\"name\":\"My "
                      "Shop\",\"url\":\"http://a.example\"},\"catalog\":{\"bytes\":2097152,"
                      "\"searches\":9},\"search\":{\"searches\":4,\"incomplete\":1,\"refused\":0,\"cache_"
                      "hits\":3,"
                      "\"cache_misses\":1},\"network\":{\"enabled\":true,\"peers\":2,\"active\":1,\"failed\":"
                      "1},"
                      "\"mode\":{\"known\":true,\"stale\":true,\"trouble\":\"mode.json is "
                      "old\",\"mode\":\"primary\","
                      "\"payment\":\"primary\"}}");
        CHECK_INT(CTL(&s, &ran, "stats"), 0);
        CHECK_STR(ran.out,
                  "Shop        My Shop (my-shop), http://a.example\n"
                  "Books       500 in 2 categories, 2.0 MiB; last import 2026-11-20 09:00:00 UTC\n"
                  "Categories  Fiction, Law\n"
                  "Searches    9 of this shop's catalog, 4 of the network (1 incomplete), 75 % from the "
                  "cache\n"
                  "Network     2 peers, 1 active, 1 failed\n"
                  "Mode        primary, payments by primary; STALE: mode.json is old\n");
        CHECK_INT(CTL(&s, &ran, "stats", "--json"), 0);
        CHECK_STR(s.request, "GET /v1/stats");
        ran_clear(&ran);
        standin_stop(&s);
}

#define IMPORTED(rows, refused, problems)                                                               \
        "{\"success\":true,\"import\":\"01X\",\"report\":{\"rows\":" rows ",\"added\":1,\"updated\":0," \
        "\"unchanged\":0,\"refused\":" refused "},\"problems\":[" problems "],\"more\":0}"

TEST(import_counts_and_names_bad_rows)
{
        StandIn s;
        Ran ran = {};
        char file[128];

        standin_start(&s, 200, IMPORTED("1", "0", ""));
        snprintf(file, sizeof(file), "%s/books.csv", s.folder);
        FILE *f = fopen(file, "we");
        CHECK(f && fputs("title\nDune\n", f) >= 0 && fclose(f) == 0);
        CHECK_INT(CTL(&s, &ran, "catalog", "import", file), 0);
        CHECK_INT(s.asked, 3);
        CHECK_STR(s.request, "POST /v1/import/01X/end");
        CHECK_STR(ran.out, "1 row: 1 added, 0 updated, 0 unchanged, 0 refused\n");
        CHECK_STR(ran.err, "");
        s.answer = IMPORTED("2", "2", "{\"line\":2,\"refused\":true,\"reason\":\"books.csv:2: no title\"}");
        CHECK_INT(CTL(&s, &ran, "catalog", "import", file), 1);
        CHECK(strstr(ran.err, "books.csv:2: no title (row refused)\n"));
        s.status = 422;
        s.answer = "{\"success\":false,\"error\":\"books.csv: no header\"}";
        CHECK_INT(CTL(&s, &ran, "catalog", "import", file), 1);
        CHECK_STR(ran.err, "failoverctl: catalog: books.csv: no header\n");
        CHECK_INT(unlink(file), 0);
        CHECK_INT(CTL(&s, &ran, "catalog", "import", file), 1);
        CHECK(strstr(ran.err, "No such file"));
        CHECK_INT(CTL(&s, &ran, "catalog", "export", file), 2);
        CHECK_INT(CTL(&s, &ran, "catalog", "import", file, "--format", "xml"), 2);
        ran_clear(&ran);
        standin_stop(&s);
}

#define NODES                                                                                               \
        "{\"ready\":true,\"nodes\":[{\"id\":\"other\",\"url\":\"https://other.example\",\"type\":\"full\"," \
        "\"state\":\"configured\",\"status\":\"active\",\"proven\":true,\"registered\":null,\"trouble\":"   \
        "null},"                                                                                            \
        "{\"id\":\"new\\u001b\",\"url\":\"https://"                                                         \
        "new.example\",\"type\":\"affiliate\",\"state\":\"pending\","                                       \
        "\"status\":\"pending\",\"proven\":false,\"registered\":\"2020-01-01T00:00:00Z\",\"trouble\":\"it " \
        "says "                                                                                             \
        "\\u202ethat\"}]}"

TEST(nodes_are_a_table_or_blocks_where_their_ids_have_no_room)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, NODES);
        CHECK_INT(CTL(&s, &ran, "nodes"), 0);
        CHECK_STR(s.request, "GET /v1/nodes");
        CHECK(strstr(ran.out, "  other    full       configured  active    yes              -  "
                              "https://other.example"));
        CHECK(strstr(ran.out, "  new\\x1b  affiliate  pending     -         no "));
        CHECK(strstr(ran.out, "      it says \\u202ethat\n"));
        CHECK(strstr(ran.out, "1 waits for your word: `failoverctl nodes accept ID`, or ban, or forget.\n"));
        s.columns = "COLUMNS=40";
        CHECK_INT(CTL(&s, &ran, "nodes"), 0);
        CHECK(strstr(ran.out,
                     "other\n  https://other.example\n  full, configured, active, proven\nnew\\x1b\n"));
        s.answer = "{\"ready\":false,\"trouble\":\"it is damaged\",\"nodes\":[]}";
        s.columns = "COLUMNS=200";
        CHECK_INT(CTL(&s, &ran, "nodes"), 1);
        CHECK(strstr(ran.out, "No other nodes"));
        CHECK(strstr(ran.out, "has not been read, since it is damaged: only configured nodes"));
        CHECK_INT(CTL(&s, &ran, "nodes", "--json"), 1);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_word_on_a_node_is_posted_and_the_answer_shown)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{\"success\":true,\"text\":\"`[::1]:80` is banned.\"}");
        CHECK_INT(CTL(&s, &ran, "nodes", "ban", "[::1]:80"), 0);
        CHECK_STR(s.request, "POST /v1/nodes/[::1]:80/ban");
        CHECK_STR(ran.out, "`[::1]:80` is banned.\n");
        s.answer = "{\"success\":true,\"text\":\"`shop` (https://shop.example) is accepted, and it is asked "
                   "from "
                   "now on.\"}";
        s.columns = "COLUMNS=40";
        CHECK_INT(CTL(&s, &ran, "nodes", "accept", "shop"), 0);
        CHECK_STR(ran.out, "`shop` (https://shop.example) is\naccepted, and it is asked from now on.\n");
        CHECK_INT(CTL(&s, &ran, "nodes", "ban"), 2);
        CHECK_INT(CTL(&s, &ran, "nodes", "love", "a"), 2);
        CHECK_INT(CTL(&s, &ran, "nodes", "ban", "a", "--key", "x"), 2);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(registries_are_asked_again_and_what_they_measure_is_no_failed_registration)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200,
                      "{\"registries\":[{\"registry\":\"https://hub.example\",\"configured\":false,"
                      "\"registered\":\"2020-01-01T00:00:00Z\",\"state\":\"failed\",\"status\":200,"
                      "\"failed\":"
                      "false,\"words\":\"\",\"asking\":false}]}");
        CHECK_INT(CTL(&s, &ran, "register"), 0);
        CHECK_STR(s.request, "GET /v1/register refresh=1");
        CHECK(strstr(ran.out, "https://hub.example: registered; it sees this node as failed; asked "));
        s.answer = "{\"registries\":[{\"registry\":\"https://"
                   "hub.example\",\"registered\":null,\"failed\":true,"
                   "\"words\":\"connection refused\"}]}";
        CHECK_INT(CTL(&s, &ran, "register"), 0);
        CHECK_STR(ran.out, "https://hub.example: NOT REGISTERED NOW: connection refused\n");
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(the_audit_log_ends_with_what_is_newest_and_a_damaged_one_is_a_failure)
{
        StandIn s;
        Ran ran = {};
        const char *first, *second;

        standin_start(&s, 200,
                      "{\"audit\":[{\"n\":2,\"at\":\"2026-01-01T00:00:01Z\",\"event\":\"node-accepted\","
                      "\"node\":"
                      "\"a\",\"actor\":\"uid "
                      "0\",\"detail\":\"\"},{\"n\":1,\"at\":\"2026-01-01T00:00:00Z\",\"event\":"
                      "\"node-registered\",\"node\":\"a\",\"actor\":\"192.0.2.1\",\"detail\":\"x\\u001b\"}],"
                      "\"whole\":false,\"problem\":\"row 1 is not as it was written\"}");
        CHECK_INT(CTL(&s, &ran, "audit", "--limit", "2"), 0);
        CHECK_STR(s.request, "GET /v1/audit limit=2");
        first = strstr(ran.out, "node-registered a, by 192.0.2.1: x\\x1b\n");
        second = strstr(ran.out, "node-accepted a, by uid 0\n");
        CHECK(first && second && first < second);
        CHECK_INT(CTL(&s, &ran, "audit", "--limit", "0"), 2);
        CHECK_INT(CTL(&s, &ran, "audit", "--check"), 1);
        CHECK_STR(ran.err, "failoverctl: audit: THE LOG IS NOT WHOLE: row 1 is not as it was written\n");
        s.answer = "{\"audit\":[],\"whole\":true,\"problem\":null,\"last\":7,\"hash\":\"ab12\"}";
        CHECK_INT(CTL(&s, &ran, "audit", "--check"), 0);
        CHECK(strstr(ran.out, "The log is whole.\nIts last row is 7, with hash ab12. "));
        ran_clear(&ran);
        standin_stop(&s);
}

#define LINE(peer, currency, referrals, denied, paid, share)                            \
        "{\"peer\":\"" peer "\",\"currency\":\"" currency "\",\"referrals\":" referrals \
        ",\"denied\":" denied ",\"paid\":" paid ",\"share\":\"" share "\",\"sales\":\"9.00\"}"

TEST(what_is_denied_is_a_number_and_no_amount)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200,
                      "{\"owed_to_us\":[" LINE("ann", "", "2", "2", "0", "0.00") "," LINE(
                                      "ann", "USD", "2", "1", "1",
                                      "1.00") "," LINE("bob", "", "1", "1", "0",
                                                       "0.00") "],\"owed_by_us\":[]}");
        CHECK_INT(CTL(&s, &ran, "revenue"), 0);
        CHECK(!strstr(ran.out, "0.00 \n") && !strstr(ran.out, " 0.00 "));
        CHECK(strstr(ran.out, "  ann          1.00 USD"));
        CHECK(strstr(ran.out, "\n      3 are denied: `failoverctl revenue --csv` says why\n  bob\n      1 is "
                              "denied: "));
        CHECK_INT(CTL(&s, &ran, "revenue", "--csv", "--json"), 2);
        ran_clear(&ran);
        standin_stop(&s);
}

TEST(a_sync_of_a_shop_that_is_none_any_more_fails)
{
        StandIn s;
        Ran ran = {};

        standin_start(&s, 200, "{\"sync\":1,\"pulls\":[]}");
        CHECK_INT(CTL(&s, &ran, "sync", "gone"), 1);
        CHECK_STR(ran.err, "failoverctl: sync: no accepted node is called so any more\n");
        CHECK_INT(CTL(&s, &ran, "sync"), 0);
        ran_clear(&ran);
        standin_stop(&s);
}

MAIN()
