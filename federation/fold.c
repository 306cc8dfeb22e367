/* SPDX-License-Identifier: MIT */
/* Text made comparable: the part of federation/work.h that knows Unicode, by utf8proc. */
#include "federation/work.h"

#include <utf8proc.h>

#define POINTS_MAX 256 /* of a word, at a time */
#define PER_POINT  32  /* what one becomes at most, decomposed; U+FDFA: 18 */
#define MARKS_MAX  8   /* in a row; text of which anything may be hung with thousands */

typedef struct Fold {
        Text *t;
        bool in_word; /* what was added last is a word of ours */
        size_t n, marks;
        utf8proc_int32_t points[POINTS_MAX + PER_POINT + 1];
        char out[(POINTS_MAX + PER_POINT + 1) * 4]; /* all of them, whatever they are */
} Fold;

/* Letters with a stroke and the like, which Unicode does not decompose, as people type them who lack the key. */
static const struct {
        utf8proc_int32_t point;
        const char *plain;
} strokes[] = {
                {0x00e6, "ae"}, {0x00f0, "d"}, {0x00f8, "o"}, {0x00fe, "th"}, {0x0111, "d"},
                {0x0127, "h"},  {0x0131, "i"}, {0x0142, "l"}, {0x0153, "oe"}, {0x0167, "t"},
};

static const char *without_stroke(utf8proc_int32_t point)
{
        for (size_t i = 0; point < 0x180 && i < ELEMENTSOF(strokes); i++)
                if (strokes[i].point == point)
                        return strokes[i].plain;
        return NULL;
}

static size_t put_point(char *out, utf8proc_int32_t point)
{
        const char *plain = without_stroke(point);

        if (!plain)
                return (size_t) utf8proc_encode_char(point, (utf8proc_uint8_t *) out);
        return (size_t) (stpcpy(out, plain) - out);
}

static void add_word_part(Fold *f, const char *s, size_t size)
{
        if (size == 0)
                return;
        if (!f->in_word && f->t->size > 0)
                text_add_bytes(f->t, " ", 1);
        text_add_bytes(f->t, s, size);
        f->in_word = true;
}

/* What is gathered of the word, composed again: kana and Hangul are letters only then. */
static void flush(Fold *f)
{
        size_t size = 0;

        if (f->n == 0)
                return;
        utf8proc_ssize_t n = utf8proc_normalize_utf32(f->points, (utf8proc_ssize_t) f->n,
                                                      UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        for (utf8proc_ssize_t i = 0; i < n; i++)
                size += put_point(f->out + size, f->points[i]);
        add_word_part(f, f->out, size);
        f->n = f->marks = 0;
}

static void separate(Fold *f)
{
        flush(f);
        f->in_word = false;
}

/* Points of Hebrew and Arabic, and what stands above and below Latin, Greek and Cyrillic letters. Not: nukta, kana's voicing,
 * virama, Thai and Lao tones, vowel signs (0). */
static bool is_diacritic(unsigned combining_class)
{
        return (combining_class >= 10 && combining_class <= 36) || combining_class >= 200;
}

/* The breve of й and ў: those are letters, while ё is written as е more often than not. */
static bool is_breve_of_letter(const Fold *f, utf8proc_int32_t point)
{
        return point == 0x0306 && f->n > 0 &&
               (f->points[f->n - 1] == 0x0438 || f->points[f->n - 1] == 0x0443);
}

static void add_mark(Fold *f, utf8proc_int32_t point, unsigned combining_class)
{
        if ((is_diacritic(combining_class) && !is_breve_of_letter(f, point)) || f->marks >= MARKS_MAX ||
            (f->n == 0 && !f->in_word))
                return;
        size_t at = f->n++;
        f->marks++;
        /* Canonical order, as composing wants it. */
        for (; at > 0 && combining_class > 0; at--) {
                unsigned before = utf8proc_get_property(f->points[at - 1])->combining_class;
                if (before <= combining_class)
                        break;
                f->points[at] = f->points[at - 1];
        }
        f->points[at] = point;
}

static void add_point(Fold *f, utf8proc_int32_t point)
{
        const utf8proc_property_t *property = utf8proc_get_property(point);

        switch (property->category) {
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ME:
                add_mark(f, point, property->combining_class);
                return;
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_NO:
                if (point == 0x02bc) { /* an apostrophe by another name */
                        separate(f);
                        return;
                }
                if (point == 0x0640) /* tatweel, a stretched line */
                        return;
                f->points[f->n++] = point;
                f->marks = 0;
                return;
        default:
                separate(f);
        }
}

static bool is_middle_of_syllable(uint32_t point)
{
        return point >= 0x1160 && point <= 0x11ff;
}

static void add_beyond_ascii(Fold *f, uint32_t point)
{
        _unset_ utf8proc_int32_t parts[PER_POINT];
        int last_boundclass = 0;
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t) point, parts, PER_POINT,
                                                     UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                                                     UTF8PROC_CASEFOLD | UTF8PROC_IGNORE,
                                                     &last_boundclass);

        if (n < 0 || n > PER_POINT)
                return;
        if (f->n >= POINTS_MAX || (f->n >= POINTS_MAX / 2 && n > 0 && !is_middle_of_syllable(point) &&
                                   utf8proc_get_property(parts[0])->combining_class == 0 &&
                                   utf8proc_category(parts[0]) == UTF8PROC_CATEGORY_LO))
                flush(f);
        for (utf8proc_ssize_t i = 0; i < n; i++)
                add_point(f, parts[i]);
}

/* How many bytes of s are of a word in ASCII; they are added. Most text is nothing else. */
static size_t add_ascii(Fold *f, const char *s, size_t size)
{
        size_t n = 0;

        for (; n < size && n < sizeof f->out; n++) {
                char c = s[n];
                if (c >= 'A' && c <= 'Z')
                        c = (char) (c + ('a' - 'A'));
                else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
                        break;
                f->out[n] = c;
        }
        /* Its last letter may be hung with a mark. */
        if (n > 0 && n < size && (uint8_t) s[n] >= 0x80)
                n--;
        add_word_part(f, f->out, n);
        return n;
}

static bool is_ascii(const char *s, size_t size)
{
        uint64_t all = 0, v;

        for (; size >= sizeof v; s += sizeof v, size -= sizeof v) {
                memcpy(&v, s, sizeof v);
                all |= v;
        }
        for (; size > 0; s++, size--)
                all |= (uint8_t) *s;
        return (all & UINT64_C(0x8080808080808080)) == 0;
}

/* The same as below for what most text is. */
static void add_folded_ascii(Text *t, const char *s, size_t size)
{
        _unset_ char out[128];
        size_t n = 0;
        bool first = t->size == 0, in_word = false;

        for (size_t i = 0; i < size; i++) {
                char c = s[i];
                if (c >= 'A' && c <= 'Z')
                        c = (char) (c + ('a' - 'A'));
                else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
                        in_word = false;
                        continue;
                }
                if (!in_word && !first)
                        out[n++] = ' ';
                out[n++] = c;
                in_word = true;
                first = false;
                if (n + 2 > sizeof out) {
                        text_add_bytes(t, out, n);
                        n = 0;
                }
        }
        text_add_bytes(t, out, n);
}

static void add_folded_beyond_ascii(Text *t, const char *s, size_t size)
{
        _unset_ Fold f;

        f.t = t;
        f.in_word = false;
        f.n = f.marks = 0;
        for (size_t i = 0; i < size;) {
                uint32_t point = (uint8_t) s[i];
                size_t bytes = f.n == 0 ? add_ascii(&f, s + i, size - i) : 0;
                if (bytes == 0) {
                        bytes = point < 0x80 ? 1 : utf8_size(s + i, size - i, &point);
                        if (bytes == 0 || (point < 0x80 && !(point >= '0' && point <= '9') &&
                                           !((point | 0x20) >= 'a' && (point | 0x20) <= 'z')))
                                separate(&f);
                        else
                                add_beyond_ascii(&f, point);
                        bytes = MAX(bytes, (size_t) 1);
                }
                i += bytes;
        }
        flush(&f);
}

void text_add_folded(Text *t, const char *s, size_t size)
{
        assert(t);
        assert(s || size == 0);

        if (is_ascii(s, size))
                add_folded_ascii(t, s, size);
        else
                add_folded_beyond_ascii(t, s, size);
}

char *text_fold(const char *s)
{
        _cleanup_text_ Text t = {0};
        char *folded = NULL;

        assert(s);

        text_add_folded(&t, s, strlen(s));
        return text_take(&t, &folded) < 0 ? NULL : folded;
}
