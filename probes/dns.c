/* SPDX-License-Identifier: MIT */
/* Asks for one DNS record and compares the answers with what is expected. */
#include "probes/dns.h"
#include "base/clock.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

typedef struct DnsState {
        DnsQuery *query;
        size_t server;  /* the one that is being asked */
        size_t failing; /* servers whose own trouble it was that they gave no answer */
        char trouble[200];
} DnsState;

static size_t strings_count(char *const *list)
{
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

static bool record_is(const DnsProbeConf *c, const char *type)
{
        return strcasecmp(c->record, type) == 0;
}

int dns_probe_normalize(const DnsProbeConf *c, const char *value, char **ret)
{
        char address[INET6_ADDRSTRLEN];
        unsigned char bytes[16];
        size_t size = strlen(value), n = 0;
        int family = record_is(c, "A") ? AF_INET : record_is(c, "AAAA") ? AF_INET6 : AF_UNSPEC;
        bool text = record_is(c, "TXT");
        char *out;

        if (family != AF_UNSPEC && inet_pton(family, value, bytes) == 1 &&
            inet_ntop(family, bytes, address, sizeof address))
                return (*ret = strdup(address)) ? 0 : -ENOMEM;
        if (text && size >= 2 && value[0] == '"' && value[size - 1] == '"')
                return (*ret = strndup(value + 1, size - 2)) ? 0 : -ENOMEM;
        out = strdup(value);
        if (!out)
                return -ENOMEM;
        for (size_t i = 0; !text && i <= size; i++) {
                bool ends = i + 1 >= size || value[i + 1] == ' ';

                if (value[i] == '"' || (value[i] == '.' && ends))
                        continue;
                out[n++] = (char) tolower((unsigned char) value[i]);
        }
        *ret = out;
        return 0;
}

static void strings_free(char **list, size_t n)
{
        for (size_t i = 0; list && i < n; i++)
                free(list[i]);
        free(list);
}

static int values_normalize(const DnsProbeConf *c, const char *const *values, size_t n, char ***ret)
{
        char **list = calloc(n + 1, sizeof *list);

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (dns_probe_normalize(c, values[i], &list[i]) < 0) {
                        strings_free(list, n);
                        return -ENOMEM;
                }
        *ret = list;
        return 0;
}

static bool all_within(char *const *some, size_t n_some, char *const *all, size_t n_all)
{
        for (size_t i = 0; i < n_some; i++) {
                size_t k = 0;

                while (k < n_all && !streq(some[i], all[k]))
                        k++;
                if (k == n_all)
                        return false;
        }
        return true;
}

/* "a, b and 3 more" */
static const char *list_format(char *buffer, size_t size, char *const *values, size_t n)
{
        size_t used = 0;

        buffer[0] = '\0';
        for (size_t i = 0; i < n; i++) {
                size_t length = strlen(values[i]);

                if (i > 0 && used + length + 24 > size) {
                        snprintf(buffer + used, size - used, " and %zu more", n - i);
                        break;
                }
                used += (size_t) snprintf(buffer + used, size - used, "%s%.*s", i > 0 ? ", " : "",
                                          (int) MIN(length, size - 24), values[i]);
        }
        return buffer;
}

static void compare(Attempt *a, char *const *got, size_t n_got, char *const *wanted, size_t n_wanted)
{
        const DnsProbeConf *c = a->conf;
        char got_text[140], wanted_text[140];

        list_format(got_text, sizeof got_text, got, n_got);
        if (n_wanted == 0 || (all_within(got, n_got, wanted, n_wanted) &&
                              (c->follows_mode || all_within(wanted, n_wanted, got, n_got))))
                attempt_report(a, OUTCOME_PASS, "%s", got_text);
        else
                attempt_report(a, OUTCOME_FAIL, "answer is %s; expected %s", got_text,
                               list_format(wanted_text, sizeof wanted_text, wanted, n_wanted));
}

static void judge(Attempt *a, const DnsResult *result)
{
        const DnsProbeConf *c = a->conf;
        size_t n_wanted = strings_count(c->expect);
        char **got = NULL, **wanted = NULL;

        if (result->count == 0) {
                attempt_report(a, OUTCOME_FAIL, "no %s record", c->record);
                return;
        }
        if (result->count < c->min_answers) {
                attempt_report(a, OUTCOME_FAIL, "%zu answer%s, expected at least %u", result->count,
                               result->count == 1 ? "" : "s", c->min_answers);
                return;
        }
        if (values_normalize(c, result->values, result->count, &got) < 0 ||
            values_normalize(c, (const char *const *) c->expect, n_wanted, &wanted) < 0)
                attempt_report_errno(a, -ENOMEM, "answer");
        else
                compare(a, got, result->count, wanted, n_wanted);
        strings_free(got, result->count);
        strings_free(wanted, n_wanted);
}

static bool trouble_is_ours(int error)
{
        return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS ||
               error == -ENETUNREACH || error == -EINVAL;
}

static void trouble_note(DnsState *s, int error, const char *message)
{
        s->failing += !trouble_is_ours(error);
        snprintf(s->trouble, sizeof s->trouble, "%s", message && *message ? message : strerror(abs(error)));
}

static void trouble_report(Attempt *a)
{
        const DnsProbeConf *c = a->conf;
        DnsState *s = a->state;
        size_t n = strings_count(c->servers);

        attempt_report(a, s->failing > 0 && n > 0 ? OUTCOME_FAIL : OUTCOME_INCONCLUSIVE,
                       n > 1 ? "%s (%zu servers asked)" : "%s", s->trouble, n);
}

static void ask(Attempt *a);

static void on_answer(DnsQuery *query, const DnsResult *result, void *userdata)
{
        Attempt *a = userdata;
        const DnsProbeConf *c = a->conf;
        DnsState *s = a->state;

        if (result->error == 0) {
                judge(a, result);
                return;
        }
        if (result->error == -ENOENT) { /* an answer, too: NXDOMAIN, or no such record */
                attempt_report(a, OUTCOME_FAIL, "%s",
                               result->message && *result->message ? result->message : "no such record");
                return;
        }
        trouble_note(s, result->error, result->message);
        s->server++;
        if (s->server < strings_count(c->servers)) {
                s->query = dns_query_free(s->query);
                ask(a);
        } else
                trouble_report(a);
}

/* Asks server number s->server, or the next one that can be asked; each gets an even share of the time left. */
static void ask(Attempt *a)
{
        const DnsProbeConf *c = a->conf;
        DnsState *s = a->state;
        size_t n = strings_count(c->servers);

        do {
                uint64_t now = clock_boot_usec(), end = a->began_usec + a->timeout_usec;
                uint64_t left = end > now ? end - now : 1;
                const char *server = n > 0 ? c->servers[s->server] : NULL;
                int r;

                /* The last one may use it up: dns_expire() knows better what to say. */
                left = s->server + 1 < n ? left / (n - s->server) : left + USEC_PER_SEC;
                r = dns_query_start(a->context->resolver, c->name, c->record, server, left, on_answer, a,
                                    &s->query);
                if (r >= 0)
                        return;
                trouble_note(s, r, NULL);
        } while (++s->server < n);
        trouble_report(a);
}

static void dns_stop(Attempt *a)
{
        DnsState *s = a->state;

        s->query = dns_query_free(s->query);
}

static void dns_expire(Attempt *a)
{
        const DnsProbeConf *c = a->conf;
        DnsState *s = a->state;

        if (!c->servers || !c->servers[0])
                attempt_report(a, OUTCOME_INCONCLUSIVE, "our own resolver does not answer");
        else
                attempt_report_silence(a, c->servers[MIN(s->server, strings_count(c->servers) - 1)]);
}

static bool name_valid(const char *s)
{
        size_t size = strlen(s), label = 0;

        if (size > 0 && s[size - 1] == '.')
                size--;
        if (size == 0 || size > 253)
                return streq(s, ".");
        for (size_t i = 0; i < size; i++) {
                bool dot = s[i] == '.';

                if (!dot && !isalnum((unsigned char) s[i]) && !strchr("-_*", s[i]))
                        return false;
                if (dot && label == 0)
                        return false;
                label = dot ? 0 : label + 1;
                if (label > 63)
                        return false;
        }
        return label > 0;
}

static bool dns_silence_fails(const void *conf)
{
        const DnsProbeConf *c = conf;

        return c->servers && c->servers[0]; /* else it is our own resolver that is silent */
}

static int check_expected(const DnsProbeConf *c, const char *value, const ConfNode *at, Error *e)
{
        unsigned char bytes[16];

        if (record_is(c, "A") && inet_pton(AF_INET, value, bytes) != 1)
                return conf_error(at, e, "expect: \"%s\" is not an IPv4 address", value);
        if (record_is(c, "AAAA") && inet_pton(AF_INET6, value, bytes) != 1)
                return conf_error(at, e, "expect: \"%s\" is not an IPv6 address", value);
        if (record_is(c, "MX") && (!isdigit((unsigned char) value[0]) || !strchr(value, ' ')))
                return conf_error(
                                at, e,
                                "expect: \"%s\": an MX value has a preference, as in \"10 mail.example.org\"",
                                value);
        if (*value == '\0')
                return conf_error(at, e, "expect: a value is empty");
        return 0;
}

static const ConfNode *list_item(const ConfNode *node, const char *key, size_t i)
{
        const ConfNode *list = conf_get(node, key);

        return conf_is_sequence(list) ? conf_item(list, i) : list;
}

static int dns_check(const void *conf, const ConfNode *node, Error *e)
{
        const DnsProbeConf *c = conf;
        struct sockaddr_storage address;
        socklen_t size;
        int r;

        if (!name_valid(c->name))
                return conf_error(
                                conf_get(node, "name"), e,
                                "name: \"%s\" is not a domain name (international names in their xn-- form)",
                                c->name);
        if (!dns_type_known(c->record))
                return conf_error(conf_get(node, "record"), e,
                                  "record: \"%s\" is not one of A, AAAA, CNAME, MX, NS, TXT, SOA, SRV, PTR, "
                                  "CAA",
                                  c->record);
        for (size_t i = 0; c->servers && c->servers[i]; i++)
                if (address_parse(c->servers[i], 53, &address, &size) < 0)
                        return conf_error(list_item(node, "servers", i), e,
                                          "servers: \"%s\" is not IP:port, [IPv6]:port or an IP address",
                                          c->servers[i]);
        for (size_t i = 0; c->expect && c->expect[i]; i++) {
                r = check_expected(c, c->expect[i], list_item(node, "expect", i), e);
                if (r < 0)
                        return r;
        }
        if (c->expect && strings_count(c->expect) > 0 && strings_count(c->expect) < c->min_answers)
                return conf_error(conf_get(node, "min_answers"), e,
                                  "min_answers: %u, but `expect` has %zu and allows no other: it could never "
                                  "pass",
                                  c->min_answers, strings_count(c->expect));
        return 0;
}

#define FIELD(key, type, flags, fallback, help, ...)                                                \
        {                                                                                           \
#key, &conf_##type, offsetof(DnsProbeConf, key), flags, fallback, help, __VA_ARGS__ \
        }

const ProbeType probe_dns = {
                .name = "dns",
                .help = "A DNS record: that it exists, and what it says.",
                .conf_size = sizeof(DnsProbeConf),
                .fields =
                                (const ConfField[]){
                                                FIELD(name, string, CONF_REQUIRED | CONF_DOMAIN, NULL,
                                                      "domain name to ask for"),
                                                FIELD(record, string, 0, "A",
                                                      "A, AAAA, CNAME, MX, NS, TXT, SOA, SRV, PTR or CAA"),
                                                FIELD(servers, strings, CONF_HOST, NULL,
                                                      "name servers to ask, in turn: [IP:port]; their "
                                                      "silence is a fail, that of the system's "
                                                      "own resolver (the default) is inconclusive"),
                                                FIELD(expect, strings, 0, NULL,
                                                      "all values that the answer must have; any other value "
                                                      "is a fail, too; of a record that a dns action "
                                                      "changes, "
                                                      "the values of all modes: the answer is among them"),
                                                FIELD(min_answers, unsigned, 0, "1",
                                                      "fewer answers are a fail",
                                                      &(const ConfRange){1, DNS_VALUES_MAX}),
                                                {NULL},
                                },
                .size = sizeof(DnsState),
                .check = dns_check,
                .silence_fails = dns_silence_fails,
                .start = ask,
                .stop = dns_stop,
                .expire = dns_expire,
};
