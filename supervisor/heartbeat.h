/* SPDX-License-Identifier: MIT */
/* Dead man's switch: an address outside is asked regularly, so that somebody else notices when we are gone. */
#pragma once

#include "supervisor/manager.h"

int heartbeat_new(Manager *m, Heartbeat **ret);
Heartbeat *heartbeat_free(Heartbeat *h);
void heartbeat_configure(Heartbeat *h); /* from the manager's config */
