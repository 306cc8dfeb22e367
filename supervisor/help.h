/* SPDX-License-Identifier: MIT */
/* Every key of failoverd.yaml, from the tables that the parser reads. */
#pragma once

#include <stdio.h>

int help_config(FILE *out);
