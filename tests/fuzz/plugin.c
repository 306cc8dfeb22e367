/* SPDX-License-Identifier: MIT */
/* What a plug-in prints: the first two bytes say how it ends and where its errors begin, the rest is its output. */
#include "probes/exec.c" /* its inside: what it makes of an end. NOLINT(bugprone-suspicious-include) */
#include "tests/fuzz/fuzz.h"

#include <locale.h>

static ProbeContext context;
static ChildResult ended;
static char *command[] = {(char *) "plug-in", NULL};
static bool told;

static void start(Attempt *a)
{
        on_child(NULL, &ended, a);
}

static void on_done(Attempt *a, const AttemptResult *result, void *userdata)
{
        FUZZ_CHECK(!told);
        told = true;
        FUZZ_CHECK(result->message[0]);
        FUZZ_CHECK(fuzz_is_plain(result->message));
        FUZZ_CHECK(strlen(result->message) < sizeof(a->message));
        attempt_free(a);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        FUZZ_CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
        FUZZ_CHECK(sd_event_new(&context.event) >= 0);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const ProbeType type = {.name = "plug-in", .start = start};
        static const ExecConf conf = {.command = command};
        Attempt *a = NULL;
        char *text;

        if (size < 2)
                return 0;
        text = calloc(1, size);
        FUZZ_CHECK(text);
        memcpy(text, data + 2, size - 2);
        ended = (ChildResult){.code = data[0] & 0x80 ? CLD_KILLED : CLD_EXITED,
                              .status = data[0] & 0x7f,
                              .errors = text + (size_t) data[1] % size,
                              .output = text,
                              .output_size = size - 2};
        told = false;
        FUZZ_CHECK(attempt_start(&context, &type, &conf, NULL, USEC_PER_MIN, on_done, NULL, &a) >= 0);
        while (!told)
                FUZZ_CHECK(sd_event_run(context.event, USEC_PER_SEC) >= 0);
        free(text);
        return 0;
}
