/* SPDX-License-Identifier: MIT */
/* One DNS question as a person would ask it: a name, a type, perhaps a server; the answer in presentation form. */
#include "base/dns.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <strings.h>

struct DnsQuery {
        DnsQuestion *question;
        char *name;
        const struct DnsType *type;
        DnsDone done;
        void *userdata;
        char *values[DNS_VALUES_MAX];
        size_t count;
        uint32_t ttl;
};

/* Reads the parts of a record's data one after the other; failed once anything is missing. */
typedef struct Data {
        const DnsRecord *record;
        const uint8_t *at, *end;
        bool failed;
} Data;

static uint32_t data_number(Data *d, unsigned bytes)
{
        uint32_t n = 0;

        if (d->failed || d->end - d->at < (ptrdiff_t) bytes) {
                d->failed = true;
                return 0;
        }
        while (bytes-- > 0)
                n = n << 8 | *d->at++;
        return n;
}

static void data_name(Data *d, Text *text)
{
        char name[DNS_NAME_SIZE];

        if (d->failed || d->at >= d->end ||
            dns_packet_name(d->record->packet, d->record->packet_size, &d->at, name) < 0 || d->at > d->end)
                d->failed = true;
        else
                text_add_string(text, name);
}

/* A NUL would end the text for everyone who reads it. */
static void data_bytes(Data *d, Text *text, size_t size)
{
        if (d->failed || d->end - d->at < (ptrdiff_t) size) {
                d->failed = true;
                return;
        }
        for (; size > 0; size--, d->at++)
                text_add_bytes(text, *d->at ? (const char *) d->at : "?", 1);
}

static void format_address(Data *d, Text *text)
{
        char buffer[INET6_ADDRSTRLEN];
        int family = d->end - d->at == 4 ? AF_INET : AF_INET6;

        text_add_string(text, inet_ntop(family, d->at, buffer, sizeof(buffer)));
}

static void format_a(Data *d, Text *text)
{
        if (d->end - d->at == 4)
                format_address(d, text);
        else
                d->failed = true;
}

static void format_aaaa(Data *d, Text *text)
{
        if (d->end - d->at == 16)
                format_address(d, text);
        else
                d->failed = true;
}

static void format_name(Data *d, Text *text)
{
        data_name(d, text);
}

static void format_mx(Data *d, Text *text)
{
        text_add(text, "%" PRIu32 " ", data_number(d, 2));
        data_name(d, text);
}

static void format_txt(Data *d, Text *text)
{
        while (!d->failed && d->at < d->end)
                data_bytes(d, text, data_number(d, 1));
}

static void format_soa(Data *d, Text *text)
{
        data_name(d, text);
        text_add_string(text, " ");
        data_name(d, text);
        for (int i = 0; i < 5; i++) /* serial, refresh, retry, expire, minimum */
                text_add(text, " %" PRIu32, data_number(d, 4));
}

static void format_srv(Data *d, Text *text)
{
        for (int i = 0; i < 3; i++) /* priority, weight, port */
                text_add(text, "%" PRIu32 " ", data_number(d, 2));
        data_name(d, text);
}

static void format_caa(Data *d, Text *text)
{
        text_add(text, "%" PRIu32 " ", data_number(d, 1));
        data_bytes(d, text, data_number(d, 1));
        text_add_string(text, " \"");
        if (!d->failed)
                data_bytes(d, text, (size_t) (d->end - d->at));
        text_add_string(text, "\"");
}

static const struct DnsType {
        const char *name;
        int number;
        void (*format)(Data *d, Text *text);
} dns_types[] = {
                {"A", 1, format_a},       {"NS", 2, format_name},    {"CNAME", 5, format_name},
                {"SOA", 6, format_soa},   {"PTR", 12, format_name},  {"MX", 15, format_mx},
                {"TXT", 16, format_txt},  {"AAAA", 28, format_aaaa}, {"SRV", 33, format_srv},
                {"CAA", 257, format_caa},
};

static const struct DnsType *type_find(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(dns_types); i++)
                if (strcasecmp(dns_types[i].name, name) == 0)
                        return &dns_types[i];
        return NULL;
}

bool dns_type_known(const char *type)
{
        assert(type);
        return type_find(type) != NULL;
}

static int add_value(const DnsRecord *record, void *userdata)
{
        DnsQuery *q = userdata;
        Data d = {record, record->data, record->data + record->size, false};
        _cleanup_text_ Text text = {};
        int r;

        if (q->count == DNS_VALUES_MAX)
                return 0;
        q->type->format(&d, &text);
        if (d.failed)
                return -EBADMSG;
        r = text_take(&text, &q->values[q->count]);
        if (r < 0)
                return r;
        q->ttl = q->count == 0 ? record->ttl : MIN(q->ttl, record->ttl);
        q->count++;
        return 0;
}

static void on_answer(DnsQuestion *question, const DnsAnswer *answer, void *userdata)
{
        DnsQuery *q = userdata;
        char message[DNS_NAME_SIZE + 64], alias[DNS_NAME_SIZE] = "";
        DnsResult result = {.error = answer->error, .message = answer->message, .alias = alias};
        int r;

        if (answer->error == 0) {
                r = dns_packet_records(answer->packet, answer->size, q->name, q->type->number, add_value, q,
                                       alias);
                if (r < 0) {
                        result.error = r;
                        snprintf(message, sizeof(message), "%s",
                                 r == -EBADMSG ? "an answer that cannot be parsed" : strerror(-r));
                } else if (r == 0) {
                        result.error = -ENOENT;
                        snprintf(message, sizeof(message), "no %s record%s%s", q->type->name,
                                 *alias ? " of its alias " : "", alias);
                } else {
                        result.count = q->count;
                        result.ttl = q->ttl;
                        memcpy(result.values, q->values, sizeof(result.values));
                        snprintf(message, sizeof(message), "%zu %s record%s", q->count, q->type->name,
                                 PLURAL(q->count));
                }
                result.message = message;
        }
        q->done(q, &result, q->userdata); /* may free q */
}

int dns_query_start(Resolver *r, const char *name, const char *type, const char *server,
                    uint64_t timeout_usec, DnsDone done, void *userdata, DnsQuery **ret)
{
        _cleanup_(dns_query_freep) DnsQuery *q = NULL;
        const struct sockaddr_storage *servers;
        struct sockaddr_storage one;
        size_t n_servers = 1;
        int error;

        assert(r);
        assert(name);
        assert(type);
        assert(done);
        assert(ret);

        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->type = type_find(type);
        q->name = strdup(name);
        q->done = done;
        q->userdata = userdata;
        if (!q->name)
                return -ENOMEM;
        if (!q->type)
                return -EINVAL;
        if (server) {
                error = address_parse(server, 53, &one, NULL);
                if (error < 0)
                        return error;
                servers = &one;
        } else {
                const ResolveConf *conf = resolver_conf(r);

                servers = conf->servers;
                n_servers = conf->n_servers;
        }
        error = dns_question_start(resolver_pool(r), resolver_event(r), servers, n_servers, name,
                                   q->type->number, timeout_usec, on_answer, q, &q->question);
        if (error < 0)
                return error;
        *ret = TAKE_PTR(q);
        return 0;
}

DnsQuery *dns_query_free(DnsQuery *q)
{
        if (!q)
                return NULL;
        dns_question_free(q->question);
        for (size_t i = 0; i < q->count; i++)
                free(q->values[i]);
        free(q->name);
        free(q);
        return NULL;
}
