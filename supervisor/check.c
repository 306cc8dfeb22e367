/* SPDX-License-Identifier: MIT */
/* check-config in full: reads the file, and asks each part what it finds. */
#include "base/granted.h"
#include "base/look.h"
#include "supervisor/check_private.h"

void check_clear(CheckReport *r)
{
        config_free(r->config);
        conf_free(r->tree);
        findings_clear(&r->findings);
        free(r->rows);
        json_decref(r->needs);
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
        findings_compare_ids(k->f, k->options->config, k->c->node.id, "federationd.yaml");
        r = check_modes(k);
        if (r >= 0)
                r = check_times(k);
        if (r < 0)
                return r;
        check_names(k);
        check_dependencies(k);
        check_units(k);
        check_components(k, conf_get(conf_root(k->report->tree), "components") != NULL);
        r = check_files(k);
        k->report->needs = json_whole(check_needs(k->c, &k->reaches));
        if (!k->report->needs)
                return -ENOMEM;
        if (r >= 0)
                findings_add_not_granted(k->f, &(Granted){.config = k->options->config,
                                                          .daemon = "failoverd",
                                                          .state_dir = k->options->state_dir,
                                                          .needs = k->report->needs});
        if (r >= 0 && k->options->online)
                check_online(k);
        return r;
}

int check_run(const CheckOptions *options, CheckReport *ret)
{
        CheckReport report = {.path = options->config};
        Check k = {.options = options, .report = &report, .f = &report.findings};
        Error e;
        int r;

        r = look_at_file(options->config);
        if (r == -ETIMEDOUT)
                findings_add(k.f, FINDING_ERROR, "unusable", NULL, NULL, "%s: the disk does not answer",
                             options->config);
        else if (config_load_tree(options->config, &report.config, &report.tree, &e) < 0)
                findings_add_unusable(k.f, e.text);
        else
                findings_add_access(k.f, options->config, "failoverd");
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
