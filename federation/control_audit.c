/* SPDX-License-Identifier: MIT */
/* GET /v1/audit?limit=&before=&check=1: the last lines of the audit log, and whether it is whole. */
#include "federation/audit.h"
#include "federation/control_private.h"

#define LIMIT     20
#define LIMIT_MAX 1000

typedef struct Look {
        StoreJob job;
        HttpRequest *request;
        uint64_t before;
        unsigned limit;
        bool check;
        json_t *list;
        int checked;
        uint64_t n; /* the last, or the first that is wrong */
        uint8_t hash[SHA256_SIZE];
        Error problem;
} Look;

static int run_look(sqlite3 *db, StoreJob *job, Error *e)
{
        Look *l = (Look *) job;

        if (l->check) {
                l->checked = audit_check(db, &l->n, l->hash, &l->problem);
                if (l->checked < 0 && l->checked != -EBADMSG)
                        return error_set(e, l->checked, "%s", l->problem.text);
        }
        l->list = audit_list(db, l->before, l->limit, e);
        return l->list ? 0 : -EIO;
}

static void put_last(json_t *j, const Look *l)
{
        char hex[2 * SHA256_SIZE + 1];

        hex_encode(hex, l->hash, sizeof(l->hash));
        json_put(j, "last", json_integer((json_int_t) l->n));
        json_put(j, "hash", json_string(hex));
}

static void on_looked(StoreJob *job, int r, const char *error)
{
        Look *l = (Look *) job;
        json_t *j = json_object();

        if (r < 0) {
                http_reply_error(l->request, 503, "the audit log cannot be read: %s", error);
                json_decref(j);
        } else {
                json_put(j, "audit", json_incref(l->list));
                if (l->check) {
                        json_put(j, "whole", json_boolean(l->checked == 0));
                        json_put(j, "problem",
                                 l->checked < 0 ? json_string_or_null(l->problem.text) : json_null());
                        if (l->checked == 0)
                                put_last(j, l);
                }
                j = json_whole(j);
                if (j)
                        http_reply_json(l->request, 200, j);
                else
                        http_reply_error(l->request, 500, "out of memory");
        }
        json_decref(l->list);
        free(l);
}

/* false: it has been answered. */
static bool read_number(HttpRequest *r, const char *key, uint64_t most, uint64_t otherwise, uint64_t *ret)
{
        const char *text = http_query(r, key);
        size_t n = text ? strlen(text) : 0;

        *ret = otherwise;
        if (n == 0)
                return true;
        if (n <= 18 && strspn(text, "0123456789") == n) {
                *ret = strtoull(text, NULL, 10);
                if (*ret <= most)
                        return true;
        }
        http_reply_error(r, 400, "%s: expected a whole number, at most %llu", key, (unsigned long long) most);
        return false;
}

void control_get_audit(Control *c, HttpRequest *r, const char *rest)
{
        uint64_t limit, before;
        const char *check = http_query(r, "check");
        Look *l;

        if (!read_number(r, "limit", LIMIT_MAX, LIMIT, &limit) ||
            !read_number(r, "before", INT64_MAX, 0, &before))
                return;
        l = calloc(1, sizeof(*l));
        if (!l) {
                http_reply_error(r, 500, "out of memory");
                return;
        }
        *l = (Look){.job = {.run = run_look, .done = on_looked},
                    .request = r,
                    .before = before,
                    .limit = (unsigned) limit,
                    .check = check && streq(check, "1")};
        store_submit(c->f->store, &l->job);
}
