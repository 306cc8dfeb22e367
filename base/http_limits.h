/* SPDX-License-Identifier: MIT */
/* What HttpLimits does for httpd.c: counts connections and requests of addresses, and finds out who asks behind a proxy. No
 * sockets and no clock. Nobody but the server and the tests includes this. */
#pragma once

#include "base/httpd.h"

#include <sys/socket.h>

#define HTTP_ADDRESSES_MAX \
        8192 /* remembered without a connection; the one that was quiet for longest is forgotten first */

typedef struct HttpGuest HttpGuest; /* an address, or a /64 of IPv6; held while it has a connection */

/* ration_take() as limits are configured: burst tokens, filled per_second. per_second 0: no limit; burst 0: as per_second. */
uint64_t http_bucket_take(uint64_t *bucket, unsigned per_second, unsigned burst, uint64_t now_usec);

/* A connection begins. False: it is one too many. *ret_guest is handed back at its end: NULL when it does not count for an
 * address (a Unix socket, a proxy, no memory). */
bool http_limits_connect(HttpLimits *l, const struct sockaddr_storage *from, HttpGuest **ret_guest);
void http_limits_disconnect(HttpLimits *l, HttpGuest *guest);
/* 0: the request is fine, else how long to wait. client: as of http_limits_client(). */
uint64_t http_limits_request(HttpLimits *l, const struct sockaddr_storage *client, uint64_t now_usec);
bool http_limits_stream(HttpLimits *l); /* false: one too many */
void http_limits_stream_end(HttpLimits *l);
void http_limits_answer(HttpLimits *l, size_t size); /* begins to be sent */
void http_limits_answer_end(HttpLimits *l, size_t size);

bool http_limits_trusts(const HttpLimits *l, const struct sockaddr_storage *from);
/* Who asks: from, or when that is a trusted proxy, what it says. forwarded: the values of X-Forwarded-For, in order. */
void http_limits_client(const HttpLimits *l, const struct sockaddr_storage *from,
                        const char *const *forwarded, size_t n, struct sockaddr_storage *ret);
/* An IPv4-mapped IPv6 address becomes the IPv4 one. Other families than the two become AF_UNSPEC. */
void http_address_of(const struct sockaddr *a, struct sockaddr_storage *ret);
unsigned http_limits_addresses(const HttpLimits *l); /* remembered */
