/* SPDX-License-Identifier: MIT */
/* Names are looked up one after the other; the first that leads where it must not ends it. */
#include "federation/place_check.h"

#include "base/text.h"

#include <curl/curl.h>
#include <strings.h>

struct PlaceCheck {
        Resolver *resolver;
        Network *allow;
        size_t n_allow;
        char *names[PLACE_URLS_MAX];
        size_t n_names, next;
        Resolve *resolve;
        PlaceDone done;
        void *userdata;
};

static int host_of(const char *url, char **ret)
{
        CURLU *u = curl_url();
        char *host = NULL;
        int r = -ENOMEM;

        if (u && curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
                r = -EINVAL;
        else if (u && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
                *ret = strdup(host);
                r = *ret ? 0 : -ENOMEM;
        }
        curl_free(host);
        curl_url_cleanup(u);
        return r;
}

static bool is_forbidden(const PlaceCheck *c, const struct sockaddr_storage *a)
{
        const struct sockaddr *address = (const struct sockaddr *) a;

        for (size_t i = 0; i < c->n_allow; i++)
                if (network_contains(&c->allow[i], address))
                        return false;
        return address_is_private(address);
}

static int refuse(char problem[static PLACE_TEXT_SIZE], const char *host, const struct sockaddr_storage *a,
                  bool literal)
{
        char plain[128], address[ADDRESS_SIZE];

        plain_copy(plain, sizeof(plain), host);
        if (literal)
                snprintf(problem, PLACE_TEXT_SIZE, "%s is a private address: it is not let in here", plain);
        else
                snprintf(problem, PLACE_TEXT_SIZE, "%s leads to %s, a private address: it is not let in here",
                         plain, address_format(address, a));
        return -EPERM;
}

/* RFC 6761: whoever asks for it means the machine he is on. */
static bool is_localhost(const char *name)
{
        static const char word[] = "localhost";
        size_t n = strlen(name), size = strlen(word);

        if (n > 0 && name[n - 1] == '.')
                n--;
        return n >= size && strncasecmp(name + n - size, word, size) == 0 &&
               (n == size || name[n - size - 1] == '.');
}

static bool is_known(const PlaceCheck *c, const char *name)
{
        for (size_t i = 0; i < c->n_names; i++)
                if (strcasecmp(c->names[i], name) == 0)
                        return true;
        return false;
}

static int take_url(PlaceCheck *c, const char *url, char problem[static PLACE_TEXT_SIZE])
{
        _cleanup_free_ char *host = NULL;
        struct sockaddr_storage a;
        socklen_t size;
        bool literal;
        int r = host_of(url, &host);

        if (r == -EINVAL) {
                char plain[128];

                snprintf(problem, PLACE_TEXT_SIZE, "%s cannot be read as a URL",
                         plain_copy(plain, sizeof(plain), url));
                return -EPERM;
        }
        if (r < 0)
                return r;
        literal = address_parse(host, 0, &a, &size) >= 0;
        if (!literal && is_localhost(host)) {
                literal = true;
                (void) address_parse("127.0.0.1", 0, &a, &size);
        }
        if (literal)
                return is_forbidden(c, &a) ? refuse(problem, host, &a, true) : 0;
        if (*host == '[') { /* with a zone, say */
                snprintf(problem, PLACE_TEXT_SIZE, "it leads to an address that cannot be read");
                return -EPERM;
        }
        if (!is_known(c, host))
                c->names[c->n_names++] = TAKE_PTR(host);
        return 0;
}

static int take_allow(PlaceCheck *c, const char *const *allow)
{
        size_t n = 0;

        while (allow && allow[n])
                n++;
        c->allow = calloc(n + 1, sizeof(*c->allow));
        if (!c->allow)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (network_parse(allow[i], &c->allow[c->n_allow]) >= 0)
                        c->n_allow++;
        return 0;
}

static int next(PlaceCheck *c);

static void on_resolved(Resolve *resolve, const ResolveResult *result, void *userdata)
{
        PlaceCheck *c = userdata;
        char problem[PLACE_TEXT_SIZE];

        for (size_t i = 0; result->error == 0 && i < result->count; i++)
                if (is_forbidden(c, &result->addresses[i])) {
                        refuse(problem, c->names[c->next], &result->addresses[i], false);
                        c->done(c, problem, c->userdata);
                        return;
                }
        c->resolve = resolve_free(c->resolve);
        c->next++;
        if (c->next == c->n_names)
                c->done(c, NULL, c->userdata);
        else if (next(c) < 0)
                c->done(c, "its names cannot be looked up now", c->userdata);
}

static int next(PlaceCheck *c)
{
        return resolve_start(c->resolver, c->names[c->next], 0, PLACE_PATIENCE, on_resolved, c, &c->resolve);
}

int place_check_start(Resolver *resolver, const char *const *allow, const char *const *urls, size_t n,
                      PlaceDone done, void *userdata, PlaceCheck **ret, char problem[static PLACE_TEXT_SIZE])
{
        _cleanup_(place_check_freep) PlaceCheck *c = calloc(1, sizeof(*c));
        int r;

        assert(n <= PLACE_URLS_MAX);

        if (!c)
                return -ENOMEM;
        c->resolver = resolver;
        c->done = done;
        c->userdata = userdata;
        r = take_allow(c, allow);
        for (size_t i = 0; i < n && r >= 0; i++)
                if (*urls[i])
                        r = take_url(c, urls[i], problem);
        if (r < 0 || c->n_names == 0)
                return r;
        r = next(c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 1;
}

PlaceCheck *place_check_free(PlaceCheck *c)
{
        if (!c)
                return NULL;
        resolve_free(c->resolve);
        for (size_t i = 0; i < c->n_names; i++)
                free(c->names[i]);
        free(c->allow);
        free(c);
        return NULL;
}
