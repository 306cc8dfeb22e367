/* SPDX-License-Identifier: MIT */
/* Steps of the decision core in a second: random outcomes of probes that mostly pass, in a shop with three modes.
 *
 * decide PROBES STEPS */
#include "base/clock.h"
#include "base/id.h"
#include "supervisor/mode.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
        size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
        uint64_t steps = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
        static const unsigned first[] = {0, 1, 2, 3, 4}, second[] = {5, 3, 4}, third[] = {6};
        const ModeMode modes[] = {{first, 5}, {second, 3}, {third, 1}};
        ModeProbe *probes = calloc(n, sizeof(*probes));
        ProbeState *states = calloc(n, sizeof(*states));
        ModeConfig config = {.probes = probes,
                             .n_probes = n,
                             .modes = modes,
                             .n_modes = 3,
                             .hold_usec = 5 * USEC_PER_MIN,
                             .flap_window_usec = USEC_PER_HOUR,
                             .hold_max_usec = USEC_PER_HOUR};
        uint64_t now = USEC_PER_SEC, seed = 1, changes = 0;
        ModeState state;
        ModePlan plan;

        if (!probes || !states || n < 7)
                return 2;
        for (size_t i = 0; i < n; i++)
                probes[i] = (ModeProbe){.fall = 3,
                                        .window = 5,
                                        .rise = 2,
                                        .interval_usec = USEC_PER_MIN,
                                        .fast_interval_usec = 5 * USEC_PER_SEC,
                                        .timeout_usec = 5 * USEC_PER_SEC,
                                        .silence_usec = 10 * USEC_PER_MIN};
        mode_init(&state, states, now, &config);

        uint64_t began = clock_boot_usec();

        for (uint64_t i = 0; i < steps; i++) {
                double chance = random_fraction(&seed);
                /* Outages come and go: a stretch of steps in which most fail. */
                bool outage = i / 5000 % 10 == 9;
                ModeEvent event = {.kind = MODE_EVENT_OUTCOME,
                                   .probe = (unsigned) (i % n),
                                   .outcome = chance < (outage ? 0.8 : 0.02) ? OUTCOME_FAIL : OUTCOME_PASS};

                now += USEC_PER_MIN / n;
                mode_step(&state, &event, now, &config, &plan);
                changes += plan.changed;
        }

        double took = (double) (clock_boot_usec() - began) / USEC_PER_SEC;

        printf("%zu probes: %.0f steps a second (%llu changes of mode among %llu)\n", n,
               (double) steps / took, (unsigned long long) changes, (unsigned long long) steps);
        free(probes);
        free(states);
        return 0;
}
