/* SPDX-License-Identifier: MIT */
/* What the store's tests share: a store on a loop of its own, and a shim between SQLite and the system that makes the
 * disk fail or hang and counts its syncs. */
#pragma once

#include "base/clock.h"
#include "base/db.h"
#include "supervisor/store.h"
#include "tests/test.h"

#include <stdatomic.h>
#include <unistd.h>

/* The shim */

/* SQLite has one table of methods for databases and another for logs. */
typedef struct Shim {
        sqlite3_io_methods methods; /* first: a file's pMethods lead here */
        const sqlite3_io_methods *real;
} Shim;

static Shim shims[4];
static int (*real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
static atomic_int disk_syncs, disk_error; /* disk_error: what writes and syncs answer; 0: they work */
static atomic_bool disk_frozen;

static int disk_mood(void)
{
        while (atomic_load(&disk_frozen))
                usleep(1000); /* a thread stuck in the kernel */
        return atomic_load(&disk_error);
}

static const sqlite3_io_methods *real(const sqlite3_file *file)
{
        return ((const Shim *) (const void *) file->pMethods)->real;
}

static int shim_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 offset)
{
        int code = disk_mood();
        return code ? code : real(file)->xWrite(file, data, n, offset);
}

static int shim_sync(sqlite3_file *file, int flags)
{
        int code = disk_mood();
        atomic_fetch_add(&disk_syncs, 1);
        return code ? code : real(file)->xSync(file, flags);
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
        int code = real_open(vfs, name, file, flags, ret_flags);
        size_t i = 0;

        if (code != SQLITE_OK || !file->pMethods)
                return code;
        while (shims[i].real && shims[i].real != file->pMethods)
                CHECK(++i < 4);
        if (!shims[i].real) {
                shims[i].real = file->pMethods;
                shims[i].methods = *file->pMethods;
                shims[i].methods.xWrite = shim_write;
                shims[i].methods.xSync = shim_sync;
        }
        file->pMethods = &shims[i].methods;
        return code;
}

static void shim_install(void)
{
        static sqlite3_vfs vfs;

        if (real_open)
                return;
        vfs = *sqlite3_vfs_find("unix-excl");
        real_open = vfs.xOpen;
        vfs.zName = "unix-excl"; /* found before the one that it stands in for */
        vfs.xOpen = shim_open;
        CHECK_INT(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

/* A store on a loop of its own */

typedef struct Fixture {
        char dir[64], path[96];
        sd_event *event;
        Worker *worker;
        Store *store;
        bool loaded;
        int error;
        bool chain_broken;
        Error text;
        json_t *memory;
        size_t n_probes, n_deliveries;
        char last_change[64], last_hash[STORE_HASH_SIZE], delivery_states[256];
        ProbeState probe;
        char probe_config[80];
        unsigned lost, regained; /* durability turned */
        char why[512];
} Fixture;

static void on_loaded(const StoreLoaded *l, void *userdata)
{
        Fixture *f = userdata;

        CHECK(!f->loaded);
        f->loaded = true;
        f->error = l->error;
        f->chain_broken = l->chain_broken;
        f->text = l->text;
        f->memory = json_incref(l->memory);
        f->n_probes = l->n_probes;
        if (l->n_probes) {
                f->probe = l->probes[0].state;
                snprintf(f->probe_config, sizeof(f->probe_config), "%s", l->probes[0].config);
        }
        f->n_deliveries = l->n_deliveries;
        for (size_t i = 0; i < l->n_deliveries; i++) {
                size_t n = strlen(f->delivery_states);
                snprintf(f->delivery_states + n, sizeof(f->delivery_states) - n, "%s %s\n",
                         l->deliveries[i].action, l->deliveries[i].state);
        }
        if (l->last)
                snprintf(f->last_change, sizeof(f->last_change), "%s", l->last->id);
        snprintf(f->last_hash, sizeof(f->last_hash), "%s", l->last_hash);
}

static void on_durability(bool durable, const char *why, void *userdata)
{
        Fixture *f = userdata;

        if (durable)
                f->regained++;
        else {
                f->lost++;
                snprintf(f->why, sizeof(f->why), "%s", why);
        }
}

/* Runs the loop until the condition holds, for at most 20 s. */
#define WAIT_FOR(f, condition)                                           \
        do {                                                             \
                uint64_t until_ = clock_boot_usec() + 20 * USEC_PER_SEC; \
                while (!(condition)) {                                   \
                        CHECK(clock_boot_usec() < until_);               \
                        CHECK(sd_event_run((f)->event, 50 * 1000) >= 0); \
                }                                                        \
        } while (0)

_unused_ static void fixture_open(Fixture *f)
{
        StoreEvents events = {on_loaded, on_durability, f};

        json_decref(f->memory);
        f->memory = NULL;
        f->loaded = false;
        f->n_deliveries = 0;
        f->delivery_states[0] = '\0';
        f->last_change[0] = '\0';
        f->lost = f->regained = 0;
        CHECK_INT(sd_event_new(&f->event), 0);
        CHECK_INT(worker_new(f->event, "store", &f->worker), 0);
        CHECK_INT(store_new(f->event, f->worker, f->path, &events, &f->store), 0);
}

_unused_ static void fixture_begin(Fixture *f)
{
        shim_install();
        *f = (Fixture){0};
        strcpy(f->dir, "/tmp/test-store-XXXXXX");
        CHECK(mkdtemp(f->dir));
        snprintf(f->path, sizeof(f->path), "%s/state.db", f->dir);
}

_unused_ static void fixture_close(Fixture *f)
{
        f->store = store_free(f->store, 5 * USEC_PER_SEC);
        f->worker = worker_free(f->worker, 5 * USEC_PER_SEC);
        f->event = sd_event_unref(f->event);
}

_unused_ static void fixture_reopen(Fixture *f)
{
        fixture_close(f);
        fixture_open(f);
        WAIT_FOR(f, f->loaded);
}

_unused_ static void fixture_end(Fixture *f)
{
        char command[128];

        fixture_close(f);
        json_decref(f->memory);
        snprintf(command, sizeof(command), "rm -rf %s", f->dir);
        CHECK_INT(system(command), 0);
}

_unused_ static void begin_loaded(Fixture *f)
{
        fixture_begin(f);
        fixture_open(f);
        WAIT_FOR(f, f->loaded);
        CHECK_INT(f->error, 0);
}

typedef struct Done {
        int calls, r;
        uint64_t at;
        unsigned order;
        int syncs; /* since the program began */
} Done;

static unsigned done_order;

static void on_done(int r, void *userdata)
{
        Done *d = userdata;

        d->calls++;
        d->r = r;
        d->at = clock_boot_usec();
        d->order = ++done_order;
        d->syncs = atomic_load(&disk_syncs);
}

static StoreBatch *make_change(const char *id, unsigned n_deliveries, size_t evidence_size)
{
        static int64_t serial = 1;
        StoreBatch *b = store_batch_new();
        char *evidence = calloc(1, evidence_size + 32);

        memset(evidence, 'x', evidence_size + 2);
        memcpy(evidence, "{\"x\":\"", 6);
        memcpy(evidence + evidence_size + 6, "\"}", 3);
        for (size_t i = 6; i < evidence_size + 6; i++)
                evidence[i] = 'x';
        ChangeRecord c = {.id = id,
                          .at_usec = 1795165200000000,
                          .from = "primary",
                          .to = "crypto",
                          .cause = "payment-api down: HTTP 503 (3 of 5)",
                          .rule = "failover",
                          .operator_reason = "",
                          .automatic = true,
                          .durable = true,
                          .config_hash = "00ff",
                          .evidence = evidence};
        store_batch_change(b, &c);
        for (unsigned i = 0; i < n_deliveries; i++) {
                char name[32];
                snprintf(name, sizeof(name), "action-%u", i);
                DeliveryRecord d = {.id = serial++,
                                    .change = id,
                                    .action = name,
                                    .type = "exec",
                                    .target = "",
                                    .event = true,
                                    .facts = "{\"mode\":\"crypto\"}",
                                    .state = "pending",
                                    .message = "",
                                    .created_usec = 1795165200000000};
                store_batch_delivery(b, &d);
        }
        free(evidence);
        return b;
}

_unused_ static void save_change(Fixture *f, const char *id, unsigned n_deliveries)
{
        Done d = {0};

        CHECK_INT(store_submit(f->store, make_change(id, n_deliveries, 10), on_done, &d), 0);
        WAIT_FOR(f, d.calls);
        CHECK_INT(d.r, 0);
}

_unused_ static int64_t query(const char *path, const char *sql)
{
        sqlite3 *db;
        sqlite3_stmt *stmt;
        CHECK_INT(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
        int64_t n = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
        sqlite3_close(db);
        return n;
}

_unused_ static void edit(const char *path, const char *sql)
{
        sqlite3 *db;
        CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
        CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

typedef struct Answer {
        int calls, r;
        json_t *result;
        uint64_t at;
} Answer;

_unused_ static void on_answer(int r, json_t *result, void *userdata)
{
        Answer *a = userdata;

        a->calls++;
        a->r = r;
        a->result = json_incref(result);
        a->at = clock_boot_usec();
}
