/* SPDX-License-Identifier: MIT */
/* The attempts that the engine has asked for, in flight. */
#pragma once

#include "supervisor/manager.h"

int attempts_start(Manager *m, unsigned probe, uint64_t serial);
void attempts_cancel(Manager *m, const Config *config, unsigned probe, uint64_t serial);
void attempts_cancel_all(Config *config);
