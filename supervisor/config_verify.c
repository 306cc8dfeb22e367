/* SPDX-License-Identifier: MIT */
/* What a start and a reload look at before they use a configuration: its sense, its secrets, its commands. */
#include "base/file.h"
#include "base/sign.h"
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

/* *ret_missing: the file may still come. */
static int read_key(const Config *c, SignKey **ret, bool *ret_missing, Error *e)
{
        char *text = NULL;
        Error why;
        int r;

        *ret_missing = true;
        if (!c->node.key_file)
                return error_set(e, -ENOKEY, "node.key_file is not set");
        r = secret_read(c->node.key_file, c->directory, &text, NULL, &why);
        if (r < 0) {
                *ret_missing = r != -EPERM;
                return error_set(e, r, "node.key_file: %s", why.text);
        }
        r = sign_key_parse(text, ret, &why);
        secret_free(text);
        *ret_missing = false;
        return r < 0 ? error_set(e, r, "node.key_file: %s: %s", c->node.key_file, why.text) : 0;
}

int config_verify_key(const Config *c, Error *e)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        bool missing;
        int r;

        if (!c->node.key_file)
                return 0;
        r = read_key(c, &key, &missing, e);
        return r < 0 && !missing ? -EPERM : r;
}

int config_read_key(Config *c)
{
        bool missing;
        int r;

        assert(!c->key);
        r = read_key(c, &c->key, &missing, &c->key_error);
        if (r >= 0 || (missing && r != -ENOMEM))
                return 0;
        return r == -ENOMEM ? r : -EPERM;
}

/* A secret that others can read is refused; one that is missing may still come. */
static void verify_files(const Config *c, Findings *f)
{
        Error e;
        int r;

        for (size_t i = 0; i < c->n_probes; i++) {
                r = config_verify_probe(c, c->probes[i], &e);
                if (r < 0)
                        findings_add(f, r == -EPERM ? FINDING_ERROR : FINDING_WARNING, "probe",
                                     c->probes[i]->place, NULL, "probe `%s`: %s", c->probes[i]->name, e.text);
        }
        for (size_t i = 0; i < c->n_actions; i++) {
                r = config_verify_action(c, c->actions[i], &e);
                if (r < 0)
                        findings_add(f, r == -EPERM ? FINDING_ERROR : FINDING_WARNING, "action",
                                     c->actions[i]->place, NULL, "action `%s`: %s", c->actions[i]->name,
                                     e.text);
        }
        r = config_verify_key(c, &e);
        if (r < 0)
                findings_add(f, r == -EPERM ? FINDING_ERROR : FINDING_WARNING, "key", NULL, "node.key_file",
                             "%s", e.text);
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

static void verify_actions(const Config *c, Findings *f)
{
        bool payment = false, alert = false;
        Finding *x;

        for (size_t i = 0; i < c->n_actions; i++) {
                verify_signing(c, c->actions[i], f);
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

unsigned config_verify(const Config *c, ConfigFinding fn, void *userdata)
{
        _cleanup_findings_ Findings f = {0};

        verify_files(c, &f);
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
