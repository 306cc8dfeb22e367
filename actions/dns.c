/* SPDX-License-Identifier: MIT */
/* dns: makes the zone say what the mode says, at a name server (RFC 2136) or at Cloudflare. */
#include "actions/dns.h"

#include "base/text.h"

static const char *const provider_names[] = {
                [DNS_CLOUDFLARE] = "cloudflare", [DNS_RFC2136] = "rfc2136", NULL};
static const char *const proxied_names[] = {
                [DNS_PROXIED_KEEP] = "keep", [DNS_PROXIED_ON] = "true", [DNS_PROXIED_OFF] = "false", NULL};

static const ConfField dns_fields[] = {
                {"provider", &conf_enum, offsetof(DnsActionConf, provider), CONF_REQUIRED, NULL,
                 "cloudflare, or rfc2136: any name server that takes signed updates, such as BIND and "
                 "Knot.",
                 provider_names},
                {"zone", &conf_string, offsetof(DnsActionConf, zone), CONF_REQUIRED | CONF_DOMAIN, NULL,
                 "The zone's name, such as shop.example.", NULL},
                {"records", &dns_conf_modes, offsetof(DnsActionConf, records), CONF_REQUIRED, NULL,
                 "What each mode wants: {MODE: [\"name TTL type value\", …]}. Names and types that any mode "
                 "lists are managed: in a mode that does not list them they are removed. A mode that is left "
                 "out leaves the zone as it is.",
                 NULL},
                {"server", &conf_string, offsetof(DnsActionConf, server), CONF_HOST, NULL,
                 "rfc2136: the primary name server, IP or IP:port; a name could not be looked up while the "
                 "zone is ill. Required.",
                 NULL},
                {"key_file", &conf_string, offsetof(DnsActionConf, key_file), 0, NULL,
                 "rfc2136: the TSIG key in the form of `nsupdate -k`, as tsig-keygen writes it. Required.",
                 NULL},
                {"verify", &conf_bool, offsetof(DnsActionConf, verify), 0, "true",
                 "rfc2136: ask the server afterwards whether it is so; off for one that does not answer this "
                 "host what it answers the world.",
                 NULL},
                {"token_file", &conf_string, offsetof(DnsActionConf, token_file), 0, NULL,
                 "cloudflare: an API token that may read the zone and edit its DNS. Required.", NULL},
                {"zone_id", &conf_string, offsetof(DnsActionConf, zone_id), 0, NULL,
                 "cloudflare: the zone's id, for a token that may not look it up by name.", NULL},
                {"proxied", &conf_enum, offsetof(DnsActionConf, proxied), 0, "keep",
                 "cloudflare: keep, true or false: whether buyers reach A, AAAA and CNAME records through "
                 "Cloudflare's proxies; keep: new records are as those that their name has.",
                 proxied_names},
                {"url", &conf_url, offsetof(DnsActionConf, url), 0, "https://api.cloudflare.com/client/v4",
                 "cloudflare: where the API is.", NULL},
                {"ca_file", &conf_string, offsetof(DnsActionConf, ca_file), 0, NULL,
                 "cloudflare: certificates to trust instead of the system's.", NULL},
                {NULL},
};

static const DnsProvider *const providers[] = {
                [DNS_CLOUDFLARE] = &dns_provider_cloudflare, [DNS_RFC2136] = &dns_provider_rfc2136};

static const DnsProvider *provider_of(const DnsActionConf *c)
{
        return providers[c->provider];
}

static int check_keys(const DnsActionConf *c, const ConfNode *node, Error *e)
{
        const char *name = provider_names[c->provider];

        for (size_t i = 0; i < ELEMENTSOF(providers); i++)
                for (const char *const *key = providers[i]->keys; *key; key++) {
                        const ConfNode *given = conf_get(node, *key);
                        bool own = (int) i == c->provider;

                        if (given && !own)
                                return conf_error(given, e, "`%s` is a key of provider %s, not of %s", *key,
                                                  provider_names[i], name);
                        if (!given && own && key < providers[i]->keys + providers[i]->n_required)
                                return conf_error(node, e, "provider %s needs `%s`", name, *key);
                }
        return 0;
}

static int dns_check(const void *conf, const ConfNode *node, Error *e)
{
        const DnsActionConf *c = conf;
        _cleanup_free_ char *zone = NULL;
        Error why;

        int r = check_keys(c, node, e);
        if (r == 0 && (record_name_parse(c->zone, &zone, &why) < 0 || *zone == '*'))
                r = conf_error(conf_get(node, "zone"), e, "zone: \"%s\" is not the name of a zone", c->zone);
        if (r == 0)
                r = dns_check_records(c, zone, node, c->provider == DNS_CLOUDFLARE, e);
        return r == 0 ? provider_of(c)->check(c, node, e) : r;
}

static int dns_verify(const void *conf, const char *config_dir, Error *e)
{
        const DnsActionConf *c = conf;
        return provider_of(c)->verify(c, config_dir, e);
}

static int dns_target(const void *conf, char **ret)
{
        const DnsActionConf *c = conf;
        return provider_of(c)->target(c, ret);
}

static size_t dns_files(const void *conf, ReadingFile *ret)
{
        return provider_of(conf)->files(conf, ret);
}

/* false: reported. */
static bool dns_begin(Action *a)
{
        const DnsActionConf *c = a->conf;
        DnsState *s = a->state;
        const DnsMode *mode = dns_mode_find(c, a->facts->mode);

        if (!mode) {
                action_report(a, ACTION_DONE, "no records are listed for %s: the zone stays as it is",
                              a->facts->mode);
                return false;
        }
        if (record_name_parse(c->zone, &s->zone, NULL) < 0 || dns_sets_new(c, mode, &s->sets) < 0) {
                action_report(a, ACTION_RETRY, "%s", strerror(ENOMEM));
                return false;
        }
        return true;
}

static void dns_apply(Action *a)
{
        DnsState *s = a->state;

        if (dns_begin(a))
                provider_of(a->conf)->apply(a, &s->sets);
}

static void dns_query(Action *a)
{
        DnsState *s = a->state;

        if (dns_begin(a))
                provider_of(a->conf)->query(a, &s->sets);
}

static void dns_stop(Action *a)
{
        DnsState *s = a->state;

        provider_of(a->conf)->stop(a);
        dns_sets_clear(&s->sets);
        free(TAKE_PTR(s->zone));
}

const ActionType action_dns = {
                .name = "dns",
                .help = "Records of a zone that follow the mode.",
                .conf_size = sizeof(DnsActionConf),
                .fields = dns_fields,
                .by_mode = "records",
                .size = sizeof(DnsState),
                .timeout_usec = 60 * USEC_PER_SEC,
                .check = dns_check,
                .verify = dns_verify,
                .target = dns_target,
                .files = dns_files,
                .apply = dns_apply,
                .query = dns_query,
                .stop = dns_stop,
};
