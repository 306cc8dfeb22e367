/* SPDX-License-Identifier: MIT */
/* failoverd.yaml: whatever it holds, it is understood or refused with its place. */
#include "supervisor/config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Config *c = NULL, *again = NULL;
        Error e = {""};

        if (config_load_text("fuzz.yaml", (const char *) data, size, &c, &e) < 0) {
                FUZZ_CHECK(!c);
                FUZZ_CHECK(strncmp(e.text, "fuzz.yaml", 9) == 0 || strstr(e.text, "memory"));
                return 0;
        }
        FUZZ_CHECK(c->n_modes > 0);
        for (size_t i = 0; i < c->n_modes; i++)
                for (size_t k = 0; k < c->modes[i].n_requires; k++)
                        FUZZ_CHECK(c->modes[i].requires[k] < c -> n_probes);
        FUZZ_CHECK(config_load_text("fuzz.yaml", (const char *) data, size, &again, &e) == 0);
        FUZZ_CHECK(memcmp(c->hash, again->hash, sizeof(c->hash)) == 0);
        config_carry_over(again, c);
        config_free(c);
        config_free(again);
        return 0;
}
