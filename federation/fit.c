/* SPDX-License-Identifier: MIT */
/* How well a listing fits what was asked for. */
#include "federation/fit.h"

#include "base/text.h"
#include "federation/work.h"

/* Words that shops leave out, and that buyers put between title and author. */
static const char *const idle[] = {"a", "an", "and", "by", "of", "the", NULL};

static bool is_idle(const char *word, size_t size)
{
        for (const char *const *i = idle; *i; i++)
                if (strlen(*i) == size && memcmp(*i, word, size) == 0)
                        return true;
        return false;
}

/* In place; a question of nothing else stays as it is. */
static void drop_idle(char *words)
{
        char *to = words;

        for (const char *word = words; *word;) {
                size_t size = strcspn(word, " "), next = size + (word[size] == ' ');
                if (!is_idle(word, size)) {
                        memmove(to, word, next);
                        to += next;
                }
                word += next;
        }
        if (to == words)
                return;
        *to = '\0';
        if (to[-1] == ' ')
                to[-1] = '\0';
}

int wanted_make(const char *question, Wanted *ret)
{
        assert(question && ret);

        Wanted w = {.title = work_title(question), .words = text_fold(question)};
        if (!w.title || !w.words) {
                wanted_clear(&w);
                return -ENOMEM;
        }
        w.title_size = strlen(w.title);
        drop_idle(w.words);
        *ret = w;
        return 0;
}

void wanted_clear(Wanted *w)
{
        assert(w);

        free(w->title);
        free(w->words);
        *w = (Wanted){0};
}

static bool is_end(char c)
{
        return c == '\0' || c == ' ' || c == '/' || c == ':';
}

/* Chinese and Japanese put no space between words, so that theirs begin anywhere. */
static bool has_word(const char *folded, const char *word, size_t size, bool begun)
{
        bool anywhere = (unsigned char) *word >= 0xe3;
        size_t left = strlen(folded);

        for (const char *p = folded; (p = memmem(p, left, word, size)); p++, left = strlen(p))
                if (anywhere || ((p == folded || is_end(p[-1])) && (begun || is_end(p[size]))))
                        return true;
        return false;
}

/* How many of the words; all: whether that is all of them. */
static size_t count_words(const char *folded, const char *words, bool *ret_all)
{
        size_t n = 0;

        *ret_all = *words != '\0';
        for (const char *word = words; *word;) {
                size_t size = strcspn(word, " ");
                bool found = has_word(folded, word, size, word[size] == '\0');
                n += found;
                *ret_all &= found;
                word += size + (word[size] == ' ');
        }
        return n;
}

/* What the key leaves out: series, articles, other authors, initials apart. */
static bool whole_has_words(const char *title, const char *author, const char *words)
{
        _unset_ char buffer[512];
        _cleanup_text_ Text whole = text_in(buffer, sizeof buffer);
        bool all = false;

        text_add_folded(&whole, title, strlen(title));
        text_add_folded(&whole, author, strlen(author));
        if (!whole.failed)
                count_words(whole.data, words, &all);
        return all;
}

/* Does nothing stand in the work's title but what was asked for? */
static bool covers_title(const Wanted *w, const char *work)
{
        size_t end = strcspn(work, "/");
        bool any = false;

        for (const char *word = work; word < work + end;) {
                size_t size = MIN(strcspn(word, " "), (size_t) (work + end - word));
                if (!is_idle(word, size)) {
                        if (!has_word(w->words, word, size, false))
                                return false;
                        any = true;
                }
                word += size + (word[size] == ' ');
        }
        return any && !strchr(work + end, ':');
}

static bool is_title(const Wanted *w, const char *work, const char *title)
{
        if (w->title_size == 0)
                return false;
        if (*work)
                return strncmp(work, w->title, w->title_size) == 0 && work[w->title_size] == '/' &&
                       !strchr(work, ':');
        _cleanup_free_ char *own = work_title(title);
        return own && streq(own, w->title);
}

Fit fit_of(const Wanted *w, const char *work, const char *title, const char *author)
{
        bool all;

        if (is_title(w, work, title))
                return FIT_TITLE;
        size_t n = count_words(work, w->words, &all);
        if (!all && (n > 0 || !*work))
                all = whole_has_words(title, author, w->words);
        if (!all)
                return FIT_NEAR;
        return covers_title(w, work) ? FIT_TITLE : FIT_WORDS;
}
