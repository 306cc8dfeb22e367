/* SPDX-License-Identifier: MIT */
/* The whole supervisor in this process, for targets that feed it from outside: its folders, its life, turns of its loop. */
#pragma once

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "supervisor/manager.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char shop_yaml[] =
                "node: {id: my-shop, name: My Shop}\n"
                "probes:\n"
                "  cards: {type: passive}\n"
                "  checkout: {type: passive}\n"
                "  coins: {type: passive}\n"
                "modes:\n"
                "  - {name: primary, requires: [cards, checkout]}\n"
                "  - {name: crypto, requires: [coins], message: Using backup payment system.}\n"
                "  - {name: federated, requires: []}\n"
                "actions:\n"
                "  - {type: payment-mode}\n"
                "  - {type: status-page}\n"
                "  - {type: alert, webhook: {url: \"http://127.0.0.1:9/\", format: json}}\n";

static char shop_folder[64], shop_state[80], shop_run[80], shop_status[80];

static void shop_remove(void)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", shop_folder);
        if (system(command) != 0)
                perror(shop_folder);
}

static void shop_make(void)
{
        FUZZ_CHECK(log_set_level("emerg") >= 0);
        snprintf(shop_folder, sizeof(shop_folder), "%s/fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        FUZZ_CHECK(mkdtemp(shop_folder));
        snprintf(shop_state, sizeof(shop_state), "%s/state", shop_folder);
        snprintf(shop_run, sizeof(shop_run), "%s/run", shop_folder);
        snprintf(shop_status, sizeof(shop_status), "%s/status", shop_folder);
        FUZZ_CHECK(atexit(shop_remove) == 0);
}

static Manager *shop_open(void)
{
        static Places places;
        Config *c = NULL;
        Manager *m = NULL;
        Error e = {""};

        places = (Places){.config = "shop.yaml",
                          .state_dir = shop_state,
                          .runtime_dir = shop_run,
                          .status_dir = shop_status};
        FUZZ_CHECK(config_load_text("shop.yaml", shop_yaml, strlen(shop_yaml), &c, &e) == 0);
        if (manager_new(&places, c, &m, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                abort();
        }
        return m;
}

/* Turns the loop until this holds; a supervisor that never comes to it hangs, and that is a finding. */
#define SHOP_UNTIL(m, condition)                                                       \
        do {                                                                           \
                uint64_t began_ = clock_boot_usec();                                   \
                while (!(condition)) {                                                 \
                        FUZZ_CHECK(clock_boot_usec() < began_ + 20 * USEC_PER_SEC);    \
                        FUZZ_CHECK(sd_event_run((m)->event, 10 * USEC_PER_MSEC) >= 0); \
                }                                                                      \
        } while (0)
