/* SPDX-License-Identifier: MIT */
/* check-config in full: reads the file, and asks each part what it finds. */
#include "supervisor/check_private.h"

void check_clear(CheckReport *r)
{
        config_free(r->config);
        conf_free(r->tree);
        findings_clear(&r->findings);
        free(r->rows);
        *r = (CheckReport){0};
}

static void check_done(Check *k)
{
        reaches_clear(&k->reaches);
        free(k->required);
        free(k->first);
        free(k->fallback);
        free(k->shadowed);
}

static int check_parts(Check *k)
{
        int r;

        k->required = calloc(k->c->n_probes + 1, sizeof(*k->required));
        k->first = calloc(k->c->n_probes + 1, sizeof(*k->first));
        k->fallback = calloc(k->c->n_probes + 1, sizeof(*k->fallback));
        k->shadowed = calloc(k->c->n_modes + 1, sizeof(*k->shadowed));
        if (!k->required || !k->first || !k->fallback || !k->shadowed)
                return -ENOMEM;
        reaches_collect(k->c, k->report->tree, &k->reaches);
        if (k->reaches.failed)
                return -ENOMEM;
        config_verify_settings(k->c, k->f);
        r = check_modes(k);
        if (r >= 0)
                r = check_times(k);
        if (r < 0)
                return r;
        check_names(k);
        check_dependencies(k);
        check_units(k);
        r = check_files(k);
        if (r >= 0 && k->options->online)
                check_online(k);
        return r;
}

/* "file:line:column: what is wrong" in two. */
static void tell_unusable(Findings *f, const char *text)
{
        const char *s = text, *message = text;
        _cleanup_free_ char *place = NULL;

        while ((s = strstr(s, ": "))) {
                const char *line = s;

                /* Two numbers before it? */
                for (int i = 0; i < 2; i++) {
                        const char *digits = line;

                        while (digits > text && digits[-1] >= '0' && digits[-1] <= '9')
                                digits--;
                        if (digits == line || digits == text || digits[-1] != ':')
                                break;
                        line = digits - 1;
                        if (i == 1) {
                                place = strndup(text, (size_t) (s - text));
                                message = s + 2;
                        }
                }
                if (place)
                        break;
                s += 2;
        }
        findings_add(f, FINDING_ERROR, "unusable", place, NULL, "%s", message);
}

int check_run(const CheckOptions *options, CheckReport *ret)
{
        CheckReport report = {.path = options->config};
        Check k = {.options = options, .report = &report, .f = &report.findings};
        Error e;
        int r;

        r = check_file_answers(options->config);
        if (r == -ETIMEDOUT)
                findings_add(k.f, FINDING_ERROR, "unusable", NULL, NULL, "%s: the disk does not answer",
                             options->config);
        else if (config_load_tree(options->config, &report.config, &report.tree, &e) < 0)
                tell_unusable(k.f, e.text);
        r = 0;
        if (report.config) {
                k.c = report.config;
                r = check_parts(&k);
                findings_locate(k.f, report.tree);
        }
        findings_sort(k.f);
        if (k.f->failed)
                r = -ENOMEM;
        check_done(&k);
        if (r < 0) {
                check_clear(&report);
                return r;
        }
        *ret = report;
        return 0;
}
