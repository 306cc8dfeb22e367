/* SPDX-License-Identifier: MIT */
/* base/registry.c: what is taken from a registry that strangers wrote, and what is left out. */
#include "base/clock.h"
#include "base/registry.h"
#include "base/text.h"
#include "tests/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static Registry *parsed(const char *text)
{
        Registry *r = NULL;
        Error e = {0};

        if (registry_parse(text, strlen(text), &r, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(r);
        return r;
}

static const char *refused(const char *text, int error)
{
        static Error e;
        Registry *r = NULL;

        CHECK_INT(registry_parse(text, strlen(text), &r, &e), error);
        CHECK(!r);
        return e.text;
}

#define NODE(id)    "{\"id\":\"" id "\",\"url\":\"https://" id ".example\",\"status\":\"active\"}"
#define NODES(list) "{\"version\":\"1.0\",\"protocol\":\"AAN/1.0\",\"nodes\":[" list "]}"

TEST(a_document_is_read_and_what_it_says_more_is_ignored)
{
        _cleanup_(registry_freep) Registry *r = parsed(
                        "{\"version\":\"1.0.0\",\"protocol\":\"AAN/1.0\",\"network\":\"x\",\"stores\":[],"
                        "\"networkStats\":{\"totalStores\":2},\"nodes\":["
                        "{\"id\":\"a\",\"name\":\"Alpha \\u2713\",\"url\":\"https://a.example/shop/\","
                        "\"fallbackUrl\":\"http://192.0.2.1:8080\",\"api\":\"https://a.example/api\","
                        "\"type\":\"full\",\"status\":\"fallback\",\"revenueShare\":{\"percentage\":12.5},"
                        "\"onionUrl\":\"http://x.onion\",\"paymentMethods\":[\"bitcoin\"]},"
                        "{\"id\":\"b\",\"url\":\"http://"
                        "b.example\",\"type\":\"mirror\",\"status\":\"failed\"},"
                        "{\"id\":\"c\",\"url\":\"http://c.example\",\"status\":\"pending\"},"
                        "{\"id\":\"d\",\"url\":\"http://d.example\",\"status\":\"banned\"},"
                        "{\"id\":\"e\",\"url\":\"http://e.example\",\"status\":\"suspect\",\"type\":null},"
                        "{\"id\":\"f\",\"url\":\"http://f.example\"},"
                        "{\"id\":\"g\",\"url\":\"http://"
                        "g.example\",\"status\":\"new\",\"type\":\"affiliate\"}]}");

        CHECK_INT(r->n_nodes, 3);
        CHECK_INT(r->n_others, 4);
        CHECK_INT(r->n_unfit, 0);
        const RegistryNode *a = registry_find(r, "a");
        CHECK_STR(a->name, "Alpha \xe2\x9c\x93");
        CHECK_STR(a->url, "https://a.example/shop");
        CHECK_STR(a->fallback_url, "http://192.0.2.1:8080");
        CHECK_STR(a->api, "https://a.example/api");
        CHECK_INT(a->type, REGISTRY_FULL);
        CHECK_INT(a->status, REGISTRY_FALLBACK);
        CHECK_INT(registry_find(r, "b")->type, REGISTRY_MIRROR);
        CHECK_INT(registry_find(r, "b")->status, REGISTRY_FAILED);
        CHECK_STR(registry_find(r, "b")->name, "");
        CHECK_INT(registry_find(r, "e")->type, REGISTRY_FULL);
        CHECK(!registry_find(r, "c") && !registry_find(r, "f"));
}

TEST(what_cannot_be_used_is_left_out_and_the_first_one_named)
{
        static const char *const unfit[] = {
                        "17",
                        "{\"url\":\"https://a.example\",\"status\":\"active\"}",
                        "{\"id\":\"\",\"url\":\"https://a.example\",\"status\":\"active\"}",
                        "{\"id\":7,\"url\":\"https://a.example\",\"status\":\"active\"}",
                        "{\"id\":\"a\\u0007\",\"url\":\"https://a.example\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"file:///etc/passwd\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"gopher://a.example\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"https:///a\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"https://user:pass@a.example\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"https://a.example/?x=1\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"https://a.example/#x\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"https://a.example/\\r\\nX: y\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"https://\\u0430.example\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":[\"https://a.example\"],\"status\":\"active\"}",
                        "{\"id\":\"z\",\"url\":\"https://twin.example\",\"status\":\"active\"}",
                        "{\"id\":\"\\u007a\",\"url\":\"https://twin.example\",\"status\":\"active\"}",
                        "{\"id\":\"a\",\"url\":\"https://a.example\",\"\\u0075rl\":\"https://"
                        "b.example\",\"status\":"
                        "\"active\"}",
                        "{\"id\":\"a\",\"url\":\"https://a.example\\n\",\"status\":\"active\"}",
        };

        for (size_t i = 0; i < ELEMENTSOF(unfit); i++) {
                _cleanup_free_ char *text =
                                string_printf("{\"nodes\":[" NODE("z") ",%s," NODE("y") "]}", unfit[i]);
                _cleanup_(registry_freep) Registry *r = parsed(text);
                CHECK_INT(r->n_nodes, 2);
                CHECK_INT(r->n_unfit, 1);
                CHECK(strncmp(r->unfit, "nodes[1]", 8) == 0);
                CHECK_STR(registry_find(r, "z")->url, "https://z.example"); /* who was first is it */
        }
}

TEST(lengths_are_bounded)
{
        char id[REGISTRY_ID_MAX + 2], url[REGISTRY_URL_MAX + 2];

        for (size_t over = 0; over < 2; over++) {
                memset(id, 'i', sizeof(id));
                id[REGISTRY_ID_MAX + over] = '\0';
                _cleanup_free_ char *text = string_printf("{\"nodes\":[{\"id\":\"%s\",\"url\":\"http://h\","
                                                          "\"status\":\"active\"}]}",
                                                          id);
                _cleanup_(registry_freep) Registry *r = parsed(text);
                CHECK_INT(r->n_nodes, 1 - over);
                memset(url, 'u', sizeof(url));
                memcpy(url, "http://h/", 9);
                url[REGISTRY_URL_MAX + over] = '\0';
                _cleanup_free_ char *second = string_printf("{\"nodes\":[{\"id\":\"a\",\"url\":\"%s\","
                                                            "\"status\":\"active\"}]}",
                                                            url);
                _cleanup_(registry_freep) Registry *s = parsed(second);
                CHECK_INT(s->n_nodes, 1 - over);
        }
}

TEST(nobody_can_crowd_out_the_accepted_by_registering)
{
        _cleanup_text_ Text t = {0};
        char *text;

        text_add(&t, "{\"nodes\":[");
        for (int i = 0; i < 5000; i++)
                text_add(&t, "{\"id\":\"p%d\",\"url\":\"http://p%d.example\",\"status\":\"pending\"},", i, i);
        for (int i = 0; i < REGISTRY_NODES_MAX + 5; i++)
                text_add(&t, "%s{\"id\":\"n%d\",\"url\":\"http://n%d.example\",\"status\":\"active\"}",
                         i > 0 ? "," : "", i, i);
        text_add(&t, "]}");
        CHECK_INT(text_take(&t, &text), 0);
        _cleanup_(registry_freep) Registry *r = parsed(text);
        CHECK_INT(r->n_nodes, REGISTRY_NODES_MAX);
        CHECK_INT(r->n_others, 5000);
        CHECK_INT(r->n_unfit, 5);
        CHECK_STR(r->unfit, "nodes[15000] n10000: too many nodes");
        free(text);
}

TEST(escapes_are_what_they_stand_for)
{
        _cleanup_(registry_freep) Registry *r = parsed(
                        "{\"\\u006eodes\":[{\"\\u0069d\":\"n\\u0031\",\"name\":\"\\ud83d\\ude00 \\\"q\\\"\","
                        "\"url\":\"https:\\/\\/a.example\\/x\\/\",\"status\":\"\\u0061ctive\"}]}");
        const RegistryNode *n = registry_find(r, "n1");

        CHECK(n);
        CHECK_STR(n->name, "\xf0\x9f\x98\x80 \"q\"");
        CHECK_STR(n->url, "https://a.example/x");
}

TEST(what_is_no_registry_is_refused_with_the_reason)
{
        CHECK(strstr(refused("", -EINVAL), "line 1, column 1"));
        CHECK(strstr(refused("{\"nodes\":[", -EINVAL), "line 1"));
        CHECK_STR(refused("[]", -EINVAL), "not a registry: it has no list of `nodes`");
        CHECK_STR(refused("{\"nodes\":{}}", -EINVAL), "not a registry: it has no list of `nodes`");
        CHECK(strstr(refused("{\"nodes\":[],\"nodes\":[]}", -EINVAL), "duplicate"));
        CHECK_STR(refused("{\"protocol\":\"AAN/2.0\",\"nodes\":[]}", -EPROTONOSUPPORT),
                  "it is of protocol AAN/2.0, and this version knows AAN/1");
        CHECK(strstr(refused("{\"protocol\":\"AAN/9\\u001b[31m\",\"nodes\":[]}", -EPROTONOSUPPORT),
                     "AAN/9 [31m,"));
        _cleanup_text_ Text deep = {0};
        for (int i = 0; i < 100000; i++)
                text_add_string(&deep, "[");
        CHECK(strstr(refused(deep.data, -EINVAL), "nested too deeply"));
        size_t size = REGISTRY_SIZE_MAX + 1;
        char *large = malloc(size);
        memset(large, ' ', size);
        Registry *r = NULL;
        Error e;
        CHECK_INT(registry_parse(large, size, &r, &e), -E2BIG);
        free(large);
}

/* From a file */

typedef struct Got {
        unsigned n, n_nodes;
        int error;
        char message[400];
        uint64_t modified_usec;
} Got;

static void on_read(RegistryRead *read, RegistryResult *result, void *userdata)
{
        Got *g = userdata;

        g->n++;
        g->error = result->error;
        g->n_nodes = result->registry ? (unsigned) result->registry->n_nodes : 0;
        g->modified_usec = result->modified_usec;
        snprintf(g->message, sizeof(g->message), "%s", result->message);
        CHECK((result->error == 0) == (result->registry != NULL));
}

static char folder[] = "/tmp/registry-test-XXXXXX";

static const char *path_of(const char *name)
{
        static char path[128];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static void write_file(const char *path, const char *text)
{
        FILE *f = fopen(path, "w");

        CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static Got read_now(const char *path)
{
        sd_event *event;
        RegistryRead *read;
        Got got = {0};

        CHECK_INT(sd_event_new(&event), 0);
        CHECK_INT(registry_read_start(event, path, 10 * USEC_PER_SEC, on_read, &got, &read), 0);
        CHECK_INT(got.n, 0);
        while (got.n == 0)
                CHECK(sd_event_run(event, UINT64_MAX) >= 0);
        registry_read_free(read);
        sd_event_unref(event);
        return got;
}

TEST(a_file_is_read_with_its_age)
{
        struct timespec times[2] = {{1795165200, 5000}, {1795165200, 5000}};

        write_file(path_of("good"), NODES(NODE("a") "," NODE("b")));
        CHECK_INT(utimensat(AT_FDCWD, path_of("good"), times, 0), 0);
        Got g = read_now(path_of("good"));
        CHECK_INT(g.error, 0);
        CHECK_INT(g.n_nodes, 2);
        CHECK_INT(g.modified_usec, 1795165200000005);
}

TEST(a_file_that_cannot_be_read_is_named_with_the_reason)
{
        char wanted[200];
        Got g = read_now(path_of("missing"));
        CHECK_INT(g.error, -ENOENT);
        snprintf(wanted, sizeof(wanted), "%s: No such file or directory", path_of("missing"));
        CHECK_STR(g.message, wanted);
        CHECK_INT(read_now(folder).error, -EISDIR);
        CHECK_INT(mkfifo(path_of("fifo"), 0600), 0);
        CHECK_INT(read_now(path_of("fifo")).error, -EINVAL); /* and nobody waits for a writer */
        write_file(path_of("broken"), "{\"nodes\":[\n{]}");
        g = read_now(path_of("broken"));
        CHECK_INT(g.error, -EINVAL);
        CHECK(strstr(g.message, "/broken: line 2, column"));
        write_file(path_of("huge"), "{");
        CHECK_INT(truncate(path_of("huge"), REGISTRY_SIZE_MAX + 1), 0);
        g = read_now(path_of("huge"));
        CHECK_INT(g.error, -E2BIG);
        CHECK(strstr(g.message, "larger than 32 MiB"));
}

TEST(a_large_file_comes_whole)
{
        _cleanup_text_ Text t = {0};

        text_add(&t, "{\"nodes\":[");
        for (int i = 0; i < 900; i++)
                text_add(&t,
                         "%s{\"id\":\"n%d\",\"url\":\"http://"
                         "n%d.example\",\"status\":\"active\",\"more\":\"%01000d\"}",
                         i > 0 ? "," : "", i, i, i);
        text_add(&t, "]}");
        write_file(path_of("large"), t.data);
        Got g = read_now(path_of("large"));
        CHECK_INT(g.error, 0);
        CHECK_INT(g.n_nodes, 900);
}

TEST(a_file_that_is_replaced_again_and_again_is_always_whole)
{
        char now[128], next[128];
        pid_t writer;

        snprintf(now, sizeof(now), "%s", path_of("now"));
        snprintf(next, sizeof(next), "%s", path_of("next"));
        write_file(now, NODES(NODE("a")));
        writer = fork();
        CHECK(writer >= 0);
        if (writer == 0)
                for (;;) {
                        write_file(next, NODES(NODE("a") "," NODE("b") "," NODE("c")));
                        if (rename(next, now) < 0)
                                _exit(1);
                        write_file(next, NODES(NODE("a")));
                        if (rename(next, now) < 0)
                                _exit(1);
                }
        for (int i = 0; i < 100; i++) {
                Got g = read_now(now);
                CHECK_INT(g.error, 0);
                CHECK(g.n_nodes == 1 || g.n_nodes == 3);
        }
        kill(writer, SIGKILL);
}

TEST(a_read_that_is_freed_says_nothing)
{
        sd_event *event;
        RegistryRead *read;
        Got got = {0};

        write_file(path_of("freed"), NODES(NODE("a")));
        CHECK_INT(sd_event_new(&event), 0);
        CHECK_INT(registry_read_start(event, path_of("freed"), USEC_PER_SEC, on_read, &got, &read), 0);
        registry_read_free(read);
        for (int i = 0; i < 5; i++)
                CHECK(sd_event_run(event, 20 * 1000) >= 0);
        CHECK_INT(got.n, 0);
        sd_event_unref(event);
}

static void folder_remove(void)
{
        char command[64];

        snprintf(command, sizeof(command), "rm -rf %s", folder);
        if (system(command) != 0)
                fprintf(stderr, "cannot remove %s\n", folder);
}

__attribute__((constructor(102))) static void folder_make(void)
{
        CHECK(mkdtemp(folder));
        atexit(folder_remove);
}

MAIN()
