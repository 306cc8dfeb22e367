/* SPDX-License-Identifier: MIT */
/* check-config: what can be known of a configuration before an outage. */
#include "base/file.h"
#include "base/sign.h"
#include "supervisor/config.h"

typedef struct Findings {
        ConfigFinding fn;
        void *userdata;
        unsigned errors;
} Findings;

static void find(Findings *f, bool error, const char *format, ...) _printf_(3, 4);
static void find(Findings *f, bool error, const char *format, ...)
{
        char text[1024];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        f->errors += error;
        f->fn(error, text, f->userdata);
}

/* A secret that others can read is refused; one that is missing may still come. */
static void find_result(Findings *f, int r, const char *place, const char *what, const char *name,
                        const Error *e)
{
        if (r < 0)
                find(f, r == -EPERM, "%s: %s `%s`: %s", place, what, name, e->text);
}

static void verify_types(const Config *c, Findings *f)
{
        Error e;

        for (size_t i = 0; i < c->n_probes; i++) {
                const ProbeConfig *p = c->probes[i];

                if (p->type->verify)
                        find_result(f, p->type->verify(p->conf, c->directory, &e), p->place, "probe", p->name,
                                    &e);
        }
        for (size_t i = 0; i < c->n_actions; i++) {
                const ActionConfig *a = c->actions[i];

                if (a->type->verify)
                        find_result(f, a->type->verify(a->conf, c->directory, &e), a->place, "action",
                                    a->name, &e);
        }
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

static void verify_key(const Config *c, Findings *f)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        bool missing;
        Error e;

        if (c->node.key_file && read_key(c, &key, &missing, &e) < 0)
                find(f, !missing, "%s", e.text);
}

int config_read_key(Config *c)
{
        bool missing;

        assert(!c->key);
        if (read_key(c, &c->key, &missing, &c->key_error) >= 0 || missing)
                return 0;
        return -EPERM;
}

static void verify_vantage(const Config *c, Findings *f)
{
        const ProbeConfig *external = NULL;

        for (size_t i = 0; i < c->n_probes && !external; i++)
                if (c->probes[i]->scope == SCOPE_EXTERNAL)
                        external = c->probes[i];
        if (external && c->n_vantage == 0)
                find(f, false,
                     "%s: probe `%s` is external, but there is no vantage: an outage of this node's own "
                     "uplink will "
                     "look like an outage of its target",
                     external->place, external->name);
        if (c->n_vantage == 1)
                find(f, false,
                     "vantage: one reference only, `%s`: while it is away, outages outside are not counted",
                     c->probes[c->vantage[0]]->name);
}

static void verify_modes(const Config *c, Findings *f)
{
        if (c->n_modes == 1)
                find(f, false, "modes: `%s` is the only mode: there is nothing to fail over to",
                     c->modes[0].name);
        for (size_t i = 0; i + 1 < c->n_modes; i++)
                if (c->modes[i].n_requires == 0)
                        find(f, false,
                             "modes: `%s` requires nothing, so it is never left for the modes after it",
                             c->modes[i].name);
        for (size_t i = 0; i < c->n_modes; i++)
                for (size_t k = 0; k < i; k++)
                        if (streq(c->modes[i].payment, c->modes[k].payment) &&
                            streq(c->modes[i].checkout, c->modes[k].checkout))
                                find(f, false, "modes: `%s` and `%s` tell the shop the same (%s, %s)",
                                     c->modes[k].name, c->modes[i].name, c->modes[i].payment,
                                     c->modes[i].checkout);
}

static void verify_actions(const Config *c, Findings *f)
{
        bool payment = false, alert = false;

        for (size_t i = 0; i < c->n_actions; i++) {
                payment = payment || streq(c->actions[i]->type->name, "payment-mode");
                alert = alert || c->actions[i]->type->alerts;
        }
        if (!payment)
                find(f, false,
                     "actions: none of type payment-mode, so the shop is not told in which mode it runs");
        if (!alert)
                find(f, false, "actions: none of type alert, so nobody is told");
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
                if (f->flags & CONF_SECRET && f->type != &conf_url && *(void *const *) target)
                        return f->key;
        }
        return NULL;
}

static void verify_exposure(const Config *c, Findings *f)
{
        for (size_t i = 0; i < c->n_probes && c->exposed; i++) {
                const char *key = find_secret(c->probes[i]->type->fields, c->probes[i]->conf);

                if (key)
                        find(f, false,
                             "%s: others can read this file, and `%s` of probe `%s` may hold a secret: chmod "
                             "o-r it",
                             c->probes[i]->place, key, c->probes[i]->name);
        }
        for (size_t i = 0; i < c->n_actions && c->exposed; i++) {
                const char *key = find_secret(c->actions[i]->type->fields, c->actions[i]->conf);

                if (key)
                        find(f, false,
                             "%s: others can read this file, and `%s` of action `%s` may hold a secret: "
                             "chmod o-r it",
                             c->actions[i]->place, key, c->actions[i]->name);
        }
}

unsigned config_verify(const Config *c, ConfigFinding fn, void *userdata)
{
        Findings f = {.fn = fn, .userdata = userdata};

        verify_types(c, &f);
        verify_key(c, &f);
        verify_exposure(c, &f);
        verify_vantage(c, &f);
        verify_modes(c, &f);
        verify_actions(c, &f);
        return f.errors;
}
