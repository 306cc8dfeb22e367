/* SPDX-License-Identifier: MIT */
/* What a start and a reload look at before they use a configuration: its sense, its secrets, its commands. */
#include "base/file.h"
#include "base/key_ring.h"
#include "base/look.h"
#include "supervisor/config_private.h"

/* --- files --- */

int config_verify_probe(const Config *c, const ProbeConfig *p, Error *e)
{
        return p->type->verify ? p->type->verify(p->conf, c->directory, e) : 0;
}

int config_verify_action(const Config *c, const ActionConfig *a, Error *e)
{
        return a->type->verify ? a->type->verify(a->conf, c->directory, e) : 0;
}

static int read_key(const Config *c, SignKey **ret, Error *e)
{
        char *text = NULL;
        Error why;
        int r;

        if (!c->node.key_file)
                return error_set(e, -ENOKEY, "node.key_file is not set");
        r = secret_read(c->node.key_file, c->directory, &text, NULL, &why);
        if (r < 0)
                return error_set(e, r, "node.key_file: %s", why.text);
        r = key_ring_parse_current(text, ret, &why);
        secret_free(text);
        return r < 0 ? error_set(e, r, "node.key_file: %s: %s", c->node.key_file, why.text) : 0;
}

int config_verify_key(const Config *c, Error *e)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;

        return c->node.key_file ? read_key(c, &key, e) : 0;
}

/* Buyers need no signature. */
int config_read_key(Config *c)
{
        int r;

        assert(!c->key);
        r = read_key(c, &c->key, &c->key_error);
        return r == -EPERM || r == -ENOMEM ? r : 0;
}

/* What a probe, an action, or the node itself (neither of them) needs of files. */
typedef struct Needs {
        const Config *config;
        const ProbeConfig *probe;
        const ActionConfig *action;
} Needs;

static int needs_verify(const Needs *n, Error *e)
{
        return n->probe    ? config_verify_probe(n->config, n->probe, e)
               : n->action ? config_verify_action(n->config, n->action, e)
                           : config_verify_key(n->config, e);
}

/* A secret that others can read is refused; one that is missing, or a key that is none, may still be put right. */
static void needs_tell(const Needs *n, int r, const char *text, Findings *f)
{
        FindingSeverity severity = r == -EPERM ? FINDING_ERROR : FINDING_WARNING;

        if (r >= 0)
                return;
        if (n->probe)
                findings_add(f, severity, "probe", n->probe->place, NULL, "probe `%s`: %s", n->probe->name,
                             text);
        else if (n->action)
                findings_add(f, severity, "action", n->action->place, NULL, "action `%s`: %s",
                             n->action->name, text);
        else
                finding_means(f, findings_add(f, severity, "key", NULL, "node.key_file", "%s", text),
                              "nothing can be signed: peers are not told of an outage");
}

static int needs_look(void *job, LookResult *ret)
{
        Error e = {""};
        int r = needs_verify(job, &e);

        snprintf(ret->text, sizeof(ret->text), "%s", e.text);
        return r;
}

static void needs_looked(void *job, const LookResult *result, void *userdata)
{
        if (result->hung || result->error == -ECANCELED)
                needs_tell(job, -ETIMEDOUT, "the disk of a file that it needs does not answer", userdata);
        else
                needs_tell(job, result->error, result->text, userdata);
}

static void verify_files(const Config *c, bool alone, Findings *f)
{
        size_t n = 0, max = c->n_probes + c->n_actions + 1;
        _cleanup_free_ Needs *needs = calloc(max, sizeof(*needs));
        _cleanup_free_ LookJob *jobs = calloc(max, sizeof(*jobs));

        if (!needs || !jobs) {
                f->failed = true;
                return;
        }
        for (size_t i = 0; i < c->n_probes; i++)
                if (c->probes[i]->type->verify)
                        needs[n++] = (Needs){.config = c, .probe = c->probes[i]};
        for (size_t i = 0; i < c->n_actions; i++)
                if (c->actions[i]->type->verify)
                        needs[n++] = (Needs){.config = c, .action = c->actions[i]};
        if (c->node.key_file)
                needs[n++] = (Needs){.config = c};
        for (size_t i = 0; i < n; i++)
                jobs[i] = (LookJob){.run = needs_look, .told = needs_looked, .job = &needs[i]};
        if (n == 0 || (alone && look(jobs, n, "failoverd", f) >= 0))
                return;
        for (size_t i = 0; i < n; i++) {
                Error e = {""};
                int r = needs_verify(&needs[i], &e);

                needs_tell(&needs[i], r, e.text, f);
        }
}

/* --- settings --- */

static void verify_vantage(const Config *c, Findings *f)
{
        const ProbeConfig *external = NULL;
        Finding *x;

        for (size_t i = 0; i < c->n_probes && !external; i++)
                if (c->probes[i]->scope == SCOPE_EXTERNAL)
                        external = c->probes[i];
        if (external && c->n_vantage == 0) {
                x = findings_add(f, FINDING_WARNING, "no-vantage", external->place, NULL,
                                 "probe `%s` is external, but there is no vantage", external->name);
                finding_means(f, x,
                              "an outage of this node's own uplink looks like an outage of its target: the "
                              "shop fails over for nothing");
                finding_advises(f, x, "vantage: [two probes of well-known places that are not yours]");
        }
        if (c->n_vantage == 1) {
                x = findings_add(f, FINDING_WARNING, "one-reference", NULL, "vantage",
                                 "vantage: one reference only, `%s`", c->probes[c->vantage[0]]->name);
                finding_means(f, x, "while it is away, outages outside are not counted");
                finding_advises(f, x, "name a second one, of somebody else");
        }
}

static void verify_modes(const Config *c, Findings *f)
{
        char key[64];
        Finding *x;

        if (c->n_modes == 1) {
                x = findings_add(f, FINDING_WARNING, "one-mode", NULL, "modes",
                                 "modes: `%s` is the only mode: there is nothing to fail over to",
                                 c->modes[0].name);
                finding_advises(f, x, "add a fallback, such as {name: crypto, requires: [...]}");
        }
        for (size_t i = 0; i + 1 < c->n_modes; i++)
                if (c->modes[i].n_requires == 0) {
                        snprintf(key, sizeof(key), "modes[%zu]", i);
                        x = findings_add(f, FINDING_WARNING, "mode-requires-nothing", NULL, key,
                                         "modes: `%s` requires nothing, so it is never left for the modes "
                                         "after it",
                                         c->modes[i].name);
                        finding_advises(f, x, "give it `requires`, or make it the last one");
                }
        for (size_t i = 0; i < c->n_modes; i++)
                for (size_t k = 0; k < i; k++)
                        if (streq(c->modes[i].payment, c->modes[k].payment) &&
                            streq(c->modes[i].checkout, c->modes[k].checkout)) {
                                snprintf(key, sizeof(key), "modes[%zu]", i);
                                x = findings_add(f, FINDING_WARNING, "modes-alike", NULL, key,
                                                 "modes: `%s` and `%s` tell the shop the same (%s, %s)",
                                                 c->modes[k].name, c->modes[i].name, c->modes[i].payment,
                                                 c->modes[i].checkout);
                                finding_means(f, x, "the shop cannot tell one from the other");
                                finding_advises(f, x, "give one of them another `payment` or `checkout`");
                                break;
                        }
}

static void verify_signing(const Config *c, const ActionConfig *a, Findings *f)
{
        Finding *x;

        if (!a->type->signs || c->node.key_file)
                return;
        x = findings_add(f, FINDING_WARNING, "no-key", a->place, NULL,
                         "action `%s` signs what it says, but there is no node.key_file", a->name);
        finding_means(f, x, "it says nothing until there is one");
        finding_advises(f, x, "`failoverctl keygen`, and node: {key_file: node.key}");
}

/* What notices say is where buyers go meanwhile. */
static void verify_fallback_url(const Config *c, const ActionConfig *a, Findings *f)
{
        Finding *x;

        if (!a->type->signs || (c->node.fallback_url && *c->node.fallback_url))
                return;
        x = findings_add(f, FINDING_WARNING, "no-fallback-url", a->place, NULL,
                         "action `%s` tells where buyers find the shop meanwhile, but there is no "
                         "node.fallback_url",
                         a->name);
        finding_means(f, x, "peers hear of the outage, but not where to send buyers");
        finding_advises(f, x, "node: {fallback_url: https://backup.shop.example}");
}

static void verify_actions(const Config *c, Findings *f)
{
        bool payment = false, alert = false;
        Finding *x;

        for (size_t i = 0; i < c->n_actions; i++) {
                verify_signing(c, c->actions[i], f);
                verify_fallback_url(c, c->actions[i], f);
                payment = payment || streq(c->actions[i]->type->name, "payment-mode");
                alert = alert || c->actions[i]->type->alerts;
        }
        if (!payment) {
                x = findings_add(f, FINDING_WARNING, "no-payment-mode", NULL, "actions",
                                 "actions: none of type payment-mode, so the shop is not told in which mode "
                                 "it runs");
                finding_advises(f, x, "- type: payment-mode");
        }
        if (!alert) {
                x = findings_add(f, FINDING_WARNING, "no-alert", NULL, "actions",
                                 "actions: none of type alert, so nobody is told");
                finding_advises(f, x, "- type: alert");
        }
}

/* "host=… password=…", "postgresql://user:password@host" */
static bool dsn_has_password(const char *dsn)
{
        return strstr(dsn, "password") || strchr(dsn, '@');
}

/* The first key that holds a secret in the file itself; addresses of webhooks, which only a stranger's spam would abuse, are
 * left out. */
static const char *find_secret(const ConfField *fields, const void *conf)
{
        for (const ConfField *f = fields; f && f->key; f++) {
                const void *target = (const uint8_t *) conf + f->offset;
                const char *inner = f->type == &conf_table ? find_secret(f->data, target) : NULL;

                if (inner)
                        return inner;
                if (f->flags & CONF_SECRET && f->type != &conf_url && *(void *const *) target &&
                    !(f->flags & CONF_HOST && !dsn_has_password(*(char *const *) target)))
                        return f->key;
        }
        return NULL;
}

static void expose(Findings *f, const char *place, const char *key, const char *what, const char *name)
{
        Finding *x;

        if (!key)
                return;
        x = findings_add(f, FINDING_WARNING, "secret-exposed", place, NULL,
                         "others can read this file, and `%s` of %s `%s` may hold a secret: chmod o-r it",
                         key, what, name);
        finding_advises(f, x, "chmod o-r the file");
}

static void verify_exposure(const Config *c, Findings *f)
{
        for (size_t i = 0; i < c->n_probes && c->exposed; i++)
                expose(f, c->probes[i]->place, find_secret(c->probes[i]->type->fields, c->probes[i]->conf),
                       "probe", c->probes[i]->name);
        for (size_t i = 0; i < c->n_actions && c->exposed; i++)
                expose(f, c->actions[i]->place, find_secret(c->actions[i]->type->fields, c->actions[i]->conf),
                       "action", c->actions[i]->name);
}

void config_verify_settings(const Config *c, Findings *f)
{
        verify_exposure(c, f);
        verify_vantage(c, f);
        verify_modes(c, f);
        verify_actions(c, f);
        config_dns_verify(c, f);
}

unsigned config_verify(const Config *c, bool alone, ConfigFinding fn, void *userdata)
{
        _cleanup_findings_ Findings f = {0};

        verify_files(c, alone, &f);
        config_verify_settings(c, &f);
        for (size_t i = 0; i < f.count; i++) {
                const Finding *x = f.items[i];
                char text[1024];

                if (x->severity == FINDING_NOTE)
                        continue;
                snprintf(text, sizeof(text), "%s%s%s%s%s", x->place, x->place[0] ? ": " : "", x->message,
                         x->meaning[0] ? ": " : "", x->meaning);
                fn(x->severity == FINDING_ERROR, text, userdata);
        }
        if (f.failed)
                fn(true, "out of memory", userdata);
        return f.counts[FINDING_ERROR] + f.failed;
}
