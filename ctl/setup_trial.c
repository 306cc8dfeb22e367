/* SPDX-License-Identifier: MIT */
/* Trying a configuration: by its daemon's own check, and with a run of every probe where failoverd will run them: as its user, in the
 * sandbox of its unit, with its credentials. */
#include "base/file.h"
#include "ctl/command.h"
#include "ctl/daemon.h"
#include "ctl/place.h"
#include "ctl/prompt.h"
#include "ctl/setup.h"

#include <signal.h>
#include <unistd.h>

/* --- in the sandbox --- */

/* A unit of its own, as text: a setting may be a secret (SetCredential=, Environment=), which no command line may show, and reads
 * like in failoverd's own. */
typedef struct Stage {
        char name[64];   /* of the unit */
        char folder[32]; /* for what it says; only root sees it */
        char *unit, *out, *err;
} Stage;

static void stage_clear(Stage *g)
{
        char *const files[] = {g->unit, g->out, g->err};

        for (size_t k = 0; k < ELEMENTSOF(files); k++) {
                if (files[k] && strncmp(files[k], "/dev/", 5) != 0)
                        (void) unlink(files[k]);
                free(files[k]);
        }
        if (g->folder[0] != '\0')
                (void) rmdir(g->folder);
}

/* The terminal when it is one, so that lines are broken as they are here; else a file. */
static char *output_of(int fd, const char *folder, const char *name)
{
        char terminal[256];

        if (isatty(fd) > 0 && ttyname_r(fd, terminal, sizeof(terminal)) == 0)
                return strdup(terminal);
        return string_printf("%s/%s", folder, name);
}

static int stage_set(Stage *g)
{
        snprintf(g->name, sizeof(g->name), "failoverd-trial-%ld.service", (long) getpid());
        snprintf(g->folder, sizeof(g->folder), "/run/failoverctl.XXXXXX");
        if (!mkdtemp(g->folder)) {
                g->folder[0] = '\0';
                return -errno;
        }
        g->unit = string_printf("/run/systemd/system/%s", g->name);
        g->out = output_of(STDOUT_FILENO, g->folder, "out");
        g->err = output_of(STDERR_FILENO, g->folder, "err");
        return g->unit && g->out && g->err ? 0 : -ENOMEM;
}

/* What makes it a service that lasts, and not what surrounds it. Its runtime folder would be removed with ours. */
static bool belongs_to_life(const char *line)
{
        static const char *const keys[] = {
                        "Type=",    "ExecStart", "ExecStop", "ExecReload", "ExecCondition", "Restart",
                        "Watchdog", "Notify",    "Timeout",  "OOM",        "Sockets=",      "RuntimeDir",
                        "Standard", "FileDescr", "PIDFile",  "SuccessEx",  "RemainAf"};

        for (size_t k = 0; k < ELEMENTSOF(keys); k++)
                if (strncmp(line, keys[k], strlen(keys[k])) == 0)
                        return true;
        return false;
}

/* The settings of the [Service] sections that `systemctl cat` shows. */
static void add_settings(Text *t, char *text)
{
        bool service = false;
        char *rest = NULL, *joint;

        while ((joint = strstr(text, "\\\n"))) /* one line in two */
                joint[0] = joint[1] = ' ';
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                line += strspn(line, " \t");
                if (line[0] == '[')
                        service = strncmp(line, "[Service]", 9) == 0;
                else if (service && line[0] != '#' && line[0] != ';' && strchr(line, '=') &&
                         !belongs_to_life(line))
                        text_add(t, "%s\n", line);
        }
}

static void add_argument(Text *t, const char *word)
{
        text_add(t, "\"");
        for (const char *c = word; *c; c++)
                text_add(t, *c == '%' ? "%%%%" : *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        text_add(t, "\"");
}

/* Is there a unit whose sandbox it can be run in? *ret: what `systemctl cat` says of it. */
static bool find_sandbox(const Setup *s, char **ret)
{
        return s->root[0] == '\0' && s->owns && access("/run/systemd/system", F_OK) >= 0 &&
               command_run((const char *const[]){"systemctl", "cat", "--no-pager", "failoverd.service", NULL},
                           true, ret) == 0;
}

static int stage_write(const Stage *g, char *sandbox, const char *const *argv)
{
        _cleanup_(secret_freep) char *unit = NULL;
        Text t = {};
        int r;

        text_add(&t, "[Unit]\nDescription=A trial of failoverd's probes\n[Service]\n");
        add_settings(&t, sandbox);
        text_add(&t,
                 "Type=oneshot\nRemainAfterExit=yes\nSuccessExitStatus=1 6\n"
                 "StandardOutput=file:%s\nStandardError=file:%s\nExecStart=:",
                 g->out, g->err);
        for (size_t k = 0; argv[k]; k++) {
                text_add(&t, k > 0 ? " " : "");
                add_argument(&t, argv[k]);
        }
        text_add(&t, "\n");
        r = text_take(&t, &unit);
        return r < 0 ? r : place_file(g->unit, unit, &(Place){.mode = 0600, .owned = true});
}

static void show(const char *file, FILE *to)
{
        _cleanup_free_ char *text = NULL;

        if (strncmp(file, "/dev/", 5) != 0 && file_read(file, COMMAND_OUTPUT_MAX, &text, NULL) >= 0)
                fputs(text, to);
        fflush(to);
}

static int read_status(const Stage *g)
{
        _cleanup_free_ char *text = NULL;
        int r = command_run((const char *const[]){"systemctl", "show", "--property=ExecMainStatus", "--value",
                                                  g->name, NULL},
                            true, &text);

        return r < 0 ? r : r > 0 ? -EIO : (int) strtol(text, NULL, 10);
}

/* --- until it is over, or somebody ends it --- */

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
        (void) number; /* whom we wait for ends by it, too; then what we have made is taken away */
        ended = 1;
}

static void hold_signals(struct sigaction before[ELEMENTSOF(signals)])
{
        const struct sigaction keep = {.sa_handler = on_signal};

        for (size_t k = 0; k < ELEMENTSOF(signals); k++)
                (void) sigaction(signals[k], &keep, &before[k]);
}

static void release_signals(const struct sigaction before[ELEMENTSOF(signals)])
{
        for (size_t k = 0; k < ELEMENTSOF(signals); k++)
                (void) sigaction(signals[k], &before[k], NULL);
}

/* The exit code of what it runs. */
static int stage_run(const Stage *g, Error *e)
{
        int r = -ECANCELED, status;

        if (!ended)
                r = command_run((const char *const[]){"systemctl", "start", "--quiet", g->name, NULL}, false,
                                NULL);
        status = r == 0 ? read_status(g) : -EIO;
        (void) command_run((const char *const[]){"systemctl", "stop", "--quiet", g->name, NULL}, true, NULL);
        (void) command_run((const char *const[]){"systemctl", "reset-failed", "--quiet", g->name, NULL}, true,
                           NULL);
        show(g->err, stderr);
        show(g->out, stdout);
        if (status < 0 && ended)
                return error_set(
                                e, -ECANCELED,
                                "the trial was ended before it was over: what has been written stays, and no "
                                "service was restarted");
        return status >= 0 ? status
                           : error_set(e, status,
                                       "the trial did not run in the sandbox of failoverd.service: "
                                       "`journalctl -u %s` says why",
                                       g->name);
}

static int run_in(char *sandbox, const char *const *argv, Error *e)
{
        _cleanup_(stage_clear) Stage g = {};
        int r = stage_set(&g);

        if (r >= 0)
                r = stage_write(&g, sandbox, argv);
        return r < 0 ? error_set(e, r, "a unit for the trial, in /run: %s", strerror(-r)) : stage_run(&g, e);
}

static void say(const Setup *s, const char *words)
{
        if (!s->i->given[OPTION_JSON])
                prompt_say(words);
        fflush(stdout);
}

int setup_trial(const Setup *s, bool *ret_well, Error *e)
{
        _cleanup_free_ char *config = string_printf("--config=%s" CTL_CONFIG, s->root);
        _cleanup_(secret_freep) char *sandbox = NULL;
        char program[4200];
        int r = config ? daemon_find("failoverd", program, sizeof(program)) : -ENOMEM;

        if (r < 0)
                return error_set(e, r, "%s", strerror(-r));
        const char *const argv[] = {
                        program, "--check", "--probes", config, s->i->given[OPTION_JSON] ? "--json" : NULL,
                        NULL};
        if (find_sandbox(s, &sandbox)) {
                struct sigaction before[ELEMENTSOF(signals)];

                hold_signals(before);
                say(s, "Every probe is run once, as failoverd and in its sandbox.");
                r = run_in(sandbox, argv, e);
                release_signals(before);
        } else {
                say(s, "Every probe is run once, from here: failoverd's unit is not installed, so this is "
                       "not what its sandbox lets it do.");
                r = command_run(argv, false, NULL);
                if (r < 0)
                        error_set(e, r, "%s: %s", argv[0], strerror(-r));
        }
        if (r >= 0)
                *ret_well = r == 0;
        return r < 0 ? r : 0;
}
