/* SPDX-License-Identifier: MIT */
/* A daemon's side of systemd: signals, READY and RELOADING, STATUS, the watchdog, passed sockets. */
#pragma once

#include "base/loop.h"

typedef struct Service Service;

#define SERVICE_LINGER_USEC USEC_PER_SEC

typedef struct ServiceOptions {
        sd_event *event;
        void (*reload)(void *userdata); /* SIGHUP */
        void (*stop)(void *userdata); /* SIGTERM, SIGINT; the loop is told to exit afterwards; NULL is fine */
        /* NULL, or: is somebody still to be answered? Then the loop goes on, for SERVICE_LINGER_USEC at most. */
        bool (*busy)(void *userdata);
        /* A number that is another one whenever the daemon's own work has got on: the watchdog is pinged only then, since a loop
         * that turns without it is as dead as one that hangs. Asked twice in the time that the watchdog has. */
        uint64_t (*progress)(void *userdata);
        void *userdata;
} ServiceOptions;

int service_new(const ServiceOptions *options, Service **ret);
Service *service_free(Service *s); /* NULL is fine */
DEFINE_CLEANUP(Service, service_free)
void service_ready(Service *s); /* READY=1, the first time; later, and once it stops, nothing */
bool service_is_ready(const Service *s);
void service_status(Service *s, const char *format, ...) _printf_(2, 3); /* STATUS=, for `systemctl status` */
void service_reloading(Service *s);
/* refused: why nothing has changed; `systemctl reload` does not say so, therefore STATUS= does, until a reload is well. NULL: it is. */
void service_reloaded(Service *s, const char *refused);
const char *service_refused(const Service *s); /* why the last reload was; "" when it was not, and of NULL */
/* A listening stream socket passed by systemd, or -ENOENT. Each is handed out once in the life of the process. family: AF_UNIX,
 * AF_INET (IPv6 included), AF_UNSPEC for any; name: its FileDescriptorName=, NULL for any. */
int service_socket(int family, const char *name);
