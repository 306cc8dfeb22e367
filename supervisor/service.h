/* SPDX-License-Identifier: MIT */
/* systemd's side: signals, READY and RELOADING, STATUS, the watchdog, passed sockets. */
#pragma once

#include "supervisor/manager.h"

int service_new(Manager *m); /* signals, watchdog */
void service_free(Manager *m);
/* READY=1, once, when payment.env and mode.json stand for the mode, durable or not. */
void service_check_ready(Manager *m);
/* Does payment.env say the change that holds, or is there nothing that writes it? Reads it: a small file in memory. */
bool service_payment_stands(const Manager *m);
void service_status(const Manager *m); /* STATUS= the mode, for `systemctl status` */
void service_reloading(const Manager *m);
void service_reloaded(Manager *m);
/* A socket passed by systemd of that family, or -ENOENT. Each is handed out once. */
int service_socket(int family);
