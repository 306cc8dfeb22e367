/* SPDX-License-Identifier: MIT */
/* What a zone at Cloudflare has, beside what a mode wants: the records that stay, change, go and come. */
#include "actions/dns_cloudflare.h"

#include "base/text.h"

#include <inttypes.h>

#define TTL_AUTOMATIC 1

/* Reading */

static bool is_managed_name(const DnsSets *sets, const char *name)
{
        for (size_t i = 0; i < sets->count; i++)
                if (streq(sets->sets[i].name, name))
                        return true;
        return false;
}

static const char *member(const json_t *j, const char *key)
{
        const char *s = json_string_value(json_object_get(j, key));
        return s ? s : "";
}

static json_int_t number(const json_t *j, const char *key)
{
        return json_integer_value(json_object_get(j, key));
}

/* The rdata in the form of zone files: Cloudflare splits that of some types, and kept TXT without quotes for years. */
static void add_presentation(Text *t, const char *type, const json_t *record)
{
        const json_t *data = json_object_get(record, "data");
        const char *content = member(record, "content");

        if (streq(type, "MX"))
                text_add(t, "%" PRId64 " %s", (int64_t) number(record, "priority"), content);
        else if (streq(type, "SRV") && json_is_object(data))
                text_add(t, "%" PRId64 " %" PRId64 " %" PRId64 " %s", (int64_t) number(data, "priority"),
                         (int64_t) number(data, "weight"), (int64_t) number(data, "port"),
                         member(data, "target"));
        else if (streq(type, "CAA") && json_is_object(data))
                text_add(t, "%" PRId64 " %s \"%s\"", (int64_t) number(data, "flags"), member(data, "tag"),
                         member(data, "value"));
        else if (streq(type, "TXT") && *content != '"')
                record_add_rdata(t, type, content);
        else
                text_add_string(t, content);
}

static int read_value(const char *type, const json_t *record, char **ret)
{
        _cleanup_text_ Text t = {0};

        add_presentation(&t, type, record);
        if (t.failed)
                return -ENOMEM;
        int r = record_value_parse(type, t.data ? t.data : "", ret, NULL);
        return r == -ENOMEM ? r : 0; /* what cannot be read stays NULL */
}

static int record_add(CloudflareRecords *list, CloudflareRecord *record)
{
        if (list->count == list->capacity) {
                size_t capacity = MAX(2 * list->capacity, (size_t) 16);
                CloudflareRecord *records = reallocarray(list->records, capacity, sizeof(*records));

                if (!records)
                        return -ENOMEM;
                list->records = records;
                list->capacity = capacity;
        }
        list->records[list->count++] = *record;
        return 0;
}

static void record_free(CloudflareRecord *record)
{
        free(record->id);
        free(record->name);
        free(record->value);
}

static int read_record(CloudflareRecords *list, const json_t *j, const char *name, const char *type)
{
        CloudflareRecord record = {.type = type,
                                   .ttl = (uint32_t) number(j, "ttl"),
                                   .proxied = json_is_true(json_object_get(j, "proxied"))};

        record.id = strdup(member(j, "id"));
        record.name = strdup(name);
        int r = record.id && record.name ? read_value(type, j, &record.value) : -ENOMEM;
        if (r == 0)
                r = record_add(list, &record);
        if (r < 0)
                record_free(&record);
        return r;
}

int cloudflare_records_add(CloudflareRecords *list, const json_t *result, const DnsSets *sets)
{
        const json_t *j;
        size_t i;

        if (!json_is_array(result))
                return -EBADMSG;
        json_array_foreach(result, i, j)
        {
                const char *type = record_type(member(j, "type"));
                _cleanup_free_ char *name = NULL;

                if (!*member(j, "id") || !*member(j, "name"))
                        return -EBADMSG;
                /* Names and types that we cannot write, we do not manage. */
                int r = record_name_parse(member(j, "name"), &name, NULL);
                if (r == 0 && type && is_managed_name(sets, name))
                        r = read_record(list, j, name, type);
                if (r == -ENOMEM)
                        return r;
        }
        return 0;
}

void cloudflare_records_clear(CloudflareRecords *list)
{
        for (size_t i = 0; i < list->count; i++)
                record_free(&list->records[i]);
        free(list->records);
        *list = (CloudflareRecords){0};
}

/* Planning */

static bool is_proxiable(const char *type)
{
        return streq(type, "A") || streq(type, "AAAA") || streq(type, "CNAME");
}

/* Of a record that is new at its name. An origin that hid behind the proxies must not be shown by a new record. */
static bool new_is_proxied(const CloudflareRecords *list, const DnsSet *set, DnsProxied proxied)
{
        if (!is_proxiable(set->type) || proxied == DNS_PROXIED_OFF)
                return false;
        if (proxied == DNS_PROXIED_ON)
                return true;
        for (size_t i = 0; i < list->count; i++)
                if (streq(list->records[i].name, set->name) && list->records[i].proxied)
                        return true;
        return false;
}

static bool becomes_proxied(const CloudflareRecord *record, DnsProxied proxied)
{
        if (!is_proxiable(record->type))
                return false;
        return proxied == DNS_PROXIED_KEEP ? record->proxied : proxied == DNS_PROXIED_ON;
}

/* The value's first words are numbers. */
static const char *take_number(const char *value, json_int_t *ret)
{
        char *end;

        *ret = strtoll(value, &end, 10);
        return *end == ' ' ? end + 1 : end;
}

static void put_caa(json_t *data, const char *value)
{
        json_int_t flags;
        const char *tag = take_number(value, &flags), *quoted = strchr(tag, '"');
        size_t size = quoted ? strlen(quoted + 1) : 0;

        assert(quoted && size > 0); /* the canonical form */
        json_put(data, "flags", json_integer(flags));
        json_put(data, "tag", json_stringn(tag, strcspn(tag, " ")));
        json_put(data, "value", json_stringn(quoted + 1, size - 1));
}

static void put_srv(json_t *data, const char *value)
{
        static const char *const names[] = {"priority", "weight", "port"};
        json_int_t n;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                value = take_number(value, &n);
                json_put(data, names[i], json_integer(n));
        }
        json_put(data, "target", json_string(value));
}

static void put_value(json_t *j, const Record *record)
{
        const char *type = record->type, *value = record->value;
        json_int_t n;

        if (streq(type, "SRV") || streq(type, "CAA")) {
                json_t *data = json_object();
                (streq(type, "SRV") ? put_srv : put_caa)(data, value);
                json_put(j, "data", data);
                return;
        }
        if (streq(type, "MX")) {
                value = take_number(value, &n);
                json_put(j, "priority", json_integer(n));
        }
        json_put(j, "content", json_string(streq(type, "TXT") ? record->rdata : value));
}

static void put_record(json_t *j, const DnsSet *set, const Record *wanted, bool proxied)
{
        json_put(j, "name", json_string(set->name));
        json_put(j, "type", json_string(set->type));
        put_value(j, wanted);
        json_put(j, "ttl", json_integer(proxied ? TTL_AUTOMATIC : set->ttl));
        if (is_proxiable(set->type))
                json_put(j, "proxied", json_boolean(proxied));
}

static void add_post(json_t *posts, const DnsSet *set, const Record *wanted, bool proxied)
{
        json_t *j = json_object();

        put_record(j, set, wanted, proxied);
        json_add(posts, j);
}

static void add_patch(json_t *patches, const DnsSet *set, const Record *wanted,
                      const CloudflareRecord *record, bool proxied)
{
        json_t *j = json_object();

        json_put(j, "id", json_string(record->id));
        put_record(j, set, wanted, proxied);
        json_add(patches, j);
}

static void add_delete(json_t *deletes, const CloudflareRecord *record)
{
        json_t *j = json_object();

        json_put(j, "id", json_string(record->id));
        json_add(deletes, j);
}

typedef struct Planning {
        const CloudflareRecords *list;
        DnsProxied proxied;
        json_t *deletes, *patches, *posts;
        bool *used; /* records of list that stay or change */
} Planning;

static bool record_is_of(const CloudflareRecord *record, const DnsSet *set)
{
        return streq(record->name, set->name) && streq(record->type, set->type);
}

/* The record with this value (NULL: any) that is not used yet; list->count when there is none. */
static size_t find_record(const Planning *p, const DnsSet *set, const char *value)
{
        size_t i;

        for (i = 0; i < p->list->count; i++) {
                const CloudflareRecord *record = &p->list->records[i];

                if (!p->used[i] && record_is_of(record, set) &&
                    (!value || (record->value && streq(record->value, value))))
                        break;
        }
        return i;
}

/* A record whose value is right: its TTL means something only where Cloudflare does not answer for it. */
static bool record_is_so(const CloudflareRecord *record, const DnsSet *set, bool proxied)
{
        return record->proxied == proxied && (proxied || record->ttl == set->ttl);
}

/* First those whose value stays, so that no change runs into a record that is about to change. */
static void plan_set(Planning *p, const DnsSet *set)
{
        bool placed[DNS_VALUES_SET_MAX] = {false};

        for (size_t k = 0; k < set->count; k++) {
                size_t i = find_record(p, set, set->records[k]->value);
                if (i == p->list->count)
                        continue;
                const CloudflareRecord *record = &p->list->records[i];
                bool proxied = becomes_proxied(record, p->proxied);

                placed[k] = p->used[i] = true;
                if (!record_is_so(record, set, proxied))
                        add_patch(p->patches, set, set->records[k], record, proxied);
        }
        for (size_t k = 0; k < set->count; k++) {
                if (placed[k])
                        continue;
                size_t i = find_record(p, set, NULL);
                if (i < p->list->count) {
                        const CloudflareRecord *record = &p->list->records[i];

                        p->used[i] = true;
                        add_patch(p->patches, set, set->records[k], record,
                                  becomes_proxied(record, p->proxied));
                } else
                        add_post(p->posts, set, set->records[k], new_is_proxied(p->list, set, p->proxied));
        }
        for (size_t i; (i = find_record(p, set, NULL)) < p->list->count;) {
                p->used[i] = true;
                add_delete(p->deletes, &p->list->records[i]);
        }
}

static size_t plan_size(const Planning *p)
{
        return json_array_size(p->deletes) + json_array_size(p->patches) + json_array_size(p->posts);
}

/* Lists that are empty are left out. */
static json_t *plan_body(const Planning *p)
{
        json_t *body = json_object();

        if (json_array_size(p->deletes) > 0)
                json_put(body, "deletes", json_incref(p->deletes));
        if (json_array_size(p->patches) > 0)
                json_put(body, "patches", json_incref(p->patches));
        if (json_array_size(p->posts) > 0)
                json_put(body, "posts", json_incref(p->posts));
        return json_whole(body);
}

int cloudflare_plan_make(const DnsSets *sets, const CloudflareRecords *list, DnsProxied proxied,
                         CloudflarePlan *ret)
{
        _cleanup_json_ json_t *deletes = json_array(), *patches = json_array(), *posts = json_array();
        _cleanup_free_ bool *used = calloc(MAX(list->count, (size_t) 1), sizeof(*used));
        Planning p = {list, proxied, deletes, patches, posts, used};
        CloudflarePlan plan = {0};

        if (!deletes || !patches || !posts || !used)
                return -ENOMEM;
        (void) json_failed();
        for (size_t i = 0; i < sets->count; i++) {
                size_t before = plan_size(&p);

                plan_set(&p, &sets->sets[i]);
                if (!plan.first && plan_size(&p) > before)
                        plan.first = &sets->sets[i];
        }
        if (plan.first) {
                plan.body = plan_body(&p);
                if (!plan.body)
                        return -ENOMEM;
        }
        plan.deletes = json_array_size(deletes);
        plan.patches = json_array_size(patches);
        plan.posts = json_array_size(posts);
        *ret = plan;
        return 0;
}

void cloudflare_plan_clear(CloudflarePlan *plan)
{
        json_decref(plan->body);
        *plan = (CloudflarePlan){0};
}
