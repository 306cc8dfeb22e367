/* SPDX-License-Identifier: MIT */
/* Mail addresses as people configure them. */
#include "base/mail_address.h"

#include <strings.h>

/* RFC 5321, 4.5.3.1. */
#define LOCAL_MAX   64
#define ADDRESS_MAX 254
#define NAME_MAX_   200

static const char no_at[] = "an address has an @: ops@shop.example, or Shop <ops@shop.example>";

static bool is_atom_byte(unsigned char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string: atoms with single dots between them. */
static bool is_dot_string(const char *s, size_t size)
{
        bool dot = true;

        for (size_t i = 0; i < size; i++) {
                if (s[i] == '.' ? dot : !is_atom_byte((unsigned char) s[i]))
                        return false;
                dot = s[i] == '.';
        }
        return !dot;
}

/* Quoted-string: "…" with printable ASCII in it, quotes and backslashes escaped. */
static bool is_quoted_string(const char *s, size_t size)
{
        if (size < 3 || s[0] != '"' || s[size - 1] != '"')
                return false;
        for (size_t i = 1; i < size - 1; i++) {
                if (s[i] == '\\' && ++i == size - 1)
                        return false;
                if ((unsigned char) s[i] < 0x20 || (unsigned char) s[i] >= 0x7f ||
                    (s[i] == '"' && s[i - 1] != '\\'))
                        return false;
        }
        return true;
}

static bool is_label(const char *s, size_t size)
{
        if (size == 0 || size > 63 || s[0] == '-' || s[size - 1] == '-')
                return false;
        for (size_t i = 0; i < size; i++)
                if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z') &&
                    !(s[i] >= '0' && s[i] <= '9') && s[i] != '-')
                        return false;
        return true;
}

bool mail_domain_valid(const char *s, bool single)
{
        size_t labels = 0;

        if (strlen(s) > 253)
                return false;
        for (;;) {
                size_t size = strcspn(s, ".");
                if (!is_label(s, size))
                        return false;
                labels++;
                if (s[size] == '\0')
                        return single || labels > 1;
                s += size + 1;
        }
}

static const char *address_problem(const char *s)
{
        const char *at = strrchr(s, '@');
        size_t local = at ? (size_t) (at - s) : 0;

        for (const char *c = s; *c; c++) {
                if ((unsigned char) *c >= 0x80)
                        return "the address itself must be ASCII; a domain in another script is written "
                               "xn--…";
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        return "an address holds no control characters";
        }
        if (!at)
                return no_at;
        if (local == 0 || local > LOCAL_MAX || strlen(s) > ADDRESS_MAX)
                return "before the @ stand 1 to 64 characters, and an address has 254 at most";
        if (!is_dot_string(s, local) && !is_quoted_string(s, local))
                return "what stands before the @ is no mailbox name";
        if (!mail_domain_valid(at + 1, streq(at + 1, "localhost")))
                return "what stands behind the @ is no domain, such as shop.example";
        return NULL;
}

static const char *name_problem(const char *s)
{
        if (strlen(s) > NAME_MAX_)
                return "the name before < has 200 bytes at most";
        for (; *s; s++)
                if ((unsigned char) *s < 0x20 || *s == 0x7f || *s == '<' || *s == '>')
                        return "the name before < holds no control characters, and no < or >";
        return NULL;
}

static char *trimmed(const char *s, size_t size)
{
        for (; size > 0 && *s == ' '; s++)
                size--;
        while (size > 0 && s[size - 1] == ' ')
                size--;
        if (size >= 2 && s[0] == '"' && s[size - 1] == '"' && !memchr(s + 1, '"', size - 2)) {
                s++; /* "Shop, Inc." <ops@shop.example> */
                size -= 2;
        }
        return strndup(s, size);
}

int mail_address_parse(const char *text, MailAddress *ret, const char **ret_problem)
{
        size_t size = strlen(text);
        const char *open = size > 0 && text[size - 1] == '>' ? strrchr(text, '<') : NULL;
        MailAddress a = {.name = open ? trimmed(text, (size_t) (open - text)) : strdup(""),
                         .address = open ? strndup(open + 1, size - (size_t) (open - text) - 2)
                                         : strdup(text)};

        if (!a.name || !a.address) {
                mail_address_clear(&a);
                return -ENOMEM;
        }
        *ret_problem = address_problem(a.address);
        if (!*ret_problem)
                *ret_problem = name_problem(a.name);
        if (*ret_problem) {
                mail_address_clear(&a);
                return -EINVAL;
        }
        *ret = a;
        return 0;
}

void mail_address_clear(MailAddress *a)
{
        free(TAKE_PTR(a->name));
        free(TAKE_PTR(a->address));
}

const char *mail_address_domain(const MailAddress *a)
{
        return strrchr(a->address, '@') + 1;
}

/* For the configuration */

static int read_address(const ConfNode *node, const ConfField *field, MailAddress *ret, Error *e)
{
        const char *text = conf_is_null(node) ? NULL : conf_scalar(node), *problem;
        char plain[96];

        if (!text)
                return conf_error(node, e, "`%s`: expected a mail address", field->key);
        int r = mail_address_parse(text, ret, &problem);
        if (r == -EINVAL)
                return conf_error(node, e, "`%s`: `%s`: %s", field->key,
                                  plain_copy(plain, sizeof(plain), text), problem);
        return r < 0 ? error_set(e, r, "out of memory") : 0;
}

static int parse_address(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        return read_address(node, field, target, e);
}

static void clear_address(void *target)
{
        mail_address_clear(target);
}

const ConfType conf_mail_address = {"mail address", parse_address, clear_address};

static void clear_addresses(void *target)
{
        MailAddress **list = target;

        for (MailAddress *a = *list; a && a->address; a++)
                mail_address_clear(a);
        free(TAKE_PTR(*list));
}

static bool is_listed(const MailAddress *list, size_t n, const char *address)
{
        for (size_t i = 0; i < n; i++)
                if (list[i].address && strcasecmp(list[i].address, address) == 0)
                        return true;
        return false;
}

static int parse_addresses(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        bool several = conf_is_sequence(node);
        size_t n = several ? conf_count(node) : 1;

        if (n == 0)
                return conf_error(node, e, "`%s`: expected at least one mail address", field->key);
        if (n > MAIL_ADDRESSES_MAX)
                return conf_error(node, e, "`%s`: more than %d addresses; use a mailing list", field->key,
                                  MAIL_ADDRESSES_MAX);
        MailAddress *list = calloc(n + 1, sizeof(*list));
        if (!list)
                return error_set(e, -ENOMEM, "out of memory");
        *(MailAddress **) target = list;
        for (size_t i = 0; i < n; i++) {
                const ConfNode *item = several ? conf_item(node, i) : node;
                int r = read_address(item, field, &list[i], e);
                if (r == 0 && list[i].address && is_listed(list, i, list[i].address))
                        r = conf_error(item, e, "`%s`: `%s` is given twice", field->key, list[i].address);
                if (r < 0) {
                        clear_addresses(target);
                        return r;
                }
        }
        return 0;
}

const ConfType conf_mail_addresses = {"list of mail addresses", parse_addresses, clear_addresses};
