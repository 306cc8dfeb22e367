/* SPDX-License-Identifier: MIT */
/* A mail's text, line by line (RFC 5322, 2045, 2047): header fields folded and encoded, bodies encoded, all in ASCII with
 * lines of at most 78 characters that end in CRLF. What is given here is text, never syntax: nothing in a value can end
 * its field or begin another. */
#pragma once

#include "base/mail_address.h"

/* "Name: value", for fields that are text to people (Subject): plain ASCII as it is, all else in encoded words. Control
 * characters become spaces, and what is no UTF-8 U+FFFD. */
void mime_add_text(Text *t, const char *name, const char *value);
/* "Name: Shop <a@b>, c@d": the list ends by {NULL}. */
void mime_add_addresses(Text *t, const char *name, const MailAddress *list);
/* "Date: Fri, 20 Nov 2026 09:00:00 +0000" */
void mime_add_date(Text *t, const char *name, uint64_t wall_usec);
/* "Name: <id@domain>": bytes of id that cannot stand in a message id become dashes. domain: mail_domain_valid(). */
void mime_add_id(Text *t, const char *name, const char *id, const char *domain);

/* Content-Type, Content-Transfer-Encoding, the empty line, and the body: UTF-8 (as above) with lines that end in LF. */
void mime_add_body(Text *t, const char *body);

/* Encoded words for s (valid UTF-8), `fold` between them; the first must fit behind `column` characters. Returns the column
 * behind the last. */
size_t mime_add_words(Text *t, size_t column, const char *s, size_t size, const char *fold);
