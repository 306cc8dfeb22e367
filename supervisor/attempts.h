/* SPDX-License-Identifier: MIT */
/* The attempts that the engine has asked for, in flight. */
#pragma once

#include "supervisor/manager.h"

/* engine_ended() follows, from the loop; on failure (as attempt_start()) it does not. */
int attempts_start(Manager *m, unsigned probe, uint64_t serial);
/* No engine_ended() follows for that one; not in flight is fine. */
void attempts_cancel(const Config *config, unsigned probe, uint64_t serial);
void attempts_cancel_all(const Config *config);
