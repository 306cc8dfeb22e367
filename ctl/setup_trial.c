/* SPDX-License-Identifier: MIT */
/* Trying a configuration: by its daemon's own check, and with a run of every probe where failoverd will run them: as its user, in the
 * sandbox of its unit, with its credentials. */
#include "ctl/command.h"
#include "ctl/daemon.h"
#include "ctl/prompt.h"
#include "ctl/setup.h"

#include <unistd.h>

#define WORDS_MAX 256

/* --- in the sandbox --- */

typedef struct Words {
        char *items[WORDS_MAX];
        size_t n;
        bool failed;
} Words;

static void words_clear(Words *w)
{
        for (size_t k = 0; k < w->n; k++)
                free(w->items[k]);
}

/* Consumes word. */
static void words_add(Words *w, char *word)
{
        if (!word || w->n == WORDS_MAX - 1) {
                free(word);
                w->failed = true;
                return;
        }
        w->items[w->n++] = word;
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

/* The settings of the [Service] sections that `systemctl cat` shows, as systemd-run takes them. */
static void add_settings(Words *w, char *text)
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
                        words_add(w, string_printf("--property=%s", line));
        }
}

/* Is there a unit whose sandbox it can be run in? Then its settings are added. */
static bool find_sandbox(const Setup *s, Words *w)
{
        _cleanup_free_ char *text = NULL;

        if (s->root[0] != '\0' || !s->owns || access("/run/systemd/system", F_OK) < 0)
                return false;
        if (command_run((const char *const[]){"systemctl", "cat", "--no-pager", "failoverd.service", NULL},
                        true, &text) != 0)
                return false;
        add_settings(w, text);
        return true;
}

static void say(const Setup *s, const char *words)
{
        if (!s->i->given[OPTION_JSON])
                prompt_say(words);
}

static int run_trial(const Setup *s, const char *program, Words *w, Error *e)
{
        _cleanup_free_ char *config = string_printf("--config=%s" CTL_CONFIG, s->root);
        static const char *const sandbox[] = {"systemd-run", "--quiet",   "--wait",
                                              "--pipe",      "--collect", "--service-type=exec"};
        int r;

        for (size_t k = 0; k < ELEMENTSOF(sandbox); k++)
                words_add(w, strdup(sandbox[k]));
        if (!find_sandbox(s, w)) {
                words_clear(w);
                *w = (Words){};
                say(s, "Every probe is run once, from here: failoverd's unit is not installed, so this "
                       "is not "
                       "what its sandbox lets it do.");
        } else
                say(s, "Every probe is run once, as failoverd and in its sandbox.");
        words_add(w, strdup(program));
        words_add(w, strdup("--check"));
        words_add(w, strdup("--probes"));
        words_add(w, config ? strdup(config) : NULL);
        if (s->i->given[OPTION_JSON])
                words_add(w, strdup("--json"));
        if (w->failed)
                return error_set(e, -ENOMEM, "out of memory, or too many settings of failoverd.service");
        r = command_run((const char *const *) w->items, false, NULL);
        return r < 0 ? error_set(e, r, "%s: %s", w->items[0], strerror(-r)) : r;
}

int setup_trial(const Setup *s, bool *ret_well, Error *e)
{
        char program[4200];
        Words w = {};
        int r = daemon_find("failoverd", program, sizeof(program));

        if (r < 0)
                return error_set(e, r, "%s", strerror(-r));
        r = run_trial(s, program, &w, e);
        words_clear(&w);
        if (r >= 0)
                *ret_well = r == 0;
        return r < 0 ? r : 0;
}
