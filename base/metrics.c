/* SPDX-License-Identifier: MIT */
/* Prometheus' text format. */
#include "base/metrics.h"

#include <math.h>

/* What a label or a help text may hold is shown on terminals as well: control characters become visible first. */
static void add_escaped(Text *t, const char *s, bool quote)
{
        _cleanup_text_ Text plain = {0};

        text_add_plain(&plain, s, 0);
        if (plain.failed)
                t->failed = true;
        for (size_t i = 0; i < plain.size; i++) {
                if (plain.data[i] == '\\' || (quote && plain.data[i] == '"'))
                        text_add_string(t, "\\");
                text_add_bytes(t, &plain.data[i], 1);
        }
}

void metric_family(Text *t, const char *name, const char *type, const char *help)
{
        assert(t);
        assert(name);
        assert(type);
        assert(help);

        text_add(t, "# HELP %s ", name);
        add_escaped(t, help, false);
        text_add(t, "\n# TYPE %s %s\n", name, type);
}

static void add_value(Text *t, double value)
{
        char b[32];

        if (isnan(value)) {
                text_add_string(t, "NaN");
        } else if (isinf(value)) {
                text_add_string(t, value > 0 ? "+Inf" : "-Inf");
        } else {
                /* As short as reads back the same. */
                snprintf(b, sizeof b, "%.15g", value);
                if (strtod(b, NULL) != value)
                        snprintf(b, sizeof b, "%.17g", value);
                text_add_string(t, b);
        }
}

void metric_sample(Text *t, const char *name, double value, const char *const labels[])
{
        assert(t);
        assert(name);

        text_add_string(t, name);
        if (labels && labels[0]) {
                for (size_t i = 0; labels[i]; i += 2) {
                        assert(labels[i + 1]);
                        text_add(t, "%c%s=\"", i == 0 ? '{' : ',', labels[i]);
                        add_escaped(t, labels[i + 1], true);
                        text_add_string(t, "\"");
                }
                text_add_string(t, "}");
        }
        text_add_string(t, " ");
        add_value(t, value);
        text_add_string(t, "\n");
}
