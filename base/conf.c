/* SPDX-License-Identifier: MIT */
/* Configuration: a YAML file as a tree whose nodes know their places, built under limits. */
#include "base/conf.h"

#include "base/file.h"
#include "base/text.h"

#include <sodium.h>
#include <yaml.h>

typedef enum NodeKind {
        NODE_SCALAR,
        NODE_SEQUENCE,
        NODE_MAPPING,
} NodeKind;

typedef struct Entry {
        ConfNode *key; /* NULL in a sequence */
        ConfNode *value;
} Entry;

struct ConfNode {
        const Conf *conf;
        NodeKind kind;
        size_t line, column; /* from 1 */
        bool quoted;         /* scalar: not plain */
        char *scalar;
        Entry *entries;
        uint32_t *sorted; /* of a mapping: the numbers of its entries in order of their keys */
        size_t count, capacity;
};

struct Conf {
        char *name, *directory;
        ConfNode *root;
};

/* Building the tree */

typedef struct Builder {
        Conf *conf;
        const char *text;
        size_t size;
        yaml_parser_t parser;
        ConfNode *open[CONF_DEPTH_MAX]; /* the path to where we are; owned by the tree */
        ConfNode *key[CONF_DEPTH_MAX];  /* a key that waits for its value; owned here */
        size_t depth, nodes;
        bool document;
        int error;
        Error *e;
} Builder;

static ConfNode *node_free(ConfNode *node)
{
        if (!node)
                return NULL;
        for (size_t i = 0; i < node->count; i++) {
                node_free(node->entries[i].key);
                node_free(node->entries[i].value);
        }
        free(node->entries);
        free(node->sorted);
        free(node->scalar);
        free(node);
        return NULL;
}
DEFINE_CLEANUP(ConfNode, node_free)

static int out_of_memory(Error *e)
{
        return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
}

static int place_error(const Builder *b, size_t line, size_t column, const char *text)
{
        return error_set(b->e, -EINVAL, "%s:%zu:%zu: %s", b->conf->name, line, column, text);
}

static int mark_error(const Builder *b, yaml_mark_t mark, const char *text)
{
        return place_error(b, mark.line + 1, mark.column + 1, text);
}

/* What people meet most: an indentation with tabs, of which libyaml only says that it "cannot start any token". */
static bool line_has_tab_indent(const Builder *b, size_t line)
{
        const char *s = b->text, *end = b->text + b->size;

        for (; line > 0 && s; line--) {
                s = memchr(s, '\n', (size_t) (end - s));
                s = s ? s + 1 : NULL;
        }
        while (s && s < end && *s == ' ')
                s++;
        return s && s < end && *s == '\t';
}

/* libyaml's own errors. */
static int syntax_error(const Builder *b)
{
        const yaml_parser_t *p = &b->parser;
        _cleanup_text_ Text t = {0};

        if (p->error == YAML_MEMORY_ERROR)
                return out_of_memory(b->e);
        if (p->error == YAML_READER_ERROR) {
                /* This one knows only an offset. */
                size_t line = 1, column = 1, end = MIN(p->problem_offset, b->size);
                for (size_t i = 0; i < end; i++) {
                        column = b->text[i] == '\n' ? 1 : column + (((uint8_t) b->text[i] & 0xc0) != 0x80);
                        line += b->text[i] == '\n';
                }
                return place_error(b, line, column, p->problem);
        }
        if (line_has_tab_indent(b, p->problem_mark.line))
                return mark_error(b, p->problem_mark, "a tab; YAML is indented with spaces");
        text_add(&t, "%s", p->problem ? p->problem : "no YAML");
        if (p->context)
                text_add(&t, " (%s, line %zu)", p->context, p->context_mark.line + 1);
        return t.failed ? out_of_memory(b->e) : mark_error(b, p->problem_mark, t.data);
}

static int compare_keys(const void *a, const void *b, void *mapping)
{
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
        const Entry *entries = ((const ConfNode *) mapping)->entries;
        int r = strcmp(entries[x].key->scalar, entries[y].key->scalar);

        return r != 0 ? r : x < y ? -1 : x > y;
}

/* Sorted, since a hostile file may have very many keys; and a friendly one has ten thousand probes. */
static int mapping_finish(const Builder *b, ConfNode *mapping)
{
        uint32_t *sorted = calloc(MAX(mapping->count, (size_t) 1), sizeof *sorted);
        if (!sorted)
                return out_of_memory(b->e);
        mapping->sorted = sorted;
        for (size_t i = 0; i < mapping->count; i++)
                sorted[i] = (uint32_t) i;
        qsort_r(sorted, mapping->count, sizeof *sorted, compare_keys, mapping);
        for (size_t i = 1; i < mapping->count; i++) {
                const ConfNode *first = mapping->entries[sorted[i - 1]].key;
                const ConfNode *second = mapping->entries[sorted[i]].key;
                char plain[128];
                if (streq(first->scalar, second->scalar))
                        return conf_error(second, b->e, "`%s` is given twice, first on line %zu",
                                          plain_copy(plain, sizeof plain, second->scalar), first->line);
        }
        return 0;
}

static int entries_reserve(ConfNode *parent)
{
        if (parent->count < parent->capacity)
                return 0;
        size_t capacity = MAX(2 * parent->capacity, (size_t) 4);
        Entry *entries = reallocarray(parent->entries, capacity, sizeof *entries);
        if (!entries)
                return -ENOMEM;
        parent->entries = entries;
        parent->capacity = capacity;
        return 0;
}

/* Hangs node, which is consumed, into the tree. */
static int builder_attach(Builder *b, ConfNode *node)
{
        _cleanup_(node_freep) ConfNode *owned = node;

        if (b->depth == 0) {
                b->conf->root = TAKE_PTR(owned);
                return 0;
        }
        ConfNode *parent = b->open[b->depth - 1], **key = &b->key[b->depth - 1];
        if (parent->kind == NODE_MAPPING && !*key) {
                if (node->kind != NODE_SCALAR)
                        return conf_error(node, b->e, "a key must be a word, not %s",
                                          node->kind == NODE_SEQUENCE ? "a list" : "a mapping");
                *key = TAKE_PTR(owned);
                return 0;
        }
        if (entries_reserve(parent) < 0)
                return out_of_memory(b->e);
        parent->entries[parent->count++] = (Entry){.key = TAKE_PTR(*key), .value = TAKE_PTR(owned)};
        return 0;
}

/* NULL, and b->error, on failure. */
static ConfNode *builder_node(Builder *b, const yaml_event_t *event, NodeKind kind)
{
        if (++b->nodes > CONF_NODES_MAX) {
                b->error = mark_error(b, event->start_mark, "too much in one file");
                return NULL;
        }
        ConfNode *node = calloc(1, sizeof *node);
        if (!node) {
                b->error = out_of_memory(b->e);
                return NULL;
        }
        *node = (ConfNode){
                        .conf = b->conf,
                        .kind = kind,
                        .line = event->start_mark.line + 1,
                        .column = event->start_mark.column + 1,
        };
        return node;
}

static int builder_open(Builder *b, const yaml_event_t *event, NodeKind kind)
{
        if (b->depth == CONF_DEPTH_MAX)
                return mark_error(b, event->start_mark, "nested too deeply");
        ConfNode *node = builder_node(b, event, kind);
        if (!node)
                return b->error;
        int r = builder_attach(b, node);
        if (r < 0)
                return r;
        b->open[b->depth++] = node;
        return 0;
}

static int builder_scalar(Builder *b, const yaml_event_t *event)
{
        const char *value = (const char *) event->data.scalar.value;
        size_t size = event->data.scalar.length;

        if (memchr(value, 0, size))
                return mark_error(b, event->start_mark, "holds a NUL character");
        ConfNode *node = builder_node(b, event, NODE_SCALAR);
        if (!node)
                return b->error;
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        node->scalar = strndup(value, size);
        if (!node->scalar) {
                node_free(node);
                return out_of_memory(b->e);
        }
        return builder_attach(b, node);
}

static int builder_close(Builder *b)
{
        ConfNode *node = b->open[--b->depth];
        return node->kind == NODE_MAPPING ? mapping_finish(b, node) : 0;
}

static int no_extras(const Builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
                     const yaml_char_t *tag)
{
        if (anchor)
                return mark_error(b, event->start_mark, "anchors (&name) are not used here");
        if (tag)
                return mark_error(b, event->start_mark,
                                  "tags (!name) are not used here; quote text that begins with !");
        return 0;
}

static int on_event(Builder *b, const yaml_event_t *event)
{
        int r;

        switch (event->type) {
        case YAML_DOCUMENT_START_EVENT:
                if (b->document)
                        return mark_error(b, event->start_mark, "a second document: one file holds one");
                b->document = true;
                return 0;
        case YAML_ALIAS_EVENT:
                return mark_error(b, event->start_mark,
                                  "aliases (*name) are not used here; quote text that begins with *");
        case YAML_SCALAR_EVENT:
                r = no_extras(b, event, event->data.scalar.anchor, event->data.scalar.tag);
                return r < 0 ? r : builder_scalar(b, event);
        case YAML_SEQUENCE_START_EVENT:
                r = no_extras(b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
                return r < 0 ? r : builder_open(b, event, NODE_SEQUENCE);
        case YAML_MAPPING_START_EVENT:
                r = no_extras(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
                return r < 0 ? r : builder_open(b, event, NODE_MAPPING);
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                return builder_close(b);
        default:
                return 0;
        }
}

/* libyaml 0.2.5 hands out events as it goes, so that leaving at the limit of depth or nodes is early enough: of a
 * megabyte of brackets it sees the first kilobyte. Only the list of %TAG directives is read in one piece, in quadratic
 * time, before any event. Tags are refused anyway. */
static int directives_check(const Builder *b)
{
        size_t line = 1;

        for (size_t i = 0; i < b->size; i++) {
                if ((i == 0 || b->text[i - 1] == '\n') && b->size - i >= 4 &&
                    memcmp(b->text + i, "%TAG", 4) == 0)
                        return place_error(b, line, 1, "tags are not used here");
                line += b->text[i] == '\n';
        }
        return 0;
}

static int builder_run(Builder *b)
{
        int r = directives_check(b);

        /* Without this, libyaml takes a byte order mark of UTF-16 at its word. */
        yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&b->parser, (const unsigned char *) b->text, b->size);
        for (bool end = false; r >= 0 && !end;) {
                yaml_event_t event;
                if (!yaml_parser_parse(&b->parser, &event))
                        return syntax_error(b);
                end = event.type == YAML_STREAM_END_EVENT;
                r = on_event(b, &event);
                yaml_event_delete(&event);
        }
        return r;
}

/* Most texts, by number, are defaults: one plain word. What libyaml would make of it is clear without its 64 KiB. */
static bool is_word(const char *text, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                      (text[i] >= '0' && text[i] <= '9') || (i > 0 && strchr("./_-", text[i]))))
                        return false;
        return size > 0 && size < 128;
}

static int conf_build_word(Conf *conf, const char *text, size_t size, Error *e)
{
        conf->root = calloc(1, sizeof *conf->root);
        if (!conf->root)
                return out_of_memory(e);
        *conf->root = (ConfNode){.conf = conf, .kind = NODE_SCALAR, .line = 1, .column = 1};
        conf->root->scalar = strndup(text, size);
        return conf->root->scalar ? 0 : out_of_memory(e);
}

static int conf_build(Conf *conf, const char *text, size_t size, Error *e)
{
        Builder b = {.conf = conf, .text = text, .size = size, .e = e};

        if (size > CONF_SIZE_MAX)
                return error_set(e, -EINVAL, "%s: larger than %d KiB", conf->name, CONF_SIZE_MAX / 1024);
        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                b.text += 3;
                b.size -= 3;
        }
        if (!yaml_parser_initialize(&b.parser))
                return out_of_memory(e);
        int r = builder_run(&b);
        yaml_parser_delete(&b.parser);
        for (size_t i = 0; i < CONF_DEPTH_MAX; i++)
                node_free(b.key[i]);
        if (r < 0 || conf->root)
                return r;

        /* A file without content is one in which everything is left at its default. */
        conf->root = calloc(1, sizeof *conf->root);
        if (!conf->root)
                return out_of_memory(e);
        *conf->root = (ConfNode){.conf = conf, .kind = NODE_MAPPING, .line = 1, .column = 1};
        return 0;
}

static int conf_new(const char *name, const char *directory, const char *text, size_t size, Conf **ret,
                    Error *e)
{
        _cleanup_(conf_freep) Conf *conf = calloc(1, sizeof *conf);
        if (!conf || !(conf->name = strdup(name)) || !(conf->directory = strdup(directory)))
                return out_of_memory(e);
        int r = is_word(text, size) ? conf_build_word(conf, text, size, e) : conf_build(conf, text, size, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(conf);
        return 0;
}

int conf_load_text(const char *name, const char *text, size_t size, Conf **ret, Error *e)
{
        assert(name);
        assert(text || size == 0);
        assert(ret);

        return conf_new(name, ".", text ? text : "", size, ret, e);
}

int conf_load(const char *path, Conf **ret, Error *e)
{
        _cleanup_free_ char *text = NULL, *directory = NULL;
        size_t size = 0;

        assert(path);
        assert(ret);

        const char *slash = strrchr(path, '/');
        directory = slash ? strndup(path, MAX((size_t) (slash - path), (size_t) 1)) : strdup(".");
        if (!directory)
                return out_of_memory(e);
        int r = file_read(path, CONF_SIZE_MAX, &text, &size);
        if (r == -EFBIG)
                return error_set(e, -EINVAL, "%s: larger than %d KiB", path, CONF_SIZE_MAX / 1024);
        if (r < 0)
                return error_set(e, r, "%s: %s", path, r == -EBADFD ? "not a regular file" : error_words(-r));
        r = conf_new(path, directory, text, size, ret, e);
        explicit_bzero(text, size); /* it may hold secrets */
        return r;
}

Conf *conf_free(Conf *conf)
{
        if (!conf)
                return NULL;
        node_free(conf->root);
        free(conf->name);
        free(conf->directory);
        free(conf);
        return NULL;
}

/* Looking at the tree */

const ConfNode *conf_root(const Conf *conf)
{
        assert(conf);
        return conf->root;
}

const char *conf_directory(const Conf *conf)
{
        assert(conf);
        return conf->directory;
}

bool conf_is_mapping(const ConfNode *node)
{
        assert(node);
        return node->kind == NODE_MAPPING;
}

bool conf_is_sequence(const ConfNode *node)
{
        assert(node);
        return node->kind == NODE_SEQUENCE;
}

bool conf_is_null(const ConfNode *node)
{
        static const char *const words[] = {"", "~", "null", "Null", "NULL"};

        assert(node);
        if (node->kind != NODE_SCALAR || node->quoted)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(node->scalar, words[i]))
                        return true;
        return false;
}

bool conf_is_quoted(const ConfNode *node)
{
        assert(node);
        return node->kind == NODE_SCALAR && node->quoted;
}

const char *conf_scalar(const ConfNode *node)
{
        assert(node);
        return node->kind == NODE_SCALAR ? node->scalar : NULL;
}

size_t conf_count(const ConfNode *node)
{
        assert(node);
        return node->count;
}

const ConfNode *conf_item(const ConfNode *node, size_t i)
{
        assert(node);
        assert(i < node->count);
        return node->entries[i].value;
}

const char *conf_key(const ConfNode *node, size_t i, const ConfNode **ret_key)
{
        assert(node);
        assert(node->kind == NODE_MAPPING);
        assert(i < node->count);

        if (ret_key)
                *ret_key = node->entries[i].key;
        return node->entries[i].key->scalar;
}

const ConfNode *conf_get(const ConfNode *node, const char *key)
{
        assert(node);
        assert(key);

        if (node->kind != NODE_MAPPING)
                return NULL;
        for (size_t low = 0, high = node->count; low < high;) {
                size_t middle = low + (high - low) / 2, i = node->sorted[middle];
                int r = strcmp(key, node->entries[i].key->scalar);
                if (r == 0)
                        return node->entries[i].value;
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

int conf_error(const ConfNode *node, Error *e, const char *format, ...)
{
        char text[sizeof e->text];
        va_list ap;

        assert(node);
        assert(format);

        va_start(ap, format);
        (void) vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        return error_set(e, -EINVAL, "%s:%zu:%zu: %s", node->conf->name, node->line, node->column, text);
}

static void hash_string(crypto_hash_sha256_state *state, char kind, const char *s)
{
        uint64_t size = strlen(s);

        crypto_hash_sha256_update(state, (const unsigned char *) &kind, 1);
        crypto_hash_sha256_update(state, (const unsigned char *) &size, sizeof size);
        crypto_hash_sha256_update(state, (const unsigned char *) s, size);
}

/* 5 and "5" are not the same to every reader; abc and "abc" are. */
static bool may_be_typed(const ConfNode *node)
{
        static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(node->scalar, words[i]))
                        return true;
        return strchr("+-.0123456789", *node->scalar);
}

static void hash_node(crypto_hash_sha256_state *state, const ConfNode *node)
{
        uint64_t count = node->count;

        if (node->kind == NODE_SCALAR) {
                if (conf_is_null(node))
                        hash_string(state, 'n', "");
                else
                        hash_string(state, !node->quoted && may_be_typed(node) ? 'p' : 's', node->scalar);
                return;
        }
        hash_string(state, node->kind == NODE_MAPPING ? 'm' : 'l', "");
        crypto_hash_sha256_update(state, (const unsigned char *) &count, sizeof count);
        for (size_t i = 0; i < node->count; i++) {
                size_t at = node->kind == NODE_MAPPING ? node->sorted[i] : i;
                if (node->kind == NODE_MAPPING)
                        hash_string(state, 'k', node->entries[at].key->scalar);
                hash_node(state, node->entries[at].value);
        }
}

void conf_hash(const ConfNode *node, uint8_t ret[static 32])
{
        crypto_hash_sha256_state state;

        assert(node);

        crypto_hash_sha256_init(&state);
        hash_node(&state, node);
        crypto_hash_sha256_final(&state, ret);
}
