/* SPDX-License-Identifier: MIT */
/* A stand-in for the system bus with systemd behind it, in a thread, for what a real one does not do on order: hang,
 * hang up, answer rubbish, end jobs as told. What a real one does is tested in tests/systemd. */
#pragma once

#include "base/file.h"
#include "base/loop.h"
#include "base/text.h"
#include "tests/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

typedef enum BusMood {
        BUS_WELL,
        BUS_DEAF,     /* takes connections and says nothing */
        BUS_SILENT,   /* lets in, and answers no question */
        BUS_HANGS_UP, /* … and goes away at the first one */
        BUS_DENIES,   /* every job */
        BUS_RUBBISH,  /* answers of other types than promised */
} BusMood;

typedef struct BusUnit {
        const char *name;
        const char *load, *active, *sub, *result; /* NULL: loaded, active, running, success */
        const char *job;                          /* how its jobs end; NULL: done; "": never */
        int code, status;
        unsigned restarts;
        uint64_t changed_usec, started_usec, began_usec;
        bool unloaded; /* GetUnit does not know it */
} BusUnit;

typedef struct BusStandin {
        atomic_int mood;
        pthread_mutex_t lock;
        BusUnit units[8];
        char calls[4096];  /* "StartUnit shop.service\n…" */
        const char *needs; /* a file that must be there before a job is asked for, or NULL */
        /* its own */
        char folder[64], path[96];
        int fd;
        sd_event *event;
        sd_bus *buses[1024];
        int deaf[64];
        size_t n_buses, n_deaf;
        unsigned n_jobs;
        pthread_t thread;
} BusStandin;

static BusUnit *standin_find(BusStandin *s, const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(s->units); i++)
                if (s->units[i].name && streq(s->units[i].name, name))
                        return &s->units[i];
        return NULL;
}

static int standin_unit(BusStandin *s, sd_bus_message *m, bool load)
{
        const char *name;

        CHECK(sd_bus_message_read(m, "s", &name) > 0);
        const BusUnit *u = standin_find(s, name);
        if (s->mood == BUS_RUBBISH)
                return sd_bus_reply_method_return(m, "u", 7);
        if (!u || (u->unloaded && !load))
                return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.NoSuchUnit",
                                                  "Unit %s not loaded.", name);
        char path[64];
        snprintf(path, sizeof path, "/org/freedesktop/systemd1/unit/u%zu", (size_t) (u - s->units));
        return sd_bus_reply_method_return(m, "o", path);
}

static int standin_property(BusStandin *s, sd_bus_message *m)
{
        const BusUnit *u = &s->units[strtoul(strrchr(sd_bus_message_get_path(m), 'u') + 1, NULL, 10)];
        const char *interface, *name;

        CHECK(sd_bus_message_read(m, "ss", &interface, &name) > 0);
        if (streq(name, "StateChangeTimestamp"))
                return sd_bus_reply_method_return(m, "v", "t", u->changed_usec);
        if (streq(name, "InactiveExitTimestamp"))
                return sd_bus_reply_method_return(m, "v", "t", u->started_usec);
        if (streq(name, "InactiveExitTimestampMonotonic"))
                return sd_bus_reply_method_return(m, "v", "t", u->began_usec);
        if (!strstr(interface, ".Service"))
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_PROPERTY, "no %s", name);
        if (streq(name, "Result"))
                return sd_bus_reply_method_return(m, "v", "s", u->result ?: "success");
        if (streq(name, "NRestarts"))
                return sd_bus_reply_method_return(m, "v", "u", u->restarts);
        return sd_bus_reply_method_return(m, "v", "i", streq(name, "ExecMainCode") ? u->code : u->status);
}

static int standin_row(BusStandin *s, sd_bus_message *m)
{
        const char *name;

        CHECK(sd_bus_message_enter_container(m, 'a', "s") > 0 && sd_bus_message_read(m, "s", &name) > 0);
        const BusUnit *u = standin_find(s, name);
        CHECK(u);
        return sd_bus_reply_method_return(m, "a(ssssssouso)", 1, name, "a unit", u->load ?: "loaded",
                                          u->active ?: "active", u->sub ?: "running", "", "/", 0, "", "/");
}

static int standin_job(BusStandin *s, sd_bus *bus, sd_bus_message *m)
{
        char path[64];
        const char *name, *mode;
        sd_bus_message *signal = NULL;
        size_t used = strlen(s->calls);

        snprintf(path, sizeof path, "/org/freedesktop/systemd1/job/%u", ++s->n_jobs);
        CHECK(sd_bus_message_read(m, "ss", &name, &mode) > 0);
        CHECK_STR(mode, "replace");
        CHECK(!s->needs || access(s->needs, F_OK) == 0);
        snprintf(s->calls + used, sizeof(s->calls) - used, "%s %s\n", sd_bus_message_get_member(m), name);
        const BusUnit *u = standin_find(s, name);
        if (s->mood == BUS_DENIES)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                                  "Interactive authentication required.");
        if (!u)
                return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.NoSuchUnit",
                                                  "Unit %s not found.", name);
        int r = sd_bus_reply_method_return(m, "o", path);
        if (u->job && !*u->job)
                return r;
        CHECK(sd_bus_message_new_signal(bus, &signal, "/org/freedesktop/systemd1",
                                        "org.freedesktop.systemd1.Manager", "JobRemoved") >= 0);
        CHECK(sd_bus_message_set_sender(signal, "org.freedesktop.systemd1") >= 0);
        CHECK(sd_bus_message_append(signal, "uoss", s->n_jobs, path, name, u->job ?: "done") >= 0);
        r = sd_bus_send(bus, signal, NULL);
        sd_bus_message_unref(signal);
        return r;
}

static int standin_answer(BusStandin *s, sd_bus *bus, sd_bus_message *m)
{
        const char *member = sd_bus_message_get_member(m);

        if (streq(member, "Hello"))
                return sd_bus_reply_method_return(m, "s", ":1.7");
        if (s->mood == BUS_SILENT)
                return 1;
        if (s->mood == BUS_HANGS_UP) {
                sd_bus_close(bus);
                return 1;
        }
        if (streq(member, "AddMatch") || streq(member, "Subscribe"))
                return sd_bus_reply_method_return(m, "");
        if (streq(member, "GetUnit") || streq(member, "LoadUnit"))
                return standin_unit(s, m, *member == 'L');
        if (streq(member, "ListUnitsByNames"))
                return standin_row(s, m);
        return streq(member, "Get") ? standin_property(s, m) : standin_job(s, bus, m);
}

static int standin_on_message(sd_bus_message *m, void *userdata, sd_bus_error *ret)
{
        BusStandin *s = userdata;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        pthread_mutex_lock(&s->lock);
        int r = standin_answer(s, sd_bus_message_get_bus(m), m);
        pthread_mutex_unlock(&s->lock);
        return r < 0 ? r : 1;
}

static int standin_on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        BusStandin *s = userdata;
        sd_id128_t id = {.qwords = {1, 2}};
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (peer < 0)
                return sd_event_exit(s->event, 0);
        CHECK(s->n_buses < ELEMENTSOF(s->buses) && s->n_deaf < ELEMENTSOF(s->deaf));
        if (s->mood == BUS_DEAF) {
                s->deaf[s->n_deaf++] = peer;
                return 0;
        }
        sd_bus **bus = &s->buses[s->n_buses++];
        CHECK(sd_bus_new(bus) >= 0 && sd_bus_set_fd(*bus, peer, peer) >= 0 &&
              sd_bus_set_server(*bus, 1, id) >= 0);
        CHECK(sd_bus_set_anonymous(*bus, 1) >= 0 && sd_bus_start(*bus) >= 0);
        CHECK(sd_bus_add_filter(*bus, NULL, standin_on_message, s) >= 0);
        CHECK(sd_bus_attach_event(*bus, s->event, 0) >= 0);
        return 0;
}

static void *standin_main(void *userdata)
{
        BusStandin *s = userdata;

        CHECK(sd_event_new(&s->event) >= 0);
        CHECK(sd_event_add_io(s->event, NULL, s->fd, EPOLLIN, standin_on_accept, s) >= 0);
        CHECK(sd_event_loop(s->event) >= 0);
        for (size_t i = 0; i < s->n_buses; i++)
                sd_bus_close_unref(s->buses[i]);
        for (size_t i = 0; i < s->n_deaf; i++)
                close(s->deaf[i]);
        sd_event_unref(s->event);
        return NULL;
}

/* From here on it is the system bus. */
_unused_ static void standin_open(BusStandin *s)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};

        *s = (BusStandin){.folder = "/tmp/test-bus-XXXXXX"};
        pthread_mutex_init(&s->lock, NULL);
        CHECK(mkdtemp(s->folder));
        snprintf(s->path, sizeof(s->path), "%s/bus", s->folder);
        strcpy(a.sun_path, s->path);
        s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK(s->fd >= 0 && bind(s->fd, (struct sockaddr *) &a, sizeof(a)) == 0 && listen(s->fd, 64) == 0);
        _cleanup_free_ char *address = string_printf("unix:path=%s", s->path);
        CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1) == 0);
        CHECK(pthread_create(&s->thread, NULL, standin_main, s) == 0);
}

_unused_ static void standin_close(BusStandin *s)
{
        shutdown(s->fd, SHUT_RDWR);
        CHECK(pthread_join(s->thread, NULL) == 0);
        close(s->fd);
        CHECK(unlink(s->path) == 0 && rmdir(s->folder) == 0);
        pthread_mutex_destroy(&s->lock);
}

/* Adds a unit, or changes it. */
_unused_ static void standin_set(BusStandin *s, BusUnit unit)
{
        pthread_mutex_lock(&s->lock);
        BusUnit *u = standin_find(s, unit.name);
        for (size_t i = 0; !u; i++) {
                CHECK(i < ELEMENTSOF(s->units));
                if (!s->units[i].name)
                        u = &s->units[i];
        }
        *u = unit;
        pthread_mutex_unlock(&s->lock);
}

/* What jobs it was asked for since the last time. */
_unused_ static void check_calls(BusStandin *s, const char *wanted)
{
        pthread_mutex_lock(&s->lock);
        CHECK_STR(s->calls, wanted);
        s->calls[0] = '\0';
        pthread_mutex_unlock(&s->lock);
}
