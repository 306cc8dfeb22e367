/* SPDX-License-Identifier: MIT */
/* The project's sample catalog and what buyers ask of it (tests/search/questions.tsv): the book that is meant is among the first three. */
#include "tests/federation/catalog_rig.h"

#define KINDS_MAX 32
#define PLACE     3
#define WANTED    95 /* per cent */

typedef struct Kind {
        char name[32];
        unsigned asked, found, first;
} Kind;

static Kind kinds[KINDS_MAX];

static Kind *kind_of(const char *name)
{
        unsigned i = 0;

        while (i < KINDS_MAX - 1 && kinds[i].name[0] && strcmp(kinds[i].name, name) != 0)
                i++;
        snprintf(kinds[i].name, sizeof(kinds[i].name), "%s", name);
        return kinds + i;
}

/* ids: separated by commas. */
static bool is_among(const char *id, const char *ids)
{
        size_t size = strlen(id);

        for (const char *p = ids; (p = strstr(p, id)); p++)
                if ((p == ids || p[-1] == ',') && (p[size] == ',' || !p[size]))
                        return true;
        return false;
}

/* The place of the book that is meant, from 0; PLACE when it is not among the first. */
static unsigned place_of(const char *text, const char *ids)
{
        _cleanup_catalog_rows_ CatalogRows rows = {0};
        const Question q = rig_question(text);
        unsigned place = 0;

        rig_search(&q, &rows);
        while (place < PLACE && !(place < rows.n && is_among(rows.listings[place].id, ids)))
                place++;
        if (place == PLACE) {
                printf("missed: %s: wanted %s, found", text, ids);
                for (size_t i = 0; i < MIN(rows.n, (size_t) 5); i++)
                        printf(" %s (%.3f)", rows.listings[i].id, rows.listings[i].relevance);
                printf("\n");
        }
        return place;
}

TEST(the_book_that_is_meant_comes_first)
{
        char line[1024];
        unsigned asked = 0, found = 0;
        FILE *f = fopen(SOURCE_DIR "/tests/search/questions.tsv", "re");

        CHECK(f);
        rig_import_file(SOURCE_DIR "/etc/sample-books.csv");
        while (fgets(line, sizeof(line), f)) {
                char *rest = line, *text = strsep(&rest, "\t"), *ids = strsep(&rest, "\t"),
                     *kind = strsep(&rest, "\n");
                CHECK(text && ids && kind);
                Kind *k = kind_of(kind);
                unsigned place = place_of(text, ids);
                k->asked++;
                k->first += place == 0;
                k->found += place < PLACE;
        }
        fclose(f);
        for (unsigned i = 0; i < KINDS_MAX && kinds[i].name[0]; i++) {
                printf("%-14s %3u of %3u among the first three, %3u first\n", kinds[i].name, kinds[i].found,
                       kinds[i].asked, kinds[i].first);
                asked += kinds[i].asked;
                found += kinds[i].found;
        }
        printf("%-14s %3u of %3u\n", "all", found, asked);
        CHECK(asked >= 200);
        CHECK(found * 100 >= asked * WANTED);
}

MAIN()
