/* SPDX-License-Identifier: MIT */
/* Runs a corpus over without libFuzzer: each file of the folders that are named, in order, and a file cut short at each
 * of a few places. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>

static unsigned n_inputs;

static void run(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size ? size
                                    : 1); /* of exactly this size, so that reading past it is noticed */

        FUZZ_CHECK(copy);
        memcpy(copy, data, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
        n_inputs++;
}

static void run_file(const char *path)
{
        static uint8_t data[1 << 20];
        FILE *f = fopen(path, "re");
        size_t size;

        if (!f) {
                perror(path);
                exit(1);
        }
        size = fread(data, 1, sizeof(data), f);
        fclose(f);
        run(data, size);
        for (size_t part = 1; part < 4; part++)
                run(data, size * part / 4);
}

static void run_folder(const char *folder)
{
        struct dirent **names;
        int n = scandir(folder, &names, NULL, alphasort);

        if (n < 0) {
                perror(folder);
                exit(1);
        }
        for (int i = 0; i < n; i++) {
                char path[4096];

                snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
                if (names[i]->d_name[0] != '.')
                        run_file(path);
                free(names[i]);
        }
        free(names);
}

int main(int argc, char **argv)
{
        LLVMFuzzerInitialize(&argc, &argv);
        for (int i = 1; i < argc; i++)
                run_folder(argv[i]);
        printf("%u inputs\n", n_inputs);
        return n_inputs > 0 ? 0 : 1;
}
