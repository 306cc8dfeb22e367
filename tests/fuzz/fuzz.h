/* SPDX-License-Identifier: MIT */
/* What every fuzz target includes. A target is one file, tests/fuzz/NAME.c, that defines the two functions below; its
 * corpus is tests/fuzz/corpus/NAME. scripts/fuzz builds it with libFuzzer; the suite runs the corpus over with replay.c.
 * What a target must never see it checks by FUZZ_CHECK(), so that more than crashes are found. */
#pragma once

#include "base/error.h"
#include "base/macro.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                   \
        do {                                                                                    \
                if (!(condition)) {                                                             \
                        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
                        abort();                                                                \
                }                                                                               \
        } while (0)

/* One line for people: valid UTF-8 without control or bidi characters. */
bool fuzz_is_plain(const char *text);
