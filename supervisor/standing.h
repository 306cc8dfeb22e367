/* SPDX-License-Identifier: MIT */
/* What stands for the shop when a start is refused: after a reboot nothing is left in the runtime directory, and a shop that reads
 * payment.env from there would not start for a mistake in our configuration. The mode that is stored is written there. */
#pragma once

#include "supervisor/manager.h"

/* payment.env and mode.json, each only where it is missing, out of the database alone; says in the log what it did, or why it could
 * not. mode.json is as old as the database: readers see that nobody keeps it up. Waits for a disk at most some seconds; before there
 * are threads. */
void standing_publish(const Places *places);
