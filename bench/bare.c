/* SPDX-License-Identifier: MIT */
/* Links what failoverd links, calls into each library once, and waits: what a process of that kind weighs before it does
 * anything of its own.
 *
 * bare [PORT]: with a port, it sends a request to that port of 127.0.0.1 once a second and reads the answer, by bare system
 * calls: what a check costs whoever makes it. */
#include <ares.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <openssl/ssl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <yaml.h>

static void check_once(unsigned port)
{
        static const char request[] = "GET /v1/account HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t) port)};
        char answer[4096];
        size_t size = 0;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof a) < 0 ||
            write(fd, request, sizeof request - 1) < 0)
                exit(1);
        for (ssize_t n; size < sizeof answer && (n = read(fd, answer + size, sizeof answer - size)) > 0;)
                size += (size_t) n;
        if (!memmem(answer, size, "charges_enabled", 15))
                exit(1);
        close(fd);
}

int main(int argc, char **argv)
{
        sd_event *event = NULL;
        int major, minor, patch;

        curl_global_init(CURL_GLOBAL_DEFAULT);
        ares_library_init(ARES_LIB_INIT_ALL);
        OPENSSL_init_ssl(0, NULL);
        if (sqlite3_initialize() != SQLITE_OK || sodium_init() < 0 || sd_event_new(&event) < 0)
                return 1;
        yaml_get_version(&major, &minor, &patch);
        printf("%s %s %s %d.%d.%d %s %s\n", curl_version(), ares_version(NULL), jansson_version_str(), major,
               minor, patch, MHD_get_version(), sqlite3_libversion());
        fflush(stdout);
        if (argc < 2)
                pause();
        for (;;) {
                check_once((unsigned) strtoul(argv[1], NULL, 10));
                sleep(1);
        }
}
