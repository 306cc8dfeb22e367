/* SPDX-License-Identifier: MIT */
/* How many decisions a second: outcomes of a shop with ten probes and three modes, one in twenty a fail. */
#include "base/clock.h"
#include "base/id.h"
#include "supervisor/mode.h"

#define STEPS 5000000

static const unsigned primary[] = {0, 1, 2, 3, 4}, crypto[] = {5, 2, 3}, federated[] = {6};

static void settings(ModeProbe *probes, ModeMode *modes, ModeConfig *config)
{
        for (size_t i = 0; i < 10; i++)
                probes[i] = (ModeProbe){.fall = 3,
                                        .window = 5,
                                        .rise = 2,
                                        .interval_usec = USEC_PER_MIN,
                                        .fast_interval_usec = 5 * USEC_PER_SEC,
                                        .timeout_usec = 5 * USEC_PER_SEC,
                                        .silence_usec = 10 * USEC_PER_MIN,
                                        .passive = i == 4};
        modes[0] = (ModeMode){primary, ELEMENTSOF(primary)};
        modes[1] = (ModeMode){crypto, ELEMENTSOF(crypto)};
        modes[2] = (ModeMode){federated, ELEMENTSOF(federated)};
        *config = (ModeConfig){.probes = probes,
                               .n_probes = 10,
                               .modes = modes,
                               .n_modes = 3,
                               .hold_usec = 5 * USEC_PER_MIN,
                               .flap_window_usec = USEC_PER_HOUR,
                               .hold_max_usec = USEC_PER_HOUR};
}

int main(void)
{
        ModeProbe probes[10];
        ModeMode modes[3];
        ModeConfig config;
        ProbeState states[10];
        ModeState state;
        uint64_t now = UINT64_C(1767225600) * USEC_PER_SEC, random = 1, began;
        unsigned changes = 0;
        double seconds;

        settings(probes, modes, &config);
        mode_init(&state, states, now, &config);
        began = clock_boot_usec();
        for (unsigned i = 0; i < STEPS; i++) {
                uint64_t chance = random_next(&random);
                ModeEvent event = {.kind = i % 8 == 0 ? MODE_EVENT_TIME : MODE_EVENT_OUTCOME,
                                   .probe = (unsigned) (chance % 10),
                                   .outcome = (chance >> 8) % 20 == 0 ? OUTCOME_FAIL : OUTCOME_PASS};
                ModePlan plan;

                now += USEC_PER_SEC;
                mode_step(&state, &event, now, &config, &plan);
                changes += plan.changed;
        }
        seconds = (double) (clock_boot_usec() - began) / (double) USEC_PER_SEC;
        printf("decision: %.1f million steps a second (%d steps, %u changes)\n", STEPS / seconds / 1e6, STEPS,
               changes);
        return 0;
}
