/* SPDX-License-Identifier: MIT */
/* The two configurations that `setup` writes. */
#include "base/hash.h"
#include "ctl/setup.h"

#include <ctype.h>
#include <sys/stat.h>

/* Could YAML take it for something else than these characters? */
static bool is_plain(const char *s)
{
        static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};

        for (size_t k = 0; k < ELEMENTSOF(words); k++)
                if (strcasecmp(s, words[k]) == 0)
                        return false;
        if (!isalpha((unsigned char) s[0]))
                return false;
        for (const char *c = s; *c; c++) {
                if (!isalnum((unsigned char) *c) && !strchr("._/-@=+~%&? :", *c))
                        return false;
                if ((*c == ':' || *c == ' ') && (c[1] == ' ' || c[1] == '\0'))
                        return false;
        }
        return true;
}

static void add_scalar(Text *t, const char *s)
{
        if (is_plain(s)) {
                text_add_string(t, s);
                return;
        }
        text_add(t, "\"");
        for (const char *c = s; *c; c++)
                if (*c == '"' || *c == '\\')
                        text_add(t, "\\%c", *c);
                else if ((unsigned char) *c < ' ' || *c == 0x7f)
                        text_add(t, "\\x%02x", (unsigned char) *c);
                else
                        text_add_bytes(t, c, 1);
        text_add(t, "\"");
}

static void add_key(Text *t, const char *key, const char *value)
{
        if (!value || value[0] == '\0')
                return;
        text_add_string(t, key);
        add_scalar(t, value);
        text_add(t, "\n");
}

static void add_node(Text *t, const SetupAnswers *a)
{
        text_add(t, "node:\n");
        add_key(t, "  id: ", a->value[SETTING_ID]);
        if (setup_has(a, SETTING_NAME) && !streq(a->value[SETTING_NAME], a->value[SETTING_ID]))
                add_key(t, "  name: ", a->value[SETTING_NAME]);
        add_key(t, "  url: ", a->value[SETTING_URL]);
        add_key(t, "  fallback_url: ", a->value[SETTING_FALLBACK_URL]);
        text_add(t, "  key_file: node.key                 # a credential: systemd hands it over\n");
}

/* "[a, b]" of a list with commas. */
static void add_list(Text *t, const char *key, const char *list)
{
        char item[1024];

        if (!list || list[0] == '\0')
                return;
        text_add(t, "%s[", key);
        for (size_t i = 0, n = setup_split(list, SIZE_MAX, NULL, 0); i < n; i++) {
                setup_split(list, i, item, sizeof(item));
                text_add(t, "%s", i > 0 ? ", " : "");
                add_scalar(t, item);
        }
        text_add(t, "]\n");
}

/* --- probes --- */

#define STATE_FOLDER "/var/lib/failoverd"

static bool is_loopback(const char *url)
{
        const char *host = strstr(url, "://");

        return host && (strncmp(host, "://127.", 7) == 0 || strncmp(host, "://localhost", 12) == 0 ||
                        strncmp(host, "://[::1]", 8) == 0);
}

static bool is_external(const SetupAnswers *a, Setting k)
{
        return setup_has(a, k) && !is_loopback(a->value[k]);
}

static void add_payment(const Setup *s, Text *t, const SetupAnswers *a)
{
        bool stripe = setup_has(a, SETTING_PAYMENT) && streq(a->value[SETTING_PAYMENT], "stripe");

        if (!setup_has(a, SETTING_PAYMENT))
                return;
        text_add(t, "  payment-api:\n    type: http\n");
        add_key(t, "    url: ", stripe ? SETUP_STRIPE_URL : a->value[SETTING_PAYMENT]);
        if (stripe || setup_has_secret(s, a, SETTING_PAYMENT_KEY))
                text_add(t, "    bearer_file: %-19s # a credential: " SETUP_FOLDER "/%s\n",
                         setup_payment_key(a), setup_payment_key(a));
        if (stripe)
                text_add(t, "    expect_json: {charges_enabled: true}   # a frozen account still answers\n");
        if (is_external(a, SETTING_PAYMENT))
                text_add(t,
                         "    scope: external                  # a fail counts while a reference is seen\n");
}

static void add_database(const Setup *s, Text *t, const SetupAnswers *a)
{
        if (!setup_has(a, SETTING_DATABASE))
                return;
        text_add(t, "  database:\n    type: postgresql\n");
        if (setup_has_secret(s, a, SETTING_DATABASE_PASSWORD))
                text_add(t, "    dsn_file: " SETUP_DATABASE_DSN "           # a credential: " SETUP_FOLDER
                            "/" SETUP_DATABASE_DSN "\n");
        else
                add_key(t, "    dsn: ", a->value[SETTING_DATABASE]);
}

/* Of the path, or of what is there above it. */
static bool find_device(const Setup *s, const char *path, dev_t *ret)
{
        _cleanup_free_ char *whole = string_printf("%s%s", s->root, path);
        struct stat st;

        while (whole && whole[0] != '\0') {
                char *slash = strrchr(whole, '/');

                if (stat(whole, &st) >= 0) {
                        *ret = st.st_dev;
                        return true;
                }
                if (!slash)
                        return false;
                *slash = '\0';
        }
        return false;
}

/* The state's own folder can be written to without opening anything else; on another disk that takes somebody's leave. */
static void add_disk(const Setup *s, Text *t, const SetupAnswers *a)
{
        const char *path = a->value[SETTING_DISK];
        dev_t wanted, ours;

        if (!setup_has(a, SETTING_DISK))
                return;
        text_add(t, "  disk:\n    type: disk\n");
        if (find_device(s, path, &wanted) && find_device(s, STATE_FOLDER, &ours) && wanted == ours) {
                text_add(t, "    path: " STATE_FOLDER "         # stands for the disk that it lies on\n");
        } else {
                add_key(t, "    path: ", path);
                text_add(t, "    write_test: false                # true, once failoverd may write there\n");
        }
}

static void add_references(Text *t)
{
        text_add(t, "  reference-a: {type: http, url: \"https://www.wikipedia.org/\"}\n"
                    "  reference-b: {type: dns, name: example.org, record: A, servers: [\"9.9.9.9:53\"]}\n");
}

static bool watches_crypto(const SetupAnswers *a)
{
        return setup_has(a, SETTING_CRYPTO) && !streq(a->value[SETTING_CRYPTO], "yes");
}

static bool has_external(const SetupAnswers *a)
{
        return is_external(a, SETTING_PAYMENT) || setup_has(a, SETTING_DOMAIN) ||
               (watches_crypto(a) && is_external(a, SETTING_CRYPTO));
}

static void add_crypto(Text *t, const SetupAnswers *a)
{
        const char *url = a->value[SETTING_CRYPTO];
        _cleanup_free_ char *health = NULL;

        if (!watches_crypto(a))
                return;
        health = string_printf("%.*s/api/v1/health", (int) (strlen(url) - (url[strlen(url) - 1] == '/')),
                               url);
        if (!health)
                t->failed = true;
        text_add(t, "  btcpay:\n    type: http\n");
        add_key(t, "    url: ", health);
        text_add(t, "    expect_json: {synchronized: true}   # it answers before it can take payments\n");
        if (is_external(a, SETTING_CRYPTO))
                text_add(t, "    scope: external\n");
}

static void add_probes(const Setup *s, Text *t, const SetupAnswers *a)
{
        size_t before = t->size;

        text_add(t, "\nprobes:\n");
        add_payment(s, t, a);
        if (setup_has(a, SETTING_DOMAIN)) {
                text_add(t, "  domain:\n    type: dns\n");
                add_key(t, "    name: ", a->value[SETTING_DOMAIN]);
                text_add(t, "    record: A\n    scope: external\n");
        }
        add_database(s, t, a);
        add_disk(s, t, a);
        if (setup_has(a, SETTING_CHECKOUT)) {
                text_add(t, "  checkout:                          # the shop reports what buyers meet\n    "
                            "type: passive\n");
                add_list(t, "    from: ", a->value[SETTING_CHECKOUT]);
        }
        add_crypto(t, a);
        if (setup_has(a, SETTING_PEERS))
                text_add(t, "  peers:\n    type: peers\n    registry: "
                            "/var/lib/federationd/network-registry.json\n");
        if (has_external(a)) {
                add_references(t);
                text_add(t, "\nvantage: [reference-a, reference-b]  # do we see the outside at all?\n");
        } else if (!t->failed && streq(t->data + before, "\nprobes:\n"))
                text_truncate(t, before);
}

/* --- modes --- */

static void add_mode(Text *t, const char *name, const char *const probes[])
{
        bool any = false;

        text_add(t, "  - name: %s\n    requires: [", name);
        for (size_t k = 0; k < 6; k++) {
                if (!probes[k])
                        continue;
                text_add(t, "%s%s", any ? ", " : "", probes[k]);
                any = true;
        }
        text_add(t, "]\n");
}

static void add_modes(Text *t, const SetupAnswers *a)
{
        const char *database = setup_has(a, SETTING_DATABASE) ? "database" : NULL,
                   *disk = setup_has(a, SETTING_DISK) ? "disk" : NULL;
        bool fallback = setup_has(a, SETTING_CRYPTO) || setup_has(a, SETTING_PEERS);

        text_add(t,
                 fallback ? "\nmodes:                               # the first whose probes are all well\n"
                          : "\nmodes:                               # a second one makes it possible to fail "
                            "over\n");
        add_mode(t, "primary",
                 (const char *const[]){setup_has(a, SETTING_PAYMENT) ? "payment-api" : NULL,
                                       setup_has(a, SETTING_DOMAIN) ? "domain" : NULL, database, disk,
                                       setup_has(a, SETTING_CHECKOUT) ? "checkout" : NULL, NULL});
        if (setup_has(a, SETTING_CRYPTO)) {
                /* What needs nothing is never left for another; what needs all that primary needs is never reached. */
                bool local = watches_crypto(a) ||
                             (setup_has(a, SETTING_PEERS) &&
                              (setup_has(a, SETTING_PAYMENT) || setup_has(a, SETTING_DOMAIN) ||
                               setup_has(a, SETTING_CHECKOUT)));

                add_mode(t, "crypto",
                         (const char *const[]){watches_crypto(a) ? "btcpay" : NULL, local ? database : NULL,
                                               local ? disk : NULL, NULL, NULL, NULL});
                text_add(t, "    message: Using backup payment system.   # what buyers read\n");
        }
        if (setup_has(a, SETTING_PEERS)) {
                add_mode(t, "federated", (const char *const[]){"peers", NULL, NULL, NULL, NULL, NULL});
                text_add(t, "    message: Our shop is being repaired. These shops sell the same books.\n");
        }
}

/* --- actions --- */

static void add_mail(Text *t, const SetupAnswers *a)
{
        const char *to = a->value[SETTING_ALERT];

        text_add(t, "  - type: alert\n    smtp:\n");
        add_key(t, "      url: ", a->value[SETTING_SMTP]);
        text_add(t, "      from: ");
        if (setup_has(a, SETTING_SMTP_USER) && strchr(a->value[SETTING_SMTP_USER], '@'))
                add_scalar(t, a->value[SETTING_SMTP_USER]);
        else
                add_scalar(t, to);
        text_add(t, "\n      to: [");
        add_scalar(t, to);
        text_add(t, "]\n");
        if (setup_wants(a, SETTING_SMTP_PASSWORD)) {
                add_key(t, "      username: ", a->value[SETTING_SMTP_USER]);
                if (!a->without[SETTING_SMTP_PASSWORD])
                        text_add(t, "      password_file: " SETUP_MAIL_PASSWORD "\n");
        }
}

static void add_actions(Text *t, const SetupAnswers *a)
{
        text_add(t, "\nactions:\n"
                    "  - type: payment-mode               # /run/failoverd/payment.env, for the shop\n");
        add_list(t, "    restart: ", a->value[SETTING_RESTART]);
        text_add(t, "  - type: status-page                # /var/lib/failoverd/status/\n");
        if (setup_has(a, SETTING_PEERS))
                text_add(t, "    registry: /var/lib/federationd/network-registry.json\n"
                            "  - type: notify-peers               # tells the other shops\n"
                            "    registry: /var/lib/federationd/network-registry.json\n");
        if (setup_has(a, SETTING_ALERT) && setup_is_mail(a->value[SETTING_ALERT])) {
                add_mail(t, a);
        } else if (setup_has(a, SETTING_ALERT)) {
                text_add(t, "  - type: alert\n    webhook:\n");
                add_key(t, "      url: ", a->value[SETTING_ALERT]);
                add_key(t, "      format: ", a->value[SETTING_ALERT_FORMAT]);
        }
}

/* --- the two files --- */

void setup_print_supervisor(const Setup *s, Text *t, const SetupAnswers *a)
{
        text_add(t, "# All keys: `failoverctl help config`. After a change `failoverctl check-config`\n"
                    "# and `systemctl reload failoverd`; after one of a secret, a path or a unit\n"
                    "# `failoverctl setup --drop-ins` and `systemctl restart failoverd`.\n\n");
        add_node(t, a);
        add_probes(s, t, a);
        add_modes(t, a);
        add_actions(t, a);
}

static void add_peers(Text *t, const SetupAnswers *a)
{
        const char *list = setup_has(a, SETTING_PEERS) ? a->value[SETTING_PEERS] : "yes";
        char url[1024];

        if (streq(list, "yes")) {
                text_add(t, "  peers: []                          # other shops: - {id: other, url: "
                            "\"https://other.example\"}\n");
                return;
        }
        text_add(t, "  peers:\n");
        for (size_t i = 0, n = setup_split(list, SIZE_MAX, NULL, 0); i < n; i++) {
                setup_split(list, i, url, sizeof(url));
                add_key(t, "    - url: ", url);
        }
}

void setup_print_federation(const Setup *s, Text *t, const SetupAnswers *a)
{
        text_add(t, "# All keys: `federationd --help-config`. After a change: `failoverctl\n"
                    "# check-config /etc/failoverd/federationd.yaml`, `systemctl reload federationd`.\n\n");
        add_node(t, a);
        text_add(t, "\nlisten: [\"127.0.0.1:8440\"]           # sockets that systemd passes win\n"
                    "\n"
                    "limits:\n"
                    "  trusted_proxies: [127.0.0.1]       # whose X-Forwarded-For is believed: the reverse "
                    "proxy\n"
                    "\n"
                    "network:\n");
        add_peers(t, a);
}

/* --- changed by hand? --- */

#define MADE "# Made by `failoverctl setup` ("

static void digest(const char *text, char ret[static HASH_HEX_SIZE])
{
        _cleanup_(hash_freep) Hash *h = NULL;

        ret[0] = '\0';
        if (hash_new(&h) < 0)
                return;
        hash_add(h, text, strlen(text));
        hash_end(h, ret);
        ret[16] = '\0';
}

int setup_print(const Setup *s, SetupPrint print, const SetupAnswers *a, char **ret)
{
        _cleanup_text_ Text body = {}, whole = {};
        char hash[HASH_HEX_SIZE];

        print(s, &body, a);
        if (body.failed)
                return -ENOMEM;
        digest(body.data, hash);
        text_add(&whole, MADE "%s), which sees a change by hand.\n", hash);
        text_add_string(&whole, body.data);
        return text_take(&whole, ret);
}

bool setup_is_as_made(const char *text)
{
        const char *line_end = strchr(text, '\n');
        char hash[HASH_HEX_SIZE];

        if (strncmp(text, MADE, strlen(MADE)) != 0 || !line_end)
                return false;
        digest(line_end + 1, hash);
        return hash[0] != '\0' && strncmp(text + strlen(MADE), hash, strlen(hash)) == 0;
}
