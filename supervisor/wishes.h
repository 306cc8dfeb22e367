/* SPDX-License-Identifier: MIT */
/* What the engine wants done: attempts, changes and alerts as transactions, news for whoever looks on. */
#pragma once

#include "supervisor/manager.h"

void wishes_output(Manager *m, EngineOutput *ret);
