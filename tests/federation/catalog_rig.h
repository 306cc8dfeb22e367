/* SPDX-License-Identifier: MIT */
/* A catalog in a folder of its own, and questions to it, without a loop. */
#pragma once

#include "tests/test.h"

#include "federation/catalog.h"
#include "federation/catalog_search.h"
#include "federation/import.h"

#include <sodium.h>
#include <unistd.h>

static char rig_folder[] = "/tmp/catalog-XXXXXX";
static char rig_path[64];
static CatalogDb rig_db;

static _unused_ void rig_import(const char *text, size_t size)
{
        _cleanup_(import_freep) Import *i = NULL;
        const ImportOptions options = {.name = "books.csv"};
        ImportReport report;
        Error e = {""};

        CHECK_INT(import_new(rig_path, &options, &i, &e), 0);
        CHECK_INT(import_feed(i, text, size, &e), 0);
        CHECK_INT(import_finish(i, &report, &e), 0);
        CHECK_INT(report.refused, 0);
}

static _unused_ void rig_import_file(const char *name)
{
        static char data[1 << 20];
        FILE *f = fopen(name, "re");

        CHECK(f);
        size_t n = fread(data, 1, sizeof(data), f);
        CHECK(n > 0 && n < sizeof(data));
        fclose(f);
        rig_import(data, n);
}

static void rig_open(void)
{
        Error e = {""};

        if (rig_db.db)
                return;
        CHECK_INT(catalog_db_open(rig_path, true, &rig_db, &e), 0);
}

static _unused_ Question rig_question(const char *text)
{
        return (Question){.text = (char *) (uintptr_t) text,
                          .min_price_micros = -1,
                          .max_price_micros = -1,
                          .limit = 10};
}

static _unused_ void rig_search(const Question *q, CatalogRows *ret)
{
        Error e = {""};

        rig_open();
        *ret = (CatalogRows){0};
        int r = catalog_db_search(&rig_db, q, ret, &e);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", q->text, e.text);
        CHECK_INT(r, 0);
}

/* Ids with a space behind each. */
static _unused_ const char *rig_found(const char *text)
{
        static char ids[4096];
        _cleanup_catalog_rows_ CatalogRows rows = {0};
        const Question q = rig_question(text);

        rig_search(&q, &rows);
        ids[0] = '\0';
        for (size_t i = 0; i < rows.n; i++)
                snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s ", rows.listings[i].id);
        return ids;
}

__attribute__((constructor)) static void rig_begin(void)
{
        CHECK(sodium_init() >= 0);
        CHECK(mkdtemp(rig_folder));
        snprintf(rig_path, sizeof(rig_path), "%s/catalog.db", rig_folder);
}

__attribute__((destructor)) static void rig_end(void)
{
        char command[128];

        catalog_db_close(&rig_db);
        snprintf(command, sizeof(command), "rm -rf %s", rig_folder);
        if (system(command) != 0)
                perror("rm");
}
