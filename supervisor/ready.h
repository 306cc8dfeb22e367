/* SPDX-License-Identifier: MIT */
/* When failoverd is ready, and what it tells systemd of the mode. */
#pragma once

#include "supervisor/manager.h"

/* READY=1, once, when payment.env and mode.json stand for the mode, durable or not. */
void ready_check(Manager *m);
/* Does payment.env say the change that holds, or is there nothing that writes it? Reads it: a small file in memory. */
bool ready_payment_stands(const Manager *m);
void ready_tell_mode(const Manager *m); /* STATUS= the mode, for `systemctl status` */
