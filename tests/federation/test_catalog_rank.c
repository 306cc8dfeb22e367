/* SPDX-License-Identifier: MIT */
/* federation/catalog_rank.c: which of two books fits a question better. */
#include "tests/test.h"

#include "federation/catalog_rank.h"

/* Words between spaces; `|` in front of one: from here on it is subtitle or series. */
static unsigned cut(const char *text, RankToken *tokens)
{
        unsigned n = 0;
        bool aside = false;

        while (*text) {
                size_t size = strcspn(text, " ");
                if (*text == '|') {
                        aside = true;
                        text++;
                        size--;
                }
                if (size > 0) {
                        tokens[n] = (RankToken){text, size, n, aside};
                        n++;
                }
                text += size + strspn(text + size, " ");
        }
        return n;
}

/* The last word ends in `*` when it may go on. All words weigh the same. */
static RankQuestion asked(const char *text)
{
        RankToken tokens[RANK_TOKENS_MAX];
        RankQuestion q = {.n_words = cut(text, tokens)};

        for (unsigned i = 0; i < q.n_words; i++) {
                size_t size = tokens[i].size;
                bool prefix = tokens[i].text[size - 1] == '*';
                q.weight[i] = 1.0 / q.n_words;
                q.article[i] = rank_is_article(tokens[i].text, size - prefix);
                q.forms[q.n_forms++] = (RankForm){tokens[i].text, size - prefix, i, 1, prefix};
        }
        return q;
}

static double score(const char *question, const char *title, const char *author)
{
        const RankQuestion q = asked(question);
        static RankBook b;
        double match;

        b.n_title = cut(title, b.title);
        b.n_author = cut(author, b.author);
        b.n_about = 0;
        b.subtitled = strstr(title, "|:");
        return rank_score(&q, &b, &match);
}

TEST(an_exact_title_is_before_whatever_else_fits)
{
        CHECK(score("emma", "emma", "jane austen") >= RANK_EXACT);
        CHECK(score("emma", "emma in love", "emma thompson") < RANK_EXACT);
        CHECK(rank_with_popularity(score("emma", "emma in love", "emma thompson"), 1000, 1000) <
              rank_with_popularity(score("emma", "emma", "jane austen"), 0, 1000));
        CHECK(score("dracula", "dracula stories", "dracula") < RANK_EXACT);
}

TEST(an_article_more_or_less_is_the_same_title)
{
        CHECK(score("republic", "the republic", "plato") >= RANK_EXACT);
        CHECK(score("the republic", "the republic", "plato") >= RANK_EXACT);
        CHECK(score("a hamlet", "hamlet", "william shakespeare") >= RANK_EXACT);
        CHECK(score("assommoir", "l assommoir", "emile zola") >= RANK_EXACT);
}

TEST(a_title_is_exact_with_its_author_on_either_side)
{
        CHECK(score("emma jane austen", "emma", "jane austen") >= RANK_EXACT);
        CHECK(score("austen emma", "emma", "jane austen") >= RANK_EXACT);
        CHECK(score("emma jane bronte", "emma", "jane austen") < RANK_EXACT);
}

TEST(a_title_is_exact_before_its_subtitle_and_a_little_more_with_it)
{
        CHECK(score("frankenstein", "frankenstein |or |the |modern |prometheus", "mary shelley") >=
              RANK_EXACT);
        CHECK(score("faust", "faust", "x") > score("faust", "faust |der |tragodie", "x"));
        CHECK(score("prometheus", "frankenstein |or |the |modern |prometheus", "mary shelley") < RANK_EXACT);
}

TEST(what_covers_more_of_the_title_is_before_what_covers_less)
{
        CHECK(score("secret", "the secret garden", "x") >
              score("secret", "the secret history of the mongol court", "x"));
        CHECK(score("war", "art of war", "x") > score("war", "art of peace", "x"));
}

TEST(a_whole_word_is_before_one_that_merely_begins_so)
{
        CHECK(score("kim*", "kim in india", "x") > score("kim*", "kimono in india", "x"));
        CHECK(score("kim*", "kimono in india", "x") > score("kim*", "tea in india", "x"));
        CHECK(score("kim", "kimono in india", "x") == score("kim", "banana in india", "x"));
}

TEST(words_that_stand_together_are_before_words_that_do_not)
{
        CHECK(score("red house", "the red house mystery", "x") >
              score("red house", "the house red mystery", "x"));
}

TEST(popularity_breaks_ties_and_lifts_nothing_over_an_exact_title)
{
        CHECK(rank_with_popularity(0.5, 1000, 1000) > rank_with_popularity(0.5, 0, 1000));
        CHECK(rank_with_popularity(RANK_EXACT, 1000, 1000) > rank_with_popularity(RANK_EXACT, 0, 1000));
        CHECK(rank_with_popularity(score("red house", "red house mystery", "red house"), 1000, 1000) <
              RANK_EXACT);
        CHECK(rank_with_popularity(1, 1000, 1000) >= 1);
}

TEST(scores_are_between_0_and_1)
{
        static const char *const texts[] = {"", "a", "the", "a b", "a b c d e f g h", "|a |b", "b a"};

        for (size_t i = 1; i < ELEMENTSOF(texts); i++)
                for (size_t k = 0; k < ELEMENTSOF(texts); k++)
                        for (size_t l = 0; l < ELEMENTSOF(texts); l++) {
                                if (*texts[i] == '|')
                                        continue;
                                double s = score(texts[i], texts[k], texts[l]);
                                CHECK(s >= 0 && rank_with_popularity(s, 1000, 1000) <= 1 + 1e-9);
                        }
}

TEST(finds_where_a_subtitle_begins)
{
        CHECK_INT(rank_title_end("Dune"), 4);
        CHECK_INT(rank_title_end("Dune: A Novel"), 4);
        CHECK_INT(rank_title_end("Ozma of Oz (Oz, #3)"), 11);
        CHECK_INT(rank_title_end("2:30"), 4);
        CHECK_INT(rank_title_end("(sic)"), 5);
        CHECK_INT(rank_title_end(""), 0);
}

TEST(rare_words_weigh_more)
{
        CHECK(rank_weight(0, 1e6) > rank_weight(10, 1e6));
        CHECK(rank_weight(10, 1e6) > rank_weight(1e5, 1e6));
        CHECK(rank_weight(1e6, 1e6) > 0);
        CHECK(rank_weight(5, 0) > 0);
}

MAIN()
