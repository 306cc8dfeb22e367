/* SPDX-License-Identifier: MIT */
/* Asks one name server whether sets of records are so: all of them side by side, values as sets, and their TTL. */
#include "actions/dns.h"

#include "base/text.h"

#define SHOWN_MAX ((size_t) 3)

/* One set, and the question about it. */
typedef struct Slot {
        DnsLook *look;
        const DnsSet *set;
        DnsQuery *query;
        /* Something answers for a set that shall not be there: it may be a wildcard that does. */
        const char *parent; /* the wildcard below it is asked; points into set->name */
        char *answer;       /* that answer */
        char *seen;         /* the same for people */
} Slot;

struct DnsLook {
        Resolver *resolver;
        char *server, *zone;
        uint64_t timeout_usec;
        DnsLookDone done;
        void *userdata;
        size_t count, open;
        Slot slots[];
};

static void look_finish(DnsLook *look, DnsSeen seen, const char *message)
{
        char text[512];

        snprintf(text, sizeof(text), "%s", message); /* it may be a query's */
        for (size_t i = 0; i < look->count; i++)
                look->slots[i].query = dns_query_free(look->slots[i].query);
        look->done(look, seen, text, look->userdata);
}

/* "192.0.2.1, 192.0.2.2 (TTL 60)", "nothing" */
static void add_values(Text *t, const char *const *values, size_t count, uint32_t ttl)
{
        if (count == 0)
                text_add_string(t, "nothing");
        for (size_t i = 0; i < MIN(count, SHOWN_MAX); i++) {
                text_add_string(t, i > 0 ? ", " : "");
                text_add_plain(t, values[i], 60);
        }
        if (count > SHOWN_MAX)
                text_add(t, " and %zu more", count - SHOWN_MAX);
        if (count > 0)
                text_add(t, " (TTL %u)", ttl);
}

static char *seen_make(const DnsResult *result)
{
        _cleanup_text_ Text t = {0};
        char *seen;

        add_values(&t, result->values, result->count, result->ttl);
        return text_take(&t, &seen) < 0 ? NULL : seen;
}

static int compare_values(const void *a, const void *b)
{
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* The same in one order, to be compared with another answer; NULL when out of memory. */
static char *answer_make(const DnsResult *result)
{
        const char *values[DNS_VALUES_MAX];
        _cleanup_text_ Text t = {0};
        char *answer;

        memcpy(values, result->values, sizeof(values));
        qsort(values, result->count, sizeof(*values), compare_values);
        for (size_t i = 0; i < result->count; i++)
                text_add(&t, "%zu %s\n", strlen(values[i]), values[i]);
        return text_take(&t, &answer) < 0 ? NULL : answer;
}

static bool values_match(const DnsSet *set, const DnsResult *result)
{
        if (set->count != result->count || set->ttl != result->ttl)
                return false;
        for (size_t i = 0; i < set->count; i++) {
                size_t k = 0;

                while (k < result->count && !streq(set->records[i]->value, result->values[k]))
                        k++;
                if (k == result->count)
                        return false;
        }
        return true;
}

static void slot_otherwise(Slot *s, const char *seen)
{
        const char *wanted[DNS_VALUES_SET_MAX];
        _cleanup_text_ Text t = {0};
        char name[DNS_SET_SIZE];

        for (size_t i = 0; i < s->set->count; i++)
                wanted[i] = s->set->records[i]->value;
        text_add(&t, "%s is %s; wanted is ", dns_set_format(name, s->set), seen);
        add_values(&t, wanted, s->set->count, s->set->ttl);
        look_finish(s->look, DNS_SEEN_OTHERWISE, t.failed ? strerror(ENOMEM) : t.data);
}

static void slot_settle(Slot *s)
{
        DnsLook *look = s->look;

        s->query = dns_query_free(s->query);
        if (--look->open == 0)
                look_finish(look, DNS_SEEN_SO, "");
}

static void on_wildcard(DnsQuery *query, const DnsResult *result, void *userdata);

/* The name above, within the zone; NULL at its top. */
static const char *parent_of(const DnsLook *look, const char *name)
{
        const char *dot = strchr(name, '.');

        if (streq(name, look->zone) || !dot || !record_name_within(dot + 1, look->zone))
                return NULL;
        return dot + 1;
}

/* Asks for the next wildcard that may answer for the name: false when there is none, and the last answer still stands. */
static bool slot_climb(Slot *s)
{
        const char *own = s->set->name;
        DnsLook *look = s->look;
        DnsQuery *query;
        char name[300];

        s->parent = parent_of(look, s->parent ? s->parent : own);
        if (s->parent && own[0] == '*' && own[1] == '.' && streq(s->parent, own + 2))
                s->parent = parent_of(look, s->parent); /* it is that wildcard itself */
        if (!s->parent)
                return false;
        snprintf(name, sizeof(name), "*.%s", s->parent);
        if (dns_query_start(look->resolver, name, s->set->type, look->server, look->timeout_usec, on_wildcard,
                            s, &query) < 0)
                return false;
        dns_query_free(s->query);
        s->query = query;
        return true;
}

static void on_wildcard(DnsQuery *query, const DnsResult *result, void *userdata)
{
        Slot *s = userdata;

        if (result->error == 0 && !*result->alias) {
                _cleanup_free_ char *answer = answer_make(result);
                if (answer && s->answer && streq(answer, s->answer)) {
                        slot_settle(s);
                        return;
                }
        } else if (result->error < 0 && result->error != -ENOENT) {
                look_finish(s->look, DNS_SEEN_NOTHING, result->message);
                return;
        }
        if (!slot_climb(s))
                slot_otherwise(s, s->seen ? s->seen : "something");
}

static void on_answer(DnsQuery *query, const DnsResult *result, void *userdata)
{
        Slot *s = userdata;
        /* Records of an alias's target belong to another name. */
        bool own = result->error == 0 && !*result->alias;

        if (result->error < 0 && result->error != -ENOENT) {
                look_finish(s->look, DNS_SEEN_NOTHING, result->message);
                return;
        }
        if (own ? s->set->count > 0 && values_match(s->set, result) : s->set->count == 0) {
                slot_settle(s);
                return;
        }
        s->seen = own ? seen_make(result)
                      : string_printf(*result->alias ? "nothing, since an alias of %s stands there"
                                                     : "nothing",
                                      result->alias);
        if (own && s->set->count == 0) {
                s->answer = answer_make(result);
                if (slot_climb(s))
                        return;
        }
        slot_otherwise(s, s->seen ? s->seen : "something else");
}

static int look_ask(DnsLook *look)
{
        for (size_t i = 0; i < look->count; i++) {
                Slot *s = &look->slots[i];
                int r = dns_query_start(look->resolver, s->set->name, s->set->type, look->server,
                                        look->timeout_usec, on_answer, s, &s->query);
                if (r < 0)
                        return r;
        }
        return 0;
}

int dns_look_start(Resolver *resolver, const char *server, const char *zone, const DnsSets *sets,
                   uint64_t timeout_usec, DnsLookDone done, void *userdata, DnsLook **ret)
{
        DnsLook *look = calloc(1, sizeof(*look) + sets->count * sizeof(*look->slots));

        assert(resolver && server && zone && sets->count > 0 && done && ret);
        if (!look)
                return -ENOMEM;
        look->resolver = resolver;
        look->timeout_usec = timeout_usec;
        look->done = done;
        look->userdata = userdata;
        look->count = look->open = sets->count;
        for (size_t i = 0; i < sets->count; i++)
                look->slots[i] = (Slot){.look = look, .set = &sets->sets[i]};
        look->server = strdup(server);
        look->zone = strdup(zone);
        int r = look->server && look->zone ? look_ask(look) : -ENOMEM;
        if (r < 0)
                dns_look_free(look);
        else
                *ret = look;
        return r;
}

DnsLook *dns_look_free(DnsLook *look)
{
        if (!look)
                return NULL;
        for (size_t i = 0; i < look->count; i++) {
                dns_query_free(look->slots[i].query);
                free(look->slots[i].answer);
                free(look->slots[i].seen);
        }
        free(look->server);
        free(look->zone);
        free(look);
        return NULL;
}
