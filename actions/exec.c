/* SPDX-License-Identifier: MIT */
/* exec: runs a program of the operator's at every change of mode. Exit code 0: done; 1: try again later; 2 or more:
 * never again. Past its time it is killed, and tried again. */
#include "actions/action.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/text.h"

#include <signal.h>

#define EXEC_TIMEOUT_MAX_USEC (10 * USEC_PER_MIN)

typedef struct ExecConf {
        char **command;
        uint64_t timeout_usec;
} ExecConf;

typedef struct ExecState {
        Child *child;
} ExecState;

static const ConfRange timeout_range = {100 * USEC_PER_MSEC, EXEC_TIMEOUT_MAX_USEC};

static const ConfField exec_fields[] = {
                {"command", &conf_strings, offsetof(ExecConf, command), CONF_REQUIRED | CONF_PROGRAM, NULL,
                 "The program and its arguments; no shell. It is told by FAILOVER_MODE, _FROM, _CHANGE, "
                 "_CAUSE, "
                 "_PAYMENT, _NODE and _AT in its environment.",
                 NULL},
                {"timeout", &conf_duration, offsetof(ExecConf, timeout_usec), 0, "30s",
                 "Then it is killed with all its children, and tried again.", &timeout_range},
                {NULL},
};

/* "NAME=value" with a value of one visible line: the cause may repeat what a stranger's server said. */
static char *variable(const char *name, const char *value)
{
        _cleanup_text_ Text t = {0};
        char *line;

        text_add(&t, "%s=", name);
        text_add_plain(&t, value, 0);
        return text_take(&t, &line) < 0 ? NULL : line;
}

static void on_exit_code(Action *a, int code, const char *said)
{
        const char *colon = *said ? ": " : "";

        if (code == 0)
                action_report(a, ACTION_DONE, "done%s%s", colon, said);
        else if (code == 1)
                action_report(a, ACTION_RETRY, "exit code 1%s%s", colon, said);
        else
                action_report(a, ACTION_PERMANENT, "exit code %d%s%s", code, colon, said);
}

static void on_child(Child *child, const ChildResult *result, void *userdata)
{
        Action *a = userdata;
        const ExecConf *c = a->conf;
        char duration[DURATION_SIZE], said[200];

        if (result->error < 0) {
                action_report(a, ACTION_RETRY, "%s cannot be started: %s", c->command[0],
                              strerror(-result->error));
                return;
        }
        if (result->timed_out) {
                action_report(a, ACTION_RETRY, "%s was killed: still running after %s", c->command[0],
                              duration_format(duration, c->timeout_usec));
                return;
        }
        if (result->code != CLD_EXITED) {
                action_report(a, ACTION_RETRY, "%s was killed by signal %d", c->command[0], result->status);
                return;
        }
        /* Its first line, of the complaint rather than of the chatter. */
        const char *text = result->errors && *result->errors ? result->errors
                           : result->output                  ? result->output
                                                             : "";
        snprintf(said, sizeof(said), "%.*s", (int) MIN(strcspn(text, "\n"), sizeof(said) - 1), text);
        on_exit_code(a, result->status, said);
}

static void exec_apply(Action *a)
{
        const ExecConf *c = a->conf;
        const ActionFacts *f = a->facts;
        ExecState *s = a->state;
        char at[TIMESTAMP_SIZE];
        char *environment[] = {
                        variable("FAILOVER_MODE", f->mode),
                        variable("FAILOVER_FROM", f->from),
                        variable("FAILOVER_CHANGE", f->change),
                        variable("FAILOVER_CAUSE", f->cause),
                        variable("FAILOVER_PAYMENT", f->payment),
                        variable("FAILOVER_NODE", f->node_id),
                        variable("FAILOVER_AT", timestamp_format(at, f->at_usec)),
                        NULL,
        };
        const size_t n = ELEMENTSOF(environment) - 1;
        int r = 0;

        for (size_t i = 0; i < n; i++)
                if (!environment[i])
                        r = -ENOMEM;
        if (r == 0) {
                ChildSpec spec = {.argv = (const char *const *) c->command,
                                  .environment = (const char *const *) environment,
                                  .timeout_usec = c->timeout_usec};
                r = child_start(a->context->event, &spec, on_child, a, &s->child);
        }
        for (size_t i = 0; i < n; i++)
                free(environment[i]);
        if (r < 0)
                action_report(a, ACTION_RETRY, "%s cannot be started: %s", c->command[0], strerror(-r));
}

static void exec_stop(Action *a)
{
        ExecState *s = a->state;
        s->child = child_free(s->child);
}

static int exec_check(const void *conf, const ConfNode *node, Error *e)
{
        const ExecConf *c = conf;

        if (!c->command[0] || !*c->command[0])
                return conf_error(node, e, "command needs a program, such as [/usr/local/bin/on-change]");
        return 0;
}

static int exec_verify(const void *conf, const char *config_dir, Error *e)
{
        const ExecConf *c = conf;

        int r = child_find(c->command[0]);
        if (r < 0)
                return error_set(e, r, "command: cannot run %s: %s", c->command[0], strerror(-r));
        return 0;
}

static int exec_target(const void *conf, char **ret)
{
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

const ActionType action_exec = {
                .name = "exec",
                .help = "Runs a program at every change of mode: exit code 0 done, 1 try again, 2 or more "
                        "never again.",
                .conf_size = sizeof(ExecConf),
                .fields = exec_fields,
                .size = sizeof(ExecState),
                .event = true,
                .timeout_usec = EXEC_TIMEOUT_MAX_USEC + 5 * USEC_PER_SEC,
                .check = exec_check,
                .verify = exec_verify,
                .target = exec_target,
                .apply = exec_apply,
                .stop = exec_stop,
};
