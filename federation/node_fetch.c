/* SPDX-License-Identifier: MIT */
/* One GET of a node document, and what is said of it when it does not count. */
#include "federation/node_fetch.h"

#include "base/clock.h"
#include "base/text.h"

struct NodeFetch {
        Fetch *fetch;
        NodeFetchDone done;
        void *userdata;
};

static int read_document(const FetchResult *r, NodeDocument **ret, Error *e)
{
        _cleanup_(node_document_freep) NodeDocument *d = NULL;
        int n;

        if (r->status / 100 == 3)
                return error_set(e, -ENOENT,
                                 "it answers with a redirect (HTTP %u), which proves nothing: its url must "
                                 "be the one that it leads to",
                                 r->status);
        if (r->status == 404 || r->status == 410)
                return error_set(e, -ENOENT, "it has no " NODE_DOCUMENT_PATH);
        if (r->status != 200)
                return error_set(e, -EPROTO, "HTTP %u", r->status);
        n = node_document_parse(r->body, r->body_size, &d, e);
        if (n >= 0)
                n = node_document_verify(d, clock_wall_usec(), e);
        if (n < 0)
                return error_prefix(e, n, "its node document");
        *ret = TAKE_PTR(d);
        return 0;
}

static void on_fetched(Fetch *fetch, const FetchResult *r, void *userdata)
{
        NodeFetch *f = userdata;
        NodeFetchResult result = {0};
        Error e = {""};

        if (r->error != FETCH_OK)
                result.error = error_set(&e, r->error == FETCH_TIMEOUT ? -ETIMEDOUT : -EIO, "%s", r->message);
        else
                result.error = read_document(r, &result.document, &e);
        result.message = e.text;
        f->done(f, &result, f->userdata); /* may free us */
        node_document_free(result.document);
}

int node_fetch_start(FetchClient *client, const char *url, bool trusted, NodeFetchDone done, void *userdata,
                     NodeFetch **ret)
{
        _cleanup_(node_fetch_freep) NodeFetch *f = calloc(1, sizeof(*f));
        _cleanup_free_ char *path = string_printf("%s" NODE_DOCUMENT_PATH, url);
        const char *const headers[] = {"Accept: application/json", NULL};
        FetchRequest request = {.url = path,
                                .headers = headers,
                                .timeout_usec = NODE_FETCH_TIMEOUT_USEC,
                                .response_max = NODE_DOCUMENT_MAX,
                                .flags = FETCH_GUARD | FETCH_HTTP2 | (trusted ? FETCH_TRUST_HOST : 0)};
        int r;

        if (!f || !path)
                return -ENOMEM;
        *f = (NodeFetch){.done = done, .userdata = userdata};
        r = fetch_start(client, &request, on_fetched, f, &f->fetch);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

NodeFetch *node_fetch_free(NodeFetch *f)
{
        if (!f)
                return NULL;
        fetch_free(f->fetch);
        free(f);
        return NULL;
}
