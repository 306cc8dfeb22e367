/* SPDX-License-Identifier: MIT */
/* Opening sd-bus on the loop, and the one place where its errors become ours. */
#include "base/bus.h"

#include "base/text.h"

static const struct {
        const char *name;
        int code;
} errors[] = {
                {SD_BUS_ERROR_NO_REPLY, -ENOTCONN},
                {SD_BUS_ERROR_DISCONNECTED, -ENOTCONN},
                {SD_BUS_ERROR_NO_SERVER, -ENOTCONN},
                {SD_BUS_ERROR_NO_NETWORK, -ENOTCONN},
                {SD_BUS_ERROR_NAME_HAS_NO_OWNER, -ENOTCONN},
                {SD_BUS_ERROR_SERVICE_UNKNOWN, -ENOTCONN},
                {"org.freedesktop.DBus.Error.Spawn.ChildExited", -ENOTCONN},
                {SD_BUS_ERROR_TIMEOUT, -ETIMEDOUT},
                {"org.freedesktop.DBus.Error.TimedOut", -ETIMEDOUT},
                {SD_BUS_ERROR_ACCESS_DENIED, -EACCES},
                {SD_BUS_ERROR_AUTH_FAILED, -EACCES},
                {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, -EACCES},
                {"org.freedesktop.systemd1.NoSuchUnit", -ENOENT},
                {SD_BUS_ERROR_UNKNOWN_OBJECT, -ENOENT},
                {"org.freedesktop.systemd1.JobTypeNotApplicable", -EOPNOTSUPP},
                {SD_BUS_ERROR_NOT_SUPPORTED, -EOPNOTSUPP},
                {SD_BUS_ERROR_NO_MEMORY, -EAGAIN},
                {SD_BUS_ERROR_LIMITS_EXCEEDED, -EAGAIN},
};

int bus_error(const sd_bus_error *error, Error *e)
{
        char text[400];

        assert(error && error->name);
        plain_copy(text, sizeof(text), error->message && *error->message ? error->message : error->name);
        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                if (streq(errors[i].name, error->name))
                        return error_set(e, errors[i].code, "%s%s",
                                         errors[i].code == -ENOTCONN ? "the system bus: " : "", text);
        return error_set(e, -EIO, "%s", text);
}

static int bus_settle(sd_bus *bus, sd_event *event)
{
        /* Else the end of the loop would wait until everything is sent, to a bus that may hang. */
        int r = sd_bus_set_close_on_exit(bus, false);

        return r < 0 ? r : sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
}

int bus_open(sd_event *event, sd_bus **ret, Error *e)
{
        sd_bus *bus = NULL;

        assert(event && ret);
        int r = sd_bus_open_system_with_description(&bus, "failoverd");
        if (error_is_shortage(r))
                return error_set(e, r, "the system bus: %s", strerror(-r));
        if (r < 0) /* -EAGAIN: it has more callers waiting than it takes */
                return error_set(e, -ENOTCONN, "the system bus cannot be reached: %s", strerror(-r));
        r = bus_settle(bus, event);
        if (r < 0) {
                bus_close(bus);
                return error_set(e, r, "the system bus: %s", strerror(-r));
        }
        *ret = bus;
        return 0;
}

sd_bus *bus_close(sd_bus *bus)
{
        return sd_bus_close_unref(bus);
}
