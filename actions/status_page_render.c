/* SPDX-License-Identifier: MIT */
/* The files from their templates: what is filled in, and the style and script that are in them. */
#include "actions/status_page.h"

#include "base/sign.h"
#include "base/template.h"

/* Style and script without what is there for who reads them in web/: what lines begin with, and lines of comments. */
static char *lean_copy(const char *text)
{
        char *copy = malloc(strlen(text) + 1), *at = copy;

        while (copy && *text) {
                text += strspn(text, " ");
                size_t size = strcspn(text, "\n");
                size += text[size] == '\n';
                bool comment = strncmp(text, "//", 2) == 0 || strncmp(text, "/* SPDX", 7) == 0;
                if (!comment && size > 1) {
                        memcpy(at, text, size);
                        at += size;
                }
                text += size;
        }
        if (copy)
                *at = '\0';
        return copy;
}

json_t *page_file_hash(const char *file)
{
        _cleanup_free_ char *base64 = NULL, *text = lean_copy(page_file(file));
        uint8_t hash[SHA256_SIZE];

        if (!text)
                return NULL;
        sha256(text, strlen(text), hash);
        if (base64_encode(hash, sizeof(hash), &base64) < 0)
                return NULL;
        _cleanup_free_ char *padded = string_printf("sha256-%s=", base64);
        return padded ? json_string(padded) : NULL;
}

typedef struct Sources {
        const Words *words;
        char *style, *script;
} Sources;

static void sources_clear(Sources *s)
{
        free(s->style);
        free(s->script);
}

static const char *find_words(const char *key, void *sources)
{
        return words_get(((Sources *) sources)->words, key);
}

static const char *find_part(const char *name, void *sources)
{
        Sources *s = sources;

        return streq(name, "style") ? s->style : streq(name, "script") ? s->script : page_file(name);
}

int page_render(const json_t *view, const Page *p, const char *template, char **ret)
{
        _cleanup_text_ Text t = {0};
        _cleanup_(sources_clear) Sources s = {.words = &p->words,
                                              .style = lean_copy(page_file("status.css")),
                                              .script = lean_copy(page_file("status.js"))};

        if (!s.style || !s.script)
                return -ENOMEM;
        int r = template_render(&t, page_file(template), view, find_words, find_part, &s);
        return r < 0 ? r : text_take(&t, ret);
}
