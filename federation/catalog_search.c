/* SPDX-License-Identifier: MIT */
/* A search, step by step: all words; words near to those that nobody knows; the words that are known; any two of them. The first
 * step that finds something ends it. */
#include "federation/catalog_search.h"

#include "federation/catalog.h"

#define TITLES_MAX     100 /* books of one title in the window, beyond those that are popular */
#define SOME_WORDS     4   /* the rarest, when no book has all */
#define SOME_MAX       100 /* books that have two of them */
#define SOME_SHARE     0.7 /* of the best score, or it is left out */
#define RELEVANCE_REST 0.2 /* what is behind the window has less, what is in it more */
#define ENOUGH_SHARE   0.4 /* of the question, by weight */
#define RARE           0.6 /* of what a word weighs that no book has */
#define ALL_WORDS      UINT32_MAX

typedef struct Search {
        CatalogDb *db;
        const Question *question;
        Match match;
        double books;
        Ranks found, described; /* described: by their description only */
        Window window;
        bool corrected, by_isbn;
} Search;

static void search_clear(Search *s)
{
        match_clear(&s->match);
        ranks_clear(&s->found);
        ranks_clear(&s->described);
        window_clear(&s->window);
}

static int no_memory(Error *e)
{
        return error_set(e, -ENOMEM, "%s", error_words(ENOMEM));
}

static int add_found(Search *s, uint32_t words, unsigned how, size_t most, Ranks *ret, Error *e)
{
        _cleanup_text_ Text t = {0};

        match_print(&s->match, &t, words, how);
        return t.failed ? no_memory(e) : find_books(s->db, s->question, t.data, most, ret, e);
}

static int find_all(Search *s, Error *e)
{
        _cleanup_text_ Text t = {0};

        int r = add_found(s, ALL_WORDS, MATCH_BEGUN, FOUND_MAX, &s->found, e);
        if (r < 0 || s->found.n >= FOUND_MAX)
                return r;
        s->found.more |= s->match.words[s->match.n_words - 1].more;
        match_print(&s->match, &t, ALL_WORDS, 0);
        if (t.failed)
                return no_memory(e);
        return find_described(s->db, s->question, t.data, FOUND_MAX - s->found.n, &s->found, &s->described,
                              e);
}

/* Say these words enough of what was asked? Who asks for "cien años de soledad" is not served with "de". */
static bool is_enough(const Search *s, const RankQuestion *rank, uint32_t words)
{
        double sum = 0, rare = RARE * rank_weight(0, s->books);
        bool any_rare = false;

        for (unsigned i = 0; i < rank->n_words; i++)
                if (words & UINT32_C(1) << i) {
                        const MatchWord *w = s->match.words + i;
                        sum += rank->weight[i];
                        any_rare |= rank_weight((double) (w->n_near > 0 ? w->near[0].books : w->books),
                                                s->books) >= rare;
                }
        return any_rare || sum >= ENOUGH_SHARE;
}

static int find_corrected(Search *s, Error *e)
{
        RankQuestion rank;
        unsigned near = 0;
        uint32_t known = 0;

        int r = match_correct(s->db, &s->match, s->books, &near, e);
        if (r == 0 && near > 0)
                r = add_found(s, ALL_WORDS, MATCH_BEGUN | MATCH_NEAR, FOUND_MAX, &s->found, e);
        if (r < 0 || s->found.n > 0) {
                s->corrected = s->found.n > 0;
                return r;
        }
        for (unsigned i = 0; i < s->match.n_words; i++)
                if (match_knows(s->match.words + i))
                        known |= UINT32_C(1) << i;
        match_rank(&s->match, s->books, &rank);
        if (known == (UINT32_C(1) << s->match.n_words) - 1 || !is_enough(s, &rank, known))
                return 0;
        return add_found(s, known, MATCH_BEGUN, FOUND_MAX, &s->found, e);
}

typedef struct Weighed {
        unsigned word;
        double weight;
} Weighed;

static int compare_weights(const void *a, const void *b)
{
        const Weighed *x = a, *y = b;

        if (x->weight != y->weight)
                return x->weight > y->weight ? -1 : 1;
        return (x->word > y->word) - (x->word < y->word);
}

static unsigned rarest(const Search *s, const RankQuestion *rank, Weighed ret[static RANK_WORDS_MAX])
{
        unsigned n = 0;

        for (unsigned i = 0; i < s->match.n_words; i++)
                if (match_knows(s->match.words + i) || s->match.words[i].n_near > 0)
                        ret[n++] = (Weighed){i, rank->weight[i]};
        qsort(ret, n, sizeof(*ret), compare_weights);
        return MIN(n, (unsigned) SOME_WORDS);
}

/* Nobody has all of them: who has two, or at least one that is rare? */
static int find_some(Search *s, const RankQuestion *rank, Error *e)
{
        const unsigned how = MATCH_BEGUN | MATCH_NEAR;
        Weighed words[RANK_WORDS_MAX];
        bool more = false;
        int r = 0;

        unsigned n = rarest(s, rank, words);
        for (unsigned i = 0; i < n && r == 0; i++)
                for (unsigned k = i + 1; k < n && r == 0; k++) {
                        uint32_t two = UINT32_C(1) << words[i].word | UINT32_C(1) << words[k].word;
                        if (!is_enough(s, rank, two))
                                continue;
                        r = add_found(s, two, how, SOME_MAX, &s->found, e);
                        more |= s->found.more;
                }
        size_t in_pairs = s->found.n;
        for (unsigned i = 0; i < MIN(n, 3u) && r == 0 && in_pairs == 0; i++)
                if (is_enough(s, rank, UINT32_C(1) << words[i].word))
                        r = add_found(s, UINT32_C(1) << words[i].word, how, SOME_MAX, &s->found, e);
        if (r < 0)
                return r;
        ranks_sort(&s->found);
        s->found.more |= more || s->found.n > WINDOW_MAX;
        s->found.n = MIN(s->found.n, (size_t) WINDOW_MAX);
        r = window_make(s->db, rank, &s->found, &s->window, e);
        if (r < 0)
                return r;
        window_cut(&s->window, SOME_SHARE);
        s->found.n = s->window.n;
        if (s->window.n > 0)
                memcpy(s->found.list, s->window.ranks, s->window.n * sizeof(*s->found.list));
        return 0;
}

/* The most popular ones, those of this very title, and those that have the last word as it was typed. */
static int window_choose(Search *s, Ranks *ret, Error *e)
{
        const Match *m = &s->match;
        const MatchWord *last = m->words + m->n_words - 1;
        _cleanup_text_ Text title = {0};

        int r = match_print_title(s->db, m, s->question->text, &title);
        if (r < 0 || title.failed)
                return no_memory(e);
        r = find_books(s->db, s->question, title.data, TITLES_MAX, ret, e);
        if (r == 0 && last->begun && last->books > 0 && !s->corrected)
                r = add_found(s, ALL_WORDS, 0, WINDOW_FIRST, ret, e);
        if (r < 0)
                return r;
        size_t first = MIN(s->found.n, (size_t) WINDOW_FIRST);
        int64_t *list = reallocarray(ret->list, ret->n + first, sizeof(*list));
        if (!list)
                return no_memory(e);
        ret->list = list;
        ret->capacity = ret->n + first;
        memcpy(list + ret->n, s->found.list, first * sizeof(*list));
        ret->n += first;
        ranks_sort(ret);
        return 0;
}

static int window_open(Search *s, const RankQuestion *rank, Error *e)
{
        _cleanup_ranks_ Ranks chosen = {0};

        if (s->found.n <= WINDOW_FIRST)
                return window_make(s->db, rank, &s->found, &s->window, e);
        int r = window_choose(s, &chosen, e);
        return r < 0 ? r : window_make(s->db, rank, &chosen, &s->window, e);
}

static int add_listing(Search *s, int64_t rank, double relevance, CatalogRows *ret, Error *e)
{
        sqlite3_stmt *stmt = s->db->search->listing;

        sqlite3_bind_int64(stmt, 1, rank);
        int r = db_step(stmt, e);
        if (r > 0 && (r = catalog_rows_add(ret, stmt, 0, relevance)) < 0)
                no_memory(e);
        sqlite3_reset(stmt);
        return r;
}

static double relevance_behind(size_t at)
{
        return RELEVANCE_REST * WINDOW_FIRST / (WINDOW_FIRST + (double) at);
}

/* The window, the others that were found, those that are described so: which of them are on the page. */
static int fill_page(Search *s, CatalogRows *ret, Error *e)
{
        const Ranks *rest[] = {&s->found, &s->described};
        size_t from = s->question->offset, end = from + s->question->limit, at = s->window.n, behind = 0;
        int r = 0;

        for (size_t i = from; i < MIN(end, s->window.n) && r == 0; i++)
                r = add_listing(s, s->window.books[i].rank,
                                RELEVANCE_REST + (1 - RELEVANCE_REST) * s->window.books[i].score, ret, e);
        for (size_t k = 0; k < ELEMENTSOF(rest); k++)
                for (size_t i = 0; i < rest[k]->n && at < end && r == 0; i++) {
                        int64_t rank = rest[k]->list[i];

                        while (k == 0 && behind < s->window.n && s->window.ranks[behind] < rank)
                                behind++;
                        if (k == 0 && behind < s->window.n && s->window.ranks[behind] == rank)
                                continue;
                        if (at >= from)
                                r = add_listing(s, rank, s->by_isbn ? 1 : relevance_behind(at), ret, e);
                        at++;
                }
        size_t total = s->found.n + s->described.n;
        ret->total_exact = !s->found.more && !s->described.more && total <= CATALOG_COUNT_MAX;
        ret->total = MIN(total, (size_t) CATALOG_COUNT_MAX);
        ret->corrected = s->corrected;
        return r;
}

static int search_isbn(Search *s, Error *e)
{
        char term[CATALOG_TERM_SIZE];
        _cleanup_text_ Text t = {0};

        int r = catalog_term(s->db, CATALOG_TERM_ISBN, s->match.isbn, term);
        if (r < 0)
                return no_memory(e);
        text_add(&t, "\"%s\"%s", term, s->match.filter.data ? s->match.filter.data : "");
        if (t.failed)
                return no_memory(e);
        r = find_books(s->db, s->question, t.data, FOUND_MAX, &s->found, e);
        s->by_isbn = s->found.n > 0;
        return r;
}

/* Would it find something in any category and language, at any price? Then its words are right, and what is near to them is
 * not what is meant. */
static int is_left_out(Search *s, bool *ret, Error *e)
{
        const Question *asked = s->question;
        Question bare = *asked;
        Text filter = s->match.filter;
        Ranks any = {0};
        int r = 0;

        if (filter.size > 0 || bare.min_price_micros >= 0 || bare.max_price_micros >= 0) {
                bare.min_price_micros = bare.max_price_micros = -1;
                s->question = &bare;
                s->match.filter = (Text){0};
                r = add_found(s, ALL_WORDS, MATCH_BEGUN, 1, &any, e);
                s->match.filter = filter;
                s->question = asked;
        }
        *ret = any.n > 0;
        ranks_clear(&any);
        return r;
}

static int search_words(Search *s, Error *e)
{
        RankQuestion rank;
        bool left_out = false;

        int r = find_words(s->db, &s->match, e);
        if (r == 0)
                r = find_all(s, e);
        if (r == 0 && s->found.n == 0)
                r = is_left_out(s, &left_out, e);
        if (r == 0 && s->found.n == 0 && !left_out)
                r = find_corrected(s, e);
        if (r < 0)
                return r;
        match_rank(&s->match, s->books, &rank);
        if (s->found.n == 0 && !left_out && s->described.n == 0 && s->match.n_words > 1)
                return find_some(s, &rank, e);
        return window_open(s, &rank, e);
}

static int search_run(Search *s, CatalogRows *ret, Error *e)
{
        int r = s->db->search ? 0 : catalog_search_new(s->db, &s->db->search, e);
        if (r == 0)
                r = find_count(s->db, &s->books, e);
        if (r < 0)
                return r;
        ret->total_exact = true;
        if (match_read(s->db, s->question, &s->match) < 0)
                return no_memory(e);
        if (s->match.isbn[0])
                r = search_isbn(s, e);
        if (r == 0 && s->found.n == 0 && s->match.n_words > 0)
                r = search_words(s, e);
        return r < 0 ? r : fill_page(s, ret, e);
}

int catalog_db_search(CatalogDb *c, const Question *q, CatalogRows *ret, Error *e)
{
        Search s = {.db = c, .question = q};

        assert(c);
        assert(q);
        assert(ret);

        int r = search_run(&s, ret, e);
        search_clear(&s);
        return r;
}
