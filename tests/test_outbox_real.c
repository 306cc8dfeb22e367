/* SPDX-License-Identifier: MIT */
/* The outbox with the real store and real actions: programs, files and HTTP; killed and begun again. */
#include "base/clock.h"
#include "base/db.h"
#include "base/file.h"
#include "base/httpd.h"
#include "base/id.h"
#include "base/text.h"
#include "supervisor/outbox.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_USEC (30 * USEC_PER_SEC)

typedef struct Node {
        char dir[64], log[96], env[96], db[96];
        Config *config;
        sd_event *event;
        Worker *disk, *runtime;
        Resolver *resolver;
        FetchClient *fetch;
        ActionContext context;
        Outbox *outbox;
        Store *store;
        bool loaded;
        unsigned last; /* number of the last change that is stored */
        unsigned progress;
        char releasing[32];
        void (*saved)(struct Node *n);
} Node;

static void wait_for(Node *n, bool (*condition)(Node *n))
{
        uint64_t until = clock_boot_usec() + PATIENCE_USEC;

        while (!condition(n)) {
                CHECK(clock_boot_usec() < until);
                CHECK(sd_event_run(n->event, 50 * 1000) >= 0);
        }
}

static void node_begin(Node *n)
{
        *n = (Node){0};
        strcpy(n->dir, "/tmp/test-outbox-XXXXXX");
        CHECK(mkdtemp(n->dir));
        snprintf(n->log, sizeof(n->log), "%s/log", n->dir);
        snprintf(n->env, sizeof(n->env), "%s/payment.env", n->dir);
        snprintf(n->db, sizeof(n->db), "%s/state.db", n->dir);
}

static void node_configure(Node *n, const char *actions)
{
        Error e;
        _cleanup_free_ char *yaml = string_printf(
                        "node: {id: shop, url: \"https://shop.example\"}\n"
                        "probes: {disk: {type: disk, path: /tmp}}\n"
                        "modes:\n  - {name: primary, requires: [disk]}\n  - {name: crypto, requires: []}\n"
                        "actions:\n%s",
                        actions);
        n->config = config_free(n->config);
        if (config_load_text("test", yaml, strlen(yaml), &n->config, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(n->config);
}

static void on_progress(const Delivery *d, void *userdata)
{
        Node *n = userdata;
        StoreBatch *b = store_batch_new();
        DeliveryRecord r;

        outbox_record(d, &r);
        store_batch_delivery(b, &r);
        CHECK_INT(store_submit(n->store, b, NULL, NULL), 0);
        n->progress++;
}

static void on_loaded(const StoreLoaded *l, void *userdata)
{
        Node *n = userdata;

        CHECK_INT(l->error, 0);
        CHECK(!l->chain_broken);
        for (size_t i = 0; i < l->n_deliveries; i++)
                CHECK_INT(outbox_restore(n->outbox, &l->deliveries[i]), 0);
        if (l->last)
                n->last = (unsigned) strtoul(l->last->id + 1, NULL, 10);
        n->loaded = true;
}

static bool is_loaded(Node *n)
{
        return n->loaded;
}

static bool is_empty(Node *n)
{
        return outbox_pending(n->outbox) == 0;
}

static void node_start(Node *n)
{
        OutboxEvents outbox_events = {.progress = on_progress, .userdata = n};
        StoreEvents store_events = {.loaded = on_loaded, .userdata = n};

        n->loaded = false;
        CHECK_INT(sd_event_new(&n->event), 0);
        CHECK_INT(worker_new(n->event, "disk", &n->disk), 0);
        CHECK_INT(worker_new(n->event, "runtime", &n->runtime), 0);
        CHECK_INT(resolver_new(n->event, &n->resolver), 0);
        CHECK_INT(fetch_client_new(n->event, n->resolver, &n->fetch), 0);
        n->context = (ActionContext){.event = n->event,
                                     .fetch = n->fetch,
                                     .disk = n->disk,
                                     .runtime = n->runtime,
                                     .config_dir = n->dir,
                                     .runtime_dir = n->dir,
                                     .status_dir = n->dir};
        CHECK_INT(outbox_new(&n->context, &outbox_events, &n->outbox), 0);
        outbox_configure(n->outbox, n->config->actions, n->config->n_actions);
        CHECK_INT(store_new(n->event, n->disk, n->db, &store_events, &n->store), 0);
        wait_for(n, is_loaded);
}

static void node_stop(Node *n)
{
        n->outbox = outbox_free(n->outbox);
        n->store = store_free(n->store, PATIENCE_USEC);
        n->runtime = worker_free(n->runtime, PATIENCE_USEC);
        n->disk = worker_free(n->disk, PATIENCE_USEC);
        n->fetch = fetch_client_free(n->fetch);
        n->resolver = resolver_free(n->resolver);
        n->event = sd_event_unref(n->event);
}

static void node_end(Node *n)
{
        char command[96];

        node_stop(n);
        n->config = config_free(n->config);
        snprintf(command, sizeof(command), "rm -rf %s", n->dir);
        CHECK_INT(system(command), 0);
}

static void on_saved(int r, void *userdata)
{
        Node *n = userdata;

        CHECK_INT(r, 0);
        outbox_release(n->outbox, n->releasing, true);
        if (n->saved)
                n->saved(n);
}

static void node_send(Node *n, const ActionFacts *f, const ChangeRecord *change)
{
        StoreBatch *b = store_batch_new();

        if (change)
                store_batch_change(b, change);
        CHECK_INT(outbox_add(n->outbox, f, b), 0);
        snprintf(n->releasing, sizeof(n->releasing), "%s", f->id);
        CHECK_INT(store_submit(n->store, b, on_saved, n), 0);
}

static ActionFacts facts_for(ActionKind kind, const char *id, const char *mode)
{
        return (ActionFacts){.kind = kind,
                             .id = id,
                             .node_id = "shop",
                             .node_name = "shop",
                             .node_url = "https://shop.example",
                             .fallback_url = "",
                             .change = id,
                             .mode = mode,
                             .from = streq(mode, "crypto") ? "primary" : "crypto",
                             .payment = mode,
                             .checkout = "checkout",
                             .message = "",
                             .cause = "payment-api down: HTTP 503",
                             .at_usec = clock_wall_usec(),
                             .alert = "blind",
                             .summary = "we cannot see",
                             .details = "",
                             .severity = "warning"};
}

static void node_change(Node *n)
{
        char id[32];

        snprintf(id, sizeof(id), "c%06u", ++n->last);
        ActionFacts f = facts_for(ACTION_CHANGE, id, n->last % 2 ? "crypto" : "primary");
        ChangeRecord c = {.id = id,
                          .at_usec = f.at_usec,
                          .from = f.from,
                          .to = f.mode,
                          .cause = f.cause,
                          .rule = "failover",
                          .operator_reason = "",
                          .config_hash = "",
                          .evidence = "{}"};
        node_send(n, &f, &c);
}

static int64_t query(const char *path, const char *sql)
{
        sqlite3 *db;
        sqlite3_stmt *stmt;
        CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
        int64_t n = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
        sqlite3_close(db);
        return n;
}

/* Programs and files, killed at any moment */

static void produce(Node *n)
{
        wait_for(n, is_empty);
        node_change(n);
}

static void run_until_killed(Node *n)
{
        node_start(n);
        for (;;) {
                unsigned before = n->progress;
                produce(n);
                while (n->progress == before)
                        CHECK(sd_event_run(n->event, UINT64_MAX) >= 0);
        }
}

/* The log holds each change at least once, and their first mentions are in order. Returns how many lines. */
static unsigned check_log(const Node *n, unsigned last)
{
        _cleanup_free_ char *text = NULL;
        unsigned lines = 0, seen = 0;

        CHECK_INT(file_read(n->log, 1 << 20, &text, NULL), 0);
        for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                unsigned number = (unsigned) strtoul(line + 1, NULL, 10);
                CHECK(number <= seen + 1); /* none is left out, and the new ones come in order */
                seen = MAX(seen, number);
                lines++;
        }
        CHECK_INT(seen, last);
        return lines;
}

TEST(killed_at_any_moment_nothing_is_lost_and_all_stays_in_order)
{
        Node n;
        uint64_t random = 20261120;
        char actions[512];
        node_begin(&n);
        snprintf(actions, sizeof(actions),
                 "  - {type: payment-mode}\n"
                 "  - {type: exec, command: [/bin/sh, -c, 'echo $FAILOVER_CHANGE >>%s']}\n",
                 n.log);
        node_configure(&n, actions);
        for (int round = 0; round < 20; round++) {
                pid_t pid = fork();
                int status;
                CHECK(pid >= 0);
                if (pid == 0)
                        run_until_killed(&n);
                usleep((useconds_t) (30000 + random_next(&random) % 120000)); /* any moment will do */
                kill(pid, SIGKILL);
                CHECK_INT(waitpid(pid, &status, 0), pid);
                CHECK(WIFSIGNALED(status));
        }
        node_start(&n);
        if (n.last == 0) /* a slow machine: killed before it had begun */
                node_change(&n);
        wait_for(&n, is_empty);
        unsigned last = n.last;
        node_stop(&n);
        unsigned lines = check_log(&n, last);
        fprintf(stderr, "%u changes, %u repeated\n", last, lines - last);
        _cleanup_free_ char *env = NULL, *wanted = NULL;
        CHECK_INT(file_read(n.env, 4096, &env, NULL), 0);
        wanted = string_printf("FAILOVER_CHANGE=c%06u\n", last);
        CHECK(strstr(env, wanted));
        CHECK_INT(query(n.db, "SELECT count(*) FROM delivery WHERE state = 'pending'"), 0);
        CHECK_INT(query(n.db, "SELECT count(*) FROM delivery WHERE type = 'exec' AND state <> 'done'"), 0);
        CHECK_INT(query(n.db, "SELECT count(*) FROM delivery"), 2 * (int64_t) last);
        CHECK_INT(store_check_chain(n.db, NULL), 0);
        node_end(&n);
}

/* HTTP */

typedef struct Sink {
        HttpServer *server;
        unsigned statuses[8]; /* of the first answers; then 200 */
        unsigned n;
        uint64_t at[8];
        char paths[256], titles[1024], keys[512];
} Sink;

static void on_request(HttpRequest *r, void *userdata)
{
        Sink *s = userdata;
        unsigned status = s->n < 8 && s->statuses[s->n] ? s->statuses[s->n] : 200;
        _cleanup_json_ json_t *body = NULL;
        size_t size, n = strlen(s->titles), k = strlen(s->keys);
        const char *data = http_body(r, &size), *key = http_header(r, "Idempotency-Key");

        if (size > 0 && json_parse(data, size, &body, NULL) == 0) {
                const char *type = json_string_value(json_at(body, "type"));
                snprintf(s->titles + n, sizeof(s->titles) - n, "%s\n", type ? type : "");
        }
        snprintf(s->keys + k, sizeof(s->keys) - k, "%s\n", key ? key : "");
        if (s->n < 8)
                s->at[s->n] = clock_boot_usec();
        s->n++;
        if (status == 503)
                CHECK_INT(http_add_header(r, "Retry-After", "1"), 0);
        http_reply(r, status, "text/plain", "", 0);
}

static unsigned sink_start(Sink *s, sd_event *event)
{
        struct sockaddr_in in;
        socklen_t size = sizeof(in);
        HttpOptions options = {.handler = on_request, .userdata = s};

        CHECK_INT(http_listen_tcp("127.0.0.1:0", &options.fd, NULL), 0);
        CHECK_INT(getsockname(options.fd, (struct sockaddr *) &in, &size), 0);
        CHECK_INT(http_server_new(event, &options, &s->server, NULL), 0);
        return ntohs(in.sin_port);
}

/* The server needs the loop, which the node makes: the port is known only then. */
static void node_start_with_sink(Node *n, Sink *s, const char *before, const char *after)
{
        char actions[512];

        node_configure(n, "  - {type: exec, command: [/bin/true]}\n");
        node_start(n);
        unsigned port = sink_start(s, n->event);
        snprintf(actions, sizeof(actions), "%shttp://127.0.0.1:%u/hook%s", before, port, after);
        Config *old = TAKE_PTR(n->config);
        node_configure(n, actions);
        outbox_configure(n->outbox, n->config->actions, n->config->n_actions);
        config_free(old);
}

TEST(a_request_is_repeated_when_the_server_says_so_and_under_the_same_key)
{
        Node n;
        Sink s = {.statuses = {503, 500}};
        node_begin(&n);
        node_start_with_sink(&n, &s, "  - {type: http, url: \"", "\"}\n");
        node_change(&n);
        wait_for(&n, is_empty);
        CHECK_INT(s.n, 3);
        CHECK(s.at[1] - s.at[0] >= USEC_PER_SEC); /* Retry-After: 1 */
        CHECK(s.at[1] - s.at[0] < 2 * USEC_PER_SEC);
        CHECK_STR(s.keys, "\"c000001\"\n\"c000001\"\n\"c000001\"\n");
        http_server_free(s.server);
        node_stop(&n);
        CHECK_INT(query(n.db, "SELECT attempts FROM delivery WHERE state = 'done' AND type = 'http'"), 3);
        node_end(&n);
}

static bool has_three(Node *n)
{
        return n->progress >= 3;
}

TEST(a_webhook_hears_the_end_of_an_alert_after_its_beginning)
{
        Node n;
        Sink s = {.statuses = {500, 500}};
        node_begin(&n);
        node_start_with_sink(&n, &s, "  - {type: alert, webhook: {format: json, url: \"", "\"}}\n");
        ActionFacts f = facts_for(ACTION_RAISED, "a1-raised", "primary");
        node_send(&n, &f, NULL);
        wait_for(&n, has_three); /* two failures and one success, or further */
        f = facts_for(ACTION_CLEARED, "a1-cleared", "primary");
        node_send(&n, &f, NULL);
        wait_for(&n, is_empty);
        CHECK_INT(s.n, 4);
        fprintf(stderr, "%s", s.titles);
        char *first = strtok(s.titles, "\n"), *second = strtok(NULL, "\n"), *third = strtok(NULL, "\n"),
             *fourth = strtok(NULL, "\n");
        CHECK_STR(second, first);
        CHECK_STR(third, first);
        CHECK(strcmp(fourth, first) != 0);
        http_server_free(s.server);
        node_end(&n);
}

TEST(from_a_change_to_payment_env_it_is_one_commit_and_little_more)
{
        Node n;
        uint64_t worst = 0, sum = 0;
        node_begin(&n);
        node_configure(&n, "  - {type: payment-mode}\n"
                           "  - {type: exec, command: [/bin/true]}\n"
                           "  - {type: exec, command: [/bin/sleep, '0.2']}\n");
        node_start(&n);
        for (int i = 0; i < 20; i++) {
                uint64_t begin = clock_boot_usec();
                char wanted[64];
                node_change(&n);
                snprintf(wanted, sizeof(wanted), "FAILOVER_CHANGE=c%06u\n", n.last);
                for (;;) {
                        _cleanup_free_ char *env = NULL;
                        CHECK(sd_event_run(n.event, 1000) >= 0);
                        if (file_read(n.env, 4096, &env, NULL) == 0 && strstr(env, wanted))
                                break;
                        CHECK(clock_boot_usec() - begin < PATIENCE_USEC);
                }
                uint64_t took = clock_boot_usec() - begin;
                worst = MAX(worst, took);
                sum += took;
                wait_for(&n, is_empty);
        }
        fprintf(stderr, "mean %.2f ms, worst %.2f ms\n", (double) sum / 20e3, (double) worst / 1e3);
        node_end(&n);
}

MAIN()
