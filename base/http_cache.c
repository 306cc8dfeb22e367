/* SPDX-License-Identifier: MIT */
/* Answers that a client may have already: entity tags (RFC 9110, 8.8.3 and 13.1.2). */
#include "base/httpd_private.h"

#include "base/text.h"

#include <sodium.h>
#include <strings.h>

char *http_etag_make(char buffer[static HTTP_ETAG_SIZE], const void *data, size_t size)
{
        uint8_t hash[(HTTP_ETAG_SIZE - 1) / 2];

        crypto_generichash(hash, sizeof(hash), data ? data : (const void *) "", size, NULL, 0);
        return sodium_bin2hex(buffer, HTTP_ETAG_SIZE, hash, sizeof(hash));
}

bool http_etag_matches(const char *field, const char *etag)
{
        size_t size = strlen(etag);
        const char *p = field + strspn(field, " \t");

        if (*p == '*')
                return p[1 + strspn(p + 1, " \t")] == '\0';
        while (*p) {
                p += strspn(p, " \t,");
                if (strncmp(p, "W/", 2) == 0)
                        p += 2;
                if (*p != '"')
                        return false; /* the end, or no list of tags */
                const char *end = strchr(++p, '"');
                if (!end)
                        return false;
                if ((size_t) (end - p) == size && memcmp(p, etag, size) == 0)
                        return true;
                p = end + 1;
        }
        return false;
}

static bool client_has(const HttpRequest *r, const char *etag)
{
        if (!streq(r->method, "GET") && !streq(r->method, "HEAD"))
                return false;
        for (size_t i = 0; i < r->pairs.n; i++)
                if (r->pairs.list[i].kind == MHD_HEADER_KIND &&
                    strcasecmp(r->pairs.list[i].key, "If-None-Match") == 0 &&
                    http_etag_matches(r->pairs.list[i].value, etag))
                        return true;
        return false;
}

static ssize_t read_nothing(void *userdata, uint64_t position, char *buffer, size_t max)
{
        return MHD_CONTENT_READER_END_WITH_ERROR;
}

bool http_reply_unchanged(HttpRequest *r, const char *etag, uint64_t size)
{
        char quoted[256];

        assert(r);
        assert(!strchr(etag, '"') && strlen(etag) < sizeof(quoted) - 2);

        snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
        if (http_add_header(r, "ETag", quoted) < 0) {
                http_reply_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
                return true;
        }
        if (!client_has(r, etag))
                return false;
        /* libmicrohttpd sends no body, but its length */
        http_request_answer_held(r, MHD_HTTP_NOT_MODIFIED,
                                 MHD_create_response_from_callback(size, 1, read_nothing, NULL, NULL), 0, 0);
        return true;
}

void http_reply_cached(HttpRequest *r, const char *content_type, const void *data, size_t size,
                       const char *etag)
{
        char made[HTTP_ETAG_SIZE];

        assert(r);

        if (!etag)
                etag = http_etag_make(made, data, size);
        if (!http_reply_unchanged(r, etag, size))
                http_reply(r, MHD_HTTP_OK, content_type, data, size);
}
