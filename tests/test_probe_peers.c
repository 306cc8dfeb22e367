/* SPDX-License-Identifier: MIT */
/* peers against registry files: who counts, and what says nothing. */
#include "tests/probe_bench.h"

#include <sys/stat.h>

#define PATIENT (20 * USEC_PER_SEC)

/* "id type status" for each node, with commas between them. */
static void registry(const char *nodes)
{
        _cleanup_text_ Text t = {0};
        char id[32], type[32], status[32];
        int n = 0;

        text_add_string(&t, "{\"protocol\":\"AAN/1.0\",\"nodes\":[");
        for (const char *s = nodes; sscanf(s, " %31[^ ,] %31[^ ,] %31[^ ,]%n", id, type, status, &n) == 3;) {
                text_add(&t,
                         "%s{\"id\":\"%s\",\"url\":\"http://%s.example\",\"type\":\"%s\",\"status\":\"%s\"}",
                         s == nodes ? "" : ",", id, id, type, status);
                s += n;
                s += *s == ',';
        }
        text_add_string(&t, "]}");
        bench_file("registry.json", t.data);
}

static Run run(const char *more)
{
        _cleanup_free_ char *yaml = string_printf("registry: %s\n%s", bench_path("registry.json"), more);

        return bench_run("peers", PATIENT, "%s", yaml);
}

TEST(counts_full_nodes_that_are_active_or_in_fallback_and_not_this_one)
{
        registry("shop full active, a full active, b full fallback, c full failed, d full suspect,"
                 "e affiliate active, f mirror active, g full pending, h full banned");
        CHECK_RUN(OUTCOME_PASS, "2 of 4 nodes are well", run(""));
        CHECK_RUN(OUTCOME_PASS, "2 of 4 nodes are well", run("min: 2"));
        CHECK_RUN(OUTCOME_FAIL, "2 of 4 nodes are well; 3 are needed", run("min: 3"));
}

TEST(this_node_alone_is_no_network)
{
        registry("shop full active");
        CHECK_RUN(OUTCOME_FAIL, "the registry names no other full node", run(""));
        registry("shop full active, a full failed");
        CHECK_RUN(OUTCOME_FAIL, "0 of 1 node is well; 1 is needed", run(""));
        registry("a full active, b full failed");
        CHECK_RUN(OUTCOME_FAIL, "1 of 2 nodes is well; 2 are needed", run("min: 2"));
}

TEST(a_registry_that_cannot_be_read_says_nothing)
{
        unlink(bench_path("registry.json"));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "/*", run(""));
        CHECK(strstr(run("").message, "registry.json: No such file or directory"));
        bench_file("registry.json", "{\"nodes\":");
        CHECK(strstr(run("").message, "registry.json: line 1, column"));
        CHECK_INT(run("").outcome, OUTCOME_INCONCLUSIVE);
        bench_file("registry.json", "<html>");
        CHECK_INT(run("").outcome, OUTCOME_INCONCLUSIVE);
        bench_file("registry.json", "{\"protocol\":\"AAN/2.0\",\"nodes\":[]}");
        CHECK_INT(run("").outcome, OUTCOME_INCONCLUSIVE);
}

static void age(int64_t seconds)
{
        struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};

        CHECK_INT(utimensat(AT_FDCWD, bench_path("registry.json"), times, 0), 0);
}

TEST(an_old_registry_says_nothing)
{
        registry("a full active");
        age(9 * 60);
        CHECK_INT(run("").outcome, OUTCOME_PASS);
        age(11 * 60);
        CHECK_INT(run("").outcome, OUTCOME_INCONCLUSIVE);
        CHECK(strstr(run("").message, "registry.json was last written 11 min "));
        age(-60); /* a clock that runs slow is no reason */
        CHECK_INT(run("").outcome, OUTCOME_PASS);
        age(-3600);
        CHECK_INT(run("").outcome, OUTCOME_INCONCLUSIVE);
        CHECK(strstr(run("").message, "in the future"));
}

TEST(is_single_since_a_disk_can_hang)
{
        CHECK(probe_type_find("peers")->single);
}

TEST(refuses_what_cannot_be_meant)
{
        CHECK_REFUSED("peers", "registry", "min: 2");
        CHECK_REFUSED("peers", "not absolute", "registry: network-registry.json");
        CHECK_REFUSED("peers", "min", "{registry: /r, min: 0}");
        CHECK_REFUSED("peers", "url", "{registry: /r, url: \"http://127.0.0.1/\"}");
}

TEST(verifies_that_there_is_a_registry)
{
        char yaml[200];

        registry("a full active");
        snprintf(yaml, sizeof yaml, "registry: %s", bench_path("registry.json"));
        CHECK_STR(bench_verify("peers", yaml), "");
        snprintf(yaml, sizeof yaml, "{registry: %s, min: 2}", bench_path("registry.json"));
        CHECK(strstr(bench_verify("peers", yaml), "min: 2, but"));
        CHECK_STR(bench_verify("peers", "registry: /no/such/file"),
                  "registry: /no/such/file: No such file or directory");
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        _cleanup_free_ char *yaml = string_printf("registry: %s", bench_path("registry.json"));

        registry("a full active, b full failed");
        bench_run_scarce("peers", PATIENT, yaml);
}

MAIN()
