/* SPDX-License-Identifier: MIT */
/* GET /: for a person who opens the address in a browser. */
#include "base/text.h"
#include "federation/routes.h"

#define PEERS_SHOWN 100

static void add_link(Text *t, const char *path, const char *what)
{
        text_add(t, "<li><a href=\"%s\">%s</a> %s</li>\n", path, path, what);
}

static void add_peer(Text *t, const Peer *p)
{
        const char *url = peer_buyers_url(p);

        text_add_string(t, "<li>");
        if (url) {
                text_add_string(t, "<a href=\"");
                text_add_html(t, url);
                text_add_string(t, "\" rel=\"nofollow noopener\">");
        }
        text_add_html(t, p->name);
        text_add(t, "%s: %s%s</li>\n", url ? "</a>" : "", peer_status_name(p->status),
                 !p->in_fallback ? ""
                 : url           ? ", sells at its fallback"
                                 : ", sells nothing at the moment");
}

static void add_peers(Text *t, Peers *peers)
{
        size_t n = peers_count(peers);

        if (n == 0)
                return;
        text_add_string(t, "<h2>Other shops</h2>\n<ul>\n");
        for (size_t i = 0; i < MIN(n, (size_t) PEERS_SHOWN); i++)
                add_peer(t, peers_at(peers, i));
        text_add_string(t, "</ul>\n");
        if (n > PEERS_SHOWN)
                text_add(t, "<p>and %zu more</p>\n", n - PEERS_SHOWN);
}

void route_index(Federation *f, HttpRequest *r, const char *rest)
{
        _cleanup_text_ Text t = {0};

        text_add_string(&t,
                        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
        text_add_html(&t, f->config->node.name);
        text_add_string(&t, "</title>\n<style>body{font-family:sans-serif;max-width:40em;margin:2em auto;"
                            "padding:0 1em;line-height:1.5}</style>\n</head>\n<body>\n<h1>");
        text_add_html(&t, f->config->node.name);
        text_add_string(&t, "</h1>\n<p>This is the federated search service of a shop: it answers programs. "
                            "The shop itself is at <a href=\"");
        text_add_html(&t, f->config->node.url);
        text_add_string(&t, "\">");
        text_add_html(&t, f->config->node.url);
        text_add_string(&t, "</a>.</p>\n<ul>\n");
        add_link(&t, "/status/", "how the shop is");
        add_link(&t, "/api/health", "the same in a word, for load balancers");
        add_link(&t, "/api/config", "how it takes payments now");
        add_link(&t, "/banner", "the same for buyers");
        add_link(&t, "/failover.js", "the same for a shop's pages");
        add_link(&t, "/api/search?q=dune", "this shop's books");
        add_link(&t, "/api/network/search?q=dune", "every shop's books");
        add_link(&t, "/api/catalog?limit=10", "all of this shop's books");
        add_link(&t, "/api/store/info", "what this shop is");
        add_link(&t, "/api/stats", "how much it has");
        add_link(&t, "/network-registry.json", "who belongs to the network");
        add_link(&t, "/federation/status", "how they are");
        add_link(&t, "/metrics", "for Prometheus");
        text_add_string(&t, "</ul>\n");
        add_peers(&t, f->peers);
        text_add_string(&t, "</body>\n</html>\n");
        if (t.failed) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        http_add_header(r, "Content-Security-Policy",
                        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
        http_add_header(r, "Cache-Control", "no-cache");
        http_reply_cached(r, "text/html; charset=utf-8", t.data, t.size, NULL);
}
