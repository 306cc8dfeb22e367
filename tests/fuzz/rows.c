/* SPDX-License-Identifier: MIT */
/* The state database, row by row: a real one, of a shop that has lived through an outage, in which the input replaces
 * values before the next start. Lines "table.column=value"; a whole number is stored as one; "mode.json=value" replaces
 * that file. Whatever the values, the supervisor starts, and what it then says of itself is well formed. */
#include "supervisor/engine.h"
#include "supervisor/start.h"
#include "supervisor/status.h"
#include "tests/fuzz/shop.h"

#include <ctype.h>
#include <sqlite3.h>

static uint8_t *image;
static size_t image_size;

static void operate(Manager *m, int kind, unsigned mode)
{
        EngineCommand command = {.kind = kind, .mode = mode, .reason = "a drill"};
        Error e;

        FUZZ_CHECK(engine_operate(m->engine, &command, manager_now(m), clock_wall_usec(), &e) == 0);
        manager_end_turn(m);
        SHOP_UNTIL(m, store_is_durable(m->store) && m->n_changing == 0);
}

static void path_of(char path[static 128], const char *folder, const char *name)
{
        snprintf(path, 128, "%s/%s", folder, name);
}

static void live(void)
{
        Manager *m = shop_open();

        SHOP_UNTIL(m, m->engine && store_is_durable(m->store) && m->n_changing == 0);
        operate(m, COMMAND_FORCE, 1);
        operate(m, COMMAND_AUTO, 0);
        for (int i = 0; i < 3; i++)
                engine_report(m->engine, 0, OUTCOME_FAIL, "card declined", manager_now(m), clock_wall_usec());
        manager_end_turn(m);
        operate(m, COMMAND_PAUSE, 0);
        m->save_at = 0;
        manager_end_turn(m);
        SHOP_UNTIL(m, store_is_durable(m->store) && m->n_changing == 0);
        manager_free(m);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        char path[128];
        FILE *f;

        shop_make();
        live();
        path_of(path, shop_state, "state.db");
        f = fopen(path, "re");
        FUZZ_CHECK(f && fseek(f, 0, SEEK_END) == 0);
        image_size = (size_t) ftell(f);
        rewind(f);
        image = malloc(image_size);
        FUZZ_CHECK(image && fread(image, 1, image_size, f) == image_size);
        fclose(f);
        return 0;
}

static void write_file(const char *path, const void *data, size_t size)
{
        FILE *f = fopen(path, "we");

        FUZZ_CHECK(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

static bool is_name(const char *s)
{
        while (islower(*s) || *s == '_')
                s++;
        return !*s;
}

static bool is_number(const char *s)
{
        size_t n = strspn(s + (*s == '-'), "0123456789");

        return n > 0 && n < 20 && s[(*s == '-') + n] == '\0';
}

static void replace(sqlite3 *db, char *line)
{
        sqlite3_stmt *statement = NULL;
        char *column = strchr(line, '.'), *value = strchr(line, '='), sql[256], path[128];

        if (strncmp(line, "mode.json=", 10) == 0) {
                path_of(path, shop_run, "mode.json");
                write_file(path, line + 10, strlen(line + 10));
                return;
        }
        if (!column || !value || value < column)
                return;
        *column++ = *value++ = '\0';
        if (!is_name(line) || !is_name(column) ||
            snprintf(sql, sizeof(sql), "UPDATE \"%s\" SET \"%s\" = ?", line, column) >= (int) sizeof(sql))
                return;
        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
                if (is_number(value))
                        sqlite3_bind_int64(statement, 1, strtoll(value, NULL, 10));
                else
                        sqlite3_bind_text(statement, 1, value, -1, SQLITE_TRANSIENT);
                (void) sqlite3_step(statement);
        }
        sqlite3_finalize(statement);
}

static void replace_all(const uint8_t *data, size_t size)
{
        char path[128], *text = strndup((const char *) data, size), *rest = text;
        sqlite3 *db;

        FUZZ_CHECK(text);
        path_of(path, shop_state, "state.db-wal");
        unlink(path);
        path_of(path, shop_state, "state.db-shm");
        unlink(path);
        path_of(path, shop_run, "mode.json");
        unlink(path);
        path_of(path, shop_state, "state.db");
        write_file(path, image, image_size);
        FUZZ_CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
        for (char *line; (line = strsep(&rest, "\n"));)
                replace(db, line);
        sqlite3_close(db);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Manager *m;
        json_t *status;

        replace_all(data, size);
        m = shop_open();
        SHOP_UNTIL(m, m->engine);
        for (int i = 0; i < 5; i++)
                FUZZ_CHECK(sd_event_run(m->event, 0) >= 0);
        FUZZ_CHECK(engine_state(m->engine)->mode < m->config->n_modes);
        status = status_document(m);
        FUZZ_CHECK(status);
        json_decref(status);
        manager_free(m);
        return 0;
}
