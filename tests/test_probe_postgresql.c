/* SPDX-License-Identifier: MIT */
/* postgresql against a real server that is stopped, starved, locked, killed and silenced, and against a few that lie. */
#include "base/child.h"
#include "tests/probe_bench.h"

#include <libpq-fe.h>
#include <sys/stat.h>

#define PATIENT (20 * USEC_PER_SEC)
#define SHORT   (1 * USEC_PER_SEC)
/* Anything that waits in libpq waits until the deadline at least. */
#define LATE_MAX (SHORT / 3)

static unsigned char memory[64];

static void fresh(void)
{
        CHECK(probe_type_find("postgresql")->memory_size <= sizeof memory);
        memset(memory, 0, sizeof memory);
}

static Run run(uint64_t timeout_usec, const char *format, ...) __attribute__((format(printf, 2, 3)));
static Run run(uint64_t timeout_usec, const char *format, ...)
{
        _cleanup_free_ char *yaml = NULL;
        va_list ap;
        Run r;

        va_start(ap, format);
        CHECK(vasprintf(&yaml, format, ap) >= 0);
        va_end(ap);
        r = bench_run_with("postgresql", yaml, memory, timeout_usec);
        if (r.late_usec > LATE_MAX) {
                fprintf(stderr, "others waited for %.0f ms\n", (double) r.late_usec / 1000);
                exit(1);
        }
        return r;
}

/* The server: tests/parts/postgres.sh */

#define LOCAL "127.0.0.1"
static unsigned port; /* of the last server_start() */
static pid_t server;
static char at[64], socket_at[160], local_dsn[200], tcp_dsn[200];

static PGconn *client_try(void)
{
        PGconn *conn = PQconnectdb(local_dsn);

        if (PQstatus(conn) == CONNECTION_OK)
                return conn;
        PQfinish(conn);
        return NULL;
}

static PGconn *client(void)
{
        PGconn *conn = client_try();

        CHECK(conn);
        return conn;
}

static void sql(PGconn *conn, const char *text)
{
        PGresult *result = PQexec(conn, text);

        if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
                fprintf(stderr, "%s: %s", text, PQerrorMessage(conn));
                exit(1);
        }
        PQclear(result);
}

static void admin(const char *text)
{
        PGconn *conn = client();

        sql(conn, text);
        PQfinish(conn);
}

static long ask(PGconn *conn, const char *text)
{
        PGresult *result = PQexec(conn, text);
        long value;

        CHECK(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1);
        value = strtol(PQgetvalue(result, 0, 0), NULL, 10);
        PQclear(result);
        return value;
}

/* Settings: NAME=VALUE, ended by NULL. Returns at once. */
static void server_launch(const char *const *settings)
{
        const char *argv[24] = {"bash", SOURCE_DIR "/tests/parts/postgres.sh"};
        char folder[128], port_text[12];
        size_t n = 2;

        snprintf(folder, sizeof folder, "%s/pg", bench_folder);
        snprintf(port_text, sizeof port_text, "%u", port);
        argv[n++] = folder;
        argv[n++] = LOCAL;
        argv[n++] = port_text;
        while (settings && *settings)
                argv[n++] = *settings++;
        fflush(NULL);
        server = fork();
        CHECK(server >= 0);
        if (server == 0) {
                prctl(PR_SET_PDEATHSIG, SIGQUIT);
                execvp(argv[0], (char *const *) (uintptr_t) argv);
                _exit(127);
        }
}

static void server_end(int signal)
{
        if (server > 0) {
                kill(server, signal);
                CHECK(waitpid(server, NULL, 0) == server);
        }
        server = 0;
}

static void server_kill_at_exit(void)
{
        if (getpid() == bench_owner)
                server_end(SIGQUIT);
}

static void server_start(const char *const *settings)
{
        static bool registered;
        uint64_t end = clock_boot_usec() + PATIENT;
        PGconn *conn;

        if (!registered) {
                CHECK(chmod(bench_folder, 0755) == 0);
                atexit(server_kill_at_exit);
                port = bench_closed_port();
        }
        registered = true;
        snprintf(at, sizeof at, LOCAL ":%u", port);
        snprintf(socket_at, sizeof socket_at, "%s/pg/.s.PGSQL.%u", bench_folder, port);
        snprintf(local_dsn, sizeof local_dsn, "host=%s/pg port=%u user=postgres dbname=shop", bench_folder,
                 port);
        snprintf(tcp_dsn, sizeof tcp_dsn,
                 "host=" LOCAL " port=%u user=postgres password=right-password dbname=shop", port);
        server_launch(settings);
        while (!(conn = client_try())) {
                CHECK(clock_boot_usec() < end);
                CHECK(waitpid(server, NULL, WNOHANG) == 0);
                usleep(20000);
        }
        PQfinish(conn);
}

static void server_need(void)
{
        if (server <= 0)
                server_start(NULL);
        fresh();
}

static const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *text(const char *format, ...)
{
        static char buffers[16][400];
        static unsigned next;
        char *buffer = buffers[next++ % ELEMENTSOF(buffers)];
        va_list ap;

        va_start(ap, format);
        vsnprintf(buffer, sizeof buffers[0], format, ap);
        va_end(ap);
        return buffer;
}

/* Answers */

TEST(passes_by_socket_and_by_tcp_with_either_form_of_dsn)
{
        server_need();
        CHECK_RUN(OUTCOME_PASS, text("answered by %s", socket_at), run(PATIENT, "dsn: %s", local_dsn));
        CHECK_RUN(OUTCOME_PASS, text("answered by %s", at), run(PATIENT, "dsn: %s", tcp_dsn));
        CHECK_RUN(OUTCOME_PASS, text("answered by %s", at),
                  run(PATIENT, "dsn: 'postgresql://postgres:right-password@" LOCAL ":%u/shop'", port));
        CHECK_RUN(OUTCOME_PASS, text("answered by %s", at),
                  run(PATIENT, "{dsn: %s, query: select 6 * 7, expect: 42}", tcp_dsn));
}

TEST(says_which_answer_was_expected)
{
        server_need();
        CHECK_RUN(OUTCOME_FAIL, text("answered \"f\", expected \"t\" (%s)", at),
                  run(PATIENT, "{dsn: %s, query: SELECT false, expect: t}", tcp_dsn));
        CHECK_RUN(OUTCOME_FAIL, "answered null, expected \"1\" *",
                  run(PATIENT, "{dsn: %s, query: SELECT null, expect: '1'}", tcp_dsn));
        CHECK_RUN(OUTCOME_FAIL, "answered without a row, expected \"1\" *",
                  run(PATIENT, "{dsn: %s, query: SELECT 1 WHERE false, expect: '1'}", tcp_dsn));
        CHECK_INT(run(PATIENT, "{dsn: %s, query: SELECT 1 WHERE false}", tcp_dsn).outcome, OUTCOME_PASS);
        CHECK_RUN(OUTCOME_FAIL,
                  "answered \"xüüüüüüüüüüüüüüüüüüüüüüüüüüüüü\", expected \"1\" *", /* no half of one */
                  run(PATIENT, "{dsn: %s, query: \"SELECT 'x' || repeat('ü', 50)\", expect: '1'}", tcp_dsn));
}

TEST(reads_the_first_row_only)
{
        server_need();
        CHECK_INT(run(PATIENT, "{dsn: %s, query: 'SELECT generate_series(1, 100000000)', expect: '1'}",
                      tcp_dsn)
                                  .outcome,
                  OUTCOME_PASS);
        CHECK_RUN(OUTCOME_FAIL, "the first row is larger than 1 MiB *",
                  run(PATIENT, "{dsn: %s, query: \"SELECT repeat('x', 20000000)\"}", tcp_dsn));
}

TEST(tells_the_server_who_is_asking_and_how_long)
{
        server_need();
        CHECK_INT(run(PATIENT,
                      "{dsn: %s, query: \"SELECT current_setting('application_name')\", expect: failoverd}",
                      tcp_dsn)
                                  .outcome,
                  OUTCOME_PASS);
        CHECK_INT(run(PATIENT,
                      "{dsn: %s, query: \"SELECT setting::int BETWEEN 1 AND 20000 FROM pg_settings WHERE "
                      "name = "
                      "'statement_timeout'\", expect: t}",
                      tcp_dsn)
                                  .outcome,
                  OUTCOME_PASS);
}

TEST(never_writes)
{
        server_need();
        admin("CREATE TABLE orders (id int)");
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "ERROR: cannot execute INSERT in a read-only transaction *",
                  run(PATIENT, "{dsn: %s, query: INSERT INTO orders VALUES (1)}", tcp_dsn));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "ERROR: cannot insert multiple commands *",
                  run(PATIENT, "{dsn: %s, query: COMMIT; INSERT INTO orders VALUES (1)}", tcp_dsn));
        admin("DROP TABLE orders");
}

TEST(blames_the_query_until_it_was_once_answered)
{
        server_need();
        CHECK_RUN(OUTCOME_INCONCLUSIVE, text("ERROR: relation \"orders\" does not exist (%s)", at),
                  run(PATIENT, "{dsn: %s, query: SELECT 1 FROM orders}", tcp_dsn));
        admin("CREATE TABLE orders (id int)");
        CHECK_INT(run(PATIENT, "{dsn: %s, query: SELECT 1 FROM orders}", tcp_dsn).outcome, OUTCOME_PASS);
        admin("DROP TABLE orders");
        CHECK_RUN(OUTCOME_FAIL, text("ERROR: relation \"orders\" does not exist (%s)", at),
                  run(PATIENT, "{dsn: %s, query: SELECT 1 FROM orders}", tcp_dsn));
}

TEST(blames_the_dsn_until_its_database_was_once_there)
{
        server_need();
        CHECK_RUN(OUTCOME_INCONCLUSIVE, text("FATAL: database \"shop2\" does not exist (%s)", at),
                  run(PATIENT, "dsn: %s dbname=shop2", tcp_dsn));
        memory[0] = true; /* it was */
        CHECK_RUN(OUTCOME_FAIL, text("FATAL: database \"shop2\" does not exist (%s)", at),
                  run(PATIENT, "dsn: %s dbname=shop2", tcp_dsn));
}

TEST(takes_a_failed_check_of_the_query_itself_for_a_fail)
{
        server_need();
        CHECK_RUN(OUTCOME_FAIL, "ERROR: division by zero *",
                  run(PATIENT, "{dsn: %s, query: SELECT 1/0}", tcp_dsn));
}

/* Logging in */

TEST(takes_a_refused_login_for_its_own_trouble)
{
        server_need();
        CHECK_RUN(OUTCOME_INCONCLUSIVE,
                  text("FATAL: password authentication failed for user \"postgres\" (%s)", at),
                  run(PATIENT, "dsn: %s password=wrong", tcp_dsn));
        CHECK_RUN(OUTCOME_INCONCLUSIVE,
                  text("FATAL: password authentication failed for user \"nobody-known\" (%s)", at),
                  run(PATIENT, "dsn: %s user=nobody-known", tcp_dsn));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, text("fe_sendauth: no password supplied (%s)", at),
                  run(PATIENT, "dsn: host=" LOCAL " port=%u user=postgres dbname=shop", port));
        memory[0] = true;
        CHECK_INT(run(PATIENT, "dsn: %s password=wrong", tcp_dsn).outcome, OUTCOME_INCONCLUSIVE);
}

TEST(reads_the_dsn_from_a_file_at_every_attempt)
{
        const char *file = bench_path("dsn");

        server_need();
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot read *", run(PATIENT, "dsn_file: %s", file));
        bench_file("dsn", text("%s\n", tcp_dsn));
        CHECK_INT(run(PATIENT, "dsn_file: %s", file).outcome, OUTCOME_PASS);
        bench_file("dsn", "host=a hots=geheim");
        CHECK_RUN(OUTCOME_INCONCLUSIVE,
                  text("%s: invalid connection option \"…\" (not quoted here, since it may hold a password)",
                       file),
                  run(PATIENT, "dsn_file: %s", file));
        CHECK(chmod(file, 0644) == 0);
        CHECK_RUN(OUTCOME_INCONCLUSIVE, text("cannot read %s: others may read *", file),
                  run(PATIENT, "dsn_file: %s", file));
}

/* Being refused */

TEST(fails_when_the_server_is_stopped)
{
        server_need();
        server_end(SIGINT);
        CHECK_RUN(OUTCOME_FAIL, text("no server at %s", socket_at), run(PATIENT, "dsn: %s", local_dsn));
        CHECK_RUN(OUTCOME_FAIL, text("refused by %s", at), run(PATIENT, "dsn: %s", tcp_dsn));
}

TEST(fails_while_the_server_goes_down)
{
        PGconn *conn;
        uint64_t end = clock_boot_usec() + PATIENT;
        Run r;

        server_need();
        conn = client();
        CHECK(kill(server, SIGTERM) == 0); /* waits for its client */
        do {                               /* the signal takes a moment */
                r = run(PATIENT, "dsn: %s", tcp_dsn);
                CHECK(clock_boot_usec() < end);
        } while (r.outcome == OUTCOME_PASS);
        CHECK_RUN(OUTCOME_FAIL, text("FATAL: the database system is shutting down (%s)", at), r);
        PQfinish(conn);
        CHECK(waitpid(server, NULL, 0) == server);
        server = 0;
}

TEST(fails_while_the_server_recovers)
{
        static const char *const settings[] = {"restart_after_crash=on", "fsync=on", NULL};
        PGconn *conn;
        long victim;
        uint64_t end = clock_boot_usec() + PATIENT;
        Run r;

        server_need();
        server_end(SIGINT);
        server_start(settings);
        fresh();
        conn = client();
        sql(conn, "CREATE TABLE much AS SELECT generate_series(1, 300000) AS id");
        victim = ask(conn, "SELECT pg_backend_pid()");
        CHECK(kill((pid_t) victim, SIGKILL) ==
              0); /* all others are thrown out, and what was written is read again */
        do {
                r = run(PATIENT, "{dsn: %s, query: SELECT 1 FROM much LIMIT 1}", tcp_dsn);
                if (r.outcome == OUTCOME_FAIL && strstr(r.message, "FATAL: the database system is "))
                        break;
                CHECK(clock_boot_usec() < end);
                usleep(5000);
        } while (r.outcome != OUTCOME_PASS);
        CHECK_RUN(OUTCOME_FAIL, "FATAL: the database system is *", r);
        PQfinish(conn);
        while (run(PATIENT, "dsn: %s", tcp_dsn).outcome != OUTCOME_PASS) {
                CHECK(clock_boot_usec() < end);
                usleep(50000);
        }
        admin("DROP TABLE much");
}

TEST(fails_without_a_free_connection)
{
        static const char *const settings[] = {"max_connections=4", "superuser_reserved_connections=0",
                                               "max_wal_senders=0", NULL};
        PGconn *conns[4];

        server_need();
        server_end(SIGINT);
        server_start(settings);
        fresh();
        for (size_t i = 0; i < ELEMENTSOF(conns); i++) {
                uint64_t end = clock_boot_usec() + PATIENT;

                while (!(conns[i] = client_try())) /* earlier ones are still on their way out */
                        CHECK(clock_boot_usec() < end);
        }
        CHECK_RUN(OUTCOME_FAIL, text("too many connections: FATAL: sorry, too many clients already (%s)", at),
                  run(PATIENT, "dsn: %s", tcp_dsn));
        for (size_t i = 0; i < ELEMENTSOF(conns); i++)
                PQfinish(conns[i]);
        server_end(SIGINT);
}

TEST(takes_the_limit_of_its_own_role_for_its_own_trouble)
{
        server_need();
        admin("CREATE ROLE probe LOGIN PASSWORD 'p' CONNECTION LIMIT 0");
        CHECK_RUN(OUTCOME_INCONCLUSIVE,
                  "too many connections: FATAL: too many connections for role \"probe\" *",
                  run(PATIENT, "dsn: %s user=probe password=p", tcp_dsn));
        admin("DROP ROLE probe");
}

/* Silence */

TEST(fails_on_a_locked_table_and_leaves_no_query_on_the_server)
{
        PGconn *conn, *other;
        uint64_t end = clock_boot_usec() + PATIENT;

        server_need();
        conn = client();
        sql(conn, "CREATE TABLE orders (id int)");
        sql(conn, "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
        CHECK_RUN(OUTCOME_FAIL, text("no answer in 1 s (query, %s)", at),
                  run(SHORT, "{dsn: %s, query: SELECT 1 FROM orders}", tcp_dsn));
        other = client(); /* in a transaction one sees the same activity all the time */
        while (ask(other, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'failoverd'") > 0)
                CHECK(clock_boot_usec() < end);
        PQfinish(other);
        sql(conn, "ROLLBACK; DROP TABLE orders");
        PQfinish(conn);
}

TEST(leaves_no_query_on_the_server_when_it_is_abandoned_early)
{
        const ProbeType *type = probe_type_find("postgresql");
        _cleanup_free_ char *yaml = NULL;
        uint64_t began = clock_boot_usec(), end = began + PATIENT;
        PGconn *conn;
        Attempt *a;
        void *conf;
        Run r = {};
        Error e;

        server_need();
        conn = client();
        CHECK(asprintf(&yaml, "{dsn: %s, query: SELECT pg_sleep(1000)}", tcp_dsn) > 0);
        bench_open();
        CHECK(conf = bench_conf(type, yaml, &e));
        CHECK_INT(attempt_start(&bench_context, type, conf, memory, 600 * USEC_PER_SEC, bench_done, &r, &a),
                  0);
        while (ask(conn,
                   "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1000)' AND pid <> "
                   "pg_backend_pid()") == 0) {
                CHECK(sd_event_run(bench_context.event, 10000) >= 0);
                CHECK(clock_boot_usec() < end);
        }
        attempt_free(a);
        while (ask(conn, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'failoverd'") > 0) {
                CHECK(clock_boot_usec() < end);
                usleep(20000);
        }
        bench_close();
        conf_clear(type->fields, conf);
        free(conf);
        PQfinish(conn);
}

TEST(fails_when_the_server_accepts_and_is_silent)
{
        unsigned silent_port;
        int fd = bench_socket(SOCK_STREAM, LOCAL, 0, &silent_port);

        fresh();
        CHECK_RUN(OUTCOME_FAIL,
                  text("no answer in 1 s (no word after connecting, " LOCAL ":%u)", silent_port),
                  run(SHORT, "dsn: host=" LOCAL " port=%u user=u", silent_port));
        CHECK_RUN(OUTCOME_FAIL, text("no answer in 1 s (login, " LOCAL ":%u)", silent_port),
                  run(SHORT, "dsn: host=" LOCAL " port=%u user=u sslmode=disable", silent_port));
        close(fd);
}

TEST(fails_when_connection_requests_vanish)
{
        BlackHole hole = bench_black_hole();

        fresh();
        CHECK_RUN(OUTCOME_FAIL, text("no answer in 1 s (connecting, " LOCAL ":%u)", hole.port),
                  run(SHORT, "dsn: host=" LOCAL " port=%u user=u", hole.port));
        bench_black_hole_close(&hole);
}

TEST(fails_when_the_server_is_stopped_in_its_tracks)
{
        server_need();
        CHECK(kill(server, SIGSTOP) == 0);
        CHECK_RUN(OUTCOME_FAIL, text("no answer in 1 s (login, %s)", socket_at),
                  run(SHORT, "dsn: %s", local_dsn));
        CHECK_RUN(OUTCOME_FAIL, "no answer in 1 s (*", run(SHORT, "dsn: %s", tcp_dsn));
        CHECK(kill(server, SIGCONT) == 0);
        CHECK_INT(run(PATIENT, "dsn: %s", tcp_dsn).outcome, OUTCOME_PASS);
}

/* The whole conversation once, stopping the server's process in the middle of it. */
TEST(delays_nobody_when_the_backend_hangs_in_a_query)
{
        PGconn *conn;

        server_need();
        conn = client();
        sql(conn, "CREATE EXTENSION IF NOT EXISTS plpgsql");
        /* a query that stops its own process: the server's time limit cannot help */
        sql(conn, "CREATE FUNCTION stop_me() RETURNS int AS $$ BEGIN EXECUTE format('COPY (SELECT 1) TO "
                  "PROGRAM %L', "
                  "'kill -STOP ' || pg_backend_pid()); RETURN 1; END $$ LANGUAGE plpgsql");
        CHECK_RUN(OUTCOME_FAIL, text("no answer in 1 s (query, %s)", at),
                  run(SHORT, "{dsn: %s, query: SELECT stop_me()}", tcp_dsn));
        {
                char command[200];
                long pid = ask(conn,
                               "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE application_name = "
                               "'failoverd'");

                CHECK(pid > 0);
                snprintf(command, sizeof command, "kill -CONT %ld", pid);
                CHECK(system(command) == 0);
        }
        sql(conn, "DROP FUNCTION stop_me()");
        PQfinish(conn);
}

TEST(fails_when_its_backend_is_killed_and_knows_nothing_when_it_is_cancelled)
{
        static const struct {
                const char *how, *message;
                Outcome outcome;
        } cases[] = {
                        {"pg_terminate_backend",
                         "FATAL: terminating connection due to administrator command *", OUTCOME_FAIL},
                        {"pg_cancel_backend", "ERROR: canceling statement due to user request *",
                         OUTCOME_INCONCLUSIVE},
        };

        server_need();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                int status;
                pid_t pid;

                fflush(NULL);
                pid = fork();
                CHECK(pid >= 0);
                if (pid == 0) { /* somebody with the rights for it */
                        const char *how = text("SELECT count(%s(pid)) FROM pg_stat_activity WHERE query = "
                                               "'SELECT pg_sleep(60)' AND state = 'active'",
                                               cases[i].how);
                        PGconn *conn = client();

                        while (ask(conn, how) == 0)
                                usleep(10000);
                        _exit(0);
                }
                CHECK_RUN(cases[i].outcome, cases[i].message,
                          run(PATIENT, "{dsn: %s, query: SELECT pg_sleep(60)}", tcp_dsn));
                CHECK(waitpid(pid, &status, 0) == pid);
                CHECK_INT(status, 0);
        }
}

/* Names and lists */

TEST(looks_names_up_itself)
{
        int fd;

        if (!bench_needs_isolation("names"))
                return;
        server_need();
        CHECK_INT(run(PATIENT, "dsn: %s host=localhost", tcp_dsn).outcome, OUTCOME_PASS);
        fd = bench_socket(SOCK_DGRAM, "127.0.0.53", 53, NULL); /* takes questions, and is silent */
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "our own resolver does not answer",
                  run(SHORT, "dsn: %s host=db.shop.example", tcp_dsn));
        close(fd);
}

TEST(goes_on_to_the_next_host)
{
        BlackHole hole = bench_black_hole();

        server_need();
        CHECK_RUN(OUTCOME_PASS, text("answered by %s", at),
                  run(PATIENT,
                      "dsn: 'host=" LOCAL "," LOCAL " port=%u,%u user=postgres password=right-password "
                      "dbname=shop'",
                      bench_closed_port(), port));
        CHECK_RUN(OUTCOME_PASS, text("answered by %s", at),
                  run(2 * SHORT,
                      "dsn: 'host=" LOCAL "," LOCAL " port=%u,%u user=postgres password=right-password "
                      "dbname=shop'",
                      hole.port, port));
        CHECK_RUN(OUTCOME_FAIL, "session is *",
                  run(PATIENT, "dsn: %s target_session_attrs=read-only", tcp_dsn));
        bench_black_hole_close(&hole);
}

/* TLS */

static const char *tls(const char *name)
{
        return text("%s/tls/%s", bench_folder, name);
}

static void tls_server(const char *certificate)
{
        char command[600];
        const char *settings[] = {"ssl=on", text("ssl_cert_file=%s/pg/server.crt", bench_folder),
                                  text("ssl_key_file=%s/pg/server.key", bench_folder), NULL};

        if (access(tls("ca.crt"), F_OK) < 0) {
                snprintf(command, sizeof command,
                         "mkdir -p %s && " BINARY_DIR "/tests/certificates %s db.shop.example", tls("."),
                         tls("."));
                CHECK(system(command) == 0);
        }
        server_need();
        server_end(SIGINT);
        snprintf(command, sizeof command,
                 "cp %s.crt %s/pg/server.crt && cp %s.key %s/pg/server.key && chmod 600 %s/pg/server.key && "
                 "chown --reference=%s/pg/data %s/pg/server.key",
                 tls(certificate), bench_folder, tls(certificate), bench_folder, bench_folder, bench_folder,
                 bench_folder);
        CHECK(system(command) == 0);
        server_start(settings);
        fresh();
}

TEST(checks_the_certificate_when_it_is_told_to)
{
        char verify[400];

        tls_server("valid");
        snprintf(verify, sizeof verify,
                 "%s hostaddr=" LOCAL " host=db.shop.example sslmode=verify-full sslrootcert=%s", tcp_dsn,
                 tls("ca.crt"));
        CHECK_RUN(OUTCOME_PASS, text("answered by %s", at), run(PATIENT, "dsn: %s", verify));
        CHECK_INT(run(PATIENT,
                      "{dsn: %s, query: SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid(), expect: t}",
                      verify)
                                  .outcome,
                  OUTCOME_PASS);
        CHECK_RUN(OUTCOME_FAIL,
                  "server certificate for \"db.shop.example\" does not match host name \"localhost\" *",
                  run(PATIENT, "dsn: %s host=localhost", verify));
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot read /no/such/ca.crt: No such file or directory",
                  run(PATIENT, "dsn: %s sslrootcert=/no/such/ca.crt", verify));
        tls_server("expired");
        CHECK_RUN(OUTCOME_FAIL, text("certificate expired (%s)", at), run(PATIENT, "dsn: %s", verify));
        tls_server("self-signed");
        CHECK_RUN(OUTCOME_FAIL, "certificate is not trusted: *", run(PATIENT, "dsn: %s", verify));
        tls_server("not-yet");
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "certificate is not yet valid: is our clock right? *",
                  run(PATIENT, "dsn: %s", verify));
        CHECK_INT(run(PATIENT, "dsn: %s sslmode=require", tcp_dsn).outcome, OUTCOME_PASS);
        server_end(SIGINT);
}

TEST(fails_when_tls_is_asked_for_in_vain)
{
        server_need();
        CHECK_RUN(OUTCOME_FAIL, "server does not support SSL, but SSL was required *",
                  run(PATIENT, "dsn: %s sslmode=require", tcp_dsn));
}

/* Servers that lie */

/* Takes one connection, reads something, and sends this. */
static pid_t liar(const void *answer, size_t size, unsigned *ret_port)
{
        int fd = bench_socket(SOCK_STREAM, LOCAL, 0, ret_port);
        pid_t pid;

        fflush(NULL);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                char buffer[1000];
                int c;

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                c = accept(fd, NULL, NULL);
                if (read(c, buffer, sizeof buffer) > 0 && write(c, answer, size) == (ssize_t) size)
                        while (read(c, buffer, sizeof buffer) > 0)
                                ;
                _exit(0);
        }
        close(fd);
        return pid;
}

TEST(never_asks_kerberos)
{
        static const unsigned char wants_gss[] = {'R', 0, 0, 0, 8, 0, 0, 0, 7};
        unsigned liar_port;
        pid_t pid = liar(wants_gss, sizeof wants_gss, &liar_port);
        /* libgssapi would look the name up here */
        int resolver = bench_isolated ? bench_socket(SOCK_DGRAM, "127.0.0.53", 53, NULL) : -1;

        fresh();
        CHECK_RUN(OUTCOME_INCONCLUSIVE,
                  text(LOCAL ":%u wants a login by Kerberos, which this probe has not", liar_port),
                  run(SHORT, "dsn: hostaddr=" LOCAL " host=db.shop.example port=%u user=u sslmode=disable",
                      liar_port));
        CHECK(waitpid(pid, NULL, 0) == pid);
        if (resolver >= 0)
                close(resolver);
}

TEST(fails_on_a_server_of_another_kind)
{
        static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
        unsigned liar_port;
        pid_t pid = liar(http, sizeof http - 1, &liar_port);

        fresh();
        CHECK_RUN(OUTCOME_FAIL, "expected authentication request from server, but received H *",
                  run(SHORT, "dsn: host=" LOCAL " port=%u user=u sslmode=disable", liar_port));
        CHECK(waitpid(pid, NULL, 0) == pid);
        pid = liar("", 0, &liar_port);
        kill(pid, SIGKILL);
        CHECK(waitpid(pid, NULL, 0) == pid);
        CHECK_RUN(OUTCOME_FAIL, text("refused by " LOCAL ":%u", liar_port),
                  run(SHORT, "dsn: host=" LOCAL " port=%u user=u", liar_port));
}

TEST(knows_nothing_without_a_descriptor)
{
        server_need();
        bench_starve = true;
        CHECK_INT(run(PATIENT, "dsn: %s", tcp_dsn).outcome, OUTCOME_INCONCLUSIVE);
        bench_starve = false;
}

TEST(knows_nothing_without_a_route)
{
        if (!bench_needs_isolation("no route"))
                return;
        fresh();
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "no route to 192.0.2.1:5432",
                  run(PATIENT, "dsn: host=192.0.2.1 user=u"));
}

/* Configuration */

TEST(refuses_what_cannot_be_meant)
{
        CHECK_REFUSED("postgresql", "one of dsn and dsn_file", "query: SELECT 1");
        CHECK_REFUSED("postgresql", "not both", "{dsn: host=a, dsn_file: b}");
        CHECK_REFUSED("postgresql", "query: empty", "{dsn: host=a, query: ' ;'}");
        CHECK_REFUSED("postgresql", "test.yaml:1:7: dsn: invalid connection option \"hots\"",
                      "{dsn: hots=a}");
        CHECK_REFUSED("postgresql", "invalid sslmode value: \"ferify\"", "{dsn: host=a sslmode=ferify}");
        CHECK_REFUSED("postgresql", "needs sslrootcert=FILE", "{dsn: host=a sslmode=verify-full}");
        CHECK_REFUSED("postgresql", "service files are not read", "{dsn: service=shop}");
        CHECK_REFUSED("postgresql", "password files are not read", "{dsn: passfile=/etc/pgpass}");
        CHECK_REFUSED("postgresql", "not between 1 and 65535", "{dsn: host=a port=0}");
        CHECK_REFUSED("postgresql", "2 ports for 3 hosts", "{dsn: 'host=a,b,c port=1,2'}");
        CHECK_REFUSED("postgresql", "not an IP address", "{dsn: hostaddr=localhost}");
}

TEST(never_quotes_a_password)
{
        static const char *const bad[] = {"postgresql://u:geheim@[::1/db", "postgresql://u:geheim@h:x/db",
                                          "host=a password=x geheim",      "password=x geheim=y",
                                          "postgresql://u:ge@heim@h/db",   "postgresql://u:p/geheim@h"};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Error e = {};
                void *conf = bench_conf(probe_type_find("postgresql"), text("{dsn: '%s'}", bad[i]), &e);

                CHECK(!conf);
                if (strstr(e.text, "geheim") || strstr(e.text, "heim@")) {
                        fprintf(stderr, "%s: %s\n", bad[i], e.text);
                        exit(1);
                }
        }
}

TEST(verifies_the_files_it_needs)
{
        CHECK(strstr(bench_verify("postgresql", "dsn_file: no-such-file"), "No such file"));
        bench_file("dsn2", "host=a sslmode=verify-full sslrootcert=/no/such");
        CHECK_STR(bench_verify("postgresql", "dsn_file: dsn2"),
                  "cannot read: /no/such: No such file or directory");
        bench_file("dsn2", "host=a");
        CHECK_STR(bench_verify("postgresql", "dsn_file: dsn2"), "");
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        server_need();
        _cleanup_free_ char *yaml = string_printf("{dsn: %s, query: select 6 * 7, expect: 42}", tcp_dsn);
        bench_run_scarce("postgresql", PATIENT, yaml);
}

TEST(refuses_hosts_and_files_that_cannot_be_meant)
{
        char many[400] = "{dsn: 'host=a";

        for (int i = 0; i < 40; i++)
                strcat(many, ",a");
        strcat(many, "'}");
        CHECK_REFUSED("postgresql", "more than ", many);
        CHECK_REFUSED("postgresql", "2 host names and 1 hostaddr values",
                      "{dsn: 'host=a,b hostaddr=192.0.2.1'}");
        CHECK_REFUSED("postgresql", "sslrootcert: \"ca.crt\" is not an absolute path",
                      "{dsn: 'host=a sslmode=verify-full sslrootcert=ca.crt'}");
        Error e = {};
        void *conf = bench_conf(probe_type_find("postgresql"), "{dsn: 'host=a,b port=5433'}", &e);
        CHECK(conf); /* one port is that of all */
        conf_clear(probe_type_find("postgresql")->fields, conf);
        free(conf);
}

TEST(asks_no_query_that_gives_a_stream)
{
        server_need();
        CHECK_RUN(OUTCOME_INCONCLUSIVE, text("the query is not one that can be asked (%s)", at),
                  run(PATIENT, "{dsn: %s, query: COPY (SELECT 1) TO STDOUT}", tcp_dsn));
}

TEST(takes_neither_a_fifo_for_a_certificate_nor_a_novel_for_a_dsn)
{
        _cleanup_free_ char *path = string_printf("%s/fifo", bench_folder), *novel = calloc(1, 9000);

        CHECK(path && novel && mkfifo(path, 0600) == 0);
        bench_file("dsn3", text("host=a sslmode=verify-full sslrootcert=%s", path));
        CHECK(strstr(bench_verify("postgresql", "dsn_file: dsn3"), "not a regular file"));
        memset(novel, 'x', 8999);
        bench_file("dsn3", novel);
        CHECK(strstr(bench_verify("postgresql", "dsn_file: dsn3"), "longer than 8192 bytes"));
}

MAIN()
