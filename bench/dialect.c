/* SPDX-License-Identifier: MIT */
/* What the answers of many peers cost above the network: reading (beside jansson, parse and print), and merging.
 *
 * bench-dialect BOOKS.csv: answers are made of its titles, authors and ISBNs; the columns are as in an import. One line of figures
 * for 8, 32 and 128 peers. See bench/dialect.sh. */
#include "federation/dialect.h"
#include "base/clock.h"
#include "base/id.h"
#include "federation/merge.h"

#define PEERS   128
#define RESULTS 20
#define ROUNDS  100

typedef struct Book {
        char isbn[20], title[300], author[300];
} Book;

static Book *books;
static size_t n_books;
static char *bodies[PEERS];
static size_t sizes[PEERS];

/* A field of a CSV line; quotes may be around it. */
static const char *field(const char *s, char *ret, size_t size)
{
        bool quoted = *s == '"';
        size_t n = 0;

        s += quoted;
        for (; *s && *s != '\n' && *s != '\r'; s++) {
                if (quoted && *s == '"' && *++s != '"')
                        break;
                if (!quoted && *s == ',')
                        break;
                if (n + 1 < size)
                        ret[n++] = *s;
        }
        ret[n] = '\0';
        return *s == ',' ? s + 1 : s;
}

static void read_line(const char *line, const char *header, Book *b)
{
        char name[40], text[300];

        *b = (Book){0};
        while (*header && *header != '\n' && *header != '\r') {
                header = field(header, name, sizeof name);
                line = field(line, text, sizeof text);
                if (streq(name, "title"))
                        snprintf(b->title, sizeof b->title, "%s", text);
                else if (streq(name, "author") || streq(name, "authors"))
                        snprintf(b->author, sizeof b->author, "%s", text);
                else if (streq(name, "isbn"))
                        snprintf(b->isbn, sizeof b->isbn, "%.*s", (int) sizeof b->isbn - 1, text);
        }
}

static void read_books(const char *path)
{
        char line[4096], header[1024];
        FILE *f = fopen(path, "re");

        if (!f || !fgets(header, sizeof header, f)) {
                perror(path);
                exit(1);
        }
        while (fgets(line, sizeof line, f)) {
                books = reallocarray(books, n_books + 1, sizeof *books);
                if (!books)
                        exit(1);
                read_line(line, header, books + n_books++);
        }
        fclose(f);
}

/* A third of what one has, others have, too. */
static void make_bodies(unsigned results)
{
        uint64_t random = 1;

        for (unsigned p = 0; p < PEERS; p++) {
                Text t = {0};
                text_add(&t, "{\"success\":true,\"query\":\"x\",\"totalResults\":%u,\"results\":[", results);
                for (unsigned i = 0; i < results; i++) {
                        const Book *b = books +
                                        random_next(&random) % (random_next(&random) % 3
                                                                                ? n_books
                                                                                : MIN(n_books, (size_t) 40));
                        text_add(&t, "%s{\"id\":\"%u-%u\",\"title\":", i > 0 ? "," : "", p, i);
                        text_add_json(&t, b->title);
                        text_add_string(&t, ",\"author\":");
                        text_add_json(&t, b->author);
                        text_add(&t,
                                 ",\"isbn\":\"%s\",\"description\":\"A book that somebody wrote, and that "
                                 "this shop sells to whoever asks for it.\","
                                 "\"category\":\"fiction\",\"price\":12.99,\"currency\":\"USD\",\"price_"
                                 "minor\":1299,\"storeId\":\"shop-%u\","
                                 "\"storeName\":\"Shop "
                                 "%u\",\"storeUrl\":\"https://"
                                 "shop-%u.example\",\"networkId\":\"shop-%u-default-%u-%u\","
                                 "\"relevance\":0.873}",
                                 b->isbn, p, p, p, p, p, i);
                }
                text_add_string(&t, "]}");
                sizes[p] = t.size;
                free(bodies[p]);
                if (text_take(&t, &bodies[p]) < 0)
                        exit(1);
        }
}

/* The quickest round: what else the machine does is not measured. */
static void note_round(double *best, uint64_t began)
{
        double msec = (double) (clock_boot_usec() - began) / 1000;

        if (*best <= 0 || msec < *best)
                *best = msec;
}

static void by_jansson(unsigned peers)
{
        for (unsigned p = 0; p < peers; p++) {
                json_t *j = NULL;
                char *s = NULL;
                if (json_parse(bodies[p], sizes[p], &j, NULL) < 0 || json_print(j, &s) < 0)
                        exit(1);
                free(s);
                json_decref(j);
        }
}

static void read_all(unsigned peers, PeerAnswer *answers)
{
        for (unsigned p = 0; p < peers; p++)
                if (dialect_parse(bodies[p], sizes[p], 0, answers + p, NULL) < 0)
                        exit(1);
}

static size_t merge_all(unsigned peers, const PeerAnswer *answers)
{
        static MergeItem items[PEERS * RESULTS];
        _cleanup_merge_ Merge m = {0};
        size_t n = 0;

        for (unsigned p = 0; p < peers; p++)
                for (unsigned i = 0; i < answers[p].n_results; i++) {
                        const PeerResult *r = answers[p].results + i;
                        items[n++] = (MergeItem){p + 1, i, r->isbn13, r->work, r->id, false};
                }
        if (merge_items(items, n, &m) < 0)
                exit(1);
        return m.n_works;
}

static void measure(unsigned peers, unsigned results)
{
        static PeerAnswer answers[PEERS];
        double jansson = 0, reading = 0, merging = 0;
        size_t works = 0, bytes = 0;

        for (unsigned i = 0; i < ROUNDS; i++) {
                uint64_t began = clock_boot_usec();
                by_jansson(peers);
                note_round(&jansson, began);
                began = clock_boot_usec();
                read_all(peers, answers);
                note_round(&reading, began);
                began = clock_boot_usec();
                works = merge_all(peers, answers);
                note_round(&merging, began);
                for (unsigned p = 0; p < peers && i + 1 < ROUNDS; p++)
                        peer_answer_clear(answers + p);
        }
        for (unsigned p = 0; p < peers; p++) {
                bytes += sizes[p];
                peer_answer_clear(answers + p);
        }
        printf("%3u peers x %u results (%4zu KiB, %zu works): jansson %.3f ms, reading %.3f ms, merging %.3f "
               "ms\n",
               peers, results, bytes / 1024, works, jansson, reading, merging);
}

int main(int argc, char **argv)
{
        if (argc != 2) {
                fprintf(stderr, "usage: bench-dialect BOOKS.csv\n");
                return 2;
        }
        read_books(argv[1]);
        for (unsigned results = 10; results <= RESULTS; results += 10) {
                make_bodies(results);
                measure(8, results);
                measure(32, results);
                measure(128, results);
        }
        return 0;
}
