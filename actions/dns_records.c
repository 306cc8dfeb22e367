/* SPDX-License-Identifier: MIT */
/* `records:` of a dns action: read, checked, and as the sets that a mode wants. */
#include "actions/dns.h"

#include "base/text.h"

static int out_of_memory(Error *e)
{
        return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
}

/* Reading */

static void mode_clear(DnsMode *m)
{
        for (size_t i = 0; i < m->count; i++)
                record_clear(&m->records[i]);
        free(m->records);
        free(m->name);
}

static void clear_modes(void *target)
{
        DnsModes *list = target;

        for (size_t i = 0; i < list->count; i++)
                mode_clear(&list->modes[i]);
        free(list->modes);
        *list = (DnsModes){0};
}

static int parse_record(const ConfNode *node, Record *ret, Error *e)
{
        const char *text = node ? conf_scalar(node) : NULL;
        Error why;

        if (!text)
                return conf_error(node, e, "a record is a text, such as \"shop.example. 60 A 192.0.2.1\"");
        int r = record_parse(text, ret, &why);
        return r == -EINVAL ? conf_error(node, e, "%s", why.text) : r < 0 ? out_of_memory(e) : 0;
}

static int parse_mode(const ConfNode *node, const char *name, DnsMode *m, Error *e)
{
        size_t n = conf_is_sequence(node) ? conf_count(node) : 1;

        if (conf_is_mapping(node) || conf_is_null(node))
                return conf_error(node, e,
                                  "the records of a mode are a list, [] for none; leave the mode out to "
                                  "leave the zone as it is");
        if (n > DNS_RECORDS_MAX)
                return conf_error(node, e, "more than %d records", DNS_RECORDS_MAX);
        m->name = strdup(name);
        m->records = calloc(MAX(n, (size_t) 1), sizeof(*m->records));
        if (!m->name || !m->records)
                return out_of_memory(e);
        for (size_t i = 0; i < n; i++) {
                int r = parse_record(conf_is_sequence(node) ? conf_item(node, i) : node, &m->records[i], e);
                if (r < 0)
                        return r;
                m->count++;
        }
        return 0;
}

static int parse_modes(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        DnsModes *list = target;

        if (!conf_is_mapping(node) || conf_count(node) == 0)
                return conf_error(node, e,
                                  "`%s` maps modes to lists: {primary: [\"shop.example. 60 A 192.0.2.1\"]}",
                                  field->key);
        list->modes = calloc(conf_count(node), sizeof(*list->modes));
        if (!list->modes)
                return out_of_memory(e);
        for (size_t i = 0; i < conf_count(node); i++) {
                list->count++; /* cleared, half-read or not */
                int r = parse_mode(conf_item(node, i), conf_key(node, i, NULL), &list->modes[i], e);
                if (r < 0)
                        return r;
        }
        return 0;
}

const ConfType dns_conf_modes = {"keys and lists of records", parse_modes, clear_modes};

/* Checking */

/* Of record k in the mode's list. */
const ConfNode *dns_record_node(const ConfNode *node, const DnsMode *m, size_t k)
{
        const ConfNode *list = conf_get(conf_get(node, "records"), m->name);
        return conf_is_sequence(list) ? conf_item(list, k) : list;
}

static bool is_address(const Record *r)
{
        return streq(r->type, "A") || streq(r->type, "AAAA");
}

/* An alias stands alone (RFC 1034, section 3.6.2). */
static bool clash(const Record *a, const Record *b, bool flattened)
{
        bool alias_a = streq(a->type, "CNAME"), alias_b = streq(b->type, "CNAME");

        if (!alias_a && !alias_b)
                return false;
        if (alias_a && alias_b)
                return true;
        return !flattened || is_address(alias_a ? b : a);
}

static int check_pair(const Record *a, const Record *b, bool flattened, const ConfNode *node, Error *e)
{
        if (!streq(a->name, b->name))
                return 0;
        if (streq(a->type, b->type) && streq(a->value, b->value))
                return conf_error(node, e, "this record of %s is listed twice", a->name);
        if (clash(a, b, flattened))
                return conf_error(node, e, "%s has other records: a CNAME stands alone", a->name);
        if (streq(a->type, b->type) && a->ttl != b->ttl)
                return conf_error(node, e, "all %s records of %s have one TTL, here %u and %u", a->type,
                                  a->name, a->ttl, b->ttl);
        return 0;
}

static int check_record(const DnsMode *m, size_t k, const char *zone, bool apex_alias, const ConfNode *node,
                        Error *e)
{
        const Record *record = &m->records[k];
        bool apex = streq(record->name, zone);
        size_t same = 1;

        if (!record_name_within(record->name, zone))
                return conf_error(node, e, "%s is outside the zone %s; a name is written in full",
                                  record->name, zone);
        if (apex && streq(record->type, "CNAME") && !apex_alias)
                return conf_error(node, e, "%s is the zone itself, which cannot be a CNAME", record->name);
        for (size_t i = 0; i < k; i++) {
                int r = check_pair(&m->records[i], record, apex && apex_alias, node, e);
                if (r < 0)
                        return r;
                same += streq(m->records[i].name, record->name) && streq(m->records[i].type, record->type);
        }
        if (same > DNS_VALUES_SET_MAX)
                return conf_error(node, e, "more than %d %s records of %s", DNS_VALUES_SET_MAX, record->type,
                                  record->name);
        return 0;
}

int dns_check_records(const DnsActionConf *c, const char *zone, const ConfNode *node, bool apex_alias,
                      Error *e)
{
        for (size_t i = 0; i < c->records.count; i++) {
                const DnsMode *m = &c->records.modes[i];

                for (size_t k = 0; k < m->count; k++) {
                        int r = check_record(m, k, zone, apex_alias, dns_record_node(node, m, k), e);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Sets */

const DnsMode *dns_mode_find(const DnsActionConf *c, const char *mode)
{
        for (size_t i = 0; i < c->records.count; i++)
                if (streq(c->records.modes[i].name, mode))
                        return &c->records.modes[i];
        return NULL;
}

static DnsSet *set_find(const DnsSets *sets, const Record *record)
{
        for (size_t i = 0; i < sets->count; i++)
                if (streq(sets->sets[i].name, record->name) && streq(sets->sets[i].type, record->type))
                        return &sets->sets[i];
        return NULL;
}

int dns_sets_new(const DnsActionConf *c, const DnsMode *mode, DnsSets *ret)
{
        size_t most = 1;
        DnsSets sets = {0};

        for (size_t i = 0; i < c->records.count; i++)
                most += c->records.modes[i].count;
        sets.sets = calloc(most, sizeof(*sets.sets));
        if (!sets.sets)
                return -ENOMEM;
        for (size_t i = 0; i < c->records.count; i++)
                for (size_t k = 0; k < c->records.modes[i].count; k++) {
                        const Record *record = &c->records.modes[i].records[k];
                        if (!set_find(&sets, record))
                                sets.sets[sets.count++] =
                                                (DnsSet){.name = record->name, .type = record->type};
                }
        for (size_t k = 0; k < mode->count; k++) {
                DnsSet *set = set_find(&sets, &mode->records[k]);
                assert(set && set->count < DNS_VALUES_SET_MAX);
                set->ttl = mode->records[k].ttl;
                set->records[set->count++] = &mode->records[k];
        }
        *ret = sets;
        return 0;
}

void dns_sets_clear(DnsSets *sets)
{
        free(sets->sets);
        *sets = (DnsSets){0};
}

const char *dns_set_format(char buffer[static DNS_SET_SIZE], const DnsSet *set)
{
        snprintf(buffer, DNS_SET_SIZE, "%s %s", set->name, set->type);
        return buffer;
}

const char *dns_count_format(char buffer[static DNS_COUNT_SIZE], size_t count)
{
        snprintf(buffer, DNS_COUNT_SIZE, "%zu set%s of records", count, count == 1 ? "" : "s");
        return buffer;
}
