/* SPDX-License-Identifier: MIT */
/* How long local searches take: bench/search.sh says what is measured.
 *
 *     bench-search CATALOG RAW QUESTIONS          in this process, beside plain FTS5 (RAW: made when it is not there)
 *     bench-search CATALOG http ADDRESS QUESTIONS over one kept connection to port 8440 there
 *     bench-search CATALOG print QUESTIONS        the questions */
#include "base/clock.h"
#include "federation/catalog_search.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 64

typedef struct Asked {
        char text[QUESTION_TEXT_MAX + 1];
        bool begun, misspelt;
} Asked;

static _Noreturn void fail(const char *what, const char *why)
{
        fprintf(stderr, "bench-search: %s: %s\n", what, why);
        exit(1);
}

static uint64_t random_state = 20261120;

static double random_unit(void)
{
        uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return (double) ((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static unsigned pick(size_t n)
{
        return (unsigned) (random_unit() * (double) n);
}

/* Questions: one to three neighbouring words of a book's title and author; a quarter end in the beginning of a word, a tenth have a
 * word with two letters swapped. Popular books are asked for more often. */

static void misspell(char *word)
{
        size_t n = strlen(word), i = 1 + pick(n - 2);
        char c = word[i];

        word[i] = word[i + 1 < n ? i + 1 : i - 1];
        word[i + 1 < n ? i + 1 : i - 1] = c;
}

static void question_make(char *book, Asked *ret)
{
        char *words[WORDS_MAX];
        size_t n = 0;

        for (char *p = strtok(book, " ()#,.:;!?\"/"); p && n < WORDS_MAX; p = strtok(NULL, " ()#,.:;!?\"/"))
                words[n++] = p;
        if (n == 0)
                return;
        size_t k = MIN(1 + (size_t) pick(3), n), first = pick(n - k + 1);
        char *last = words[first + k - 1];
        double kind = random_unit();
        if (kind < 0.25 && strlen(last) > 3) {
                last[2 + pick(MIN(strlen(last) - 2, (size_t) 4))] = '\0';
                ret->begun = true;
        } else if (kind < 0.35 && strlen(words[first]) > 4) {
                misspell(words[first]);
                ret->misspelt = true;
        }
        for (size_t i = first; i < first + k; i++)
                snprintf(ret->text + strlen(ret->text), sizeof(ret->text) - strlen(ret->text), "%s%s",
                         i > first ? " " : "", words[i]);
}

static Asked *questions_make(sqlite3 *db, size_t n)
{
        sqlite3_stmt *stmt = NULL;
        Asked *asked = calloc(n, sizeof(*asked));
        size_t n_books = 0;
        Error e = {""};

        int64_t *ranks = NULL;
        if (!asked || db_prepare(db, &stmt, &e, "SELECT rank FROM book ORDER BY rank", "") < 0)
                fail("questions", e.text);
        for (size_t capacity = 0; db_step(stmt, &e) > 0; n_books++) {
                if (n_books == capacity &&
                    !(ranks = reallocarray(ranks, capacity = 2 * capacity + 1024, sizeof(*ranks))))
                        fail("questions", "no memory");
                ranks[n_books] = sqlite3_column_int64(stmt, 0);
        }
        sqlite3_finalize(stmt);
        if (n_books == 0 ||
            db_prepare(db, &stmt, &e, "SELECT title || ' ' || author FROM book WHERE rank = ?", "n") < 0)
                fail("questions", n_books == 0 ? "an empty catalog" : e.text);
        for (size_t i = 0; i < n;) {
                sqlite3_bind_int64(stmt, 1,
                                   ranks[pick((size_t) ((double) n_books * random_unit()) + 1) % n_books]);
                if (db_step(stmt, &e) < 0)
                        fail("questions", e.text);
                char *book = db_column_text(stmt, 0);
                sqlite3_reset(stmt);
                question_make(book, asked + i);
                free(book);
                i += asked[i].text[0] != '\0';
        }
        sqlite3_finalize(stmt);
        free(ranks);
        return asked;
}

/* Figures */

static int compare(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;
        return (x > y) - (x < y);
}

static void print_times(const char *name, double *ms, size_t n, double rows)
{
        qsort(ms, n, sizeof(*ms), compare);
        printf("%-44s %8.3f %8.3f %8.3f %8.3f", name, ms[n / 2], ms[n * 95 / 100], ms[n * 99 / 100],
               ms[n - 1]);
        if (isnan(rows))
                printf("\n");
        else
                printf(" %8.1f\n", rows / (double) n);
}

static void print_part(const char *name, const Asked *asked, const double *ms, size_t n, bool begun,
                       bool misspelt)
{
        double *part = calloc(n, sizeof(*part));
        size_t k = 0;

        for (size_t i = 0; part && i < n; i++)
                if (asked[i].begun == begun && asked[i].misspelt == misspelt)
                        part[k++] = ms[i];
        if (k > 0)
                print_times(name, part, k, NAN);
        free(part);
}

static double now_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static void report(const char *name, const Asked *asked, double *ms, size_t n, double rows)
{
        print_part("  of them whole words, well spelt", asked, ms, n, false, false);
        print_part("  of them begun", asked, ms, n, true, false);
        print_part("  of them misspelt", asked, ms, n, false, true);
        print_times(name, ms, n, rows);
}

/* Ours */

static void measure_ours(const char *path, const Asked *asked, size_t n, double *ms)
{
        _cleanup_catalog_db_ CatalogDb c = {0};
        Error e = {""};
        double rows = 0;

        if (catalog_db_open(path, true, &c, &e) < 0)
                fail(path, e.text);
        for (int round = 0; round < 2; round++) /* the first warms up */
                for (size_t i = 0; i < n; i++) {
                        char *text = strdup(asked[i].text);
                        if (!text)
                                fail("questions", "no memory");
                        const Question q = {.text = text,
                                            .min_price_micros = -1,
                                            .max_price_micros = -1,
                                            .limit = 20};
                        _cleanup_catalog_rows_ CatalogRows found = {0};
                        double start = now_ms();

                        if (db_exec(c.db, "BEGIN", &e) < 0 || catalog_db_search(&c, &q, &found, &e) < 0)
                                fail(text, e.text);
                        db_rollback(c.db);
                        ms[i] = now_ms() - start;
                        rows += round == 1 ? (double) found.n : 0;
                        free(text);
                }
        report("ranked, in this process", asked, ms, n, rows);
}

/* Plain FTS5 */

static void raw_make(const char *catalog, const char *path)
{
        sqlite3 *db = NULL;
        Text t = {0};
        Error e = {""};

        if (access(path, F_OK) == 0)
                return;
        text_add(&t,
                 "PRAGMA journal_mode = OFF; ATTACH '%s' AS shop; BEGIN;"
                 "CREATE VIRTUAL TABLE raw USING fts5(title, author, content='', prefix='2 3 4');"
                 "INSERT INTO raw (rowid, title, author) SELECT row_number() OVER (ORDER BY rank), title, "
                 "author"
                 " FROM shop.book ORDER BY rank; COMMIT;",
                 catalog);
        if (t.failed || sqlite3_open(path, &db) != SQLITE_OK || db_exec(db, t.data, &e) < 0)
                fail(path, e.text);
        text_clear(&t);
        sqlite3_close(db);
}

static void raw_match(const Asked *a, char *ret, size_t size)
{
        char copy[sizeof(a->text)];

        memcpy(copy, a->text, sizeof(copy));
        ret[0] = '\0';
        for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
                snprintf(ret + strlen(ret), size - strlen(ret), "\"%s\" ", w);
        if (a->begun)
                snprintf(ret + strlen(ret) - 1, size - strlen(ret) + 1, "*");
}

static void measure_raw(const char *path, const char *name, const char *sql, const Asked *asked, size_t n,
                        double *ms)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *stmt = NULL;
        double rows = 0;

        if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
            sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
                fail(path, sqlite3_errmsg(db));
        for (int round = 0; round < 2; round++)
                for (size_t i = 0; i < n; i++) {
                        char match[2 * sizeof(asked->text)];
                        double start = now_ms();

                        raw_match(asked + i, match, sizeof(match));
                        sqlite3_bind_text(stmt, 1, match, -1, SQLITE_STATIC);
                        while (sqlite3_step(stmt) == SQLITE_ROW)
                                rows += round;
                        sqlite3_reset(stmt);
                        ms[i] = now_ms() - start;
                }
        sqlite3_finalize(stmt);
        sqlite3_close(db);
        print_times(name, ms, n, rows);
}

/* Over HTTP */

#define PORT 8440

static int connect_to(const char *address)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
            connect(fd, (const struct sockaddr *) &to, sizeof(to)) < 0)
                fail("connect", strerror(errno));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return fd;
}

static void ask_http(int fd, const char *text)
{
        static char answer[1 << 20];
        char request[4 * QUESTION_TEXT_MAX];
        size_t size = 0, wanted = SIZE_MAX;

        int n = snprintf(request, sizeof(request), "GET /api/catalog/search?limit=20&q=");
        for (const char *p = text; *p; p++)
                n += snprintf(request + n, sizeof(request) - (size_t) n,
                              isalnum((unsigned char) *p) ? "%c" : "%%%02X", (unsigned char) *p);
        n += snprintf(request + n, sizeof(request) - (size_t) n, " HTTP/1.1\r\nHost: shop\r\n\r\n");
        if (write(fd, request, (size_t) n) != n)
                fail("write", strerror(errno));
        while (size < wanted) {
                ssize_t got = read(fd, answer + size, sizeof(answer) - 1 - size);
                if (got <= 0)
                        fail("read", got < 0 ? strerror(errno) : "closed");
                size += (size_t) got;
                answer[size] = '\0';
                const char *end = strstr(answer, "\r\n\r\n"),
                           *length = strcasestr(answer, "\r\nContent-Length: ");
                if (wanted == SIZE_MAX && end && length)
                        wanted = (size_t) (end + 4 - answer) + strtoul(length + 18, NULL, 10);
        }
        if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
                fail(text, answer);
}

static void measure_http(const char *address, const Asked *asked, size_t n, double *ms)
{
        int fd = connect_to(address);

        for (int round = 0; round < 2; round++)
                for (size_t i = 0; i < n; i++) {
                        double start = now_ms();
                        ask_http(fd, asked[i].text);
                        ms[i] = now_ms() - start;
                }
        close(fd);
        report("ranked, over HTTP", asked, ms, n, NAN);
}

int main(int argc, char **argv)
{
        _cleanup_catalog_db_ CatalogDb c = {0};
        Error e = {""};

        if (argc < 4)
                fail("usage", "CATALOG RAW QUESTIONS | CATALOG http ADDRESS QUESTIONS");
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* as federationd does */
        if (sodium_init() < 0 || catalog_db_open(argv[1], true, &c, &e) < 0)
                fail(argv[1], e.text);
        size_t n = strtoul(argv[argc - 1], NULL, 10);
        Asked *asked = questions_make(c.db, n);
        double *ms = calloc(n, sizeof(*ms));
        if (!ms)
                fail("times", "no memory");
        if (strcmp(argv[2], "print") == 0) {
                for (size_t i = 0; i < n; i++)
                        printf("%s\n", asked[i].text);
        } else if (strcmp(argv[2], "http") == 0) {
                measure_http(argv[3], asked, n, ms);
        } else {
                if (strcmp(argv[2], "-") == 0) {
                        measure_ours(argv[1], asked, n, ms);
                        return 0;
                }
                raw_make(argv[1], argv[2]);
                measure_ours(argv[1], asked, n, ms);
                measure_raw(argv[2], "plain FTS5, without order",
                            "SELECT rowid FROM raw WHERE raw MATCH ? LIMIT 20", asked, n, ms);
                measure_raw(argv[2], "plain FTS5, in bm25's order",
                            "SELECT rowid FROM raw WHERE raw MATCH ? ORDER BY rank LIMIT 20", asked, n, ms);
        }
        free(ms);
        free(asked);
        return 0;
}
