/* SPDX-License-Identifier: MIT */
/* federationd.yaml: what is read, what stands for what is left out, and what is refused, with its place. */
#include "federation/config.h"

#include "base/file.h"
#include "tests/test.h"

#include <sys/stat.h>
#include <unistd.h>

#define S USEC_PER_SEC

static Config *loaded(const char *text)
{
        Config *c = NULL;
        Error e;

        if (config_load_text("f.yaml", text, strlen(text), &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        return c;
}

typedef struct Refusal {
        const char *text, *says; /* what the reason begins with */
} Refusal;

static void refused(const Refusal *list, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                Config *c = NULL;
                Error e = {0};

                CHECK_INT(config_load_text("f.yaml", list[i].text, strlen(list[i].text), &c, &e), -EINVAL);
                CHECK(!c);
                if (strncmp(e.text, list[i].says, strlen(list[i].says)) != 0)
                        fprintf(stderr, "%s\nis refused with\n%s\nnot\n%s\n", list[i].text, e.text,
                                list[i].says);
                CHECK(strncmp(e.text, list[i].says, strlen(list[i].says)) == 0);
        }
}
#define REFUSED(...) refused((const Refusal[]){__VA_ARGS__}, ELEMENTSOF(((const Refusal[]){__VA_ARGS__})))

#define NODE        "node: {id: shop, url: \"https://shop.example\"}\n"
#define PEERS(list) NODE "network: {peers: [" list "]}\n"

TEST(the_sample_is_read)
{
        _cleanup_(config_freep) Config *c = NULL;
        Error e;

        if (config_load(SOURCE_DIR "/etc/federationd.yaml", &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        CHECK_STR(c->directory, SOURCE_DIR "/etc");
        CHECK_STR(c->node.url, "https://shop.example");
        CHECK_STR(c->limits.trusted_proxies[0], "127.0.0.1");
}

TEST(the_smallest_file_has_every_default)
{
        _cleanup_(config_freep) Config *c = loaded("node: {id: shop}\n");

        CHECK_STR(c->node.name, "shop");
        CHECK_STR(c->node.url, "http://127.0.0.1:8440");
        CHECK_STR(c->node.brand, "default");
        CHECK_INT(c->node.type, NODE_FULL);
        CHECK_INT(c->node.revenue_share, 0);
        CHECK(!c->node.key_file && !c->node.operator_name && !c->node.payment_methods);
        CHECK_STR(c->listen.addresses[0], "127.0.0.1:8440");
        CHECK(!c->listen.addresses[1]);
        CHECK(!c->tls.cert_file && !c->tls.certificate);
        CHECK(c->network.enabled);
        CHECK_INT(c->network.search_timeout_usec, 3 * S);
        CHECK_INT(c->network.cache_bytes, 16 << 20);
        CHECK_INT(c->network.cache_ttl_usec, 30 * S);
        CHECK_INT(c->network.check_interval_usec, 60 * S);
        CHECK_INT(c->network.results_per_peer, 20);
        CHECK_INT(c->network.response_max, 256 << 10);
        CHECK_INT(c->network.n_peers, 0);
        CHECK(!c->network.allow_private_peers);
        CHECK_STR(c->failover_runtime_dir, "/run/failoverd");
        CHECK_STR(c->failover_status_dir, "/var/lib/failoverd/status");
        CHECK_INT(c->limits.requests_per_second, 50);
        CHECK_INT(c->limits.burst, 100);
        CHECK_INT(c->limits.body, 64 << 10);
        CHECK_INT(c->limits.connections, 1000);
        CHECK_INT(c->limits.per_address, 50);
        CHECK(!c->limits.trusted_proxies);
}

TEST(half_a_section_keeps_the_other_defaults)
{
        _cleanup_(config_freep) Config *c = loaded(NODE "network: {cache: {size: 0}, enabled: false}\n"
                                                        "failover: {runtime_dir: /tmp/r}\n"
                                                        "limits: {burst: 7}\n");

        CHECK(!c->network.enabled);
        CHECK_INT(c->network.cache_bytes, 0);
        CHECK_INT(c->network.cache_ttl_usec, 30 * S);
        CHECK_INT(c->network.search_timeout_usec, 3 * S);
        CHECK_STR(c->failover_runtime_dir, "/tmp/r");
        CHECK_STR(c->failover_status_dir, "/var/lib/failoverd/status");
        CHECK_INT(c->limits.burst, 7);
        CHECK_INT(c->limits.connections, 1000);
}

TEST(what_the_contract_shows_is_read)
{
        _cleanup_(config_freep) Config *c = loaded(
                        "node: {id: my-shop, name: My Shop, url: \"http://127.0.0.1:8440\", type: full, "
                        "operator: Me, "
                        "payment_methods: [stripe, bitcoin], revenue_share: 15, key_file: node.key}\n"
                        "listen: [\"127.0.0.1:8440\", \"unix:/run/shop/http.sock\", \"[::1]:8440\"]\n"
                        "network: {enabled: true, search_timeout: 3s, allow_private_peers: [127.0.0.0/8], "
                        "peers: [{id: other, url: \"http://127.0.0.1:8450\"}]}\n"
                        "failover: {runtime_dir: /run/failoverd, status_dir: /var/lib/failoverd/status}\n"
                        "catalog: {store: sqlite}\n"
                        "limits: {requests_per_second: 50, burst: 100, body: 64KiB, connections: 1000, "
                        "per_address: 50, trusted_proxies: []}\n");

        CHECK_STR(c->node.operator_name, "Me");
        CHECK_STR(c->node.payment_methods[1], "bitcoin");
        CHECK_INT(c->node.revenue_share, 15);
        CHECK_STR(c->listen.addresses[2], "[::1]:8440");
        CHECK_INT(c->network.n_peers, 1);
        CHECK_STR(c->network.peers[0].id, "other");
        CHECK_STR(c->network.peers[0].name, "other");
        CHECK_STR(c->network.peers[0].url, "http://127.0.0.1:8450");
}

TEST(a_scalar_is_a_list_of_one)
{
        _cleanup_(config_freep) Config *c = loaded("node: {id: s}\nlisten: \"unix:/x\"\n");

        CHECK_STR(c->listen.addresses[0], "unix:/x");
        CHECK_STR(c->node.url, "http://127.0.0.1:8440"); /* nobody can come to a Unix socket by URL */
}

TEST(urls_are_made_alike)
{
        static const char *const pairs[][2] = {
                        {"HTTPS://Shop.Example/", "https://shop.example"},
                        {"https://shop.example:443//", "https://shop.example"},
                        {"http://shop.example:80/a/b/", "http://shop.example/a/b"},
                        {"http://shop.example:443", "http://shop.example:443"},
                        {"http://[::1]:8440/", "http://[::1]:8440"},
                        {"https://shop.example/Books", "https://shop.example/Books"},
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                char text[200];
                _cleanup_(config_freep) Config *c = NULL;

                snprintf(text, sizeof(text), "node: {id: s, url: \"%s\"}\n", pairs[i][0]);
                c = loaded(text);
                CHECK_STR(c->node.url, pairs[i][1]);
        }
}

TEST(a_peer_without_id_is_called_by_host_and_port)
{
        _cleanup_(config_freep) Config *c = loaded(
                        PEERS("{url: \"http://Books.example:8450/x\"}, {url: \"https://other.example:443\"}, "
                              "{url: \"http://[::1]:99\", name: Six, type: mirror, revenue_share: 12}"));

        CHECK_STR(c->network.peers[0].id, "books.example:8450");
        CHECK_STR(c->network.peers[1].id, "other.example");
        CHECK_STR(c->network.peers[2].id, "[::1]:99");
        CHECK_STR(c->network.peers[2].name, "Six");
        CHECK_INT(c->network.peers[2].type, NODE_MIRROR);
        CHECK_INT(c->network.peers[2].revenue_share, 12);
}

TEST(its_own_entry_is_left_out)
{
        static const char *const own[] = {"{id: shop, url: \"https://shop.example/\"}",
                                          "{url: \"https://SHOP.example\"}"};

        for (size_t i = 0; i < ELEMENTSOF(own); i++) {
                _cleanup_(config_freep) Config *c = NULL;
                char text[400];

                snprintf(text, sizeof(text),
                         NODE "network: {peers: [{id: a, url: \"http://a.example\"}, %s, "
                              "{id: b, url: \"http://b.example\"}]}\n",
                         own[i]);
                c = loaded(text);
                CHECK_INT(c->network.n_peers, 2);
                CHECK_STR(c->network.peers[1].id, "b");
                CHECK(c->peer_left_out);
                CHECK_INT(c->peer_left_out_at, 1);
        }
}

TEST(what_clashes_is_refused_where_it_stands)
{
        REFUSED({PEERS("{id: a, url: \"http://a.example\"}, {id: a, url: \"http://b.example\"}"),
                 "f.yaml:2:58: two peers are called `a`"},
                {PEERS("{id: a, url: \"http://a.example\"}, {id: b, url: \"http://A.example/\"}"),
                 "f.yaml:2:66: peers `a` and `b` have the same URL"},
                {PEERS("{id: shop, url: \"http://a.example\"}"),
                 "f.yaml:2:24: peer `shop` has the id of this node, and another URL"},
                {PEERS("{id: a, url: \"https://shop.example/\"}"),
                 "f.yaml:2:32: peer `a` has the URL of this node"},
                {PEERS("{id: \"a b\", url: \"http://a.example\"}"), "f.yaml:2:24: a node's id has letters"},
                {PEERS("{id: a}"), "f.yaml:2:19: `url` is missing"},
                {NODE "network: {peers: {a: b}}\n", "f.yaml:2:18: `peers` is a list"},
                {PEERS("{id: a, url: \"http://a.example/?x=1\"}"), "f.yaml:2:32: `url` is a base URL"});
}

TEST(what_cannot_be_meant_is_refused)
{
        REFUSED({"listen: \"127.0.0.1:1\"\n", "f.yaml:1:1: `node` is missing"},
                {"node: {name: x}\n", "f.yaml:1:7: `id` is missing"},
                {"node: {id: \"my shop\"}\n", "f.yaml:1:12: `id` has letters"},
                {"node: {id: s, brand: a/b}\n", "f.yaml:1:22: `brand` has letters"},
                {"node: {id: s, type: shop}\n", "f.yaml:1:21:"},
                {"node: {id: s, revenue_share: 101}\n", "f.yaml:1:30:"},
                {"node: {id: s, url: shop.example}\n", "f.yaml:1:20:"},
                {"node: {id: s, url: \"https://a.example/#x\"}\n", "f.yaml:1:20: `url` is a base URL"},
                {NODE "listen: []\n", "f.yaml:2:9: `listen` names no address"},
                {NODE "listen: [\"127.0.0.1:1\", \"127.0.0.1\"]\n", "f.yaml:2:25: `listen`: expected"},
                {NODE "listen: [\"127.0.0.1:0\"]\n", "f.yaml:2:10: `listen`: expected"},
                {NODE "listen: [\"127.0.0.1:65536\"]\n", "f.yaml:2:10: `listen`: expected"},
                {NODE "listen: localhost:8440\n", "f.yaml:2:9: `listen`: expected"},
                {NODE "listen: [\"unix:x.sock\"]\n", "f.yaml:2:10: `listen`: unix: takes"},
                {NODE "listen: [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n", "f.yaml:2:25: `listen` names"},
                {NODE "tls: {cert_file: a.pem}\n", "f.yaml:2:6: `tls` wants both"},
                {NODE "network: {search_timeout: 10ms}\n", "f.yaml:2:27:"},
                {NODE "network: {search_timeout: 5m}\n", "f.yaml:2:27:"},
                {NODE "network: {allow_private_peers: [10.0.0.0/33]}\n",
                 "f.yaml:2:33: `allow_private_peers`: expected a network"},
                {NODE "network: {allow_private_peers: unix}\n", "f.yaml:2:32: `allow_private_peers`"},
                {NODE "network: {results_per_peer: 0}\n", "f.yaml:2:29:"},
                {NODE "limits: {trusted_proxies: [lo]}\n", "f.yaml:2:28: `trusted_proxies`: expected"},
                {NODE "limits: {body: 1GiB}\n", "f.yaml:2:16:"},
                {NODE "catalog: {store: postgresql}\n", "f.yaml:2:18:"},
                {NODE "network: {peer: []}\n", "f.yaml:2:11: unknown key `peer`, did you mean `peers`?"},
                {"[]\n", "f.yaml:1:1: the file is a mapping"});
}

TEST(a_trusted_proxy_may_be_whoever_is_on_a_unix_socket)
{
        _cleanup_(config_freep) Config *c =
                        loaded(NODE "limits: {trusted_proxies: [unix, 10.0.0.0/8, \"::1\"]}\n");

        CHECK_STR(c->limits.trusted_proxies[0], "unix");
}

/* --- files --- */

static void make(const char *folder, const char *name, const char *text, mode_t mode)
{
        char path[200];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "w");
        CHECK(f);
        fputs(text, f);
        fclose(f);
        CHECK_INT(chmod(path, mode), 0);
}

static Config *loaded_in(const char *folder, const char *text)
{
        char path[200];
        Config *c = NULL;
        Error e;

        make(folder, "f.yaml", text, 0600);
        snprintf(path, sizeof(path), "%s/f.yaml", folder);
        if (config_load(path, &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        return c;
}

TEST(a_key_that_others_read_must_not_be_used)
{
        char folder[] = "/tmp/config-XXXXXX", command[100];
        _cleanup_(config_freep) Config *c = NULL;
        Error e;

        CHECK(mkdtemp(folder));
        c = loaded_in(folder, "node: {id: s, key_file: ./node.key}\n");
        CHECK_INT(config_verify_key(c, &e), -ENOENT);
        CHECK_INT(config_read_files(c, &e), 0); /* it may still come */
        make(folder, "node.key", "ed25519 1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0644);
        CHECK_INT(config_verify_key(c, &e), -EPERM);
        CHECK_INT(config_read_files(c, &e), -EPERM);
        CHECK(strncmp(e.text, "node.key_file: ", 15) == 0);
        make(folder, "node.key", "ed25519 1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0600);
        CHECK_INT(config_verify_key(c, &e), 0);
        make(folder, "node.key", "nonsense\n", 0600);
        CHECK_INT(config_verify_key(c, &e), -EINVAL);
        CHECK_INT(config_read_files(c, &e), 0); /* it may still be put right */
        CHECK(!c->ring && strstr(c->key_trouble, "node.key"));
        CHECK(!strstr(c->key_trouble, "nonsense"));
        snprintf(command, sizeof(command), "rm -r %s", folder);
        CHECK_INT(system(command), 0);
}

static void certify(const char *folder, const char *command)
{
        char whole[600];

        snprintf(whole, sizeof(whole),
                 "cd %s && %s/tests/certificates . shop.example >/dev/null && %s && chmod 600 *.key", folder,
                 BINARY_DIR, command);
        CHECK_INT(system(whole), 0);
}

TEST(a_certificate_and_its_key_are_read_together)
{
        char folder[] = "/tmp/config-XXXXXX", command[100];
        _cleanup_(config_freep) Config *c = NULL;
        TlsFacts facts = {0};
        Error e;

        CHECK(mkdtemp(folder));
        c = loaded_in(folder, NODE "tls: {cert_file: ./a.crt, key_file: ./a.key}\n");
        CHECK_INT(config_read_files(c, &e), -ENOENT);
        CHECK(strstr(e.text, "tls.cert_file"));
        certify(folder, "cp valid.crt a.crt && cp valid.key a.key");
        if (config_read_files(c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c->tls.certificate && strstr(c->tls.certificate, "BEGIN CERTIFICATE"));
        CHECK(c->tls.key && strstr(c->tls.key, "PRIVATE KEY"));
        CHECK_INT(config_verify_tls(c, &facts, &e), 0);
        CHECK(facts.fits);
        CHECK(facts.expires_usec > 0);

        /* another's key; none; one that others read */
        certify(folder, "cp ca.key a.key");
        CHECK_INT(config_verify_tls(c, &facts, &e), -EINVAL);
        CHECK(strstr(e.text, "is not the key of"));
        certify(folder, "cp valid.crt a.key");
        CHECK_INT(config_verify_tls(c, &facts, &e), -EINVAL);
        certify(folder, "cp valid.key a.key");
        snprintf(command, sizeof(command), "chmod 644 %s/a.key", folder);
        CHECK_INT(system(command), 0);
        CHECK_INT(config_verify_tls(c, &facts, &e), -EPERM);
        snprintf(command, sizeof(command), "rm -r %s", folder);
        CHECK_INT(system(command), 0);
}

MAIN()
