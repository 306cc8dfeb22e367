/* SPDX-License-Identifier: MIT */
/* `modes:` of failoverd.yaml. */
#include "supervisor/config_private.h"

typedef struct ModeText {
        char *name, *payment, *checkout, *message;
        char **requires;
} ModeText;

const ConfField config_mode_fields[] = {
                {"name", &conf_string, offsetof(ModeText, name), CONF_REQUIRED, NULL, "Name of the mode."},
                {"requires", &conf_strings, offsetof(ModeText, requires), 0, NULL,
                 "Probes that must be up for the shop to run in it."},
                {"payment", &conf_string, offsetof(ModeText, payment), 0, NULL,
                 "What PAYMENT_MODE says: primary, crypto or federated; default: the name."},
                {"checkout", &conf_string, offsetof(ModeText, checkout), 0, NULL,
                 "What CHECKOUT_ROUTE says; default: checkout, cryptoCheckout or federatedCheckout."},
                {"message", &conf_string, offsetof(ModeText, message), 0, NULL,
                 "What buyers are told while it runs."},
                {NULL},
};

typedef struct PaymentDefault {
        const char *payment, *checkout;
} PaymentDefault;

static const PaymentDefault payments[] = {
                {"primary", "checkout"}, {"crypto", "cryptoCheckout"}, {"federated", "federatedCheckout"}};

static int mode_defaults(ModeSettings *m, const ConfNode *node, Error *e)
{
        const char *payment = m->payment ? m->payment : m->name;

        for (size_t i = 0; i < ELEMENTSOF(payments); i++) {
                if (!streq(payments[i].payment, payment))
                        continue;
                if (!m->payment)
                        m->payment = strdup(payment);
                if (!m->checkout)
                        m->checkout = strdup(payments[i].checkout);
                if (!m->message)
                        m->message = strdup("");
                return m->payment && m->checkout && m->message ? 0 : error_set(e, -ENOMEM, "out of memory");
        }
        if (m->payment)
                return conf_error(conf_get(node, "payment"), e,
                                  "payment is primary, crypto or federated, not `%s`", payment);
        return conf_error(node, e, "mode `%s` needs `payment`: primary, crypto or federated", m->name);
}

static int mode_parse(const Config *c, const ConfNode *node, ModeSettings *m, Error *e)
{
        ModeText text = {0};
        int r;

        r = conf_parse(node, config_mode_fields, NULL, &text, e);
        if (r < 0)
                return r;
        m->name = TAKE_PTR(text.name);
        m->payment = TAKE_PTR(text.payment);
        m->checkout = TAKE_PTR(text.checkout);
        m->message = TAKE_PTR(text.message);
        r = config_resolve_probes(c, text.requires, conf_get(node, "requires"), "requires", &m->requires,
                                  &m->n_requires, e);
        conf_clear(config_mode_fields, &text);
        if (r < 0)
                return r;
        m->needs = calloc(c->n_probes + 1, sizeof(*m->needs));
        if (!m->needs)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < m->n_requires; i++)
                m->needs[m->requires[i]] = true;
        r = config_check_word(node, "name", m->name, e);
        if (r < 0)
                return r;
        r = mode_defaults(m, node, e);
        if (r < 0)
                return r;
        return config_check_word(node, "checkout", m->checkout, e);
}

int config_parse_modes(Config *c, const ConfNode *root, Error *e)
{
        const ConfNode *node = conf_get(root, "modes");
        size_t n = node ? conf_count(node) : 0;

        if (!node)
                return conf_error(root, e, "`modes` is missing: the list of modes, in order of preference");
        if (!conf_is_sequence(node) || n == 0)
                return conf_error(node, e, "`modes` is a list in order of preference: - name: primary");
        c->modes = calloc(n, sizeof(*c->modes));
        if (!c->modes)
                return error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < n; i++) {
                const ConfNode *item = conf_item(node, i);
                int r;

                c->n_modes = i + 1; /* so that a half-built one is freed */
                r = mode_parse(c, item, &c->modes[i], e);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < i; k++)
                        if (streq(c->modes[k].name, c->modes[i].name))
                                return conf_error(conf_get(item, "name"), e, "mode `%s` is given twice",
                                                  c->modes[i].name);
        }
        return 0;
}

void mode_settings_clear(ModeSettings *m)
{
        free(m->name);
        free(m->payment);
        free(m->checkout);
        free(m->message);
        free(m->requires);
        free(m->needs);
}
