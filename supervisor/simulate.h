/* SPDX-License-Identifier: MIT */
/* `failoverd --simulate`: the engine under a virtual clock, against a world that a trace describes. */
#pragma once

#include "supervisor/config.h"

/* Reads JSON Lines from trace (name is for errors: "name:line: …"), writes JSON Lines to out. Opens nothing that the
 * config names. The same config, trace and seed give the same output. */
int simulate(const Config *config, FILE *trace, const char *name, uint64_t seed, FILE *out, Error *e);
