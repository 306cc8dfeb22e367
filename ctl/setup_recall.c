/* SPDX-License-Identifier: MIT */
/* What was answered before: read from the configurations that are there, so that setup can be run again. */
#include "base/conf.h"
#include "base/file.h"
#include "ctl/setup.h"

/* The node that "a.b.c" leads to; a part in brackets is the item of a list whose `type` is that: "actions.[alert].smtp". */
static const ConfNode *find(const ConfNode *node, const char *path)
{
        char part[64];

        for (; node && *path; path += strcspn(path, "."), path += *path == '.') {
                const ConfNode *next = NULL;

                snprintf(part, sizeof(part), "%.*s", (int) strcspn(path, ".]"), path + (*path == '['));
                part[strcspn(part, ".]")] = '\0';
                if (*path != '[') {
                        node = conf_is_mapping(node) ? conf_get(node, part) : NULL;
                        continue;
                }
                for (size_t k = 0; k < conf_count(node) && !next; k++) {
                        const ConfNode *item = conf_item(node, k);
                        const ConfNode *type = conf_is_mapping(item) ? conf_get(item, "type") : NULL;

                        if (type && conf_scalar(type) && streq(conf_scalar(type), part))
                                next = item;
                }
                node = next;
        }
        return node;
}

/* A scalar, or a list of them with commas. */
static int take(const ConfNode *root, const char *path, char **ret)
{
        const ConfNode *node = find(root, path);
        _cleanup_text_ Text t = {};

        if (!node || *ret)
                return 0;
        if (conf_scalar(node))
                text_add_string(&t, conf_scalar(node));
        for (size_t k = 0; k < conf_count(node); k++)
                if (conf_scalar(conf_item(node, k)))
                        text_add(&t, "%s%s", t.size > 0 ? ", " : "", conf_scalar(conf_item(node, k)));
        return text_take(&t, ret);
}

static int take_all(const ConfNode *root, SetupAnswers *a)
{
        static const struct {
                Setting setting;
                const char *path;
        } places[] = {
                        {SETTING_ID, "node.id"},
                        {SETTING_NAME, "node.name"},
                        {SETTING_URL, "node.url"},
                        {SETTING_FALLBACK_URL, "node.fallback_url"},
                        {SETTING_PAYMENT, "probes.payment-api.url"},
                        {SETTING_CRYPTO, "probes.btcpay.url"},
                        {SETTING_DOMAIN, "probes.domain.name"},
                        {SETTING_DATABASE, "probes.database.dsn"},
                        {SETTING_DISK, "probes.disk.path"},
                        {SETTING_CHECKOUT, "probes.checkout.from"},
                        {SETTING_RESTART, "actions.[payment-mode].restart"},
                        {SETTING_ALERT, "actions.[alert].webhook.url"},
                        {SETTING_ALERT, "actions.[alert].smtp.to"},
                        {SETTING_ALERT_FORMAT, "actions.[alert].webhook.format"},
                        {SETTING_SMTP, "actions.[alert].smtp.url"},
                        {SETTING_SMTP_USER, "actions.[alert].smtp.username"},
        };
        int r = 0;

        for (size_t k = 0; k < ELEMENTSOF(places) && r >= 0; k++)
                r = take(root, places[k].path, &a->value[places[k].setting]);
        /* Of what has a default, nothing was an answer, too: the domain's default is the URL's. */
        if (r >= 0 && !a->value[SETTING_DISK] && !(a->value[SETTING_DISK] = strdup("")))
                r = -ENOMEM;
        if (r >= 0 && a->value[SETTING_URL] && !a->value[SETTING_DOMAIN] &&
            !(a->value[SETTING_DOMAIN] = strdup("")))
                r = -ENOMEM;
        return r;
}

static bool has_mode(const ConfNode *root, const char *name)
{
        const ConfNode *modes = conf_get(root, "modes");

        for (size_t k = 0; k < conf_count(modes); k++) {
                const ConfNode *mode = conf_item(modes, k);
                const ConfNode *node = conf_is_mapping(mode) ? conf_get(mode, "name") : NULL;

                if (node && conf_scalar(node) && streq(conf_scalar(node), name))
                        return true;
        }
        return false;
}

static int set(char **value, const char *text)
{
        free(*value);
        *value = strdup(text);
        return *value ? 0 : -ENOMEM;
}

/* What is asked without a secret is asked so again, whatever lies there. */
static void take_without(const ConfNode *root, SetupAnswers *a)
{
        static const struct {
                Setting secret;
                const char *probe, *key;
        } places[] = {
                        {SETTING_PAYMENT_KEY, "probes.payment-api", "probes.payment-api.bearer_file"},
                        {SETTING_DATABASE_PASSWORD, "probes.database", "probes.database.dsn_file"},
        };

        for (size_t k = 0; k < ELEMENTSOF(places); k++)
                a->without[places[k].secret] = find(root, places[k].probe) && !find(root, places[k].key);
}

/* As it was answered, not as it stands in the file. */
static int translate(const ConfNode *root, SetupAnswers *a)
{
        char **payment = &a->value[SETTING_PAYMENT], **crypto = &a->value[SETTING_CRYPTO], *end;
        int r = 0;

        if (*payment && streq(*payment, SETUP_STRIPE_URL))
                r = set(payment, "stripe");
        if (*crypto && (end = strstr(*crypto, "/api/v1/health")))
                *end = '\0';
        if (r >= 0 && !*crypto && has_mode(root, "crypto"))
                r = set(crypto, "yes");
        if (r >= 0 && !a->value[SETTING_PEERS] && has_mode(root, "federated"))
                r = set(&a->value[SETTING_PEERS], "yes");
        return r;
}

/* *ret: NULL when there is none, or none that can be read. */
static int load(const Setup *s, const char *path, Conf **ret)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path);
        Error e;

        if (!whole)
                return -ENOMEM;
        if (conf_load(whole, ret, &e) >= 0 && !conf_is_mapping(conf_root(*ret)))
                *ret = conf_free(*ret);
        return 0;
}

/* The dsn with its password is in a file; what stands before the password was answered. */
static int take_dsn(const Setup *s, char **ret)
{
        _cleanup_free_ char *path = string_printf("%s" SETUP_FOLDER "/" SETUP_DATABASE_DSN, s->root);
        _cleanup_(secret_freep) char *text = NULL;
        char *end;

        if (!path)
                return -ENOMEM;
        if (file_read(path, 64 * 1024, &text, NULL) < 0 || !(end = strstr(text, " password=")))
                return 0;
        *ret = strndup(text, (size_t) (end - text));
        return *ret ? 0 : -ENOMEM;
}

static int take_peers(const Setup *s, char **ret)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        _cleanup_text_ Text t = {};
        const ConfNode *peers;
        int r = load(s, CTL_FEDERATION_CONFIG, &conf);

        if (r < 0 || !conf)
                return r;
        peers = find(conf_root(conf), "network.peers");
        for (size_t k = 0; peers && k < conf_count(peers); k++) {
                const ConfNode *peer = conf_item(peers, k);
                const ConfNode *url = conf_is_mapping(peer) ? conf_get(peer, "url") : NULL;

                if (url && conf_scalar(url))
                        text_add(&t, "%s%s", t.size > 0 ? ", " : "", conf_scalar(url));
        }
        return t.size == 0 && !t.failed ? 0 : text_take(&t, ret);
}

int setup_recall(const Setup *s, SetupAnswers *ret)
{
        _cleanup_(conf_freep) Conf *conf = NULL;
        SetupAnswers a = {};
        int r = load(s, CTL_CONFIG, &conf);

        if (r >= 0)
                r = take_peers(s, &a.value[SETTING_PEERS]);
        if (r >= 0 && conf)
                r = take_all(conf_root(conf), &a);
        if (r >= 0 && conf)
                take_without(conf_root(conf), &a);
        if (r >= 0 && conf)
                r = translate(conf_root(conf), &a);
        if (r >= 0 && conf && find(conf_root(conf), "probes.database.dsn_file"))
                r = take_dsn(s, &a.value[SETTING_DATABASE]);
        if (r < 0) {
                setup_answers_clear(&a);
                return r;
        }
        *ret = a;
        return 0;
}
