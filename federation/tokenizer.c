/* SPDX-License-Identifier: MIT */
/* What a word is: unicode61 finds and folds, this file cuts, joins and folds further. */
#include "federation/tokenizer.h"

#include "base/text.h"

#include <utf8proc.h>

/* Characters that unicode61 is told to leave inside words, for us to judge. Marks (Mn, Mc) belong to words in the scripts of
 * India and South-East Asia. */
#define APOSTROPHES "'\u2019\u2018\u02bc\u00b4`\uff07"
static const char *const unicode61_options[] = {"remove_diacritics", "2",          "categories",
                                                "L* N* Co Mn Mc",    "tokenchars", APOSTROPHES "+#"};

#define WORD_MAX     256 /* bytes; longer ones are cut */
#define INITIALS_MAX 8

struct Tokenizer {
        fts5_tokenizer base;
        Fts5Tokenizer *instance;
};

typedef struct Run {
        TokenizerFn fn;
        void *userdata;
        bool question;
        int r;
        char initials[INITIALS_MAX]; /* a row of single letters */
        unsigned n_initials;
        size_t initials_start, initials_end;
} Run;

static bool emit(Run *run, const char *word, size_t size, bool beside, size_t start, size_t end)
{
        const TokenizerWord w = {word, size, beside, start, end};

        if (size > 0 && run->r == 0)
                run->r = run->fn(&w, run->userdata);
        return run->r == 0;
}

/* J. R. R.: the row's letters are words already; joined they stand in the last one's place. */
static bool end_initials(Run *run)
{
        unsigned n = run->n_initials;

        run->n_initials = 0;
        return n < 2 || run->question ||
               emit(run, run->initials, n, true, run->initials_start, run->initials_end);
}

static bool emit_word(Run *run, const char *word, size_t size, size_t start, size_t end)
{
        bool initial = size == 1 && *word >= 'a' && *word <= 'z';

        if (run->n_initials > 0 &&
            (!initial || run->n_initials == INITIALS_MAX || start > run->initials_end + 2) &&
            !end_initials(run))
                return false;
        if (!emit(run, word, size, false, start, end))
                return false;
        if (initial) {
                if (run->n_initials == 0)
                        run->initials_start = start;
                run->initials[run->n_initials++] = *word;
                run->initials_end = end;
        }
        return true;
}

static bool is_apostrophe(uint32_t c)
{
        return c == '\'' || c == 0x2019 || c == 0x2018 || c == 0x2bc || c == 0xb4 || c == '`' || c == 0xff07;
}

/* Written without spaces: each character is a word. */
static bool is_ideograph(uint32_t c)
{
        return (c >= 0x3005 && c <= 0x3007) || (c >= 0x3040 && c <= 0x30ff) || (c >= 0x31f0 && c <= 0x31ff) ||
               (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) ||
               (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff66 && c <= 0xff9d) || (c >= 0x20000 && c <= 0x3ffff);
}

/* Marks that are left out when people type: combining accents, the points of Hebrew and Arabic, variation selectors. */
static bool is_optional_mark(uint32_t c)
{
        return (c >= 0x300 && c <= 0x36f) || (c >= 0x591 && c <= 0x5c7) || (c >= 0x610 && c <= 0x61a) ||
               c == 0x640 || (c >= 0x64b && c <= 0x65f) || c == 0x670 || (c >= 0xfe00 && c <= 0xfe0f);
}

/* Letters that have no decomposition, as they are typed without their own key. NULL: stays as it is. */
static const char *typed_as(uint32_t c)
{
        static const struct {
                uint32_t c;
                const char *as;
        } table[] = {{0xdf, "ss"},  {0xe6, "ae"}, {0xf0, "d"},  {0xf8, "o"},   {0xfe, "th"},
                     {0x111, "d"},  {0x127, "h"}, {0x131, "i"}, {0x142, "l"},  {0x14b, "ng"},
                     {0x153, "oe"}, {0x167, "t"}, {0x180, "b"}, {0x1e9e, "ss"}};

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].c == c)
                        return table[i].as;
        return NULL;
}

typedef struct Piece {
        char joined[WORD_MAX]; /* without apostrophes */
        size_t size;
        size_t parts[8]; /* where each part begins in joined */
        unsigned n_parts;
        bool boundary; /* an apostrophe came: the next character begins a part */
        size_t signs;  /* + and # at its end */
} Piece;

static bool flush_piece(Run *run, Piece *p, size_t start, size_t end)
{
        size_t word = p->size - p->signs;
        /* "c++" and "c#" are names; "#1", "rock+roll+" and the like are not */
        bool name = p->signs > 0 && p->signs <= 2 && word > 0 && word <= 2;
        size_t whole = name ? p->size : word;

        if (whole > 0 && !emit_word(run, p->joined, whole, start, end))
                return false;
        if (!run->question && name && !emit(run, p->joined, word, true, start, end))
                return false;
        for (unsigned i = 0; !run->question && !name && p->n_parts > 1 && i < p->n_parts; i++) {
                size_t from = p->parts[i], to = i + 1 < p->n_parts ? p->parts[i + 1] : word;
                if (from < to && !emit(run, p->joined + from, to - from, true, start, end))
                        return false;
        }
        *p = (Piece){.size = 0};
        return true;
}

static void piece_add(Piece *p, const char *s, size_t size)
{
        if (p->size + size > sizeof(p->joined))
                return;
        if ((p->size == 0 || p->boundary) && p->n_parts < ELEMENTSOF(p->parts))
                p->parts[p->n_parts++] = p->size;
        p->boundary = false;
        memcpy(p->joined + p->size, s, size);
        p->size += size;
}

static bool is_plain_ascii(const char *s, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9')))
                        return false;
        return true;
}

/* Greek, Cyrillic and Arabic letters without what stands above and below them, which unicode61 leaves: ά, ἰ, ё, أ. */
static void add_base(Piece *p, uint32_t c, const char *s, size_t size)
{
        utf8proc_int32_t parts[8];
        utf8proc_uint8_t letter[4];
        int boundclass = 0;

        if (!((c >= 0x370 && c <= 0x45f) || (c >= 0x620 && c <= 0x6d3) || (c >= 0x1f00 && c <= 0x1fff))) {
                piece_add(p, s, size);
                return;
        }
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t) c, parts, ELEMENTSOF(parts),
                                                     UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, &boundclass);
        if (n < 1 || n > (utf8proc_ssize_t) ELEMENTSOF(parts)) {
                piece_add(p, s, size);
                return;
        }
        size_t written = (size_t) utf8proc_encode_char(parts[0], letter);
        piece_add(p, (const char *) letter, written);
}

/* One character of a word with something in it that is judged here. */
static bool take_character(Run *run, Piece *p, uint32_t c, const char *s, size_t size, size_t start,
                           size_t end)
{
        const char *as;

        if (is_apostrophe(c)) {
                p->boundary = true;
                return true;
        }
        if (c == '+' || c == '#') {
                if (p->size > 0) { /* in front of a word it means nothing */
                        bool boundary = p->boundary;
                        piece_add(p, s, size);
                        p->boundary = boundary;
                        p->signs++;
                }
                return true;
        }
        if (is_optional_mark(c))
                return true;
        if (p->signs > 0 && !flush_piece(run, p, start, end))
                return false;
        if (is_ideograph(c))
                return flush_piece(run, p, start, end) && emit_word(run, s, size, start, end);
        if (c >= 0xff10 && c <= 0xff5a) { /* full width */
                char ascii = (char) (c - 0xfee0);
                if (ascii >= 'A' && ascii <= 'Z')
                        ascii = (char) (ascii + ('a' - 'A'));
                piece_add(p, &ascii, 1);
        } else if ((as = typed_as(c)))
                piece_add(p, as, strlen(as));
        else
                add_base(p, c, s, size);
        return true;
}

static int on_token(void *userdata, int flags, const char *token, int token_size, int start, int end)
{
        Run *run = userdata;
        size_t size = (size_t) token_size;

        if (size <= WORD_MAX && is_plain_ascii(token, size))
                return emit_word(run, token, size, (size_t) start, (size_t) end) ? SQLITE_OK : SQLITE_ABORT;
        Piece p = {.size = 0};
        uint32_t c = 0;
        for (size_t i = 0, n; i < size; i += n) {
                n = utf8_size(token + i, size - i, &c);
                if (n == 0)
                        n = 1;
                else if (!take_character(run, &p, c, token + i, n, (size_t) start, (size_t) end))
                        return SQLITE_ABORT;
        }
        return flush_piece(run, &p, (size_t) start, (size_t) end) ? SQLITE_OK : SQLITE_ABORT;
}

/* ASCII: of a word, as it stands there; 0 for what does nothing but separate; 1 for what is judged elsewhere. */
static char simple(char c)
{
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
                return c;
        if (c >= 'A' && c <= 'Z')
                return (char) (c + ('a' - 'A'));
        return (c & 0x80) || c == '\'' || c == '`' || c == '+' || c == '#';
}

/* Most titles are. */
static bool is_simple(const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (simple(text[i]) == 1)
                        return false;
        return true;
}

/* What unicode61 and on_token() would make of it, at a fifth of the time: a search looks at the words of a hundred books. */
static void tokenize_simple(Run *run, const char *text, size_t size)
{
        char word[WORD_MAX];

        for (size_t i = 0, start; i < size; i++) {
                size_t n = 0;

                for (start = i; i < size && simple(text[i]); i++)
                        if (n < sizeof(word))
                                word[n++] = simple(text[i]);
                if (n > 0 && !emit_word(run, word, n, start, i))
                        return;
        }
}

static int tokenize(Tokenizer *t, Run *run, const char *text, int size)
{
        if (is_simple(text, (size_t) size)) {
                tokenize_simple(run, text, (size_t) size);
                if (run->r == 0)
                        (void) end_initials(run);
                return run->r;
        }
        int code = t->base.xTokenize(t->instance, run,
                                     run->question ? FTS5_TOKENIZE_QUERY : FTS5_TOKENIZE_DOCUMENT, text, size,
                                     on_token);
        if (run->r == 0 && code == SQLITE_OK)
                (void) end_initials(run);
        if (run->r != 0)
                return run->r;
        return code == SQLITE_OK ? 0 : -ENOMEM;
}

int tokenizer_words(Tokenizer *t, bool question, const char *text, size_t size, TokenizerFn fn,
                    void *userdata)
{
        Run run = {.fn = fn, .userdata = userdata, .question = question};

        assert(t);
        assert(text || size == 0);
        assert(fn);
        assert(size <= INT32_MAX);

        return tokenize(t, &run, text ? text : "", (int) size);
}

static int add_to_key(const TokenizerWord *w, void *userdata)
{
        text_add_bytes(userdata, w->word, w->size);
        return 0;
}

char *tokenizer_key(Tokenizer *t, const char *text)
{
        _cleanup_text_ Text key = {0};
        char *ret = NULL;

        assert(text);

        if (tokenizer_words(t, true, text, strlen(text), add_to_key, &key) < 0)
                return NULL;
        return text_take(&key, &ret) == 0 ? ret : NULL;
}

/* Inside FTS5 (https://www.sqlite.org/fts5.html, 7) */

static int api_get(sqlite3 *db, fts5_api **ret)
{
        sqlite3_stmt *stmt = NULL;
        fts5_api *api = NULL;

        int code = sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_bind_pointer(stmt, 1, (void *) &api, "fts5_api_ptr", NULL);
        if (code == SQLITE_OK)
                (void) sqlite3_step(stmt);
        int end = sqlite3_finalize(stmt);
        if (code == SQLITE_OK)
                code = end;
        *ret = api;
        return code == SQLITE_OK && !api ? SQLITE_ERROR : code;
}

static int create(void *userdata, const char **arguments, int n, Fts5Tokenizer **ret)
{
        const char *options[ELEMENTSOF(unicode61_options)];
        fts5_api *api = userdata;
        void *base_data = NULL;

        Tokenizer *t = calloc(1, sizeof(*t));
        if (!t)
                return SQLITE_NOMEM;
        memcpy(options, unicode61_options, sizeof(options));
        int code = api->xFindTokenizer(api, "unicode61", &base_data, &t->base);
        if (code == SQLITE_OK)
                code = t->base.xCreate(base_data, options, ELEMENTSOF(options), &t->instance);
        if (code != SQLITE_OK) {
                free(t);
                return code;
        }
        *ret = (Fts5Tokenizer *) t;
        return SQLITE_OK;
}

Tokenizer *tokenizer_free(Tokenizer *t)
{
        if (!t)
                return NULL;
        t->base.xDelete(t->instance);
        free(t);
        return NULL;
}

static void destroy(Fts5Tokenizer *t)
{
        tokenizer_free((Tokenizer *) t);
}

typedef struct Inside {
        int (*token)(void *, int, const char *, int, int, int);
        void *userdata;
} Inside;

/* SQLite's codes are positive: they pass through as they are. */
static int hand_over(const TokenizerWord *w, void *userdata)
{
        Inside *inside = userdata;
        return inside->token(inside->userdata, w->beside ? FTS5_TOKEN_COLOCATED : 0, w->word, (int) w->size,
                             (int) w->start, (int) w->end);
}

static int inside_tokenize(Fts5Tokenizer *tokenizer, void *userdata, int flags, const char *text, int size,
                           int (*token)(void *, int, const char *, int, int, int))
{
        Inside inside = {token, userdata};
        int r = tokenizer_words((Tokenizer *) tokenizer, (flags & FTS5_TOKENIZE_QUERY) != 0, text,
                                (size_t) size, hand_over, &inside);
        return r == -ENOMEM ? SQLITE_NOMEM : r;
}

int tokenizer_register(sqlite3 *db, Error *e)
{
        static fts5_tokenizer shop = {create, destroy, inside_tokenize};
        fts5_api *api;

        assert(db);

        int code = api_get(db, &api);
        if (code == SQLITE_OK)
                code = api->xCreateTokenizer(api, "shop", api, &shop, NULL);
        if (code == SQLITE_NOMEM)
                return error_set(e, -ENOMEM, "out of memory");
        return code == SQLITE_OK ? 0 : error_set(e, -EOPNOTSUPP, "this SQLite has no FTS5");
}

int tokenizer_new(sqlite3 *db, Tokenizer **ret)
{
        fts5_api *api;
        Fts5Tokenizer *t = NULL;

        assert(db);
        assert(ret);

        int code = api_get(db, &api);
        if (code == SQLITE_OK)
                code = create(api, NULL, 0, &t);
        if (code != SQLITE_OK)
                return code == SQLITE_NOMEM ? -ENOMEM : -EOPNOTSUPP;
        *ret = (Tokenizer *) t;
        return 0;
}
