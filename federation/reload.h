/* SPDX-License-Identifier: MIT */
/* SIGHUP: the new file as a whole, or nothing of it. */
#pragma once

#include "federation/federation.h"

void reload_start(Federation *f); /* reads the files off the loop; a second one meanwhile is remembered */
