/* SPDX-License-Identifier: MIT */
/* Asking the daemons what they make of a configuration, before it is where it belongs and after. */
#include "ctl/command.h"
#include "ctl/daemon.h"
#include "ctl/place.h"
#include "ctl/setup.h"

#include <unistd.h>

static const char *const daemons[] = {"failoverd", "federationd"};

/* Whom it may concern cannot read it: the folder is ours alone. */
static int write_drafts(Setup *s, const char *const texts[2])
{
        char folder[] = "/tmp/failoverctl.XXXXXX";

        if (!mkdtemp(folder))
                return -errno;
        s->drafts = strdup(folder);
        if (!s->drafts) {
                (void) rmdir(folder);
                return -ENOMEM;
        }
        for (size_t k = 0; k < ELEMENTSOF(daemons); k++) {
                _cleanup_free_ char *file = string_printf("%s/%s.yaml", s->drafts, daemons[k]);
                int r = file ? place_file(file, texts[k], &(Place){.mode = 0600}) : -ENOMEM;

                if (r < 0)
                        return r;
        }
        return 0;
}

void setup_drop_drafts(Setup *s)
{
        for (size_t k = 0; s->drafts && k < ELEMENTSOF(daemons); k++) {
                _cleanup_free_ char *file = string_printf("%s/%s.yaml", s->drafts, daemons[k]);

                if (file)
                        (void) unlink(file);
        }
        if (s->drafts)
                (void) rmdir(s->drafts);
        free(s->drafts);
        s->drafts = NULL;
}

int setup_draft(Setup *s, const SetupAnswers *a, const char *const texts[2], Error *e)
{
        int r = write_drafts(s, texts);

        if (r < 0)
                error_set(e, r, "a draft in /tmp: %s", strerror(-r));
        for (size_t k = 0; k < ELEMENTSOF(daemons) && r >= 0; k++) {
                _cleanup_json_ json_t *report = NULL;

                r = setup_ask_daemon(s, daemons[k], &report, e);
                if (r >= 0)
                        r = setup_check_secrets(s, a, json_at(report, "needs.credentials"), e);
        }
        return r;
}

static const char *first_error(const json_t *report)
{
        const char *text = ctl_string(json_at(report, "findings.0"), "message");

        return text[0] != '\0' ? text : "it cannot be used";
}

int setup_ask_daemon(const Setup *s, const char *daemon, json_t **ret, Error *e)
{
        _cleanup_free_ char *path = string_printf(SETUP_FOLDER "/%s.yaml", daemon), *option = NULL,
                            *output = NULL;
        _cleanup_json_ json_t *report = NULL;
        char program[4200];
        int r = path ? daemon_find(daemon, program, sizeof(program)) : -ENOMEM;

        if (r >= 0 && !s->drafts && !setup_is_there(s, path))
                return 0;
        if (r >= 0)
                option = s->drafts ? string_printf("--config=%s/%s.yaml", s->drafts, daemon)
                                   : string_printf("--config=%s%s", s->root, path);
        if (r >= 0 && !option)
                r = -ENOMEM;
        if (r >= 0)
                r = command_run((const char *const[]){program, "--check", "--json", option, NULL}, true,
                                &output);
        if (r < 0)
                return error_set(e, r, "%s: %s", daemon, strerror(-r));
        if (json_parse(output, strlen(output), &report, NULL) < 0)
                return error_set(e, -EIO, "%s --check did not answer (exit code %d)", daemon, r);
        if (json_is_true(json_object_get(report, "success"))) {
                *ret = TAKE_PTR(report);
                return 0;
        }
        return s->drafts ? error_set(e, -EINVAL, "%s.yaml could not be used like this: %s", daemon,
                                     first_error(report))
                         : error_set(e, -EINVAL,
                                     "%s must not be used: %s: see `failoverctl check-config %s%s`", path,
                                     first_error(report), s->root, path);
}
