/* SPDX-License-Identifier: MIT */
/* Titles as shops write them, taken apart: title, volume, subtitle, series, edition. docs/federation-search.md has the rule. */
#include "federation/work_private.h"

#define TITLE_LOOKED_AT 500 /* bytes */
#define WORDS_MAX       64

/* No "i": "I, Robot". */
static const char *const articles[] = {"the", "a",  "an",  "der", "die", "das", "ein", "eine",
                                       "le",  "la", "les", "un",  "une", "el",  "los", "las",
                                       "una", "il", "lo",  "gli", "het", "een", NULL};
static const char *const markers[] = {"vol",   "volume", "book",  "part",  "pt",   "band",
                                      "bd",    "teil",   "tome",  "tomo",  "tom",  "volumen",
                                      "parte", "partie", "livre", "libro", "deel", NULL};
static const char *const series_words[] = {"series",     "saga",    "trilogy", "cycle",
                                           "chronicles", "quartet", NULL};
/* What a subtitle says of every other book. */
static const char *const empty_subtitles[] = {
                "novel",     "a novel", "the novel", "memoir",        "a memoir",  "roman",      "ein roman",
                "stories",   "a story", "poems",     "short stories", "a romance", "a thriller", "a mystery",
                "a novella", "novela",  "romanzo",   "nonfiction",    "fiction",   "a fantasy",  NULL};
/* What makes another work of a title, wherever it stands behind it. */
static const char *const other_works[] = {"graphic",  "manga",     "comic",   "comics",      "screenplay",
                                          "libretto", "abridged",  "summary", "companion",   "boxset",
                                          "boxed",    "box",       "omnibus", "cliffsnotes", "sparknotes",
                                          "coloring", "colouring", NULL};
static const char *const editions[] = {"edition", "ausgabe", "edicion",     "edizione",
                                       "edicao",  "version", "translation", NULL};
static const char *const languages[] = {
                "english",   "french",   "german",    "spanish",   "italian",    "portuguese",
                "russian",   "chinese",  "japanese",  "korean",    "arabic",     "dutch",
                "polish",    "turkish",  "hindi",     "swedish",   "latin",      "greek",
                "hebrew",    "danish",   "norwegian", "finnish",   "czech",      "ukrainian",
                "bilingual", "deutsche", "englische", "francaise", "espanol",    "espanola",
                "inglesa",   "inglese",  "italiana",  "portugues", "portuguesa", NULL};

/* Behind a marker: digits, words to twelve, Roman numerals to twenty. 0: none. */
static unsigned number_of(const Word *w)
{
        static const char *const words[] = {"",      "one",   "two",  "three", "four",   "five",  "six",
                                            "seven", "eight", "nine", "ten",   "eleven", "twelve"};
        static const char *const roman[] = {"",    "i",    "ii",  "iii",  "iv",    "v",   "vi",
                                            "vii", "viii", "ix",  "x",    "xi",    "xii", "xiii",
                                            "xiv", "xv",   "xvi", "xvii", "xviii", "xix", "xx"};
        unsigned n = 0;

        for (unsigned i = 1; i < ELEMENTSOF(words); i++)
                if (word_is(w, words[i]))
                        return i;
        for (unsigned i = 1; i < ELEMENTSOF(roman); i++)
                if (word_is(w, roman[i]))
                        return i;
        for (size_t i = 0; i < w->size; i++) {
                if (w->s[i] < '0' || w->s[i] > '9' || w->size > 4)
                        return 0;
                n = n * 10 + (unsigned) (w->s[i] - '0');
        }
        return n;
}

static void add_words(Text *t, const Word *words, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (t->size > 0)
                        text_add_bytes(t, " ", 1);
                text_add_bytes(t, words[i].s, words[i].size);
        }
}

static size_t article_words(const Word *words, size_t n)
{
        return n > 1 && word_is_among(words, articles);
}

/* A raw title while it is taken apart. */
typedef struct Title {
        char raw[TITLE_LOOKED_AT * 2];     /* punctuation made plain */
        char outside[TITLE_LOOKED_AT * 2]; /* of parentheses; then up to the subtitle */
        char *subtitle;                    /* in outside; NULL: none */
        Text head;                         /* folded, without the article and the volume */
        unsigned volume, volume_end;       /* "#1-3"; 0: none */
        Text more;                         /* what makes another work of it */
} Title;

static bool begins(const char *s, const char *with)
{
        return strncmp(s, with, strlen(with)) == 0;
}

static bool is_plain(char c)
{
        return (uint8_t) c < 0x80 && c != '\'' && c != '&' && c != '<' && c != '[' && c != ']';
}

/* Full-width punctuation, apostrophes, ampersands and what is left of HTML, as in titles of ASCII. */
static void make_plain(const char *s, char *out, size_t size)
{
        static const struct {
                const char *from, *to;
        } table[] = {{"\xef\xbc\x88", "("},
                     {"\xef\xbc\x89", ")"},
                     {"\xef\xbc\x9a", ": "},
                     {"\xe2\x80\x99", ""},
                     {"\xe2\x80\x98", ""},
                     {"'", ""},
                     {"&amp;", " and "},
                     {"&#39;", ""},
                     {"&quot;", ""},
                     {"&", " and "},
                     {"<i>", ""},
                     {"</i>", ""},
                     {"<b>", ""},
                     {"</b>", ""},
                     {"<em>", ""},
                     {"</em>", ""},
                     {"\xe2\x80\x93", "-"},
                     {"\xe2\x80\x94", "-"},
                     {"[", "("},
                     {"]", ")"}};
        const char *end = s + utf8_cut(s, TITLE_LOOKED_AT);
        size_t n = 0;

        /* L'Étranger, and a letter behind it. */
        if ((*s == 'L' || *s == 'l') && (s[1] == '\'' || begins(s + 1, "\xe2\x80\x99")) && end - s > 6)
                s += s[1] == '\'' ? 2 : 4;
        while (s < end && n + 8 < size) {
                size_t i = 0, plain = 0;
                while (s + plain < end && n + plain + 8 < size && is_plain(s[plain]))
                        plain++;
                memcpy(out + n, s, plain);
                n += plain;
                s += plain;
                if (plain > 0)
                        continue;
                while (i < ELEMENTSOF(table) && !begins(s, table[i].from))
                        i++;
                if (i == ELEMENTSOF(table)) {
                        out[n++] = *s++;
                        continue;
                }
                memcpy(out + n, table[i].to, strlen(table[i].to));
                n += strlen(table[i].to);
                s += strlen(table[i].from);
        }
        out[n] = 0;
}

/* Where the subtitle begins, and how many bytes separate it; NULL: there is none. An alternative title (", or The Whale") is
 * none that anybody needs. */
static char *find_subtitle(char *s, size_t *ret_size, bool *ret_alternative)
{
        for (char *at = s + 1; *s && *(at += strcspn(at, ":;, ")); at++) {
                if ((*at == ':' && (at[1] == ' ' || !at[1])) || *at == ';' ||
                    (*at == ',' && (strncasecmp(at, ", or ", 5) == 0 || strncasecmp(at, ", or, ", 6) == 0)))
                        *ret_size = 1;
                else if (*at == ' ' && begins(at, " - "))
                        *ret_size = 3;
                else
                        continue;
                const char *behind = at + *ret_size;
                behind += strspn(behind, " ");
                *ret_alternative = (*at == ';' || *at == ',') && strncasecmp(behind, "or", 2) == 0 &&
                                   (behind[2] == ' ' || behind[2] == ',');
                return at;
        }
        return NULL;
}

static bool has_word(const Word *words, size_t n, const char *const list[])
{
        for (size_t i = 0; i < n; i++)
                if (word_is_among(words + i, list))
                        return true;
        return false;
}

static bool is_other_work(const Word *words, size_t n)
{
        return has_word(words, n, other_works) ||
               (has_word(words, n, languages) && has_word(words, n, editions));
}

/* "vol 2", "part two" at the end: how many words that are; the number goes to ret. */
static size_t volume_words(const Word *words, size_t n, unsigned *ret)
{
        if (n < 2 || !word_is_among(words + n - 2, markers))
                return 0;
        unsigned number = number_of(words + n - 1);
        if (number == 0)
                return 0;
        *ret = number;
        return 2;
}

static void read_head(Title *t)
{
        _unset_ char buffer[FOLDED_SHORT];
        _cleanup_text_ Text folded = text_in(buffer, sizeof buffer);
        _unset_ Word words[WORDS_MAX];
        const char *comma = strrchr(t->outside, ',');

        text_add_folded(&folded, t->outside, strlen(t->outside));
        size_t n = split_words(folded.data, words, WORDS_MAX), skip = article_words(words, n);
        if (skip == 0 && comma && n > 1 && word_is_among(words + n - 1, articles) &&
            strspn(comma + 1, " ") + words[n - 1].size == strlen(comma + 1))
                n--; /* "Hunger Games, The" */
        size_t behind = volume_words(words + skip, n - skip, &t->volume);
        if (behind < n - skip)
                n -= behind;
        else
                t->volume = 0; /* "Book One" is its name */
        add_words(&t->head, words + skip, n - skip);
        t->head.failed |= folded.failed;
}

/* Is the series called like the title? Then its number tells volumes apart: "Monster (Monster, #2)". */
static bool is_named_like(const Title *t, const Word *words, size_t n)
{
        _unset_ char buffer[FOLDED_SHORT];
        _cleanup_text_ Text series = text_in(buffer, sizeof buffer);
        size_t skip = article_words(words, n);

        while (n > skip + 1 && word_is_among(words + n - 1, series_words))
                n--;
        add_words(&series, words + skip, n - skip);
        return streq(series.data, t->head.data);
}

/* What stands in parentheses: a series with a number, a volume, an edition. */
static void read_parenthesis(Title *t, const char *s, size_t size)
{
        _unset_ char buffer[FOLDED_SHORT];
        _cleanup_text_ Text folded = text_in(buffer, sizeof buffer);
        _unset_ Word words[WORDS_MAX];
        unsigned number = 0, end = 0;
        size_t behind = 0;

        text_add_folded(&folded, s, size);
        t->head.failed |= folded.failed;
        size_t n = split_words(folded.data, words, WORDS_MAX);
        if (n == 0)
                return;
        if (memchr(s, '#', size)) {
                end = number_of(words + n - 1);
                behind = end > 0;
                number = behind && n > 1 ? number_of(words + n - 2) : 0;
                behind += number > 0;
                number = number > 0 ? number : end;
        } else {
                behind = volume_words(words, n, &number);
                end = number;
        }
        if (behind == 0 && is_other_work(words, n))
                add_words(&t->more, words, n);
        if (behind == 0 || t->volume > 0)
                return;
        if (n > behind && word_is_among(words + n - behind - 1, markers))
                behind++;
        bool whole = n == behind, like = is_named_like(t, words, n - behind);
        if (whole || (like && (number != 1 || end != 1))) {
                t->volume = number;
                t->volume_end = end;
        }
}

static void read_subtitle(Title *t, Text *subtitle)
{
        _unset_ char buffer[FOLDED_SHORT];
        _cleanup_text_ Text folded = text_in(buffer, sizeof buffer);
        _unset_ Word words[WORDS_MAX];
        size_t first = 0;

        text_add_folded(&folded, t->subtitle, strlen(t->subtitle));
        t->head.failed |= folded.failed;
        size_t n = split_words(folded.data, words, WORDS_MAX);
        if (n >= 2 && t->volume == 0 && word_is_among(words, markers) && number_of(words + 1) > 0 &&
            !(n > 2 && (word_is(words + 2, "of") || word_is(words + 2, "in")))) {
                t->volume = number_of(words + 1);
                first = 2;
        }
        if (is_other_work(words + first, n - first)) {
                add_words(&t->more, words + first, n - first);
                return;
        }
        if (n > first && word_is_among(words + n - 1, editions))
                return;
        size_t before = subtitle->size;
        add_words(subtitle, words + first, n - first);
        for (const char *const *s = empty_subtitles; subtitle->data && *s; s++)
                if (streq(subtitle->data + before, *s)) {
                        text_clear(subtitle);
                        return;
                }
}

/* The text outside of parentheses; all of it when there would be none. */
static void take_outside(Title *t)
{
        unsigned depth = 0;
        size_t n = strcspn(t->raw, "()");

        memcpy(t->outside, t->raw, n);
        for (const char *s = t->raw + n; *s; s++) {
                if (*s == '(')
                        depth++;
                else if (*s == ')' && depth > 0)
                        depth--;
                else if (depth == 0)
                        t->outside[n++] = *s;
        }
        while (n > 0 && t->outside[n - 1] == ' ')
                n--;
        t->outside[n] = 0;
        if (n == 0)
                memcpy(t->outside, t->raw, strlen(t->raw) + 1);
}

static void read_parentheses(Title *t)
{
        unsigned depth = 0;
        const char *begin = t->raw;

        for (const char *s = t->raw; *s; s++) {
                if (*s == '(' && depth++ == 0)
                        begin = s + 1;
                else if (*s == ')' && depth > 0 && --depth == 0)
                        read_parenthesis(t, begin, (size_t) (s - begin));
        }
        if (depth > 0)
                read_parenthesis(t, begin, strlen(begin));
}

void title_print(Text *out, Text *subtitle, const char *title)
{
        _unset_ Title t;
        _unset_ char buffers[2][FOLDED_SHORT];
        size_t separator;
        bool alternative = false;

        t.subtitle = NULL;
        t.volume = t.volume_end = 0;
        t.head = text_in(buffers[0], FOLDED_SHORT);
        t.more = text_in(buffers[1], FOLDED_SHORT);
        make_plain(title + strspn(title, " "), t.raw, sizeof t.raw);
        take_outside(&t);
        char *at = find_subtitle(t.outside, &separator, &alternative);
        if (at) {
                *at = 0;
                t.subtitle = at + separator;
        }
        read_head(&t);
        if (t.head.size > 0)
                read_parentheses(&t);
        if (t.subtitle && !alternative)
                read_subtitle(&t, subtitle);
        text_add_bytes(out, t.head.data, t.head.size);
        if (t.head.size > 0 && t.volume > 0)
                text_add(out, t.volume_end > t.volume ? " %u %u" : " %u", t.volume, t.volume_end);
        if (t.head.size > 0 && t.more.size > 0) {
                text_add_bytes(out, " ", 1);
                text_add_bytes(out, t.more.data, t.more.size);
        }
        out->failed |= t.head.failed || t.more.failed;
        text_clear(&t.head);
        text_clear(&t.more);
}

char *work_title(const char *title)
{
        _cleanup_text_ Text t = {0}, subtitle = {0};
        char *folded = NULL;

        assert(title);

        title_print(&t, &subtitle, title);
        t.failed |= subtitle.failed;
        return text_take(&t, &folded) < 0 ? NULL : folded;
}
