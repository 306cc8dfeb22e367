/* SPDX-License-Identifier: MIT */
/* federation/origin.c: one place has many spellings; and who may send buyers where. */
#include "federation/origin.h"

#include "tests/federation/member_rig.h"

static bool same(const char *a, const char *b)
{
        Origin x, y;

        CHECK_INT(origin_read(a, &x), 0);
        CHECK_INT(origin_read(b, &y), 0);
        return origin_same(&x, &y);
}

TEST(one_place_is_recognised_by_any_spelling)
{
        static const char *const all[] = {"https://a.example",         "HTTPS://A.Example/x/",
                                          "https://a.example:443/",    "https://a.example.",
                                          "http://a.example/y?z",      "http://a.example.:80",
                                          "https://u@a.example:00443", "https://%61.example"};

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                CHECK(same(all[0], all[i]));
        CHECK(!same("https://a.example", "https://a.example:8443"));
        CHECK(!same("https://a.example", "https://b.a.example"));
        CHECK(same("http://127.0.0.1:81", "http://0x7f.1:81"));
        CHECK(same("http://[::1]:81", "http://[0:0::1]:81"));
}

TEST(a_site_is_what_one_registers)
{
        static const char *const all[][2] = {{"https://shop.example", "shop.example"},
                                             {"https://a.b.shop.example:81", "shop.example"},
                                             {"https://a.shop.co.uk", "shop.co.uk"},
                                             {"https://co.uk", "co.uk"},
                                             {"https://a.shop.com", "shop.com"},
                                             {"https://com.de", "com.de"},
                                             {"http://localhost", "localhost"},
                                             {"http://192.0.2.1:5", "192.0.2.1"},
                                             {"http://[2001:db8::1]", "[2001:db8::1]"}};
        Origin o;

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                CHECK_INT(origin_read(all[i][0], &o), 0);
                CHECK_STR(origin_site(&o), all[i][1]);
        }
}

TEST(what_is_no_url_has_no_origin)
{
        Origin o;

        CHECK_INT(origin_read("", &o), -EINVAL);
        CHECK_INT(origin_read("https://./", &o), -EINVAL);
        CHECK_INT(origin_read("nonsense", &o), -EINVAL);
}

TEST(nobody_sends_his_buyers_to_another_shop)
{
        Rig rig;

        rig_begin(&rig, "peers: [{id: friend, url: 'https://friend.example:8443'}]");
        rig_add(&rig, "shop", MEMBER_ACCEPTED,
                rig_document("shop", "https://shop.example", NULL, NULL, 0, ""));
        rig_add(&rig, "late", MEMBER_PENDING,
                rig_document("late", "https://late.example", NULL, NULL, 0, ""));
        CHECK(strstr(origin_clash(&rig.f, "shop", "http://192.0.2.1:80/x"), "this node's own"));
        CHECK(strstr(origin_clash(&rig.f, "shop", "HTTPS://friend.example.:8443/"), "another node's"));
        CHECK(strstr(origin_clash(&rig.f, "friend", "http://shop.example"), "another node's"));
        CHECK(!origin_clash(&rig.f, "shop", "https://shop.example/pay"));
        CHECK(!origin_clash(&rig.f, "shop", "https://friend.example"));
        CHECK(!origin_clash(&rig.f, "shop", "https://late.example")); /* or who waits would take it away */
        CHECK(!origin_clash(&rig.f, "shop", ""));
        rig_end(&rig);
}

MAIN()
