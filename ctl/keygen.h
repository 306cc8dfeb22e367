/* SPDX-License-Identifier: MIT */
/* What the parts of `keygen` share: keygen.c makes a key, rotate.c leads from one to the next. */
#pragma once

#include "ctl/ctl.h"

int keygen_change(const Invocation *i, const char *path); /* --rotate, --revoke, --show; the exit code */
