/* SPDX-License-Identifier: MIT */
/* Links what failoverd links, calls into each library once, and waits: what a process of that kind weighs before it does
 * anything of its own. */
#include <ares.h>
#include <curl/curl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <openssl/ssl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <yaml.h>

int main(void)
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
        pause();
        sd_event_unref(event);
        return 0;
}
