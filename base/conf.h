/* SPDX-License-Identifier: MIT */
/* Configuration: a YAML file into structs by tables of fields, with file:line:column in every error.
 *
 * One table serves the parser, `failoverctl help config`, the man page and the commented sample in etc/. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

typedef struct Conf Conf;         /* one parsed file */
typedef struct ConfNode ConfNode; /* a place in it; lives as long as the Conf */
typedef struct ConfField ConfField;

/* How one kind of value is read and freed. parse() writes *target, which is zeroed, and on failure leaves it
 * clearable; it reports with conf_error(). */
typedef struct ConfType {
        const char *name; /* for people: "duration", "list of strings" */
        int (*parse)(const ConfNode *node, const ConfField *field, void *target, Error *e);
        void (*clear)(void *target); /* NULL when it owns nothing */
} ConfType;

enum {
        CONF_REQUIRED = 1 << 0,
        CONF_SECRET = 1 << 1, /* never printed */
        /* What the value names, so that check-config knows what a part of the file depends on (supervisor/check_reach.c).
         * A list, or a mapping below it, names several. URLs and units are known by their type. */
        CONF_HOST = 1
                    << 2, /* a host that is connected to: name, address, either with a port, URL, or host= in a dsn */
        CONF_DOMAIN = 1 << 3,  /* a name in the DNS that is asked about or changed */
        CONF_MAIL = 1 << 4,    /* a mail address */
        CONF_PATH = 1 << 5,    /* a file or folder that should be there */
        CONF_PROGRAM = 1 << 6, /* a command: its first word is run */
        CONF_UNIT = 1 << 7,    /* a systemd unit */
};

struct ConfField {
        const char *key;
        const ConfType *type;
        size_t offset;
        unsigned flags;
        const char *fallback; /* the default, as it would stand in the file; NULL: zeroed */
        const char *help;     /* one sentence */
        const void *data;     /* for the type: names of an enum, fields of a nested table, limits */
};
/* A table ends with {NULL}. */

extern const ConfType conf_string;   /* char * */
extern const ConfType conf_bool;     /* bool */
extern const ConfType conf_unsigned; /* unsigned; data: ConfRange or NULL */
extern const ConfType conf_duration; /* uint64_t, microseconds; data: ConfRange in microseconds or NULL */
extern const ConfType conf_size; /* uint64_t, bytes: 4096, 64KiB, 10M (x 1024), 5GB (x 1000); data as above */
extern const ConfType conf_amount;     /* ConfAmount: bytes, or a percentage "5%" */
extern const ConfType conf_enum;       /* int; data: NULL-terminated array of names, the value is the index */
extern const ConfType conf_strings;    /* char **, NULL-terminated; a single scalar is a list of one */
extern const ConfType conf_integers;   /* ConfIntegers; a single scalar is a list of one */
extern const ConfType conf_string_map; /* ConfPair *, ended by {NULL, NULL} */
extern const ConfType conf_json;       /* json_t *: any YAML, scalars by YAML 1.2's core schema */
extern const ConfType
                conf_table;     /* a struct by value; data: its fields. Absent: zeroed, or with fallback "{}"
                                        * all its defaults */
extern const ConfType conf_url; /* char *, http:// or https:// with a host, without user and password */
/* Is it what conf_url takes? *ret_problem: NULL, or what is wrong with it. -ENOMEM. */
int conf_url_check(const char *s, const char **ret_problem);
extern const ConfType conf_address; /* char *, "IP:port" or "[IP6]:port", as given */

typedef struct ConfRange {
        uint64_t min, max;
} ConfRange;
typedef struct ConfAmount {
        bool percent;
        uint64_t value; /* bytes, or hundredths of a per cent */
} ConfAmount;
typedef struct ConfIntegers {
        int64_t *values;
        size_t count;
} ConfIntegers;
typedef struct ConfPair {
        char *key, *value;
} ConfPair;

#define CONF_SIZE_MAX  (1024 * 1024)
#define CONF_DEPTH_MAX 16
#define CONF_NODES_MAX 200000

/* Refuses, before building anything: over CONF_SIZE_MAX bytes, nesting over CONF_DEPTH_MAX, anchors and aliases
 * (bombs), tags, several documents, keys given twice, NUL and invalid UTF-8. -EINVAL with the place; -errno of
 * open() with the path. */
int conf_load(const char *path, Conf **ret, Error *e);
int conf_load_text(const char *name, const char *text, size_t size, Conf **ret, Error *e);
Conf *conf_free(Conf *conf);
DEFINE_CLEANUP(Conf, conf_free)

const ConfNode *conf_root(const Conf *conf);
const char *conf_directory(const Conf *conf); /* of the file; "." for text */

/* Fills target (zeroed by the caller) from a mapping. Unknown keys are refused, naming the nearest known one and
 * all known ones. `skip`: keys that the caller reads itself, NULL-terminated, or NULL. On failure target is
 * cleared. */
int conf_parse(const ConfNode *node, const ConfField *fields, const char *const *skip, void *target,
               Error *e);
void conf_clear(const ConfField *fields, void *target);

bool conf_is_mapping(const ConfNode *node);
bool conf_is_sequence(const ConfNode *node);
bool conf_is_null(const ConfNode *node);       /* `key:` with nothing behind it, ~ or null */
bool conf_is_quoted(const ConfNode *node);     /* a scalar that is a string whatever it looks like */
const char *conf_scalar(const ConfNode *node); /* NULL when it is none */
size_t conf_count(const ConfNode *node);       /* entries of a mapping or sequence, else 0 */
const ConfNode *conf_item(const ConfNode *node, size_t i); /* i-th value */
const char *conf_key(const ConfNode *node, size_t i,
                     const ConfNode **ret_key);                  /* i-th key; ret_key may be NULL */
const ConfNode *conf_get(const ConfNode *node, const char *key); /* NULL when absent */

/* "file:line:column: text" into e; returns -EINVAL. */
int conf_error(const ConfNode *node, Error *e, const char *format, ...) _printf_(3, 4);
/* For errors about an unknown word: ", did you mean `interval`? Known: interval, timeout", or ". Known: …" when none is
 * near. known is NULL-terminated. */
void conf_suggest(Text *t, const char *word, const char *const known[]);
/* SHA-256 over the node's content (keys sorted, style and comments ignored): has this part of the file changed? */
void conf_hash(const ConfNode *node, uint8_t ret[static 32]);
