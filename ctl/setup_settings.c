/* SPDX-License-Identifier: MIT */
/* The settings of `setup`: how each is asked for, when, what it is unless it is said, and what an answer is. */
#include "base/conf.h"
#include "base/mail_address.h"
#include "base/unit.h"
#include "ctl/setup.h"

bool setup_is_mail(const char *alert)
{
        return strchr(alert, '@') && !strstr(alert, "://");
}

size_t setup_split(const char *list, size_t i, char *buffer, size_t size)
{
        size_t count = 0;

        for (const char *s = list + strspn(list, ", "); *s; s += strspn(s, ", ")) {
                size_t n = strcspn(s, ", ");

                if (count++ == i)
                        snprintf(buffer, size, "%.*s", (int) n, s);
                s += n;
        }
        return count;
}

/* --- what is an answer --- */

static int check_id(const char *value, Error *e)
{
        return string_valid_name(value)
                               ? 0
                               : error_set(e, -EINVAL,
                                           "an id has 1 to 64 letters, digits, dots, dashes and underscores");
}

static int check_url(const char *value, Error *e)
{
        const char *problem = NULL;
        int r = conf_url_check(value, &problem);

        return r < 0 || !problem ? r : error_set(e, -EINVAL, "that is no URL: %s", problem);
}

/* One that paths are added to. */
static int check_base_url(const char *value, Error *e)
{
        return strpbrk(value, "?#") ? error_set(e, -EINVAL, "without ? and #, please") : check_url(value, e);
}

static int check_domain(const char *value, Error *e)
{
        _cleanup_free_ char *name = strdup(value);
        size_t n = strlen(value);

        if (!name)
                return -ENOMEM;
        if (n > 1 && name[n - 1] == '.') /* as the DNS writes it */
                name[n - 1] = '\0';
        return mail_domain_valid(name, false) ? 0 : error_set(e, -EINVAL, "that is no domain name");
}

static int check_database(const char *value, Error *e)
{
        if (strstr(value, "password") || (strstr(value, "://") && strchr(value, '@')))
                return error_set(e, -EINVAL, "without the password, please: it is asked for by itself");
        return strchr(value, '=') ? 0
                                  : error_set(e, -EINVAL,
                                              "as PostgreSQL's own tools take it: host=/var/run/postgresql "
                                              "dbname=shop");
}

static int check_disk(const char *value, Error *e)
{
        return value[0] == '/' ? 0 : error_set(e, -EINVAL, "a path begins with /");
}

static int check_users(const char *value, Error *e)
{
        char user[64];

        for (size_t i = 0, n = setup_split(value, SIZE_MAX, NULL, 0); i < n; i++) {
                setup_split(value, i, user, sizeof(user));
                if (!string_valid_name(user))
                        return error_set(e, -EINVAL, "`%s` is no name of a user", user);
        }
        return 0;
}

static int check_units(const char *value, Error *e)
{
        char unit[UNIT_NAME_SIZE], full[UNIT_NAME_SIZE];

        for (size_t i = 0, n = setup_split(value, SIZE_MAX, NULL, 0); i < n; i++) {
                setup_split(value, i, unit, sizeof(unit));
                if (unit_name(unit, full, e) < 0)
                        return -EINVAL;
        }
        return 0;
}

static int check_alert(const char *value, Error *e)
{
        MailAddress address = {};
        const char *problem = NULL;
        int r;

        if (!setup_is_mail(value))
                return check_url(value, e);
        r = mail_address_parse(value, &address, &problem);
        mail_address_clear(&address);
        return r == -EINVAL ? error_set(e, r, "that is no mail address: %s", problem) : r;
}

static int check_format(const char *value, Error *e)
{
        static const char *const formats[] = {"ntfy", "slack", "alertmanager", "json"};

        for (size_t k = 0; k < ELEMENTSOF(formats); k++)
                if (streq(value, formats[k]))
                        return 0;
        return error_set(e, -EINVAL, "one of ntfy, slack, alertmanager, json");
}

static int check_smtp(const char *value, Error *e)
{
        _cleanup_free_ char *url = NULL; /* the same host and port, where the parser of URLs knows them */
        const char *problem = NULL, *host = strstr(value, "://");
        int r;

        if (strncmp(value, "smtp://", 7) != 0 && strncmp(value, "smtps://", 8) != 0)
                return error_set(e, -EINVAL, "smtp://mail.example:587, or smtps://mail.example:465");
        if (strchr(value, '@'))
                return error_set(e, -EINVAL,
                                 "without user and password, please: they are asked for by themselves");
        url = string_printf("http%s", host);
        r = url ? conf_url_check(url, &problem) : -ENOMEM;
        host += 3;
        if (r >= 0 && (problem || host[strcspn(host, "/?#")] != '\0'))
                r = error_set(e, -EINVAL, "a host and a port, and nothing behind: smtp://mail.example:587");
        return r;
}

/* What names a shop in the network when nothing else does: two cannot share it. */
static bool same_host(const char *a, const char *b)
{
        const char *host_a = strstr(a, "://") + 3, *host_b = strstr(b, "://") + 3;
        size_t n = strcspn(host_a, "/");

        return n == strcspn(host_b, "/") && strncasecmp(host_a, host_b, n) == 0;
}

static int check_peers(const char *value, Error *e)
{
        char url[1024], other[1024];
        int r = 0;

        for (size_t i = 0, n = setup_split(value, SIZE_MAX, NULL, 0); i < n && r >= 0; i++) {
                setup_split(value, i, url, sizeof(url));
                r = check_base_url(url, e);
                for (size_t k = 0; k < i && r >= 0; k++) {
                        setup_split(value, k, other, sizeof(other));
                        if (same_host(url, other))
                                r = error_set(e, -EINVAL, "that is one shop twice: %s, %s", other, url);
                }
        }
        return r;
}

/* --- what is asked --- */

const SettingInfo setup_settings[_SETTING_MAX] = {
                [SETTING_ID] = {"id", "This node's name in the network of shops: short, and for good.", "Id",
                                check_id, .needed = true},
                [SETTING_NAME] = {"name", NULL, "The shop's name, for people"},
                [SETTING_URL] = {"url", "Where buyers find the shop, such as https://shop.example.", "URL",
                                 check_base_url},
                [SETTING_FALLBACK_URL] = {"fallback-url",
                                          "Where they find it while that has failed: a copy on another "
                                          "machine, if there is one.",
                                          "Fallback URL", check_base_url},
                [SETTING_PAYMENT] = {"payment",
                                     "What takes card payments? `stripe`, or the URL of an API that answers "
                                     "with 200 while all is well. When it fails, the shop's mode changes.",
                                     "Payment API", check_url, .word = "stripe"},
                [SETTING_PAYMENT_KEY] =
                                {"payment-key",
                                 "The key to ask it with. At Stripe, a restricted key that may read the "
                                 "account, and nothing else, is enough. Only root can read it afterwards.",
                                 "Key", .secret = true},
                [SETTING_CRYPTO] = {"crypto",
                                    "What do buyers pay with when cards fail? The URL of a BTCPay Server, "
                                    "which is watched too, or `yes` for a fallback that needs nothing.",
                                    "Fallback", check_base_url, .word = "yes"},
                [SETTING_DOMAIN] = {"domain", "The name whose record in the DNS leads buyers to the shop.",
                                    "Domain", check_domain},
                [SETTING_DATABASE] =
                                {"database",
                                 "The shop's PostgreSQL, as in host=/var/run/postgresql dbname=shop. It is "
                                 "asked with SELECT 1, as the user failoverd unless user= says another.",
                                 "Database", check_database},
                [SETTING_DATABASE_PASSWORD] = {"database-password", NULL, "Password there", .secret = true},
                [SETTING_DISK] = {"disk", "A folder on the disk that the shop cannot do without.", "Disk",
                                  check_disk},
                [SETTING_CHECKOUT] = {"checkout",
                                      "The user as whom the shop's software runs, so that it may report "
                                      "checkouts that fail: www-data, say.",
                                      "User", check_users},
                [SETTING_RESTART] = {"restart",
                                     "Units of systemd that must be restarted to read "
                                     "/run/failoverd/payment.env anew: shop.service, say. failoverd is then "
                                     "allowed to do that, and nothing else.",
                                     "Units", check_units},
                [SETTING_ALERT] = {"alert",
                                   "Who is told when the mode changes, or cannot? A mail address, or the URL "
                                   "of an ntfy topic or a webhook: better not on this machine.",
                                   "Alerts", check_alert, .file_too = true},
                [SETTING_ALERT_FORMAT] = {"alert-format", NULL, "ntfy, slack, alertmanager or json",
                                          check_format, .needed = true},
                [SETTING_SMTP] = {"smtp", "The server that takes the mail, as smtp://mail.example:587.",
                                  "Mail server", check_smtp, .needed = true},
                [SETTING_SMTP_USER] = {"smtp-user", NULL, "User there"},
                [SETTING_SMTP_PASSWORD] = {"smtp-password", NULL, "Password there", .secret = true},
                [SETTING_PEERS] = {"peers",
                                   "Other shops of the network, whose URLs you know, or `yes` to accept some "
                                   "later. While nothing else works here, buyers are sent to them.",
                                   "Other shops", check_peers, .word = "yes"},
};

/* By a socket our own user is known without a password, another one hardly is. */
static bool has_login(const char *database)
{
        const char *host = strstr(database, "host=");

        return strstr(database, "user=") || strstr(database, "hostaddr=") ||
               (host && strncmp(host, "host=/", 6) != 0);
}

bool setup_wants(const SetupAnswers *a, Setting k)
{
        switch (k) {
        case SETTING_PAYMENT_KEY:
                return setup_has(a, SETTING_PAYMENT);
        case SETTING_DATABASE_PASSWORD:
                return setup_has(a, SETTING_DATABASE) && has_login(a->value[SETTING_DATABASE]);
        case SETTING_ALERT_FORMAT:
                return setup_has(a, SETTING_ALERT) && !setup_is_mail(a->value[SETTING_ALERT]);
        case SETTING_SMTP:
                return setup_has(a, SETTING_ALERT) && setup_is_mail(a->value[SETTING_ALERT]);
        case SETTING_SMTP_USER:
                return setup_wants(a, SETTING_SMTP) && setup_has(a, SETTING_SMTP);
        case SETTING_SMTP_PASSWORD:
                return setup_wants(a, SETTING_SMTP_USER) && setup_has(a, SETTING_SMTP_USER);
        default:
                return true;
        }
}

/* The host of the shop's URL, when it is a name that the DNS may know. */
static char *domain_of(const char *url)
{
        const char *host = strstr(url, "://");
        char *name;

        if (!host)
                return strdup("");
        host += 3;
        name = strndup(host, strcspn(host, ":/"));
        if (name && (!mail_domain_valid(name, false) || strspn(name, "0123456789.") == strlen(name)))
                name[0] = '\0';
        return name;
}

char *setup_default(const Setup *s, const SetupAnswers *a, Setting k)
{
        switch (k) {
        case SETTING_ID:
                return setup_host_id(s);
        case SETTING_NAME:
                return strdup(a->value[SETTING_ID]);
        case SETTING_DOMAIN:
                return domain_of(a->value[SETTING_URL]);
        case SETTING_DISK:
                return strdup("/var/lib/failoverd");
        case SETTING_ALERT_FORMAT:
                return strdup(strstr(a->value[SETTING_ALERT], "ntfy")    ? "ntfy"
                              : strstr(a->value[SETTING_ALERT], "slack") ? "slack"
                                                                         : "json");
        case SETTING_SMTP:
                return strdup("smtp://127.0.0.1:25");
        default:
                return strdup("");
        }
}

int setup_accept(const SettingInfo *info, char *value, Error *e)
{
        int r;

        if (value[0] == '\0')
                return info->needed ? error_set(e, -EINVAL, "this is needed") : 0;
        if (info->word && strcasecmp(value, info->word) == 0) {
                memcpy(value, info->word, strlen(info->word));
                return 0;
        }
        for (const char *c = value; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 0x7f)
                        return error_set(e, -EINVAL, "no control characters, please");
        r = info->check ? info->check(value, e) : 0;
        return r == -ENOMEM ? error_set(e, r, "out of memory") : r;
}
