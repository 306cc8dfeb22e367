/* SPDX-License-Identifier: MIT */
/* What verdicts and the mode mean for the public: how each component is, and whether one can buy. Pure. */
#pragma once

#include "supervisor/config.h"

const char *component_state_name(ComponentState s);
int component_state_from_name(const char *s); /* -EINVAL */

/* blind: nothing outside can be seen now, so that external probes say nothing. Maintenance is not judged here.
 *
 * The probes of a component that has none of its own are what the running mode requires. Where the mode's impact on it is
 * said (or follows), probes that only other modes require do not count: that they are missing is what the impact says.
 *  down      all that count are down, or one that the running mode requires is
 *  partial   another one is down
 *  unknown   one cannot be seen (a passive probe that is silent is well: nobody has complained)
 * and never better than the impact; in order: operational, degraded, unknown, partial, down. */
ComponentState component_judge(const Config *c, const ModeState *state, bool blind, unsigned component);

typedef enum Selling { /* what it means for a buyer */
                       SELLING_AS_USUAL,
                       SELLING_BACKUP,
                       SELLING_ELSEWHERE,
                       SELLING_HAMPERED, /* a requirement of the running mode is down, and another mode may follow */
                       SELLING_NOT, /* … and none does: none is healthy, or the operator holds this one */
                       SELLING_UNKNOWN,
} Selling;
const char *selling_name(Selling s);
Selling selling_judge(const Config *c, const ModeState *state, bool blind);
