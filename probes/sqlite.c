/* SPDX-License-Identifier: MIT */
/* Reads an SQLite database, and sees whether it could be written, in a child process (sqlite_child.c): a disk that hangs
 * keeps that one and nobody else, and SQLite may not be used after a fork of a process with threads. */
#include "probes/sqlite.h"
#include "base/child.h"
#include "base/clock.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define QUERY_MAX 16384 /* an argument of a program */

typedef struct SqliteConf {
        char *path, *query, *expect;
} SqliteConf;

typedef struct SqliteMemory {
        bool passed;
        Hanging hanging;
} SqliteMemory;

typedef struct SqliteState {
        Child *child;
} SqliteState;

const SqliteMeaning sqlite_ends[_SQLITE_END_MAX] = {
                [SQLITE_END_GOOD] = {"good", OUTCOME_PASS, OUTCOME_PASS},
                [SQLITE_END_WRONG] = {"wrong", OUTCOME_FAIL, OUTCOME_FAIL},
                [SQLITE_END_CORRUPT] = {"corrupt", OUTCOME_FAIL, OUTCOME_FAIL},
                [SQLITE_END_BROKEN] = {"broken", OUTCOME_FAIL, OUTCOME_FAIL},
                [SQLITE_END_FULL] = {"full", OUTCOME_FAIL, OUTCOME_FAIL},
                [SQLITE_END_MISSING] = {"missing", OUTCOME_INCONCLUSIVE, OUTCOME_FAIL},
                [SQLITE_END_EMPTY] = {"empty", OUTCOME_INCONCLUSIVE, OUTCOME_FAIL},
                [SQLITE_END_KIND] = {"kind", OUTCOME_INCONCLUSIVE, OUTCOME_FAIL},
                [SQLITE_END_READONLY] = {"readonly", OUTCOME_INCONCLUSIVE, OUTCOME_FAIL},
                [SQLITE_END_QUERY] = {"query", OUTCOME_INCONCLUSIVE, OUTCOME_FAIL},
                [SQLITE_END_DENIED] = {"denied", OUTCOME_INCONCLUSIVE, OUTCOME_INCONCLUSIVE},
                [SQLITE_END_FOREIGN] = {"foreign", OUTCOME_INCONCLUSIVE, OUTCOME_INCONCLUSIVE},
                [SQLITE_END_OURS] = {"ours", OUTCOME_INCONCLUSIVE, OUTCOME_INCONCLUSIVE},
};

/* The last line of what the child has said so far that begins with this word, behind it; NULL: none. */
static const char *find_line(const char *output, const char *word)
{
        const char *found = NULL;
        size_t n = strlen(word);

        for (const char *line = output; *line;) {
                if (strncmp(line, word, n) == 0)
                        found = line + n;
                line += strcspn(line, "\n");
                line += *line == '\n';
        }
        return found;
}

static void report_end(Attempt *a, const char *line)
{
        SqliteMemory *m = a->memory;
        size_t n = strcspn(line, " \n");

        for (size_t i = 0; i < ELEMENTSOF(sqlite_ends); i++) {
                const SqliteMeaning *e = &sqlite_ends[i];
                const char *text = line + n + (line[n] == ' ');

                if (strlen(e->word) != n || strncmp(e->word, line, n) != 0)
                        continue;
                attempt_report(a, m->passed ? e->after : e->before, "%.*s", (int) strcspn(text, "\n"), text);
                m->passed = m->passed || i == SQLITE_END_GOOD;
                return;
        }
        attempt_report(a, OUTCOME_INCONCLUSIVE, "the check said nothing that makes sense");
}

static void on_child(Child *child, const ChildResult *result, void *userdata)
{
        Attempt *a = userdata;
        const char *line = find_line(result->output, "end ");

        if (result->error < 0)
                attempt_report_errno(a, result->error, "cannot start the check");
        else if (line)
                report_end(a, line);
        else if (result->code == CLD_EXITED)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "the check ended early (exit code %d): %s",
                               result->status, result->errors);
        else if (result->status ==
                 SIGBUS) /* shared memory whose pages cannot be read, or have no room on the disk */
                attempt_report(a, OUTCOME_FAIL, "I/O error in the shared memory of %s",
                               ((const SqliteConf *) a->conf)->path);
        else
                attempt_report(a, OUTCOME_INCONCLUSIVE, "the check was killed by signal %d", result->status);
}

static void sqlite_start(Attempt *a)
{
        const SqliteConf *c = a->conf;
        SqliteState *s = a->state;
        SqliteMemory *m = a->memory;
        const char *argv[] = {a->context->program ? a->context->program : "/proc/self/exe",
                              "--probe-child",
                              "sqlite",
                              c->path,
                              c->query ? c->query : "",
                              c->expect,
                              NULL};
        ChildSpec spec = {.argv = argv, .output_max = 4096};
        int r;

        if (attempt_report_hanging(a, &m->hanging, "database"))
                return;
        r = child_start(a->context->event, &spec, on_child, a, &s->child);
        if (r < 0)
                attempt_report_errno(a, r, "cannot start the check");
}

static void sqlite_stop(Attempt *a)
{
        SqliteState *s = a->state;

        s->child = child_free(s->child);
}

static void sqlite_expire(Attempt *a)
{
        SqliteState *s = a->state;
        SqliteMemory *m = a->memory;
        const char *step = find_line(child_output(s->child), "step ");
        char word[16], duration[DURATION_SIZE];
        int holder = 0;

        if (!step) {
                attempt_report(a, OUTCOME_INCONCLUSIVE, "this machine did not get to run the check");
                return;
        }
        snprintf(word, sizeof word, "%.*s", (int) strcspn(step, " \n"), step);
        if (!streq(word, "lock")) {
                hanging_note(a, &m->hanging, child_pid(s->child), word);
                attempt_report_silence(a, word);
                return;
        }
        duration_format(duration, a->timeout_usec);
        if (sscanf(step, "lock %d", &holder) == 1 && holder > 0)
                attempt_report(a, OUTCOME_FAIL, "locked for %s: process %d is writing", duration, holder);
        else
                attempt_report(a, OUTCOME_FAIL, "locked for %s: somebody is writing", duration);
}

static int sqlite_check(const void *conf, const ConfNode *node, Error *e)
{
        const SqliteConf *c = conf;

        if (c->path[0] != '/')
                return conf_error(conf_get(node, "path"), e, "path: \"%s\" is not absolute", c->path);
        if (c->query && (c->query[strspn(c->query, " \t\r\n;")] == '\0' || strlen(c->query) > QUERY_MAX))
                return conf_error(conf_get(node, "query"), e, "query: empty, or longer than %d bytes",
                                  QUERY_MAX);
        if (c->expect && !c->query)
                return conf_error(conf_get(node, "expect"), e, "expect: only with a query");
        return 0;
}

static int sqlite_verify(const void *conf, const char *config_dir, Error *e)
{
        const SqliteConf *c = conf;
        struct stat st;

        if (stat(c->path, &st) < 0)
                return error_set(e, -errno, "path: %s: %s", c->path, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return error_set(e, -EBADFD, "path: %s is no regular file", c->path);
        return 0;
}

static const char *sqlite_writes(const void *conf)
{
        return ((const SqliteConf *) conf)->path;
}

#define FIELD(key, flags, help)                                                  \
        {                                                                        \
#key, &conf_string, offsetof(SqliteConf, key), flags, NULL, help \
        }

const ProbeType probe_sqlite = {
                .name = "sqlite",
                .help = "An SQLite database: that it can be read and could be written. Nothing in it or "
                        "beside it is "
                        "changed.",
                .conf_size = sizeof(SqliteConf),
                .fields =
                                (const ConfField[]){
                                                FIELD(path, CONF_REQUIRED | CONF_PATH, "the database file"),
                                                FIELD(query, 0,
                                                      "a statement that reads; without it the schema is "
                                                      "read"),
                                                FIELD(expect, 0,
                                                      "what the first column of its first row must be"),
                                                {NULL},
                                },
                .size = sizeof(SqliteState),
                .memory_size = sizeof(SqliteMemory),
                .single = true,
                .check = sqlite_check,
                .verify = sqlite_verify,
                .writes = sqlite_writes,
                .start = sqlite_start,
                .stop = sqlite_stop,
                .expire = sqlite_expire,
                .child = sqlite_child,
};
