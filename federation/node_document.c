/* SPDX-License-Identifier: MIT */
/* What a node says of itself, read and judged: every string that strangers wrote is checked once, here. */
#include "federation/node_document.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/text.h"

#define NAME_MAX_BYTES     256
#define URL_MAX_BYTES      512
#define CHECKOUT_MAX_BYTES 1024
#define METHODS_MAX        64
#define PLAIN_SIZE         100

/* --- strings --- */

/* *ret: NULL when it is absent, null or empty. Of one line, without what deceives a reader. */
static int line_at(const json_t *j, const char *key, size_t most, const char **ret, Error *e)
{
        const json_t *value = json_object_get(j, key);
        const char *s = json_string_value(value);
        char plain[CHECKOUT_MAX_BYTES + 16];

        *ret = NULL;
        if (!value || json_is_null(value))
                return 0;
        if (!s)
                return error_set(e, -EINVAL, "`%s` is no string", key);
        if (json_string_length(value) > most)
                return error_set(e, -EINVAL, "`%s` is longer than %zu bytes", key, most);
        if (strlen(s) != json_string_length(value) || !streq(plain_copy(plain, sizeof(plain), s), s))
                return error_set(e, -EINVAL,
                                 "`%s` has control characters, or such as change how others are read", key);
        *ret = *s ? s : NULL;
        return 0;
}

/* What would be read differently elsewhere. A host that is not ASCII only looks like another's: who has one writes it xn--. */
static bool is_plain_url(const char *s, const char *forbidden)
{
        if (strpbrk(s, forbidden))
                return false;
        for (const char *c = s; *c; c++)
                if ((unsigned char) *c <= 0x20 || (unsigned char) *c >= 0x7f)
                        return false;
        return true;
}

static int refuse_url(Error *e, const char *key, const char *url, const char *problem)
{
        char plain[PLAIN_SIZE];

        return error_set(e, -EINVAL, "`%s`: %s, not `%s`", key, problem,
                         plain_copy(plain, sizeof(plain), url));
}

/* "https://a.example." is another way to say https://a.example, and a second claim on it. */
static bool is_one_place(const char *url)
{
        const char *host = strstr(url, "://") + 3, *end = host + strcspn(host, "/"), *port = end;

        while (port > host && port[-1] >= '0' && port[-1] <= '9')
                port--;
        if (port > host && port < end && port[-1] == ':') {
                if (strtoul(port, NULL, 10) == 0)
                        return false;
                end = port - 1;
        }
        return end > host && end[-1] != '.';
}

/* *ret: malloc'ed, or NULL when there is none. */
static int url_at(const json_t *j, const char *key, char **ret, Error *e)
{
        const char *s, *problem = NULL;
        _cleanup_free_ char *url = NULL;
        int r = line_at(j, key, URL_MAX_BYTES, &s, e);

        if (r < 0 || !s)
                return r;
        if (!is_plain_url(s, "\\\"'<>`{|}^"))
                return refuse_url(e, key, s,
                                  "expected a URL of plain ASCII, a host of other letters as xn--");
        r = conf_url_check(s, &problem);
        if (r >= 0 && problem)
                return refuse_url(e, key, s, "expected a URL with http:// or https:// and a host, no user");
        url = r >= 0 ? strdup(s) : NULL;
        r = url ? config_base_url(&url, &problem) : -ENOMEM;
        if (r == -EINVAL)
                return refuse_url(e, key, s, problem);
        if (r < 0)
                return error_set(e, r, "out of memory");
        if (!is_one_place(url))
                return refuse_url(e, key, s, "expected a host without a final dot, and no port 0");
        if (strlen(url) > URL_MAX_BYTES)
                return error_set(e, -EINVAL, "`%s` is longer than %d bytes", key, URL_MAX_BYTES);
        *ret = TAKE_PTR(url);
        return 0;
}

/* A template: {bookId}, {node} and {id} stand in its path or query, never in its host. */
static int checkout_at(const json_t *j, const char **ret, Error *e)
{
        static const char key[] = "checkoutUrl";
        const char *problem = NULL, *s;
        char bare[CHECKOUT_MAX_BYTES + 1];
        size_t n = 0;
        int r = line_at(j, key, CHECKOUT_MAX_BYTES, &s, e);

        *ret = s;
        if (r < 0 || !s)
                return r;
        const char *host = strstr(s, "://"), *brace = strpbrk(s, "{}");
        if (!is_plain_url(s, "\\\"'<>`|^#") || !host ||
            (strncmp(s, "http://", 7) != 0 && strncmp(s, "https://", 8) != 0) ||
            (brace && brace < host + 3 + strcspn(host + 3, "/?")))
                return refuse_url(e, key, s, "expected a URL with {bookId}, {node} and {id} behind its host");
        for (const char *c = s; *c; c++)
                if (*c != '{' && *c != '}')
                        bare[n++] = *c;
        bare[n] = '\0';
        r = conf_url_check(bare, &problem);
        if (r < 0)
                return error_set(e, r, "out of memory");
        return problem ? refuse_url(e, key, s, "expected a URL with http:// or https:// and a host, no user")
                       : 0;
}

/* --- numbers and lists --- */

/* -EINVAL when it is there and is none: null, or 0 to 2^53 - 1 milliseconds. */
static int time_at(const json_t *j, const char *key, uint64_t *ret_usec, Error *e)
{
        const json_t *value = json_object_get(j, key);
        json_int_t ms = json_integer_value(value);

        if (!value || json_is_null(value))
                return 0;
        if (!json_is_integer(value) || ms < 0 || ms >= (json_int_t) 1 << 53)
                return error_set(e, -EINVAL, "`%s` is no time in milliseconds since 1970", key);
        *ret_usec = (uint64_t) ms * USEC_PER_MSEC;
        return 0;
}

/* 15, 12.5 (a fraction of a per cent is nobody's), or {"accepts": true, "percentage": 15}. */
static int share_at(const json_t *j, NodeDocument *d, Error *e)
{
        const json_t *share = json_object_get(j, "revenueShare"), *accepts, *number;
        bool is_object = json_is_object(share);
        const char *key = is_object ? "revenueShare.percentage" : "revenueShare";

        if (!share || json_is_null(share)) {
                share = json_object_get(j, "revenueSharePct");
                key = "revenueSharePct";
        }
        number = is_object ? json_object_get(share, "percentage") : share;
        accepts = is_object ? json_object_get(share, "accepts") : NULL;
        if (number && !json_is_null(number)) {
                double n = json_number_value(number);

                if (!json_is_number(number) || !(n >= 0 && n <= 100))
                        return error_set(e, -EINVAL, "`%s` is no number from 0 to 100", key);
                d->revenue_share = (unsigned) n;
        }
        if (accepts && !json_is_boolean(accepts) && !json_is_null(accepts))
                return error_set(e, -EINVAL, "`revenueShare.accepts` is neither true nor false");
        d->accepts_share = json_is_boolean(accepts) ? json_is_true(accepts) : d->revenue_share > 0;
        return 0;
}

static int type_at(const json_t *j, NodeType *ret, Error *e)
{
        const char *word;
        char plain[PLAIN_SIZE];
        int r = line_at(j, "type", NAME_MAX_BYTES, &word, e);

        if (r < 0)
                return r;
        *ret = NODE_FULL; /* legacy registrations leave it out */
        for (NodeType t = NODE_FULL; word && t < _NODE_TYPE_MAX; t++)
                if (streq(word, node_type_name(t))) {
                        *ret = t;
                        return 0;
                }
        return !word ? 0
                     : error_set(e, -EINVAL, "`type` is full, affiliate or mirror, not `%s`",
                                 plain_copy(plain, sizeof(plain), word));
}

/* What front ends loop over, and would stumble over otherwise. */
static int check_lists(const json_t *j, Error *e)
{
        const json_t *methods = json_object_get(j, "paymentMethods"),
                     *catalog = json_object_get(j, "catalog");

        if (catalog && !json_is_object(catalog) && !json_is_null(catalog))
                return error_set(e, -EINVAL, "`catalog` is no object");
        if (!methods || json_is_null(methods))
                return 0;
        if (!json_is_array(methods) || json_array_size(methods) > METHODS_MAX)
                return error_set(e, -EINVAL, "`paymentMethods` is no list of at most %d names", METHODS_MAX);
        for (size_t i = 0; i < json_array_size(methods); i++) {
                const char *s = json_string_value(json_array_get(methods, i));
                char plain[PLAIN_SIZE];

                if (!s || !streq(plain_copy(plain, sizeof(plain), s), s))
                        return error_set(e, -EINVAL, "`paymentMethods` has what is no name of a method");
        }
        return 0;
}

/* --- keys --- */

#define ALGORITHM "ed25519:"

static bool is_key_id(const char *id)
{
        size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

        return n > 0 && !id[n] && n < sizeof(((NodeKey *) NULL)->id);
}

static int read_key(const char *name, const json_t *entry, NodeKey *key, Error *e)
{
        const char *text = json_string_value(json_object_get(entry, "key"));
        char plain[PLAIN_SIZE];
        size_t size;

        plain_copy(plain, sizeof(plain), name);
        if (!is_key_id(name + strlen(ALGORITHM)))
                return error_set(e, -EINVAL, "`keys`: a key's id has letters, digits and _, 63 at most: `%s`",
                                 plain);
        strcpy(key->id, name + strlen(ALGORITHM)); /* is_key_id() said it fits */
        if (!text || base64_decode(text, key->public_key, sizeof(key->public_key), &size) < 0 ||
            size != sizeof(key->public_key))
                return error_set(e, -EINVAL, "`keys`: the key of %s is not the base64 of %d bytes", plain,
                                 SIGN_PUBLIC_SIZE);
        int r = time_at(entry, "expired_ts", &key->expired_usec, e);
        if (r >= 0)
                r = time_at(entry, "revoked_ts", &key->revoked_usec, e);
        if (r >= 0 && key->revoked_usec == 0 && json_is_integer(json_object_get(entry, "revoked_ts")))
                key->revoked_usec = 1; /* in 1970 */
        if (r >= 0 && key->expired_usec == 0 && json_is_integer(json_object_get(entry, "expired_ts")))
                key->expired_usec = 1;
        return r < 0 ? error_prefix(e, r, "`keys`: %s", plain) : 0;
}

/* Keys of algorithms that we do not know are left alone: they can sign nothing here. */
static int read_keys(const json_t *keys, NodeDocument *d, Error *e)
{
        const char *name;
        json_t *entry;

        if (json_object_size(keys) > NODE_KEYS_MAX)
                return error_set(e, -EINVAL, "`keys` has more than %d", NODE_KEYS_MAX);
        d->keys = calloc(json_object_size(keys) + 1, sizeof(*d->keys));
        if (!d->keys)
                return error_set(e, -ENOMEM, "out of memory");
        json_object_foreach((json_t *) (uintptr_t) keys, name, entry)
        {
                int r;

                if (strncmp(name, ALGORITHM, strlen(ALGORITHM)) != 0)
                        continue;
                r = read_key(name, entry, &d->keys[d->n_keys], e);
                if (r < 0)
                        return r;
                d->n_keys++;
        }
        return d->n_keys > 0 ? 0 : error_set(e, -EINVAL, "`keys` has no Ed25519 key");
}

/* Does it mean to be signed? What has one half of that is not taken for the legacy kind, which proves nothing. */
static bool claims_signature(const json_t *j)
{
        const json_t *keys = json_object_get(j, "keys");
        const char *name;
        json_t *entry;

        if (json_object_get(j, "signatures"))
                return true;
        json_object_foreach((json_t *) (uintptr_t) keys, name,
                            entry) if (strncmp(name, ALGORITHM, strlen(ALGORITHM)) == 0) return true;
        return false;
}

static int read_signed(const json_t *j, NodeDocument *d, const char *id, const char *url, Error *e)
{
        const json_t *ours = json_object_get(json_object_get(j, "signatures"), id ? id : "");
        int r;

        if (!id || !url)
                return error_set(e, -EINVAL, "a signed node document has `id` and `url`");
        if (!json_is_object(json_object_get(j, "keys")))
                return error_set(e, -EINVAL, "it has signatures, and no `keys`");
        if (json_object_size(ours) == 0 || json_object_size(ours) > NODE_KEYS_MAX)
                return error_set(e, -EINVAL, "it has keys, and no `signatures` of %s", id);
        r = read_keys(json_object_get(j, "keys"), d, e);
        if (r >= 0)
                r = time_at(j, "valid_until_ts", &d->valid_until_usec, e);
        if (r >= 0)
                r = time_at(j, "version_ts", &d->version_usec, e);
        d->is_signed = r >= 0;
        return r;
}

/* --- the whole --- */

/* What was found, until it is put together. */
typedef struct Found {
        const char *id, *name, *operator_name, *location, *checkout, *mirror_of;
        char *url, *fallback, *onion, *api, *made_id;
        const char *id_key, *url_key, *operator_key, *location_key;
} Found;

static void found_clear(Found *f)
{
        free(f->url);
        free(f->fallback);
        free(f->onion);
        free(f->api);
        free(f->made_id);
}

/* The first of the names under which others have it. */
static int first_line(const json_t *j, const char *const keys[], size_t most, const char **ret,
                      const char **ret_key, Error *e)
{
        for (; *keys; keys++) {
                int r = line_at(j, *keys, most, ret, e);

                *ret_key = *keys;
                if (r < 0 || *ret)
                        return r;
        }
        return 0;
}

static int find_url(const json_t *j, bool legacy, Found *f, Error *e)
{
        static const char *const keys[] = {"url", "nodeUrl", "publicUrl"};

        for (size_t i = 0; i < (legacy ? ELEMENTSOF(keys) : 1); i++) {
                int r = url_at(j, keys[i], &f->url, e);

                f->url_key = keys[i];
                if (r < 0 || f->url)
                        return r;
        }
        return error_set(e, -EINVAL, "it has no `url`");
}

static int find_id(const json_t *j, bool legacy, Found *f, Error *e)
{
        static const char *const keys[] = {"id", "storeId", "nodeId", NULL};
        static const char *const strict[] = {"id", NULL};
        int r = first_line(j, legacy ? keys : strict, NAME_MAX_BYTES, &f->id, &f->id_key, e);

        if (r < 0)
                return r;
        if (!f->id) {
                f->made_id = config_default_id(f->url);
                if (!f->made_id)
                        return error_set(e, -ENOMEM, "out of memory");
        }
        return config_is_node_id(f->id ?: f->made_id)
                               ? 0
                               : error_set(e, -EINVAL,
                                           "`%s` has letters, digits, dots, dashes, underscores and colons, "
                                           "at most 128",
                                           f->id ? f->id_key : f->url_key);
}

static int find_lines(const json_t *j, bool legacy, Found *f, Error *e)
{
        static const char *const operators[] = {"operator", "contactEmail", NULL};
        static const char *const locations[] = {"location", "region", NULL};
        const char *ignored;
        int r;

        r = line_at(j, "name", NAME_MAX_BYTES, &f->name, e);
        if (r >= 0)
                r = first_line(j, operators, NAME_MAX_BYTES, &f->operator_name, &f->operator_key, e);
        if (r >= 0)
                r = first_line(j, locations, NAME_MAX_BYTES, &f->location, &f->location_key, e);
        if (r >= 0)
                r = line_at(j, "mirrorOf", NAME_MAX_BYTES, &f->mirror_of, e);
        if (r >= 0 && f->mirror_of && !config_is_node_id(f->mirror_of))
                r = error_set(e, -EINVAL, "`mirrorOf` is no id of a node");
        if (r >= 0)
                r = checkout_at(j, &f->checkout, e);
        if (r >= 0) /* registries print what is in force there instead */
                r = line_at(j, "status", NAME_MAX_BYTES, &ignored, e);
        return r;
}

static int find_all(const json_t *j, bool legacy, Found *f, Error *e)
{
        int r = find_url(j, legacy, f, e);

        if (r >= 0)
                r = find_id(j, legacy, f, e);
        if (r >= 0)
                r = url_at(j, "fallbackUrl", &f->fallback, e);
        if (r >= 0)
                r = url_at(j, "onionUrl", &f->onion, e);
        if (r >= 0)
                r = url_at(j, "api", &f->api, e);
        return r < 0 ? r : find_lines(j, legacy, f, e);
}

static const char *append(char **end, const char *s)
{
        char *at = *end;

        *end = stpcpy(at, s ?: "") + 1;
        return at;
}

static int keep_strings(NodeDocument *d, const Found *f, Error *e)
{
        const char *id = f->id ?: f->made_id;
        const struct {
                const char **target, *s;
        } all[] = {{&d->name, f->name ?: id},
                   {&d->url, f->url},
                   {&d->fallback_url, f->fallback},
                   {&d->onion_url, f->onion},
                   {&d->operator_name, f->operator_name},
                   {&d->location, f->location},
                   {&d->checkout_url, f->checkout},
                   {&d->mirror_of, f->mirror_of}};
        size_t size = strlen(id) + 1;

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                size += strlen(all[i].s ?: "") + 1;
        char *end = d->id = malloc(size);
        if (!end)
                return error_set(e, -ENOMEM, "out of memory");
        (void) append(&end, id);
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                *all[i].target = append(&end, all[i].s);
        d->id_given = f->id != NULL;
        return 0;
}

/* Ours beside theirs, so that who reads on needs only one name. */
static json_t *with_our_names(const json_t *j, const NodeDocument *d)
{
        json_t *copy = json_deep_copy(j);

        if (!copy || !json_equal(copy, j)) {
                json_decref(copy);
                return NULL;
        }
        json_put(copy, "id", json_string(d->id));
        json_put(copy, "url", json_string(d->url));
        if (d->operator_name[0])
                json_put(copy, "operator", json_string(d->operator_name));
        if (d->location[0])
                json_put(copy, "location", json_string(d->location));
        json_put(copy, "revenueShare",
                 json_pack("{s:b, s:I}", "accepts", d->accepts_share, "percentage",
                           (json_int_t) d->revenue_share));
        return json_whole(copy);
}

static int keep_text(NodeDocument *d, const json_t *j, Error *e)
{
        _cleanup_json_ json_t *ours = d->is_signed ? NULL : with_our_names(j, d);
        int r = d->is_signed || ours ? json_print(d->is_signed ? j : ours, &d->text) : -ENOMEM;

        if (r < 0)
                return error_set(e, -ENOMEM, "out of memory");
        d->text_size = strlen(d->text);
        return d->text_size <= NODE_DOCUMENT_MAX
                               ? 0
                               : error_set(e, -E2BIG, "it is larger than %d KiB", NODE_DOCUMENT_MAX / 1024);
}

/* kept: the text that was made of it once; NULL: it is made now. */
static int read_document(const json_t *json, const char *kept, size_t size, NodeDocument **ret, Error *e)
{
        _cleanup_(node_document_freep) NodeDocument *d = calloc(1, sizeof(*d));
        _cleanup_(found_clear) Found f = {0};
        bool legacy;
        int r;

        assert(ret);
        if (!d)
                return error_set(e, -ENOMEM, "out of memory");
        if (!json_is_object(json))
                return error_set(e, -EINVAL, "it is no JSON object");
        legacy = !claims_signature(json);
        r = find_all(json, legacy, &f, e);
        if (r >= 0)
                r = type_at(json, &d->type, e);
        if (r >= 0)
                r = share_at(json, d, e);
        if (r >= 0)
                r = check_lists(json, e);
        if (r >= 0 && !legacy)
                r = read_signed(json, d, f.id, f.url, e);
        if (r >= 0)
                r = keep_strings(d, &f, e);
        if (r >= 0 && !kept)
                r = keep_text(d, json, e);
        else if (r >= 0) {
                d->text = strndup(kept, size);
                d->text_size = size;
                r = d->text ? 0 : error_set(e, -ENOMEM, "out of memory");
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}

int node_document_read(const json_t *json, NodeDocument **ret, Error *e)
{
        return read_document(json, NULL, 0, ret, e);
}

static int parse(const char *data, size_t size, bool kept, NodeDocument **ret, Error *e)
{
        _cleanup_json_ json_t *j = NULL;
        int r;

        if (size > NODE_DOCUMENT_MAX)
                return error_set(e, -E2BIG, "it is larger than %d KiB", NODE_DOCUMENT_MAX / 1024);
        r = json_parse(data, size, &j, e);
        return r < 0 ? r : read_document(j, kept ? data : NULL, size, ret, e);
}

int node_document_parse(const char *data, size_t size, NodeDocument **ret, Error *e)
{
        return parse(data, size, false, ret, e);
}

int node_document_restore(const char *text, size_t size, NodeDocument **ret, Error *e)
{
        return parse(text, size, true, ret, e);
}

NodeDocument *node_document_free(NodeDocument *d)
{
        if (!d)
                return NULL;
        free(d->id);
        free(d->keys);
        free(d->text);
        free(d);
        return NULL;
}

json_t *node_document_json(const NodeDocument *d)
{
        json_t *j = NULL;

        return json_parse(d->text, d->text_size, &j, NULL) < 0 ? NULL : j;
}

bool node_document_same(const NodeDocument *a, const NodeDocument *b)
{
        _cleanup_json_ json_t *x = NULL, *y = NULL;

        if (a->is_signed != b->is_signed)
                return false;
        if (a->text_size == b->text_size && memcmp(a->text, b->text, a->text_size) == 0)
                return true;
        x = node_document_json(a);
        y = node_document_json(b);
        if (!x || !y)
                return false;
        if (!a->is_signed) {
                json_object_del(x, "registeredAt");
                json_object_del(y, "registeredAt");
        }
        return json_equal(x, y) == 1;
}
