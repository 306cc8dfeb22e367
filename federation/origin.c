/* SPDX-License-Identifier: MIT */
/* Host and port of a URL; and whose they are. */
#include "federation/origin.h"

#include <curl/curl.h>

static int copy_host(const char *host, char *ret, size_t size)
{
        size_t n = strlen(host);

        while (n > 0 && host[n - 1] == '.')
                n--;
        if (n == 0 || n >= size)
                return -EINVAL;
        for (size_t i = 0; i < n; i++)
                ret[i] = (char) (host[i] >= 'A' && host[i] <= 'Z' ? host[i] - 'A' + 'a' : host[i]);
        ret[n] = '\0';
        return 0;
}

int origin_read(const char *url, Origin *ret)
{
        CURLU *u = curl_url();
        char *host = NULL, *port = NULL;
        CURLUcode code = u ? curl_url_set(u, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;
        int r = -EINVAL;

        if (code == CURLUE_OK)
                code = curl_url_get(u, CURLUPART_HOST, &host, CURLU_URLDECODE);
        if (code == CURLUE_OK)
                code = curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
        if (code == CURLUE_OK && host && port) {
                r = copy_host(host, ret->host, sizeof(ret->host));
                ret->port = (unsigned) strtoul(port, NULL, 10);
                if (ret->port == 443)
                        ret->port = 80;
        } else if (code == CURLUE_OUT_OF_MEMORY)
                r = -ENOMEM;
        curl_free(host);
        curl_free(port);
        curl_url_cleanup(u);
        return r;
}

static const char *label_before(const char *host, const char *at)
{
        while (at > host && at[-1] != '.')
                at--;
        return at;
}

const char *origin_site(const Origin *o)
{
        static const char *const shared[] = {"co",  "com", "net", "org", "ac", "gov",
                                             "edu", "gob", "or",  "ne",  "go"};
        const char *end = o->host + strlen(o->host), *top = label_before(o->host, end), *second;
        size_t n;

        if (*o->host == '[' || top == o->host || (*top >= '0' && *top <= '9'))
                return o->host;
        second = label_before(o->host, top - 1);
        n = (size_t) (top - 1 - second);
        for (size_t i = 0; i < ELEMENTSOF(shared) && end - top == 2 && second > o->host; i++)
                if (strlen(shared[i]) == n && strncmp(second, shared[i], n) == 0)
                        return label_before(o->host, second - 1);
        return second;
}

bool origin_same(const Origin *a, const Origin *b)
{
        return a->port == b->port && streq(a->host, b->host);
}

/* url: as nodes are kept, so that its host stands in it as here: 10,000 are looked through in a moment. */
static bool is_of(const char *url, const Origin *o)
{
        Origin other;

        return url && strstr(url, o->host) && origin_read(url, &other) >= 0 && origin_same(&other, o);
}

const char *origin_clash(const Federation *f, const char *node, const char *url)
{
        const Member *own = members_find(f->members, node);
        Origin o;

        if (!url || !*url)
                return NULL;
        if (origin_read(url, &o) < 0)
                return "the fallback that it names cannot be read";
        if (is_of(f->config->node.url, &o))
                return "the fallback that it names is this node's own address";
        if (own && is_of(member_url(own), &o))
                return NULL;
        for (size_t i = 0; i < members_count(f->members); i++) {
                const Member *m = members_at(f->members, i);

                if (m->state != MEMBER_PENDING && !streq(m->id, node) && is_of(member_url(m), &o))
                        return "the fallback that it names is another node's address";
        }
        return NULL;
}
