/* SPDX-License-Identifier: MIT */
/* The keys of a passive probe: they are all there is to it. */
#include "tests/probe_bench.h"

TEST(is_silent_for_a_quarter_of_an_hour_by_default)
{
        const ProbeType *type = probe_type_find("passive");
        Error e = {};
        PassiveConf *c = bench_conf(type, "from: [root, www-data]", &e);

        CHECK(c);
        CHECK(type->passive && !type->start);
        CHECK_INT(c->max_silence_usec, 15 * USEC_PER_MIN);
        CHECK_STR(c->from[0], "root");
        CHECK_STR(c->from[1], "www-data");
        CHECK(!c->from[2]);
        conf_clear(type->fields, c);
        free(c);
}

TEST(may_be_reported_by_root_alone_without_from)
{
        const ProbeType *type = probe_type_find("passive");
        Error e = {};
        PassiveConf *c = bench_conf(type, "max_silence: 1h", &e);

        CHECK(c);
        CHECK(!c->from || !c->from[0]);
        CHECK_INT(c->max_silence_usec, USEC_PER_HOUR);
        conf_clear(type->fields, c);
        free(c);
}

TEST(refuses_what_cannot_be_meant)
{
        CHECK_REFUSED("passive", "not a user name", "from: [\"\"]");
        CHECK_REFUSED("passive", "not a user name", "from: \"root:x\"");
        CHECK_REFUSED("passive", "", "max_silence: 10");
        CHECK_REFUSED("passive", "", "max_silence: 1ms");
        CHECK_REFUSED("passive", "url", "url: http://127.0.0.1/");
}

TEST(verifies_that_the_users_exist)
{
        CHECK_STR(bench_verify("passive", "from: root"), "");
        CHECK_STR(bench_verify("passive", "from: [root, no-such-user-here]"),
                  "from: there is no user no-such-user-here on this machine");
}

MAIN()
