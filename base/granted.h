/* SPDX-License-Identifier: MIT */
/* Does the system give a daemon what its configuration needs? Credentials and paths by its unit and drop-ins, users who must reach the
 * control socket by their group. For check-config, of the configuration that the unit runs with. */
#pragma once

#include "base/finding.h"

typedef struct Granted {
        const char *config; /* the file that is checked: another than /etc/failoverd/NAME.yaml is not the unit's, and is left alone */
        const char *daemon;    /* "failoverd": its unit, and its user */
        const char *state_dir; /* open to it in any case */
        const json_t *needs;   /* {"credentials": […], "writes": […], "reads": […], "users": […]} */
} Granted;

/* Reads small files below /etc and /usr; looks users up in a child. */
void findings_add_not_granted(Findings *f, const Granted *g);
/* May others write to that file; and can the daemon's user read it? As the kernel answers him: owner, group, mode, access lists, the
 * folders above it. Only root asks that, since others have read it with less. */
void findings_add_access(Findings *f, const char *config, const char *daemon);
/* A secret that is named without a slash was looked for beside that configuration, with this error. Is it none for the daemon, to
 * which systemd gives it? -EPERM: whoever may read the file; -ENOENT: it comes from somewhere else. */
bool granted_excuses(const char *config, const char *daemon, const char *name, int error);

/* Does a unit's or a drop-in's text say where the credential of this name comes from? */
bool granted_credential(const char *unit, const char *name);
