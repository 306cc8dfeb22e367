/* SPDX-License-Identifier: MIT */
/* Records in the form of zone files (RFC 1035, section 5.1), read into one canonical form and written again. */
#include "base/record.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

#define STRING_MAX 255 /* bytes of one character string */

/* The next word, cut out of *at; NULL at the end. */
static char *word_next(char **at)
{
        char *word = *at + strspn(*at, " \t");
        size_t size = strcspn(word, " \t");

        if (size == 0)
                return NULL;
        *at = word + size;
        if (**at)
                *(*at)++ = '\0';
        return word;
}

static int number_parse(const char *text, uint64_t max, uint64_t *ret)
{
        char *end;

        errno = 0;
        unsigned long long n = strtoull(text, &end, 10);
        if (!isdigit((unsigned char) *text) || *end || errno != 0 || n > max)
                return -EINVAL;
        *ret = n;
        return 0;
}

/* Names */

static int name_refuse(const char *text, Error *e)
{
        for (const char *c = text; *c; c++)
                if ((unsigned char) *c >= 0x80)
                        return error_set(e, -EINVAL, "\"%s\" is not in its xn-- form", text);
        return error_set(e, -EINVAL, "\"%s\" is not a domain name", text);
}

static int name_parse(const char *text, bool owner, char **ret, Error *e)
{
        size_t size = strlen(text), label = 0;

        if (streq(text, ".")) {
                *ret = strdup(text);
                return *ret ? 0 : error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        }
        if (size > 0 && text[size - 1] == '.')
                size--;
        if (size == 0 || size > 253)
                return name_refuse(text, e);
        for (size_t i = 0; i < size; i++) {
                bool star = text[i] == '*' && owner && i == 0 && (size == 1 || text[1] == '.');

                if (text[i] == '.' ? label == 0
                                   : !star && !isalnum((unsigned char) text[i]) && !strchr("-_", text[i]))
                        return name_refuse(text, e);
                label = text[i] == '.' ? 0 : label + 1;
                if (label > 63)
                        return name_refuse(text, e);
        }
        if (label == 0)
                return name_refuse(text, e);
        *ret = strndup(text, size);
        if (!*ret)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        for (char *c = *ret; *c; c++)
                *c = (char) tolower((unsigned char) *c);
        return 0;
}

int record_name_parse(const char *text, char **ret, Error *e)
{
        return name_parse(text, true, ret, e);
}

bool record_name_within(const char *name, const char *zone)
{
        size_t n = strlen(name), z = strlen(zone);

        if (streq(zone, ".") || streq(name, zone))
                return true;
        return n > z && name[n - z - 1] == '.' && streq(name + n - z, zone);
}

/* Values: parse() takes the words of the rdata, writable, and adds the canonical form. */

static int add_address(Text *t, int family, char *rdata, const char *what, Error *e)
{
        char *word = word_next(&rdata), buffer[INET6_ADDRSTRLEN];
        uint8_t bytes[16];

        if (!word || word_next(&rdata) || inet_pton(family, word, bytes) != 1)
                return error_set(e, -EINVAL, "\"%s\" is not an %s address", word ? word : "", what);
        text_add_string(t, inet_ntop(family, bytes, buffer, sizeof(buffer)));
        return 0;
}

static int parse_a(Text *t, char *rdata, Error *e)
{
        return add_address(t, AF_INET, rdata, "IPv4", e);
}

static int parse_aaaa(Text *t, char *rdata, Error *e)
{
        return add_address(t, AF_INET6, rdata, "IPv6", e);
}

/* The last of the words. */
static int add_name(Text *t, char *rdata, Error *e)
{
        _cleanup_free_ char *name = NULL;
        char *word = word_next(&rdata);

        if (!word || word_next(&rdata))
                return error_set(e, -EINVAL, "it leads to one domain name, such as www.shop.example.");
        int r = name_parse(word, false, &name, e);
        if (r == 0)
                text_add_string(t, name);
        return r;
}

static int parse_name(Text *t, char *rdata, Error *e)
{
        return add_name(t, rdata, e);
}

static int add_numbers(Text *t, char **rdata, size_t n, const char *form, Error *e)
{
        for (size_t i = 0; i < n; i++) {
                char *word = word_next(rdata);
                uint64_t number;

                if (!word || number_parse(word, UINT16_MAX, &number) < 0)
                        return error_set(e, -EINVAL, "its form is \"%s\"", form);
                text_add(t, "%" PRIu64 " ", number);
        }
        return 0;
}

static int parse_mx(Text *t, char *rdata, Error *e)
{
        int r = add_numbers(t, &rdata, 1, "10 mail.shop.example.", e);
        return r < 0 ? r : add_name(t, rdata, e);
}

static int parse_srv(Text *t, char *rdata, Error *e)
{
        int r = add_numbers(t, &rdata, 3, "10 5 443 www.shop.example.", e);
        return r < 0 ? r : add_name(t, rdata, e);
}

/* \DDD and \X (RFC 1035, section 5.1). Moves *at behind it. */
static int escape_read(const char **at, char *ret)
{
        const char *c = *at + 1;

        if (!*c)
                return -EINVAL;
        if (!isdigit((unsigned char) *c)) {
                *ret = *c;
                *at = c + 1;
                return 0;
        }
        if (!isdigit((unsigned char) c[1]) || !isdigit((unsigned char) c[2]))
                return -EINVAL;
        int n = (c[0] - '0') * 100 + (c[1] - '0') * 10 + (c[2] - '0');
        if (n == 0 || n > 255)
                return -EINVAL;
        *ret = (char) n;
        *at = c + 3;
        return 0;
}

/* One character string, quoted or one bare word; moves *at behind it. */
static int add_string(Text *t, const char **at, Error *e)
{
        bool quoted = **at == '"';
        const char *c = *at + quoted;

        while (*c && (quoted ? *c != '"' : *c != ' ' && *c != '\t')) {
                char byte = *c;

                if (!quoted && strchr("\";()", *c))
                        return error_set(e, -EINVAL, "text with one of \" ; ( ) stands in quotes: \"…\"");
                if (*c != '\\')
                        c++;
                else if (escape_read(&c, &byte) < 0)
                        return error_set(e, -EINVAL,
                                         "an escape in text is \\\", \\\\ or \\001 to \\255, three digits");
                text_add_bytes(t, &byte, 1);
        }
        if (quoted && *c != '"')
                return error_set(e, -EINVAL, "a quote is not closed");
        c += quoted;
        if (*c && *c != ' ' && *c != '\t')
                return error_set(e, -EINVAL, "a space is missing after a closing quote");
        *at = c + strspn(c, " \t");
        return 0;
}

static int parse_txt(Text *t, char *rdata, Error *e)
{
        const char *at = rdata + strspn(rdata, " \t");

        if (!*at)
                return error_set(e, -EINVAL, "the text is missing: \"…\"");
        while (*at) {
                int r = add_string(t, &at, e);
                if (r < 0)
                        return r;
        }
        if (t->size > RECORD_TEXT_MAX)
                return error_set(e, -EINVAL, "the text is longer than %d bytes", RECORD_TEXT_MAX);
        return 0;
}

/* The tag is made of letters and digits, the value of visible ASCII (RFC 8659, section 4.1). */
static int parse_caa(Text *t, char *rdata, Error *e)
{
        static const char form[] = "its form is '0 issue \"letsencrypt.org\"'";
        char *flags = word_next(&rdata), *tag = word_next(&rdata);
        const char *at = rdata + strspn(rdata, " \t");
        _cleanup_text_ Text value = {0};
        uint64_t number;

        if (!flags || !tag || !*at || number_parse(flags, UINT8_MAX, &number) < 0)
                return error_set(e, -EINVAL, "%s", form);
        for (char *c = tag; *c; c++) {
                if (!isalnum((unsigned char) *c))
                        return error_set(e, -EINVAL, "%s", form);
                *c = (char) tolower((unsigned char) *c);
        }
        int r = add_string(&value, &at, e);
        if (r < 0)
                return r;
        for (const char *c = value.data; c && *c; c++)
                if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
                        return error_set(e, -EINVAL, "the value of a CAA record is plain ASCII");
        if (*at || strlen(tag) > 15)
                return error_set(e, -EINVAL, "%s", form);
        text_add(t, "%" PRIu64 " %s \"%s\"", number, tag, value.data ? value.data : "");
        return 0;
}

/* Writing */

static void write_plain(Text *t, const char *value)
{
        text_add_string(t, value);
}

static void write_name(Text *t, const char *value)
{
        size_t size = strlen(value);

        text_add_string(t, value);
        if (size > 0 && value[size - 1] != '.') /* the root has it already */
                text_add_string(t, ".");
}

static void write_txt(Text *t, const char *value)
{
        size_t size = 0;

        text_add_string(t, "\"");
        for (const char *c = value; *c; c++, size++) {
                if (size == STRING_MAX) {
                        text_add_string(t, "\" \"");
                        size = 0;
                }
                if (*c == '"' || *c == '\\')
                        text_add(t, "\\%c", *c);
                else if (*c < ' ' || *c > '~') /* bytes above 0x7f are below 0 */
                        text_add(t, "\\%03u", (unsigned char) *c);
                else
                        text_add_bytes(t, c, 1);
        }
        text_add_string(t, "\"");
}

static const struct RecordType {
        const char *name;
        int (*parse)(Text *t, char *rdata, Error *e);
        void (*write)(Text *t, const char *value);
} record_types[] = {
                {"A", parse_a, write_plain},       {"AAAA", parse_aaaa, write_plain},
                {"CNAME", parse_name, write_name}, {"MX", parse_mx, write_name},
                {"TXT", parse_txt, write_txt},     {"SRV", parse_srv, write_name},
                {"CAA", parse_caa, write_plain},   {"PTR", parse_name, write_name},
};

static const struct RecordType *type_find(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(record_types); i++)
                if (strcasecmp(record_types[i].name, name) == 0)
                        return &record_types[i];
        return NULL;
}

const char *record_type(const char *text)
{
        const struct RecordType *type = type_find(text);
        return type ? type->name : NULL;
}

void record_add_rdata(Text *t, const char *type, const char *value)
{
        const struct RecordType *known = type_find(type);

        assert(known);
        known->write(t, value);
}

static int type_refuse(const char *name, Error *e)
{
        if (strcasecmp(name, "SOA") == 0 || strcasecmp(name, "NS") == 0)
                return error_set(e, -EINVAL, "%s records belong to the zone itself and are not changed here",
                                 name);
        return error_set(e, -EINVAL, "\"%s\" is not one of A, AAAA, CNAME, MX, TXT, SRV, CAA, PTR", name);
}

int record_value_parse(const char *type, const char *text, char **ret, Error *e)
{
        const struct RecordType *known = type_find(type);
        _cleanup_free_ char *rdata = strdup(text);
        _cleanup_text_ Text t = {0};

        if (!rdata)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        if (!known)
                return type_refuse(type, e);
        int r = known->parse(&t, rdata, e);
        if (r < 0)
                return error_prefix(e, r, "%s", known->name);
        return text_take(&t, ret) < 0 ? error_set(e, -ENOMEM, "%s", strerror(ENOMEM)) : 0;
}

/* Whole */

/* Strings of TXT are written as they were given: for some readers (RFC 6763) each is an attribute. */
static int add_strings(Text *t, const char *text)
{
        for (const char *at = text + strspn(text, " \t"); *at;) {
                _cleanup_text_ Text string = {0};

                if (add_string(&string, &at, NULL) < 0 || string.failed)
                        return -ENOMEM; /* it was parsed before */
                text_add_string(t, t->size > 0 ? " " : "");
                write_txt(t, string.data ? string.data : "");
        }
        return 0;
}

static int record_rdata(const char *text, Record *r, Error *e)
{
        _cleanup_text_ Text t = {0};
        int error = 0;

        if (streq(r->type, "TXT"))
                error = add_strings(&t, text);
        else
                record_add_rdata(&t, r->type, r->value);
        if (error == 0)
                error = text_take(&t, &r->rdata);
        return error < 0 ? error_set(e, error, "%s", strerror(-error)) : 0;
}

static int record_read(char *line, Record *r, Error *e)
{
        char *name = word_next(&line), *ttl = word_next(&line), *type = word_next(&line);
        uint64_t seconds;
        int error;

        if (type && strcasecmp(type, "IN") == 0)
                type = word_next(&line);
        if (!name || !ttl || !type)
                return error_set(e, -EINVAL,
                                 "a record is \"name TTL type value\", such as \"shop.example. 60 A "
                                 "192.0.2.1\"");
        error = record_name_parse(name, &r->name, e);
        if (error < 0)
                return error;
        if (number_parse(ttl, RECORD_TTL_MAX, &seconds) < 0)
                return error_set(e, -EINVAL, "\"%s\" is not a TTL: whole seconds, such as 60", ttl);
        r->ttl = (uint32_t) seconds;
        error = record_value_parse(type, line, &r->value, e);
        if (error < 0)
                return error;
        r->type = record_type(type);
        return record_rdata(line, r, e);
}

int record_parse(const char *text, Record *ret, Error *e)
{
        _cleanup_free_ char *line = strdup(text);
        Record r = {0};

        if (!line)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        for (const char *c = text; *c; c++)
                if ((unsigned char) *c < ' ' && *c != '\t')
                        return error_set(e, -EINVAL, "a record is one line, without control characters");
        int error = record_read(line, &r, e);
        if (error < 0)
                record_clear(&r);
        else
                *ret = r;
        return error;
}

void record_clear(Record *r)
{
        free(r->name);
        free(r->value);
        free(r->rdata);
        *r = (Record){0};
}
