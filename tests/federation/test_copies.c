/* SPDX-License-Identifier: MIT */
/* federation/copies.c beside a database whose disk hangs; what copies are for: tests/e2e/test_federation_exchange.sh. */
#include "federation/copies.h"

#include "base/clock.h"
#include "tests/test.h"

#include <semaphore.h>
#include <stdlib.h>

static sem_t first, for_ever;
static unsigned ended;

typedef struct Block {
        StoreJob job;
        sem_t *until;
} Block;

static int run_block(sqlite3 *db, StoreJob *job, Error *e)
{
        while (sem_wait(((Block *) job)->until) < 0)
                ;
        return 0;
}

static void on_block(StoreJob *job, int r, const char *error)
{
        ended++;
}

TEST(who_waits_for_a_disk_that_hangs_may_be_freed)
{
        static Block before = {.job = {.run = run_block, .done = on_block}, .until = &first},
                     hangs = {.job = {.run = run_block, .done = on_block}, .until = &for_ever};
        char folder[] = "/tmp/test_copies.XXXXXX", path[64], command[64];
        uint64_t end = clock_boot_usec() + 30 * USEC_PER_SEC;
        sd_event *event = NULL;
        Store *store = NULL;
        Copies *copies = NULL;

        CHECK(mkdtemp(folder) && sem_init(&first, 0, 0) == 0 && sem_init(&for_ever, 0, 0) == 0);
        snprintf(path, sizeof(path), "%s/federation.db", folder);
        CHECK(sd_event_new(&event) >= 0);
        CHECK_INT(store_new(event, path, &store), 0);
        store_submit(store, &before.job);
        CHECK_INT(copies_new(event, store, folder, &copies),
                  0); /* reads what there is, in one batch with … */
        store_submit(store, &hangs.job);
        sem_post(&first);
        while (ended == 0) {
                CHECK(clock_boot_usec() < end);
                CHECK(sd_event_run(event, 50 * USEC_PER_MSEC) >= 0);
        }
        store_free(store);
        CHECK_INT(ended, 1);
        copies_free(copies);
        sd_event_unref(event);
        snprintf(command, sizeof(command), "rm -r %s", folder);
        CHECK_INT(system(command), 0);
}

MAIN()
