/* SPDX-License-Identifier: MIT */
/* SIGHUP: the new file as a whole, or nothing of it. */
#pragma once

#include "supervisor/manager.h"

void reload_start(Manager *m); /* reads the file off the loop; a second one meanwhile is remembered */
