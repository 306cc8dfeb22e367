/* SPDX-License-Identifier: MIT */
/* The answer of a name server: the first byte chooses the type that was asked for, the rest is the packet. */
#include "base/dns_query.c" /* its inside: what it makes of an answer. NOLINT(bugprone-suspicious-include) */
#include "tests/fuzz/fuzz.h"

static unsigned n_told;

static void on_done(DnsQuery *q, const DnsResult *result, void *userdata)
{
        n_told++;
        FUZZ_CHECK(result->error < 0 || result->count > 0);
        FUZZ_CHECK(result->count <= DNS_VALUES_MAX);
        FUZZ_CHECK(result->message && *result->message);
        for (size_t i = 0; i < result->count; i++)
                FUZZ_CHECK(result->values[i] && strlen(result->values[i]) <= 4 * UINT16_MAX);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        DnsQuery *q = calloc(1, sizeof(*q));
        DnsAnswer answer;

        FUZZ_CHECK(q);
        if (size > 12 && size <= UINT16_MAX) {
                q->type = &dns_types[data[0] % ELEMENTSOF(dns_types)];
                q->name = strdup("shop.example");
                q->done = on_done;
                n_told = 0;
                answer = (DnsAnswer){.message = "", .packet = data + 1, .size = size - 1};
                on_answer(NULL, &answer, q);
                FUZZ_CHECK(n_told == 1);
        }
        dns_query_free(q);
        return 0;
}
