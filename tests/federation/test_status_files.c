/* SPDX-License-Identifier: MIT */
/* /status/: what is served of a folder, and what never is. That its disk may hang is tests/e2e/test_front.sh's. */
#include "tests/http_fixture.h"

#include "base/file.h"
#include "federation/status_files.h"
#include "federation/status_read.h"

MAIN()

static void on_status(HttpRequest *r, void *userdata)
{
        Fixture *f = userdata;

        f->handled++;
        status_files_serve(f->thing, r, http_path(r) + 1);
}

typedef struct World {
        Fixture f;
        StatusFiles *files;
        char folder[64];
} World;

static void shell(World *w, const char *command)
{
        CHECK_INT(setenv("D", w->folder, 1), 0);
        CHECK_INT(system(command), 0);
}

static void begin(World *w)
{
        memset(w, 0, sizeof(*w));
        snprintf(w->folder, sizeof(w->folder), "/tmp/test-status-XXXXXX");
        CHECK(mkdtemp(w->folder));
        shell(w, "mkdir -p $D/status/api/v2 && cd $D/status && printf page >index.html && printf '{}' "
                 ">api/v2/status.json &&"
                 " printf feed >history.atom && printf secret >../outside.txt");
        setup_tcp(&w->f, (HttpOptions){.handler = on_status});
        char *path = string_printf("%s/status", w->folder);
        CHECK_INT(status_files_new(w->f.event, path, &w->files), 0);
        free(path);
        w->f.thing = w->files;
}

static void end(World *w)
{
        status_files_free(w->files);
        teardown(&w->f);
        shell(w, "rm -rf $D");
}

TEST(files_of_the_page_are_served_with_their_types_and_a_policy)
{
        World w;
        begin(&w);
        check_curl(&w.f, "-w ' %{content_type}' http://x/", "page text/html; charset=utf-8");
        check_curl(&w.f, "-w ' %{content_type}' http://x/index.html", "page text/html; charset=utf-8");
        check_curl(&w.f, "-w ' %{content_type}' http://x/api/v2/status.json", "{} application/json");
        check_curl(&w.f, "-w ' %{content_type}' http://x/history.atom", "feed application/atom+xml");
        char *answer = curl(&w.f, "-I http://x/");
        CHECK(strstr(answer, "\r\nContent-Security-Policy: default-src 'none';"));
        CHECK(strstr(answer, "\r\nX-Content-Type-Options: nosniff\r\n"));
        CHECK(strstr(answer, "\r\nLast-Modified: ") && strstr(answer, "\r\nETag: \""));
        CHECK(strstr(answer, "\r\nContent-Length: 4\r\n"));
        free(answer);
        end(&w);
}

static void check_policy(const char *page, const char *wanted)
{
        char policy[STATUS_POLICY_SIZE];

        status_policy_find(page, strlen(page), policy);
        CHECK_STR(policy, wanted);
}

TEST(page_says_its_own_policy_which_never_allows_more_than_hashes)
{
        static const char none[] =
                        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        char lines[1100];

        check_policy("<!DOCTYPE html>\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                     "'none'; "
                     "style-src 'sha256-a+/Z='\">",
                     "default-src 'none'; style-src 'sha256-a+/Z='; frame-ancestors 'none'");
        check_policy("page", none);
        check_policy("", none);
        check_policy("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src "
                     "'unsafe-inline'\">",
                     none);
        check_policy("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src *\">", none);
        check_policy("<meta http-equiv=\"Content-Security-Policy\" content=\"def\">", none);
        check_policy("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; a\r\nX: "
                     "b\">",
                     none);
        check_policy("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; a", none);
        memset(lines, ' ', sizeof(lines));
        strcpy(lines + sizeof(lines) - 80,
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; a\">");
        check_policy(lines, none);
}

TEST(nothing_outside_of_the_folder_and_nothing_half_written_is_served)
{
        static const char *const paths[] = {
                        "../outside.txt",
                        "%2e%2e/outside.txt",
                        "..%2foutside.txt",
                        "%2e%2e%2foutside.txt",
                        "api/../../outside.txt",
                        "./index.html",
                        "api/v2/./status.json",
                        "/etc/passwd",
                        "%2fetc%2fpasswd",
                        "link.txt",
                        "root/etc/hosts.txt",
                        "inside/v2/status.json",
                        ".index.html.new",
                        "api/.hidden.json",
                        "fifo.txt",
                        "device.txt",
                        "api",
                        "api/",
                        "api/v2",
                        "none.html",
                        "index.html/",
                        "index.html/x.html",
                        "index.html%00.txt",
                        "plain",
                        "script.js",
                        "%5c..%5coutside.txt",
                        "a%0ab.html",
        };
        World w;
        begin(&w);
        shell(&w, "cd $D/status && ln -s ../outside.txt link.txt && ln -s / root && ln -s api inside && "
                  "mkfifo fifo.txt &&"
                  " printf half >.index.html.new && printf no >api/.hidden.json && printf no >plain && "
                  "printf no >script.js &&"
                  " ln -s /dev/zero device.txt");
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                char arguments[256];
                snprintf(arguments, sizeof(arguments), "--path-as-is -w ' %%{http_code}' 'http://x/%s'",
                         paths[i]);
                char *answer = curl(&w.f, arguments);
                if (!strstr(answer, "{\"success\":false,\"error\":\"no such page: ") ||
                    !strstr(answer, "} 404"))
                        CHECK_STR(answer, paths[i]);
                free(answer);
        }
        char *answer = curl(&w.f, "'http://x/%1b%5b31m%e2%80%ae.html'"); /* shown so that it does nothing */
        CHECK(!strchr(answer, '\x1b') && !strstr(answer, "\xe2\x80\xae"));
        free(answer);
        end(&w);
}

TEST(a_page_that_nobody_has_written_is_404_in_plain_words)
{
        World w;
        begin(&w);
        shell(&w, "rm -r $D/status");
        check_curl(&w.f, "-w ' %{http_code}' http://x/",
                   "{\"success\":false,\"error\":\"there is no status page: failoverd writes it, with an "
                   "action of type "
                   "status-page\"} 404");
        end(&w);
}

TEST(who_has_it_already_gets_304)
{
        World w;
        char date[HTTP_DATE_SIZE], arguments[256];
        struct stat st;
        begin(&w);
        shell(&w, "touch -d @1000000000.9 $D/status/index.html");
        char *path = string_printf("%s/status/index.html", w.folder);
        CHECK_INT(stat(path, &st), 0);
        free(path);
        CHECK_STR(http_date_format(date, (uint64_t) st.st_mtime), "Sun, 09 Sep 2001 01:46:40 GMT");
        check_curl(&w.f, "-w '%{http_code}' -H 'If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT' http://x/",
                   "304");
        check_curl(&w.f, "-w '%{http_code}' -H 'If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT' http://x/",
                   "page200");
        check_curl(&w.f, "-w '%{http_code}' -H 'If-Modified-Since: tomorrow' http://x/", "page200");
        /* a tag says more than a time */
        check_curl(&w.f,
                   "-w '%{http_code}' -H 'If-None-Match: \"x\"' -H 'If-Modified-Since: Sun, 09 Sep 2001 "
                   "01:46:40 GMT' http://x/",
                   "page200");
        char etag[HTTP_ETAG_SIZE];
        http_etag_make(etag, "page", 4);
        snprintf(arguments, sizeof(arguments), "-w '%%{http_code}' -H 'If-None-Match: \"%s\"' http://x/",
                 etag);
        check_curl(&w.f, arguments, "304");
        end(&w);
}

TEST(a_new_page_is_seen_within_a_moment_and_another_folder_at_once)
{
        World w;
        begin(&w);
        check_curl(&w.f, "http://x/", "page");
        shell(&w, "printf newer >$D/status/index.html; mkdir $D/other; printf other >$D/other/index.html");
        uint64_t deadline = clock_boot_usec() + 5 * USEC_PER_SEC;
        for (bool seen = false; !seen;) {
                CHECK(clock_boot_usec() < deadline);
                char *answer = curl(&w.f, "http://x/");
                seen = streq(answer, "newer");
                CHECK(seen || streq(answer, "page"));
                free(answer);
        }
        char *path = string_printf("%s/other", w.folder);
        CHECK_INT(status_files_configure(w.files, path), 0);
        free(path);
        check_curl(&w.f, "http://x/", "other");
        end(&w);
}

TEST(a_file_too_large_to_keep_is_served_and_one_beyond_all_bounds_is_not)
{
        World w;
        begin(&w);
        shell(&w,
              "head -c 5000000 /dev/zero >$D/status/big.txt; head -c 17000000 /dev/zero >$D/status/huge.txt;"
              "for i in $(seq 50); do printf $i >$D/status/$i.txt; done");
        check_curl(&w.f, "http://x/big.txt | wc -c", "5000000\n");
        check_curl(&w.f, "-o /dev/null -w '%{http_code}' http://x/huge.txt", "503");
        check_curl(&w.f,
                   "'http://x/[1-50].txt' | md5sum | grep -c $(seq -s '' 50 | tr -d '\\n' | md5sum | cut -d' "
                   "' -f1)",
                   "1\n");
        end(&w);
}

TEST(requests_that_wait_are_answered_at_the_end)
{
        World w;
        begin(&w);
        int fd = raw_connect(&w.f);
        raw_send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        while (w.f.handled == 0) /* asked, not answered */
                turn(&w.f);
        status_files_free(w.files);
        w.files = NULL;
        char *answer = raw_receive(&w.f, fd, "\r\n\r\n");
        CHECK(strstr(answer, "HTTP/1.1 503 ") || strstr(answer, "HTTP/1.1 200 "));
        free(answer);
        close(fd);
        end(&w);
}

TEST(dates_are_read_as_they_are_written_and_nothing_else_is)
{
        static const char *const bad[] = {"",
                                          "Sun, 06 Nov 1994 08:49:37",
                                          "Sunday, 06-Nov-94 08:49:37 GMT",
                                          "Sun Nov  6 08:49:37 1994",
                                          "Mon, 06 Nov 1994 08:49:37 GMT",
                                          "Sun, 06 Nov 1994 08:49:37 CET",
                                          "Sun, 31 Feb 1994 08:49:37 GMT",
                                          "Sun, 06 Nov 1994 25:49:37 GMT",
                                          "Sun, -6 Nov 1994 08:49:37 GMT"};
        char text[HTTP_DATE_SIZE];
        uint64_t sec;

        CHECK_INT(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &sec), 0);
        CHECK_INT(sec, 784111777);
        for (uint64_t t = 0; t < 4000000000; t += 86399 * 371) {
                CHECK_INT(http_date_parse(http_date_format(text, t), &sec), 0);
                CHECK_INT(sec, t);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_INT(http_date_parse(bad[i], &sec), -EINVAL);
}
