/* SPDX-License-Identifier: MIT */
/* Pages from a template and a JSON document. */
#include "base/template.h"

#define DEPTH_MAX 12
#define WORD_MAX  64

typedef struct Render {
        Text *t;
        const json_t *stack[DEPTH_MAX]; /* the document, the item in it, the item in that … */
        size_t depth;
        TemplateFind words, parts;
        void *userdata;
} Render;

typedef struct Tag {
        const char *begin, *end; /* "{{" and behind "}}" */
        char kind;               /* # ^ / > + = or a blank */
        char name[WORD_MAX];
} Tag;

/* The next one in s…end: 1; 0: none is left. */
static int tag_find(const char *s, const char *end, Tag *ret)
{
        const char *begin = memmem(s, (size_t) (end - s), "{{", 2);
        if (!begin)
                return 0;
        const char *close = memmem(begin, (size_t) (end - begin), "}}", 2);
        const char *name = begin + 2;
        if (!close)
                return -EINVAL;
        ret->kind = ' ';
        if (name < close && strchr("#^/>+=", *name))
                ret->kind = *name++;
        size_t size = (size_t) (close - name);
        if (size == 0 || size >= sizeof(ret->name))
                return -EINVAL;
        memcpy(ret->name, name, size);
        ret->name[size] = '\0';
        ret->begin = begin;
        ret->end = close + 2;
        return 1;
}

/* Where the section that began before s ends. */
static int section_close(const char *s, const char *end, const char *name, Tag *ret)
{
        unsigned open = 1;

        while (tag_find(s, end, ret) == 1) {
                if (streq(ret->name, name)) {
                        open += ret->kind == '#' || ret->kind == '^';
                        open -= ret->kind == '/';
                        if (open == 0)
                                return 0;
                }
                s = ret->end;
        }
        return -EINVAL;
}

static const json_t *look_up(const Render *r, const char *name)
{
        if (streq(name, "."))
                return r->stack[r->depth - 1];
        for (size_t i = r->depth; i > 0; i--) {
                const json_t *value = json_object_get(r->stack[i - 1], name);
                if (value)
                        return value;
        }
        return NULL;
}

static bool is_shown(const json_t *value)
{
        if (json_is_array(value))
                return json_array_size(value) > 0;
        if (json_is_string(value))
                return *json_string_value(value);
        if (json_is_integer(value))
                return json_integer_value(value) != 0;
        return value && !json_is_false(value) && !json_is_null(value);
}

/* The value as text, in buffer when it is a number. */
static const char *value_text(const json_t *value, char *buffer, size_t size)
{
        if (json_is_object(value))
                value = json_object_get(value, "text");
        if (json_is_string(value))
                return json_string_value(value);
        if (!json_is_integer(value))
                return "";
        snprintf(buffer, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return buffer;
}

static void add_value(const Render *r, const json_t *value, bool isolated)
{
        const char *at = json_string_value(json_object_get(value, "at"));
        char number[32];

        if (isolated && at) {
                text_add_string(r->t, "<time datetime=\"");
                text_add_html(r->t, at);
                text_add_string(r->t, "\">");
        } else if (isolated)
                text_add_string(r->t, "<bdi>");
        text_add_html(r->t, value_text(value, number, sizeof(number)));
        if (isolated)
                text_add_string(r->t, at ? "</time>" : "</bdi>");
}

/* The {name} that begins at s, behind its brace; NULL: it is only a brace. */
static const char *fill_name(const char *s, char name[static WORD_MAX])
{
        size_t size = strcspn(s, "{}");

        if (s[size] != '}' || size == 0 || size >= WORD_MAX)
                return NULL;
        memcpy(name, s, size);
        name[size] = '\0';
        return s + size + 1;
}

static void add_part_html(Text *t, const char *s, size_t size)
{
        _cleanup_free_ char *copy = strndup(s, size);

        if (copy)
                text_add_html(t, copy);
        else
                t->failed = true;
}

static void add_words(const Render *r, const char *pattern, bool isolated)
{
        char name[WORD_MAX];

        for (const char *s = pattern; *s;) {
                size_t plain = strcspn(s, "{");
                add_part_html(r->t, s, plain);
                s += plain;
                if (!*s)
                        break;
                const char *after = fill_name(s + 1, name);
                if (after)
                        add_value(r, look_up(r, name), isolated);
                else
                        text_add_string(r->t, "{");
                s = after ? after : s + 1;
        }
}

void template_fill(Text *t, const char *pattern, const json_t *data)
{
        char name[WORD_MAX], number[32];

        for (const char *s = pattern; *s;) {
                size_t plain = strcspn(s, "{");
                text_add_bytes(t, s, plain);
                s += plain;
                if (!*s)
                        break;
                const char *after = fill_name(s + 1, name);
                text_add_string(t, after ? value_text(json_object_get(data, name), number, sizeof(number))
                                         : "{");
                s = after ? after : s + 1;
        }
}

static bool at_line(const Text *t)
{
        return t->size == 0 || t->data[t->size - 1] == '\n';
}

/* The template's own text; what a line begins with is only there for who reads the template. */
static void add_literal(Text *t, const char *s, const char *end)
{
        while (s < end) {
                while (at_line(t) && s < end && *s == ' ')
                        s++;
                const char *line = memchr(s, '\n', (size_t) (end - s));
                const char *next = line ? line + 1 : end;
                text_add_bytes(t, s, (size_t) (next - s));
                s = next;
        }
}

/* A tag alone on its line, of what has lines of its own: the line goes with it. */
static const char *behind_tag(const Text *t, const Tag *tag, const char *end)
{
        return at_line(t) && tag->end < end && *tag->end == '\n' ? tag->end + 1 : tag->end;
}

static int render(Render *r, const char *s, const char *end);

static int render_item(Render *r, const json_t *item, const char *s, const char *end)
{
        if (r->depth == DEPTH_MAX)
                return -EINVAL;
        r->stack[r->depth++] = item;
        int x = render(r, s, end);
        r->depth--;
        return x;
}

static int render_section(Render *r, const Tag *tag, const char *s, const char *end)
{
        const json_t *value = look_up(r, tag->name);

        if (tag->kind == '^')
                return is_shown(value) ? 0 : render(r, s, end);
        if (!is_shown(value))
                return 0;
        if (json_is_array(value)) {
                for (size_t i = 0; i < json_array_size(value); i++) {
                        int x = render_item(r, json_array_get(value, i), s, end);
                        if (x < 0)
                                return x;
                }
                return 0;
        }
        return json_is_object(value) ? render_item(r, value, s, end) : render(r, s, end);
}

static const char *find_part(const Render *r, const char *name)
{
        return r->parts ? r->parts(name, r->userdata) : NULL;
}

/* The depth bounds parts that have themselves as parts, too. */
static int render_part(Render *r, const Tag *tag)
{
        const char *part = find_part(r, tag->name);

        return part ? render_item(r, r->stack[r->depth - 1], part, part + strlen(part)) : -EINVAL;
}

static int render_value(Render *r, const Tag *tag)
{
        bool isolated = tag->kind == '=';

        if (tag->kind == '>') {
                const char *part = find_part(r, tag->name);
                if (part)
                        text_add_string(r->t, part);
                return part ? 0 : -EINVAL;
        }
        if (tag->name[0] != '_') {
                add_value(r, look_up(r, tag->name), isolated);
                return 0;
        }
        const char *pattern = r->words ? r->words(tag->name + 1, r->userdata) : NULL;
        if (pattern)
                add_words(r, pattern, isolated);
        return pattern ? 0 : -EINVAL;
}

static int render(Render *r, const char *s, const char *end)
{
        Tag tag, close;
        int x;

        while ((x = tag_find(s, end, &tag)) == 1) {
                add_literal(r->t, s, tag.begin);
                s = tag.end;
                if (tag.kind == '/')
                        return -EINVAL;
                if (tag.kind == '#' || tag.kind == '^') {
                        x = section_close(s, end, tag.name, &close);
                        if (x < 0)
                                return x;
                        x = render_section(r, &tag, behind_tag(r->t, &tag, close.begin), close.begin);
                        s = behind_tag(r->t, &close, end);
                } else if (tag.kind == '+') {
                        s = behind_tag(r->t, &tag, end);
                        x = render_part(r, &tag);
                } else
                        x = render_value(r, &tag);
                if (x < 0)
                        return x;
        }
        if (x == 0)
                add_literal(r->t, s, end);
        return x;
}

int template_render(Text *t, const char *template, const json_t *data, TemplateFind words, TemplateFind parts,
                    void *userdata)
{
        assert(t && template && data);

        Render r = {.t = t,
                    .stack = {data},
                    .depth = 1,
                    .words = words,
                    .parts = parts,
                    .userdata = userdata};

        return render(&r, template, template + strlen(template));
}
