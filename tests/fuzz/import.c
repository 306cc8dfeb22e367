/* SPDX-License-Identifier: MIT */
/* Rows of an import: the first byte says in what pieces the file comes the second time, the rest is the file. */
#include "federation/import.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

#include <locale.h>
#include <sodium.h>
#include <unistd.h>

#define FRESH 100 /* imports, then the catalog is made anew */

static char folder[] = "/dev/shm/fuzz-import-XXXXXX";
static char path[64];
static Text told;
static unsigned n_inputs;

static void catalog_drop(void)
{
        static const char *const ends[] = {"", "-wal", "-shm", "-journal"};

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                char name[80];
                snprintf(name, sizeof(name), "%s%s", path, ends[i]);
                unlink(name);
        }
}

static void at_end(void)
{
        catalog_drop();
        rmdir(folder);
        text_clear(&told);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        FUZZ_CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
        FUZZ_CHECK(sodium_init() >= 0);
        FUZZ_CHECK(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/catalog.db", folder);
        atexit(at_end);
        return 0;
}

static void on_row(uint64_t line, bool refused, const char *reason, void *userdata)
{
        FUZZ_CHECK(line > 0);
        FUZZ_CHECK(strncmp(reason, "file:", 5) == 0);
        FUZZ_CHECK(fuzz_is_plain(reason));
        text_add(&told, "%s%s\n", refused ? "" : "+", reason);
}

/* Whatever it is: an end with a reason, or every row accounted for. */
static int import(const char *data, size_t size, size_t piece, ImportReport *ret, Error *e)
{
        const ImportOptions options = {.name = "file", .on_row = on_row};
        Import *i = NULL;

        text_clear(&told);
        FUZZ_CHECK(import_new(path, &options, &i, e) == 0);
        int r = 0;
        for (size_t at = 0; at < size && r == 0; at += piece)
                r = import_feed(i, data + at, MIN(piece, size - at), e);
        if (r == 0)
                r = import_finish(i, ret, e);
        import_free(i);
        if (r < 0) {
                FUZZ_CHECK(r == -EINVAL);
                FUZZ_CHECK(strncmp(e->text, "file:", 5) == 0);
                FUZZ_CHECK(fuzz_is_plain(e->text));
        } else
                FUZZ_CHECK(ret->added + ret->updated + ret->unchanged + ret->refused == ret->rows);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        ImportReport whole = {0}, pieces = {0};
        Error e1 = {""}, e2 = {""};

        if (size < 1)
                return 0;
        if (n_inputs++ % FRESH == 0)
                catalog_drop();
        const char *file = (const char *) data + 1;
        int r = import(file, size - 1, size, &whole, &e1);
        char *first = told.data ? strdup(told.data) : NULL;
        FUZZ_CHECK(import(file, size - 1, (size_t) data[0] % 64 + 1, &pieces, &e2) == r);
        FUZZ_CHECK(!first == !told.data && (!first || strcmp(first, told.data) == 0));
        free(first);
        if (r < 0) {
                FUZZ_CHECK(strcmp(e1.text, e2.text) == 0);
                return 0;
        }
        FUZZ_CHECK(pieces.rows == whole.rows && pieces.refused == whole.refused &&
                   pieces.warned == whole.warned);
        FUZZ_CHECK(pieces.added == 0 && pieces.generation == whole.generation);
        return 0;
}
