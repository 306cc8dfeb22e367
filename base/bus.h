/* SPDX-License-Identifier: MIT */
/* A connection to the system bus (D-Bus), opened without blocking, and what its errors mean.
 *
 * One connection for one question, as with every probe of a network: it costs about a millisecond, and nothing has to be
 * mended when the bus or its other end is restarted. The address is that of DBUS_SYSTEM_BUS_ADDRESS, else
 * /run/dbus/system_bus_socket. systemd's private socket is not tried: it takes root only, and failoverd runs as an
 * ordinary user, whose permissions polkit gives, on the bus. */
#pragma once

#include "base/error.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* Attached to the loop; calls may be made at once and are sent when the bus has let us in. -ENOTCONN: there is nobody to
 * connect to; our own trouble (-EMFILE, -ENOMEM) as it is. */
int bus_open(sd_event *event, sd_bus **ret, Error *e);
/* Forgets what is under way: no callback comes afterwards, and nothing is waited for. NULL is fine; returns NULL. */
sd_bus *bus_close(sd_bus *bus);

/* An error answer as negative errno, with text: -ENOTCONN the bus or the service behind it is not there or went away,
 * -ETIMEDOUT, -EACCES denied, -ENOENT no such unit or object, -EOPNOTSUPP it cannot do that, -ENOMEM and -EMFILE at the
 * other end as -EAGAIN, anything else -EIO. */
int bus_error(const sd_bus_error *error, Error *e);
