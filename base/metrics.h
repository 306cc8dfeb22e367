/* SPDX-License-Identifier: MIT */
/* Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
#pragma once

#include "base/text.h"

/* "# HELP" and "# TYPE" (type: counter, gauge, histogram). Samples of that name follow directly. */
void metric_family(Text *t, const char *name, const char *type, const char *help);
/* labels: pairs of name and value, NULL-terminated; values are escaped. */
void metric_sample(Text *t, const char *name, double value, const char *const labels[]);
#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
