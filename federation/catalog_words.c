/* SPDX-License-Identifier: MIT */
/* Words, packed: blocks of records of one length in letters, those of most books first.
 *
 * A record: the set of its letters (32 bits, letters modulo 32), in how many books it is (32 bits), its size in bytes, its bytes. One
 * letter more, less or another changes at most two bits of the set, so that nearly all words need not be read. */
#include "federation/catalog_words.h"

#include "base/text.h"

#define BLOCK_SIZE   (60 * 1024)
#define BLOCKS_OF    1000000 /* a block's id: its letters times this, and its number */
#define RECORD_HEAD  9
#define DISTANCE_MAX 2
#define LETTERS_FAR  6                  /* from so many letters on two changes are allowed */
#define BYTES_MAX    (32 * 1024 * 1024) /* looked at for one word */

static size_t letters_of(const char *s, size_t size, uint32_t *ret, size_t most)
{
        size_t n = 0;

        for (size_t i = 0, k; i < size && n < most; i += k) {
                uint32_t c = (uint8_t) s[i];
                k = utf8_size(s + i, size - i, &c);
                k = k > 0 ? k : 1;
                ret[n++] = c;
        }
        return n;
}

static uint32_t set_of(const uint32_t *letters, size_t n)
{
        uint32_t set = 0;

        for (size_t i = 0; i < n; i++)
                set |= UINT32_C(1) << (letters[i] & 31);
        return set;
}

unsigned word_distance(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b, unsigned limit,
                       bool prefix)
{
        unsigned rows[3][WORD_LETTERS_MAX + DISTANCE_MAX + 2];

        assert(limit <= DISTANCE_MAX);

        if (prefix)
                n_b = MIN(n_b, n_a + limit);
        if (n_a > WORD_LETTERS_MAX || n_b > WORD_LETTERS_MAX + DISTANCE_MAX ||
            (n_a > n_b ? n_a - n_b : n_b - n_a) > limit)
                return limit + 1;
        for (size_t j = 0; j <= n_b; j++)
                rows[0][j] = (unsigned) j;
        for (size_t i = 1; i <= n_a; i++) {
                unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3], least;

                row[0] = least = (unsigned) i;
                for (size_t j = 1; j <= n_b; j++) {
                        unsigned d = up[j - 1] + (a[i - 1] != b[j - 1]);
                        d = MIN(d, up[j] + 1);
                        d = MIN(d, row[j - 1] + 1);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                d = MIN(d, up2[j - 2] + 1);
                        row[j] = d;
                        least = MIN(least, d);
                }
                if (least > limit)
                        return limit + 1;
        }
        const unsigned *last = rows[n_a % 3];
        unsigned d = last[n_b];
        for (size_t j = 0; prefix && j < n_b; j++)
                d = MIN(d, last[j]);
        return MIN(d, limit + 1);
}

/* Packing */

typedef struct Block {
        unsigned letters, number;
        size_t size;
        uint8_t data[BLOCK_SIZE];
} Block;

static int block_write(sqlite3 *db, Block *b, Error *e)
{
        if (b->size == 0)
                return 0;
        int r = db_run(db, e, "INSERT INTO word_block VALUES (?, ?)", "ib",
                       (int64_t) b->letters * BLOCKS_OF + b->number, (const void *) b->data, b->size);
        b->number++;
        b->size = 0;
        return r;
}

static void put_32(uint8_t *to, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                to[i] = (uint8_t) (v >> 8 * i);
}

static uint32_t get_32(const uint8_t *from)
{
        return from[0] | (uint32_t) from[1] << 8 | (uint32_t) from[2] << 16 | (uint32_t) from[3] << 24;
}

static int block_add(sqlite3 *db, Block *b, const char *word, size_t size, int64_t books, Error *e)
{
        uint32_t letters[WORD_LETTERS_MAX];

        if (b->size + RECORD_HEAD + size > sizeof(b->data)) {
                int r = block_write(db, b, e);
                if (r < 0)
                        return r;
        }
        uint8_t *to = b->data + b->size;
        put_32(to, set_of(letters, letters_of(word, size, letters, WORD_LETTERS_MAX)));
        put_32(to + 4, (uint32_t) MIN(books, (int64_t) UINT32_MAX));
        to[8] = (uint8_t) size;
        memcpy(to + RECORD_HEAD, word, size);
        b->size += RECORD_HEAD + size;
        return 0;
}

int words_pack(sqlite3 *db, Error *e)
{
        _cleanup_stmt_ sqlite3_stmt *stmt = NULL;
        int r = db_exec(db, "DELETE FROM word_block", e);
        if (r < 0)
                return r;
        _cleanup_free_ Block *b = calloc(1, sizeof(*b));
        if (!b)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        r = db_prepare(db, &stmt, e,
                       "SELECT word, books, length(word) AS letters FROM word"
                       " WHERE books > 0 AND letters BETWEEN ? AND ? AND word NOT GLOB '[0-9]*'"
                       " ORDER BY letters, books DESC, word",
                       "ii", (int64_t) WORD_LETTERS_MIN, (int64_t) WORD_LETTERS_MAX);
        while (r == 0 && (r = db_step(stmt, e)) > 0) {
                const char *word = (const char *) sqlite3_column_text(stmt, 0);
                unsigned letters = (unsigned) sqlite3_column_int(stmt, 2);

                if (!word)
                        return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
                r = letters != b->letters ? block_write(db, b, e) : 0;
                if (letters != b->letters) {
                        b->letters = letters;
                        b->number = 0;
                }
                if (r == 0)
                        r = block_add(db, b, word, (size_t) sqlite3_column_bytes(stmt, 0),
                                      sqlite3_column_int64(stmt, 1), e);
        }
        return r == 0 ? block_write(db, b, e) : r;
}

/* Looking */

struct WordsNear {
        sqlite3_stmt *blocks;
};

int words_near_new(sqlite3 *db, WordsNear **ret, Error *e)
{
        _cleanup_(words_near_freep) WordsNear *n = calloc(1, sizeof(*n));

        if (!n)
                return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
        int r = db_prepare(db, &n->blocks, e,
                           "SELECT data FROM word_block WHERE id >= ? AND id < ? ORDER BY id", "nn");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(n);
        return 0;
}

WordsNear *words_near_free(WordsNear *n)
{
        if (!n)
                return NULL;
        sqlite3_finalize(n->blocks);
        free(n);
        return NULL;
}

typedef struct Look {
        const char *word;
        size_t size, n_letters;
        uint32_t letters[WORD_LETTERS_MAX + 1], set;
        unsigned limit;
        bool prefix;
        size_t bytes;
        NearWord *found;
        unsigned n_found;
} Look;

static bool is_nearer(unsigned distance, uint32_t books, const NearWord *than)
{
        return distance != than->distance ? distance < than->distance : books > than->books;
}

static void keep(Look *l, const char *word, size_t size, uint32_t first, unsigned distance, uint32_t books)
{
        unsigned at = l->n_found;

        while (at > 0 && is_nearer(distance, books, l->found + at - 1))
                at--;
        if (at == NEAR_MAX || size >= sizeof(l->found->text))
                return;
        l->n_found = MIN(l->n_found + 1, (unsigned) NEAR_MAX);
        memmove(l->found + at + 1, l->found + at, (l->n_found - at - 1) * sizeof(*l->found));
        NearWord *w = l->found + at;
        *w = (NearWord){.size = size, .distance = distance, .books = books, .prefix = l->prefix};
        memcpy(w->text, word, size);
        /* People seldom get the first letter wrong. */
        w->fit = 1 - 0.14 * distance - (first != l->letters[0] ? 0.06 : 0) - (l->prefix ? 0.1 : 0);
        if (l->n_found == NEAR_MAX) /* nothing farther off will be wanted */
                l->limit = l->found[NEAR_MAX - 1].distance;
}

static void look_at(Look *l, const uint8_t *data, size_t size)
{
        uint32_t letters[WORD_LETTERS_MAX];

        l->bytes += size;
        for (size_t i = 0; i + RECORD_HEAD <= size && i + RECORD_HEAD + data[i + 8] <= size;
             i += RECORD_HEAD + data[i + 8]) {
                uint32_t set = get_32(data + i);
                unsigned differ = (unsigned) __builtin_popcount(l->prefix ? l->set & ~set : l->set ^ set);
                if (differ > (l->prefix ? l->limit : 2 * l->limit))
                        continue;
                const char *word = (const char *) data + i + RECORD_HEAD;
                size_t n = letters_of(word, data[i + 8], letters, WORD_LETTERS_MAX);
                unsigned d = word_distance(l->letters, l->n_letters, letters, n, l->limit, l->prefix);
                if (d <= l->limit && !(data[i + 8] == l->size && memcmp(word, l->word, l->size) == 0))
                        keep(l, word, data[i + 8], letters[0], d, get_32(data + i + 4));
        }
}

static int look_through(WordsNear *n, Look *l, size_t least, size_t most, Error *e)
{
        int r;

        sqlite3_bind_int64(n->blocks, 1, (int64_t) least * BLOCKS_OF);
        sqlite3_bind_int64(n->blocks, 2, (int64_t) (most + 1) * BLOCKS_OF);
        while ((r = db_step(n->blocks, e)) > 0 && l->bytes < BYTES_MAX) {
                const uint8_t *data = sqlite3_column_blob(n->blocks, 0);
                if (data)
                        look_at(l, data, (size_t) sqlite3_column_bytes(n->blocks, 0));
        }
        sqlite3_reset(n->blocks);
        return MIN(r, 0);
}

int words_near(WordsNear *n, const char *word, size_t size, bool prefix, NearWord ret[static NEAR_MAX],
               unsigned *ret_n, Error *e)
{
        Look l = {.word = word, .size = size, .found = ret};

        assert(n);
        assert(word);
        assert(ret_n);

        *ret_n = 0;
        if (size == 0)
                return 0;
        l.n_letters = letters_of(word, size, l.letters, ELEMENTSOF(l.letters));
        if (l.n_letters < WORD_LETTERS_MIN || l.n_letters > WORD_LETTERS_MAX ||
            (*word >= '0' && *word <= '9'))
                return 0;
        l.set = set_of(l.letters, l.n_letters);
        l.limit = l.n_letters < LETTERS_FAR ? 1 : DISTANCE_MAX;
        int r = look_through(n, &l, l.n_letters - l.limit, l.n_letters + l.limit, e);
        if (r == 0 && prefix && l.n_found == 0 && l.n_letters > WORD_LETTERS_MIN) {
                l.prefix = true;
                l.limit = 1;
                r = look_through(n, &l, l.n_letters, WORD_LETTERS_MAX, e);
        }
        if (r == 0)
                *ret_n = l.n_found;
        return r;
}
