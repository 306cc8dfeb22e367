/* SPDX-License-Identifier: MIT */
/* Reads DNS answers (RFC 1035, section 4): the records that belong to a question, along its chain of aliases. */
#include "base/dns.h"

#include <ares.h>
#include <ctype.h>

#define TYPE_CNAME  5
#define HOPS_MAX    16
#define HEADER_SIZE 12

static unsigned read16(const uint8_t *p)
{
        return (unsigned) p[0] << 8 | p[1];
}

static uint32_t read32(const uint8_t *p)
{
        return (uint32_t) read16(p) << 16 | read16(p + 2);
}

bool dns_name_valid(const char *name)
{
        size_t size = strlen(name), label = 0;

        if (streq(name, "."))
                return true;
        if (size > 0 && name[size - 1] == '.')
                size--;
        if (size == 0 || size > 253)
                return false;
        for (size_t i = 0; i < size; i++) {
                if (name[i] == '.') {
                        if (label == 0)
                                return false;
                        label = 0;
                } else if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '\\' || ++label > 63)
                        return false;
        }
        return label > 0;
}

int dns_packet_name(const uint8_t *packet, size_t size, const uint8_t **at, char ret[static DNS_NAME_SIZE])
{
        char *name = NULL;
        long used;
        size_t length;

        if (ares_expand_name(*at, packet, (int) size, &name, &used) != ARES_SUCCESS)
                return -EBADMSG;
        length = strlen(name);
        if (length >= DNS_NAME_SIZE) {
                ares_free_string(name);
                return -EBADMSG;
        }
        for (size_t i = 0; i <= length; i++)
                ret[i] = (char) tolower((unsigned char) name[i]);
        ares_free_string(name);
        if (length == 0)
                strcpy(ret, ".");
        *at += used;
        return 0;
}

typedef struct Owned {
        char owner[DNS_NAME_SIZE];
        unsigned type, class;
        uint32_t ttl;
        const uint8_t *data;
        size_t size;
} Owned;

/* Reads the record at *at and moves behind it. */
static int record_read(const uint8_t *packet, size_t size, const uint8_t **at, Owned *ret)
{
        const uint8_t *end = packet + size;
        int r;

        r = dns_packet_name(packet, size, at, ret->owner);
        if (r < 0)
                return r;
        if (end - *at < 10)
                return -EBADMSG;
        ret->type = read16(*at);
        ret->class = read16(*at + 2);
        ret->ttl = read32(*at + 4);
        ret->size = read16(*at + 8);
        *at += 10;
        if ((size_t) (end - *at) < ret->size)
                return -EBADMSG;
        ret->data = *at;
        *at += ret->size;
        return 0;
}

/* The first of the answers. */
static int answers_find(const uint8_t *packet, size_t size, const uint8_t **ret)
{
        const uint8_t *at = packet + HEADER_SIZE;
        char name[DNS_NAME_SIZE];
        int r;

        if (size < HEADER_SIZE)
                return -EBADMSG;
        for (unsigned n = read16(packet + 4); n > 0; n--) {
                r = dns_packet_name(packet, size, &at, name);
                if (r < 0)
                        return r;
                if (packet + size - at < 4)
                        return -EBADMSG;
                at += 4;
        }
        *ret = at;
        return 0;
}

/* One hop: calls fn for the records of name; or, when name is an alias, writes what it stands for over it. */
static int records_of(const uint8_t *packet, size_t size, const uint8_t *at, char *name, int type,
                      uint32_t *ttl, int (*fn)(const DnsRecord *record, void *userdata), void *userdata,
                      bool *ret_alias)
{
        char target[DNS_NAME_SIZE] = "";
        int n = 0, r;
        Owned o;

        for (unsigned left = read16(packet + 6); left > 0; left--) {
                r = record_read(packet, size, &at, &o);
                if (r < 0)
                        return r;
                if (o.class != 1 || !streq(o.owner, name))
                        continue;
                if ((int) o.type == type) {
                        DnsRecord record = {packet, o.data, size, o.size, MIN(*ttl, o.ttl)};

                        r = fn(&record, userdata);
                        if (r < 0)
                                return r;
                        n++;
                } else if (o.type == TYPE_CNAME && !*target) {
                        const uint8_t *data = o.data;

                        r = dns_packet_name(packet, size, &data, target);
                        if (r < 0)
                                return r;
                        *ttl = MIN(*ttl, o.ttl);
                }
        }
        *ret_alias = n == 0 && *target;
        if (*ret_alias)
                strcpy(name, target);
        return n;
}

int dns_packet_records(const uint8_t *packet, size_t size, const char *name, int type,
                       int (*fn)(const DnsRecord *record, void *userdata), void *userdata, char *alias)
{
        char current[DNS_NAME_SIZE] = ".";
        uint32_t ttl = UINT32_MAX;
        const uint8_t *answers;
        size_t length = strlen(name);
        int r;

        assert(length < sizeof(current));

        if (!streq(name, ".")) {
                if (length > 0 && name[length - 1] == '.')
                        length--;
                for (size_t i = 0; i < length; i++)
                        current[i] = (char) tolower((unsigned char) name[i]);
                current[length] = '\0';
        }
        if (alias)
                *alias = '\0';
        r = answers_find(packet, size, &answers);
        if (r < 0)
                return r;
        for (int hop = 0; hop < HOPS_MAX; hop++) {
                bool is_alias = false;

                r = records_of(packet, size, answers, current, type, &ttl, fn, userdata, &is_alias);
                if (r != 0 || !is_alias)
                        return r;
                if (alias)
                        strcpy(alias, current);
        }
        return 0;
}
