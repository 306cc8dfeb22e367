/* SPDX-License-Identifier: MIT */
/* Mail addresses as people configure them: "ops@shop.example" or "The Shop <ops@shop.example>". ASCII only, but for the
 * display name: no server can be relied on to take anything else (RFC 6531), and an address that none takes is better
 * refused before an outage. */
#pragma once

#include "base/conf.h"

typedef struct MailAddress {
        char *name;    /* for people, any UTF-8 without control characters; "" when there is none */
        char *address; /* "ops@shop.example": an RFC 5321 mailbox with a dot-string or quoted local part */
} MailAddress;

#define MAIL_ADDRESSES_MAX 50

/* ret_problem: what is wrong, for people; static. -EINVAL, -ENOMEM. */
int mail_address_parse(const char *text, MailAddress *ret, const char **ret_problem);
void mail_address_clear(MailAddress *a);
const char *mail_address_domain(const MailAddress *a); /* behind the @ */
/* A name that may stand behind an @ or in EHLO: letters, digits, dashes, at least one dot unless `single`. */
bool mail_domain_valid(const char *s, bool single);

extern const ConfType conf_mail_address; /* MailAddress */
extern const ConfType
                conf_mail_addresses; /* MailAddress *, ended by {NULL}; a single one is a list of one; none twice */
