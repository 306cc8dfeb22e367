/* SPDX-License-Identifier: MIT */
/* What shops put into their pages: GET /failover.js, GET /banner for a frame, GET /banner/piece for a server that puts pages together. */
#include "federation/banner.h"
#include "federation/routes.h"

/* The file itself is in the program: .incbin, of which CMakeLists.txt tells the build. */
__asm__(".section .rodata\n"
        ".global failover_js, failover_js_end\n"
        "failover_js: .incbin \"" WEB_FOLDER "/failover.js\"\n"
        "failover_js_end: .byte 0\n"
        ".previous\n");
extern const char failover_js[], failover_js_end[];

#define REFRESH_SEC "30"

/* A browser that has it goes on with it for a week while this node is away, which is when it is needed. */
void route_failover_js(Federation *f, HttpRequest *r, const char *rest)
{
        http_add_header(r, "Cache-Control",
                        "max-age=3600, stale-while-revalidate=604800, stale-if-error=604800");
        http_add_header(r, "Cross-Origin-Resource-Policy", "cross-origin");
        http_reply_cached(r, "text/javascript; charset=utf-8", failover_js,
                          (size_t) (failover_js_end - failover_js), NULL);
}

void route_banner(Federation *f, HttpRequest *r, const char *rest)
{
        BannerForm form = streq(rest, "/piece") ? BANNER_PIECE : BANNER_DOCUMENT;
        const char *language = http_query(r, "lang");
        _cleanup_text_ Text t = {0};

        if (*rest && !streq(rest, "/") && form != BANNER_PIECE) {
                http_reply_error(r, 404, "there is /banner and /banner/piece");
                return;
        }
        banner_add(&t, form, front_mode(f->front), front_node(f->front),
                   banner_language(language ?: http_header(r, "Accept-Language")));
        if (t.failed) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        http_add_header(r, "Cache-Control", "no-cache");
        http_add_header(r, "Vary", "Accept-Language");
        http_add_header(r, "Content-Security-Policy", banner_policy);
        if (form == BANNER_DOCUMENT)
                http_add_header(r, "Refresh", REFRESH_SEC);
        http_reply_cached(r, "text/html; charset=utf-8", t.data ?: "", t.size, NULL);
}
