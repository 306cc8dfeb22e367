/* SPDX-License-Identifier: MIT */
/* Reports of the ledger, read in the store's thread. */
#include "federation/revenue.h"

#include "base/clock.h"

typedef enum Format {
        REPORT,
        ROWS,
        CSV,
} Format;

typedef struct Reading {
        StoreJob job;
        Federation *f;
        HttpRequest *request;
        Format format;
        char month[16], after[LEDGER_CURSOR_SIZE];
        LedgerMonth ids;
        json_t *document;
        Text csv;
        char next[LEDGER_CURSOR_SIZE];
} Reading;

static void reading_free(Reading *r)
{
        json_decref(r->document);
        text_clear(&r->csv);
        free(r);
}

static int list(sqlite3 *db, Reading *r, Error *e)
{
        json_t *rows = r->format == ROWS ? json_array() : NULL;
        int n = 0;

        if (r->format == CSV && !*r->after)
                text_add_string(&r->csv, ledger_csv_header);
        r->document = json_object();
        n = ledger_list(db, &r->ids, r->after, REVENUE_PAGE, r->format == CSV ? &r->csv : NULL, rows, r->next,
                        e);
        if (r->format == ROWS)
                json_put(r->document, "referrals", rows);
        else
                json_put(r->document, "csv", json_string(r->csv.data ? r->csv.data : ""));
        json_put(r->document, "next", *r->next ? json_string(r->next) : json_null());
        r->document = json_whole(r->document);
        return n < 0 ? n : r->document ? 0 : error_set(e, -ENOMEM, "out of memory");
}

static int run_read(sqlite3 *db, StoreJob *job, Error *e)
{
        Reading *r = (Reading *) job;

        if (r->format != REPORT)
                return list(db, r, e);
        r->document = ledger_report(db, &r->ids, e);
        return r->document ? 0 : -EIO;
}

static void on_read(StoreJob *job, int error, const char *words)
{
        Reading *r = (Reading *) job;

        if (error < 0) {
                http_reply_error(r->request, error == -EINVAL ? 400 : 503, "%s", words);
                reading_free(r);
                return;
        }
        json_t *j = TAKE_PTR(r->document);
        json_put(j, "success", json_true());
        json_put(j, "node", json_string_or_null(r->f->config->node.id));
        json_put(j, "month", *r->month ? json_string(r->month) : json_null());
        json_put(j, "generated", json_timestamp(clock_wall_usec()));
        j = json_whole(j);
        http_add_header(r->request, "Cache-Control", "no-store");
        if (j)
                http_reply_json(r->request, 200, j);
        else
                http_reply_error(r->request, 500, "out of memory");
        reading_free(r);
}

static int read_query(Reading *r, HttpRequest *request, Error *e)
{
        const char *month = http_query(request, "month"), *format = http_query(request, "format"),
                   *after = http_query(request, "after");

        if (format && !streq(format, "rows") && !streq(format, "csv"))
                return error_set(e, -EINVAL, "format: rows or csv");
        r->format = !format ? REPORT : streq(format, "csv") ? CSV : ROWS;
        if (after && strlen(after) >= sizeof(r->after))
                return error_set(e, -EINVAL, "`after` is not what an answer has said as `next`");
        snprintf(r->after, sizeof(r->after), "%s", after ? after : "");
        int n = ledger_month(month, &r->ids, e);
        if (n >= 0)
                snprintf(r->month, sizeof(r->month), "%s", month ? month : "");
        return n;
}

void revenue_answer(Federation *f, HttpRequest *request)
{
        Reading *r = calloc(1, sizeof(*r));
        Error e;

        if (store_is_crowded(f->store)) {
                http_reply_error(request, 503, "too much waits for the disk");
                free(r);
                return;
        }
        if (!r) {
                http_reply_error(request, 500, "out of memory");
                return;
        }
        r->f = f;
        r->request = request;
        if (read_query(r, request, &e) < 0) {
                http_reply_error(request, 400, "%s", e.text);
                reading_free(r);
                return;
        }
        r->job = (StoreJob){.run = run_read, .done = on_read};
        store_submit(f->store, &r->job);
}
