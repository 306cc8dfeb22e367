/* SPDX-License-Identifier: MIT */
/* A DNS record as an operator writes it, "shop.example. 60 A 192.0.2.1", in one canonical form, so that what is wanted
 * can be compared with what a name server or a provider's API says. */
#pragma once

#include "base/error.h"
#include "base/text.h"

/* Names are in lower case without the trailing dot ("." for the root). Values are as in DnsResult.values: addresses as
 * inet_ntop() writes them, "10 mail.example.org", the text of TXT without quotes, its strings joined. */
typedef struct Record {
        char *name;
        const char *type; /* "A", "AAAA", "CNAME", "MX", "TXT", "SRV", "CAA" or "PTR"; constant */
        uint32_t ttl;     /* seconds */
        char *value;
        char *rdata; /* the same in a zone file's form: record_add_rdata(), but TXT keeps its strings apart */
} Record;

#define RECORD_TTL_MAX  INT32_MAX /* RFC 2181, section 8 */
#define RECORD_TEXT_MAX 4096      /* bytes of a TXT record */

/* "name TTL [IN] TYPE rdata". Names are absolute, with or without the trailing dot; international ones in their xn-- form.
 * -EINVAL with the reason. */
int record_parse(const char *text, Record *ret, Error *e);
void record_clear(Record *r);
/* The canonical form of rdata; type as text. -EINVAL with the reason. */
int record_value_parse(const char *type, const char *text, char **ret, Error *e);
/* A name as an owner's: "*" may be its first label. */
int record_name_parse(const char *text, char **ret, Error *e);
/* The constant name of a type, or NULL when records of it cannot be changed here. */
const char *record_type(const char *text);

/* The value in a zone file's form: names with the dot, TXT in quoted strings of 255 bytes, everything but plain ASCII
 * escaped. */
void record_add_rdata(Text *t, const char *type, const char *value);
/* name is zone, or below it; both canonical. */
bool record_name_within(const char *name, const char *zone);
