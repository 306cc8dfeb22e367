/* SPDX-License-Identifier: MIT */
/* Runs a program that speaks the Nagios plug-in API (https://www.monitoring-plugins.org/doc/guidelines.html): the exit
 * code is the outcome, the first line up to "|" the message. The interface for probes in any language. */
#include "base/child.h"
#include "base/text.h"
#include "probes/probe.h"

typedef struct ExecConf {
        char **command;
        ConfPair *environment;
} ExecConf;

typedef struct ExecState {
        Child *child;
        char **environment;
} ExecState;

/* The first line without performance data and blanks at its ends. */
static void message_take(char *buffer, size_t size, const char *output)
{
        size_t n;

        output += strspn(output, " \t\r\n");
        n = strcspn(output, "|\r\n");
        while (n > 0 && (output[n - 1] == ' ' || output[n - 1] == '\t'))
                n--;
        snprintf(buffer, size, "%.*s", (int) MIN(n, size - 1), output);
}

static void report_exit(Attempt *a, const ChildResult *result)
{
        static const Outcome by_code[] = {OUTCOME_PASS, OUTCOME_WARN, OUTCOME_FAIL};
        Outcome outcome = OUTCOME_INCONCLUSIVE;
        char message[512];

        if (result->status >= 0 && result->status < (int) ELEMENTSOF(by_code))
                outcome = by_code[result->status];
        message_take(message, sizeof message, result->output);
        if (message[0] == '\0') /* against the guidelines, but it is where broken plug-ins say why */
                message_take(message, sizeof message, result->errors);
        if (message[0] == '\0')
                attempt_report(a, outcome, "exit code %d, no output", result->status);
        else
                attempt_report(a, outcome, "%s", message);
}

static void on_child(Child *child, const ChildResult *result, void *userdata)
{
        Attempt *a = userdata;
        const ExecConf *c = a->conf;

        if (result->error < 0)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot run %s: %s", c->command[0],
                               strerror(-result->error));
        else if (result->timed_out)
                attempt_report_silence(a, NULL);
        else if (result->code == CLD_EXITED)
                report_exit(a, result);
        else
                attempt_report(a, OUTCOME_INCONCLUSIVE, "killed by signal %d (%s)", result->status,
                               strsignal(result->status));
}

static char **environment_new(const ConfPair *pairs)
{
        size_t n = 0;
        char **list;

        while (pairs && pairs[n].key)
                n++;
        list = calloc(n + 1, sizeof *list);
        for (size_t i = 0; list && i < n; i++) {
                list[i] = string_printf("%s=%s", pairs[i].key, pairs[i].value);
                if (!list[i]) {
                        while (i > 0)
                                free(list[--i]);
                        free(list);
                        return NULL;
                }
        }
        return list;
}

static void exec_start(Attempt *a)
{
        const ExecConf *c = a->conf;
        ExecState *s = a->state;
        int r;

        s->environment = environment_new(c->environment);
        if (!s->environment) {
                attempt_report_errno(a, -ENOMEM, c->command[0]);
                return;
        }
        ChildSpec spec = {
                        .argv = (const char *const *) c->command,
                        .environment = (const char *const *) s->environment,
                        .output_max = 4096, /* the guidelines' own limit is 4 KiB, and only one line is used */
        };
        r = child_start(a->context->event, &spec, on_child, a, &s->child);
        if (r < 0)
                attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot run %s: %s", c->command[0], strerror(-r));
}

/* At the deadline too: freeing the child kills all of it. */
static void exec_stop(Attempt *a)
{
        ExecState *s = a->state;

        s->child = child_free(s->child);
        for (size_t i = 0; s->environment && s->environment[i]; i++)
                free(s->environment[i]);
        free(s->environment);
}

static bool environment_name_valid(const char *s)
{
        if ((*s < 'A' || *s > 'Z') && (*s < 'a' || *s > 'z') && *s != '_')
                return false;
        return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static int exec_check(const void *conf, const ConfNode *node, Error *e)
{
        const ExecConf *c = conf;

        if (!c->command || !c->command[0] || c->command[0][0] == '\0')
                return conf_error(conf_get(node, "command"), e,
                                  "command: the program is missing: [program, arguments…]");
        for (const ConfPair *p = c->environment; p && p->key; p++)
                if (!environment_name_valid(p->key))
                        return conf_error(conf_get(conf_get(node, "environment"), p->key), e,
                                          "\"%s\" is not a name for an environment variable: letters, digits "
                                          "and _",
                                          p->key);
        return 0;
}

static int exec_verify(const void *conf, const char *config_dir, Error *e)
{
        const ExecConf *c = conf;
        int r = child_find(c->command[0]);

        if (r < 0)
                return error_set(e, r, "cannot run %s: %s", c->command[0], strerror(-r));
        return 0;
}

const ProbeType probe_exec = {
                .name = "exec",
                .help = "A program by the Nagios plug-in API: exit code 0 pass, 1 warn, 2 fail, anything "
                        "else inconclusive; "
                        "the first line of its output up to \"|\" is the message. At the deadline it is "
                        "killed, with all that it started, and that is a fail.",
                .conf_size = sizeof(ExecConf),
                .fields =
                                (const ConfField[]){
                                                {"command", &conf_strings, offsetof(ExecConf, command),
                                                 CONF_REQUIRED | CONF_PROGRAM, NULL,
                                                 "the program and its arguments: [program, arguments…]; no "
                                                 "shell is involved"},
                                                {"environment", &conf_string_map,
                                                 offsetof(ExecConf, environment), CONF_SECRET, NULL,
                                                 "variables for the program, which otherwise gets PATH, LANG "
                                                 "and HOME only"},
                                                {NULL},
                                },
                .size = sizeof(ExecState),
                .single = true,
                .check = exec_check,
                .verify = exec_verify,
                .start = exec_start,
                .stop = exec_stop,
};
