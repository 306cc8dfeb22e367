/* SPDX-License-Identifier: MIT */
/* The text beside an error code. */
#include "base/error.h"

#include <stdarg.h>

/* A cut in the middle of a UTF-8 sequence would make the text invalid for whoever shows it. */
static void cut_at_character(char *s, size_t size)
{
        size_t end = strlen(s);
        if (end + 1 < size)
                return;
        size_t start = end;
        while (start > 0 && end - start < 4 && ((uint8_t) s[start - 1] & 0xc0) == 0x80)
                start--;
        if (start == 0 || (uint8_t) s[start - 1] < 0xc0)
                return;
        uint8_t lead = (uint8_t) s[start - 1];
        size_t need = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (end - start < need)
                s[start - 1] = 0;
}

int error_set(Error *e, int r, const char *format, ...)
{
        assert(format);

        if (e) {
                char text[sizeof e->text]; /* the arguments may point into e */
                va_list ap;

                va_start(ap, format);
                (void) vsnprintf(text, sizeof text, format, ap);
                va_end(ap);
                cut_at_character(text, sizeof text);
                memcpy(e->text, text, sizeof text);
        }
        return r;
}

int error_prefix(Error *e, int r, const char *format, ...)
{
        assert(format);

        if (e) {
                char prefix[sizeof e->text], text[2 * sizeof e->text + 2];
                va_list ap;

                va_start(ap, format);
                (void) vsnprintf(prefix, sizeof prefix, format, ap);
                va_end(ap);
                (void) snprintf(text, sizeof text, "%s: %s", prefix, e->text);
                memcpy(e->text, text, sizeof e->text);
                e->text[sizeof e->text - 1] = 0;
                cut_at_character(e->text, sizeof e->text);
        }
        return r;
}

static const struct {
        int code;
        const char *words;
} words[] = {
                {EUCLEAN, "the file system is damaged"},
                {EBADMSG, "the file system is damaged (a checksum is wrong)"},
                {EIO, "the disk cannot read or write (input/output error)"},
                {EREMOTEIO, "the disk cannot read or write (remote I/O error)"},
                {ENOSPC, "no space left on the disk"},
                {EDQUOT, "the disk quota is used up"},
                {EROFS, "the file system is read-only"},
                {ESTALE, "the network file system does not know it any more (stale handle)"},
                {ENOTCONN, "the program behind this mount has ended"},
                {ESHUTDOWN, "the file system has shut down"},
                {ENXIO, "there is no device behind it any more"},
                {ENODEV, "there is no device behind it any more"},
                {ENOTDIR, "a part of the path is not a folder"},
                {ELOOP, "too many symbolic links, or one where none is allowed"},
                {EISDIR, "it is a folder"},
                {EMFILE, "this process has too many files open"},
                {ENFILE, "the machine has too many files open"},
};

const char *error_words(int r)
{
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (words[i].code == abs(r))
                        return words[i].words;
        return strerror(abs(r));
}

bool error_is_shortage(int r)
{
        r = abs(r);
        return r == ENOMEM || r == EMFILE || r == ENFILE;
}
