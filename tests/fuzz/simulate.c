/* SPDX-License-Identifier: MIT */
/* A trace for `failoverd --simulate`: played or refused with its line, and played the same way twice. */
#include "supervisor/simulate.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <string.h>

static Config *config;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        Error e;

        if (config_load(SOURCE_DIR "/tests/sim/shop.yaml", &config, &e) < 0) {
                fprintf(stderr, "%s\n", e.text);
                return 1;
        }
        return 0;
}

/* Years of virtual time are right, and too slow for here. */
static bool is_long(const uint8_t *data, size_t size)
{
        size_t digits = 0;

        for (size_t i = 0; i < size; i++) {
                digits = isdigit(data[i]) ? digits + 1 : 0;
                if (digits > 4 || (i > 0 && isdigit(data[i - 1]) && (data[i] | 0x20) == 'e'))
                        return true;
        }
        return false;
}

static char *play(const uint8_t *data, size_t size, Error *e)
{
        char *text = NULL;
        size_t length = 0;
        FILE *in = fmemopen((void *) (uintptr_t) data, size, "r"), *out = open_memstream(&text, &length);
        int r;

        FUZZ_CHECK(in && out);
        r = simulate(config, in, "trace", 1, out, e);
        fclose(in);
        fclose(out);
        if (r >= 0)
                return text;
        free(text);
        return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Error e = {""};
        char *once, *twice;

        if (size == 0 || is_long(data, size))
                return 0;
        once = play(data, size, &e);
        if (!once) {
                FUZZ_CHECK(strncmp(e.text, "trace", 5) == 0);
                return 0;
        }
        twice = play(data, size, &e);
        FUZZ_CHECK(twice && strcmp(once, twice) == 0);
        FUZZ_CHECK(strstr(once, "\"runs\""));
        free(once);
        free(twice);
        return 0;
}
