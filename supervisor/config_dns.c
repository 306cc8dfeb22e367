/* SPDX-License-Identifier: MIT */
/* dns actions beside the rest of the configuration: a probe that expects of a record what only one mode gives it would
 * keep the shop from ever coming back to the mode that requires it. */
#include "actions/dns.h"
#include "base/text.h"
#include "probes/dns.h"
#include "supervisor/config_private.h"

#include <strings.h>

#define TTL_SLOW 300 /* seconds: longer than this, and it is the TTL that buyers wait for */

/* NULL: of another type. */
static const DnsActionConf *action_conf(const ActionConfig *a)
{
        return streq(a->type->name, "dns") ? a->conf : NULL;
}

static bool is_dns_probe(const ProbeConfig *p)
{
        return streq(p->type->name, "dns");
}

/* The probe's name in the form of records'; NULL when out of memory, or it is none that a record can have. */
static char *probe_name(const DnsProbeConf *probe)
{
        char *name;
        return record_name_parse(probe->name, &name, NULL) < 0 ? NULL : name;
}

/* Does any mode that the action runs in list a record of that name, and of this type (NULL: any)? */
static bool action_manages(const ActionConfig *a, const char *name, const char *type)
{
        const DnsActionConf *c = action_conf(a);

        for (size_t i = 0; c && i < c->records.count; i++) {
                const DnsMode *m = &c->records.modes[i];

                for (size_t k = 0; k < m->count; k++)
                        if (streq(m->records[k].name, name) &&
                            (!type || strcasecmp(m->records[k].type, type) == 0))
                                return true;
        }
        return false;
}

/* "*.shop.example" stands for all that lies below shop.example and has no record of its own. */
static bool record_covers(const Record *r, const char *name)
{
        size_t owner = strlen(r->name), n = strlen(name);

        if (r->name[0] != '*')
                return streq(r->name, name);
        return n >= owner && streq(name + n - (owner - 1), r->name + 1);
}

static bool record_leads_somewhere(const Record *r)
{
        return strcasecmp(r->type, "A") == 0 || strcasecmp(r->type, "AAAA") == 0 ||
               strcasecmp(r->type, "CNAME") == 0;
}

bool config_dns_moves(const ActionConfig *a, const char *name)
{
        const DnsActionConf *c = action_conf(a);

        for (size_t i = 0; c && i < c->records.count; i++) {
                const DnsMode *m = &c->records.modes[i];

                for (size_t k = 0; k < m->count; k++)
                        if (record_leads_somewhere(&m->records[k]) && record_covers(&m->records[k], name))
                                return true;
        }
        return false;
}

void config_dns_link(Config *c)
{
        for (size_t i = 0; i < c->n_probes; i++) {
                if (!is_dns_probe(c->probes[i]))
                        continue;
                DnsProbeConf *probe = c->probes[i]->conf;
                _cleanup_free_ char *name = probe_name(probe);

                probe->follows_mode = false;
                for (size_t k = 0; name && k < c->n_actions; k++)
                        if (action_manages(c->actions[k], name, probe->record))
                                probe->follows_mode = true;
        }
}

/* A probe and the action that changes its record */

typedef struct Pair {
        const ProbeConfig *probe;
        const DnsProbeConf *conf;
        const ActionConfig *action;
        const char *name;        /* canonical */
        const char *required_by; /* a mode; NULL: none requires it */
} Pair;

static const char *required_by(const Config *c, const ProbeConfig *p)
{
        for (size_t i = 0; i < c->n_modes; i++)
                for (size_t k = 0; k < c->modes[i].n_requires; k++)
                        if (c->probes[c->modes[i].requires[k]] == p)
                                return c->modes[i].name;
        return NULL;
}

static bool value_expected(const DnsProbeConf *probe, const char *value)
{
        _cleanup_free_ char *given = NULL;

        if (dns_probe_normalize(probe, value, &given) < 0)
                return true;
        for (char *const *e = probe->expect; *e; e++) {
                _cleanup_free_ char *expected = NULL;
                if (dns_probe_normalize(probe, *e, &expected) < 0 || streq(given, expected))
                        return true;
        }
        return false;
}

/* As types are written, whatever the probe's letters. */
static const char *type_name(const DnsProbeConf *probe)
{
        const char *type = record_type(probe->record);
        return type ? type : probe->record;
}

/* value: what the mode makes of it; NULL: nothing. Without `expect` an alias of somebody else's may still answer. */
static void tell_pair(const Pair *p, Findings *f, const char *mode, const char *value)
{
        FindingSeverity severity = p->required_by && p->conf->expect ? FINDING_ERROR : FINDING_WARNING;
        Finding *x = findings_add(f, severity, "dns-probe-and-action", p->probe->place, NULL,
                                  "action `%s` %s %s %s%s%s in mode `%s`, where probe `%s` then fails",
                                  p->action->name, value ? "makes" : "removes", p->name, type_name(p->conf),
                                  value ? " " : "", value ? value : "", mode, p->probe->name);

        if (p->required_by)
                finding_means(f, x, "`%s`, which requires it, would not be ready again", p->required_by);
        if (value)
                finding_advises(f, x, "let `expect` have the values of all modes");
        else
                finding_advises(f, x, "list the record in that mode, or require another probe");
}

/* What the mode makes of the probe's record. One finding a mode is enough. */
static void verify_mode(const Pair *p, const DnsMode *m, Findings *f)
{
        bool any = false, alias = false;

        for (size_t k = 0; k < m->count; k++) {
                const Record *r = &m->records[k];

                if (!streq(r->name, p->name))
                        continue;
                alias = alias || streq(r->type, "CNAME");
                if (strcasecmp(r->type, p->conf->record) != 0)
                        continue;
                any = true;
                if (p->conf->expect && !value_expected(p->conf, r->value)) {
                        tell_pair(p, f, m->name, r->value);
                        return;
                }
        }
        if (!any && !alias)
                tell_pair(p, f, m->name, NULL);
}

static void verify_pair(const Pair *p, Findings *f)
{
        const DnsActionConf *c = p->action->conf;
        bool alias = action_manages(p->action, p->name, "CNAME") && strcasecmp(p->conf->record, "CNAME") != 0;

        if (action_manages(p->action, p->name, p->conf->record))
                for (size_t i = 0; i < c->records.count; i++)
                        if (config_action_runs_in(p->action, c->records.modes[i].name))
                                verify_mode(p, &c->records.modes[i], f);
        if (!alias || !p->conf->expect)
                return;
        Finding *x = findings_add(f, FINDING_WARNING, "dns-probe-of-alias", p->probe->place, NULL,
                                  "action `%s` makes %s an alias, of which probe `%s` expects %s records",
                                  p->action->name, p->name, p->probe->name, type_name(p->conf));
        finding_advises(f, x, "let `expect` have what the alias leads to, in each mode");
}

static void verify_probes(const Config *c, Findings *f)
{
        for (size_t i = 0; i < c->n_probes; i++) {
                if (!is_dns_probe(c->probes[i]))
                        continue;
                const DnsProbeConf *conf = c->probes[i]->conf;
                _cleanup_free_ char *name = probe_name(conf);

                for (size_t k = 0; name && k < c->n_actions; k++) {
                        Pair pair = {c->probes[i], conf, c->actions[k], name, required_by(c, c->probes[i])};

                        if (action_manages(pair.action, name, NULL))
                                verify_pair(&pair, f);
                }
        }
}

/* One action by itself */

static void verify_ttl(const ActionConfig *a, const DnsActionConf *c, Findings *f)
{
        for (size_t i = 0; i < c->records.count; i++)
                for (size_t k = 0; k < c->records.modes[i].count; k++) {
                        const Record *r = &c->records.modes[i].records[k];

                        if (r->ttl <= TTL_SLOW)
                                continue;
                        Finding *x = findings_add(f, FINDING_WARNING, "dns-ttl", a->place, NULL,
                                                  "action `%s`: %s %s has a TTL of %u s", a->name, r->name,
                                                  r->type, r->ttl);
                        finding_means(f, x, "for so long buyers go on to where the shop was");
                        finding_advises(f, x, "60 is usual for what a failover changes");
                        return;
                }
}

static void verify_modes(const Config *c, const ActionConfig *a, const DnsActionConf *conf, Findings *f)
{
        Finding *x;

        for (size_t i = 0; i < c->n_modes; i++) {
                const char *mode = c->modes[i].name;
                bool listed = dns_mode_find(conf, mode), runs = config_action_runs_in(a, mode);

                if (runs && !listed) {
                        x = findings_add(f, FINDING_WARNING, "dns-mode-unlisted", a->place, NULL,
                                         "action `%s` has no records for mode `%s`", a->name, mode);
                        finding_means(f, x, "it leaves the zone as the mode before made it");
                        finding_advises(f, x, "list it, or say in `modes` for which it runs");
                }
                if (listed && !runs) {
                        x = findings_add(f, FINDING_WARNING, "dns-mode-unused", a->place, NULL,
                                         "action `%s` has records for mode `%s`, in which it does not run",
                                         a->name, mode);
                        finding_advises(f, x, "add it to `modes`, or take it out of `records`");
                }
        }
}

static const char *where(const DnsActionConf *c)
{
        return c->provider == DNS_RFC2136 ? c->server : c->url;
}

/* Two that make the same record different things, at the same place. */
static void verify_others(const Config *c, size_t number, Findings *f)
{
        const ActionConfig *a = c->actions[number];
        const DnsActionConf *conf = action_conf(a);

        for (size_t i = 0; i < number; i++) {
                const DnsActionConf *other = action_conf(c->actions[i]);

                if (!other || !streq(where(other), where(conf)))
                        continue;
                for (size_t m = 0; m < conf->records.count; m++)
                        for (size_t k = 0; k < conf->records.modes[m].count; k++) {
                                const Record *r = &conf->records.modes[m].records[k];

                                if (!action_manages(c->actions[i], r->name, r->type))
                                        continue;
                                Finding *x = findings_add(f, FINDING_WARNING, "dns-actions-clash", a->place,
                                                          NULL, "action `%s` changes %s %s, and so does `%s`",
                                                          a->name, r->name, r->type, c->actions[i]->name);
                                finding_means(f, x, "what the zone says depends on which came last");
                                finding_advises(f, x, "let one action have the record");
                                return;
                        }
        }
}

void config_dns_verify(const Config *c, Findings *f)
{
        verify_probes(c, f);
        for (size_t i = 0; i < c->n_actions; i++) {
                const DnsActionConf *conf = action_conf(c->actions[i]);

                if (!conf)
                        continue;
                verify_ttl(c->actions[i], conf, f);
                verify_modes(c, c->actions[i], conf, f);
                verify_others(c, i, f);
        }
}
