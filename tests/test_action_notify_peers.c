/* SPDX-License-Identifier: MIT */
/* notify-peers: whom it tells, what a notice says, what answers mean; and the registries that are kept for it. */
#include "tests/action_rig.h"

extern const ActionType action_notify_peers;

static const ActionType *const type = &action_notify_peers;

static void on_changed(void *userdata)
{
        ++*(unsigned *) userdata;
}

typedef struct Peers {
        Rig rig;
        SignKey *key;
        unsigned changed; /* registries have called */
        char path[128];   /* of the registry */
} Peers;

static void peers_open(Peers *p)
{
        *p = (Peers){0};
        rig_open(&p->rig);
        CHECK_INT(sign_key_generate("k1", &p->key), 0);
        CHECK_INT(registries_new(p->rig.event, on_changed, &p->changed, &p->rig.context.registries), 0);
        p->rig.context.key = p->key;
        p->rig.context.node_id = "my-shop";
        snprintf(p->path, sizeof(p->path), "%s/registry.json", p->rig.folder);
}

static void peers_close(Peers *p)
{
        registries_free(p->rig.context.registries);
        sign_key_free(p->key);
        rig_close(&p->rig);
}

#define ENTRY(id, status) "{\"id\":\"" id "\",\"url\":\"http://" id ".example/\",\"status\":\"" status "\"}"
#define REGISTRY(list)    "{\"protocol\":\"AAN/1.0\",\"nodes\":[" list "]}"

static void reread(Peers *p, const char *text)
{
        unsigned before = p->changed;
        const Registry *registry;
        const char *why;

        if (text)
                rig_write(&p->rig, "registry.json", text, 0644);
        if (registries_get(p->rig.context.registries, p->path, &registry, &why) == -EAGAIN)
                CHECK_INT(registries_want(p->rig.context.registries, p->path), 0);
        while (p->changed == before)
                CHECK(sd_event_run(p->rig.event, UINT64_MAX) >= 0);
}

static bool is_wanted(const char *path, void *userdata)
{
        return true;
}

static void note_target(const char *target, const char *url, void *userdata)
{
        text_add(userdata, "%s=%s ", target, url);
}

static const char *targets(Peers *p, const char *yaml, int wanted)
{
        static char result[512];
        _cleanup_text_ Text t = {0};
        void *conf = rig_conf(type, yaml);

        CHECK_INT(type->targets(conf, &p->rig.context, note_target, &t), wanted);
        rig_conf_free(type, conf);
        snprintf(result, sizeof(result), "%s", t.data ? t.data : "");
        return result;
}

TEST(told_are_accepted_nodes_and_those_of_the_operator_each_once_and_never_this_node)
{
        Peers p;
        peers_open(&p);
        _cleanup_free_ char *both = string_printf(
                        "registry: %s\npeers: [{id: b, url: \"http://10.0.0.7:8440/shop/\"}, {id: my-shop, "
                        "url: \"http://10.0.0.8\"}, {id: x, url: \"http://10.0.0.9\"}]",
                        p.path);

        CHECK_STR(targets(&p, both, -EAGAIN),
                  ""); /* not even those that are known: the others would be forgotten */
        static const char nodes[] = ENTRY("a", "active") "," ENTRY("b", "suspect") "," ENTRY("c", "failed");
        static const char more[] = ENTRY("d", "fallback") "," ENTRY("e", "pending") "," ENTRY("f", "banned");
        _cleanup_free_ char *text =
                        string_printf(REGISTRY("%s,%s,%s"), nodes, more, ENTRY("my-shop", "active"));
        reread(&p, text);
        CHECK_STR(targets(&p, both, 0), "b=http://10.0.0.7:8440/shop x=http://10.0.0.9 a=http://a.example "
                                        "c=http://c.example d=http://d.example ");
        CHECK_STR(targets(&p, "peers: [{id: b, url: \"http://10.0.0.7\"}]", 0), "b=http://10.0.0.7 ");
        peers_close(&p);
}

TEST(a_registry_that_cannot_be_read_any_more_is_as_it_was)
{
        Peers p;
        const Registry *registry;
        const char *why;
        peers_open(&p);

        reread(&p, "{");
        CHECK_INT(registries_get(p.rig.context.registries, p.path, &registry, &why), -ENODATA);
        CHECK(strstr(why, "/registry.json: line 1"));
        rig_write(&p.rig, "registry.json", REGISTRY(ENTRY("a", "active")), 0644);
        registries_keep(p.rig.context.registries, is_wanted, NULL); /* a reload: again, now */
        reread(&p, NULL);
        CHECK_INT(registries_get(p.rig.context.registries, p.path, &registry, &why), 0);
        rig_write(&p.rig, "registry.json", "{", 0644);
        registries_keep(p.rig.context.registries, is_wanted, NULL);
        reread(&p, NULL);
        CHECK_INT(registries_get(p.rig.context.registries, p.path, &registry, &why), 0);
        CHECK_INT(registry->n_nodes, 1);
        peers_close(&p);
}

static ActionFacts notice_facts(const char *target)
{
        ActionFacts f = rig_facts();

        f.from_first = true;
        f.fallback_url = "https://backup.shop.example";
        f.seq = 1795165200001;
        f.target = target;
        return f;
}

static ActionResult tell(Peers *p, const Receiver *receiver, const ActionFacts *facts)
{
        _cleanup_free_ char *yaml =
                        string_printf("peers: [{id: peer, url: \"http://127.0.0.1:%u/shop/\"}]\ntimeout: 2s",
                                      receiver->port);
        void *conf = rig_conf(type, yaml);
        ActionResult result = rig_run(&p->rig, type, conf, facts, false);

        rig_conf_free(type, conf);
        return result;
}

TEST(a_notice_is_signed_for_its_recipient_anew_for_each_attempt)
{
        ActionFacts facts = notice_facts("peer");
        Receiver receiver;
        Peers p;
        Error e;
        json_int_t before = 0;

        peers_open(&p);
        receiver_open(&receiver);
        for (int i = 0; i < 2; i++) {
                CHECK_INT(tell(&p, &receiver, &facts), ACTION_DONE);
                CHECK(strncmp(receiver.head, "POST /shop/api/network/messages HTTP/1.1\r\n", 42) == 0);
                check_header(&receiver, "Content-Type", "application/json");
                json_t *j = receiver_json(&receiver);
                CHECK_INT(verify_json(j, "my-shop", "k1", p.key->public_key, &e), 0);
                check_json(j, "id", facts.id);
                check_json(j, "type", "primary_failure");
                check_json(j, "node", "my-shop");
                check_json(j, "to", "peer");
                check_json(j, "fallbackUrl", "https://backup.shop.example");
                CHECK_INT(json_integer_value(json_object_get(j, "seq")), 1795165200001);
                CHECK_INT(json_integer_value(json_object_get(j, "occurred")), facts.at_usec / 1000);
                json_int_t at = json_integer_value(json_object_get(j, "timestamp"));
                CHECK(at > before && llabs(at - (json_int_t) (clock_wall_usec() / 1000)) < 10000);
                CHECK_INT(json_object_size(j), 9);
                before = at;
                json_decref(j);
        }
        facts.first = true;
        facts.from_first = false;
        CHECK_INT(tell(&p, &receiver, &facts), ACTION_DONE);
        json_t *j = receiver_json(&receiver);
        check_json(j, "type", "primary_recovered");
        json_decref(j);
        receiver_close(&receiver);
        peers_close(&p);
}

TEST(each_status_has_its_meaning)
{
        static const struct {
                unsigned status;
                ActionResult result;
        } cases[] = {
                        {200, ACTION_DONE},      {201, ACTION_DONE},      {202, ACTION_DONE},
                        {400, ACTION_PERMANENT}, {409, ACTION_PERMANENT}, {413, ACTION_PERMANENT},
                        {401, ACTION_RETRY},     {403, ACTION_RETRY},     {404, ACTION_RETRY},
                        {429, ACTION_RETRY},     {500, ACTION_RETRY},     {503, ACTION_RETRY},
                        {302, ACTION_RETRY},
        };
        ActionFacts facts = notice_facts("peer");
        Receiver receiver;
        Peers p;

        peers_open(&p);
        receiver_open(&receiver);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                receiver.status = cases[i].status;
                CHECK_INT(tell(&p, &receiver, &facts), cases[i].result);
        }
        receiver_close(&receiver);
        peers_close(&p);
}

TEST(the_reason_of_a_refusal_is_shown_whatever_its_status)
{
        static const unsigned statuses[] = {400, 403, 429, 500, 503};
        ActionFacts facts = notice_facts("peer");
        Receiver receiver;
        char words[64];
        Peers p;

        peers_open(&p);
        receiver_open(&receiver);
        receiver.answer = "{\"success\":false,\"error\":\"the disk\\u001b is full\"}";
        receiver.headers = "Retry-After: 7\r\n";
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                receiver.status = statuses[i];
                CHECK_INT(tell(&p, &receiver, &facts), statuses[i] == 400 ? ACTION_PERMANENT : ACTION_RETRY);
                snprintf(words, sizeof(words), "HTTP %u: the disk", statuses[i]);
                CHECK(strncmp(p.rig.message, words, strlen(words)) == 0 && !strchr(p.rig.message, '\x1b'));
                CHECK_INT(p.rig.retry_after_usec, statuses[i] == 400 ? 0 : 7 * USEC_PER_SEC);
        }
        receiver_close(&receiver);
        peers_close(&p);
}

TEST(without_a_key_it_says_why_and_sends_nothing)
{
        ActionFacts facts = notice_facts("peer");
        Receiver receiver;
        Peers p;

        peers_open(&p);
        receiver_open(&receiver);
        p.rig.context.key = NULL;
        p.rig.context.key_error = "node.key_file is not set";
        CHECK_INT(tell(&p, &receiver, &facts), ACTION_RETRY);
        CHECK_STR(p.rig.message, "cannot be signed: node.key_file is not set");
        CHECK_INT(receiver.count, 0);
        receiver_close(&receiver);
        peers_close(&p);
}

TEST(an_url_of_the_registry_leads_to_no_private_address_unless_allowed)
{
        ActionFacts facts = notice_facts("peer");
        Receiver receiver;
        Peers p;

        peers_open(&p);
        receiver_open(&receiver);
        _cleanup_free_ char *text = string_printf("{\"nodes\":[{\"id\":\"peer\",\"url\":\"http://"
                                                  "127.0.0.1:%u\",\"status\":\"active\"}]}",
                                                  receiver.port);
        reread(&p, text);
        for (int allowed = 0; allowed < 2; allowed++) {
                _cleanup_free_ char *yaml =
                                string_printf("registry: %s\n%s", p.path,
                                              allowed ? "allow_private_peers: [127.0.0.0/8]" : "");
                void *conf = rig_conf(type, yaml);
                CHECK_INT(rig_run(&p.rig, type, conf, &facts, false), allowed ? ACTION_DONE : ACTION_RETRY);
                CHECK_INT(receiver.count, allowed);
                if (!allowed)
                        CHECK(strstr(p.rig.message, "is not a public address"));
                facts.target = "stranger";
                CHECK_INT(rig_run(&p.rig, type, conf, &facts, false), ACTION_RETRY);
                CHECK_STR(p.rig.message, "it is no peer any more");
                facts.target = "peer";
                rig_conf_free(type, conf);
        }
        receiver_close(&receiver);
        peers_close(&p);
}

TEST(only_leaving_the_first_mode_and_coming_back_is_said)
{
        ActionFacts f = notice_facts("peer");

        CHECK(type->says(&f));
        f.from_first = false;
        CHECK(!type->says(&f));
        f.first = true;
        CHECK(type->says(&f));
        f.kind = ACTION_RAISED;
        CHECK(!type->says(&f));
}

TEST(keys_that_cannot_be_meant_are_refused)
{
        rig_refused(type, "timeout: 5s", "needs `registry`, `peers`, or both");
        rig_refused(type, "peers: []", "needs `registry`, `peers`, or both");
        rig_refused(type, "registry: network.json", "not absolute");
        rig_refused(type, "peers: {id: a, url: \"http://a\"}", "expected a list");
        rig_refused(type, "peers: [http://a]", "expected {id: other");
        rig_refused(type, "peers: [{id: a}]", "url");
        rig_refused(type, "peers: [{id: \"\", url: \"http://a\"}]", "1 to 128");
        rig_refused(type, "peers: [{id: a, url: \"ftp://a\"}]", "http");
        rig_refused(type, "peers: [{id: a, url: \"http://a/?x=1\"}]", "no query");
        rig_refused(type, "peers: [{id: a, url: \"http://a\"}, {id: a, url: \"http://b\"}]", "given twice");
        rig_refused(type, "{registry: /r, allow_private_peers: [nonsense]}", "not a network");
        rig_refused(type, "{registry: /r, timeout: 1ms}", "timeout");
}

TEST(its_target_is_told_in_words)
{
        static const struct {
                const char *yaml, *words;
        } cases[] = {
                        {"registry: /r.json", "the nodes in /r.json"},
                        {"{registry: /r.json, peers: [{id: a, url: \"http://a\"}]}",
                         "the nodes in /r.json and others"},
                        {"peers: [{id: a, url: \"http://a\"}]", "1 peer"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                void *conf = rig_conf(type, cases[i].yaml);
                _cleanup_free_ char *words = NULL;
                CHECK_INT(type->target(conf, &words), 0);
                CHECK_STR(words, cases[i].words);
                rig_conf_free(type, conf);
        }
}

TEST(our_own_shortage_is_a_retry)
{
        ActionFacts facts = notice_facts("peer");
        Receiver receiver;
        Peers p;

        peers_open(&p);
        receiver_open(&receiver);
        _cleanup_free_ char *yaml =
                        string_printf("peers: [{id: peer, url: \"http://127.0.0.1:%u/shop/\"}]\ntimeout: 2s",
                                      receiver.port);
        void *conf = rig_conf(type, yaml);
        rig_run_scarce(&p.rig, type, conf, &facts, false, NULL, NULL);
        rig_conf_free(type, conf);
        receiver_close(&receiver);
        peers_close(&p);
}

MAIN()
