/* SPDX-License-Identifier: MIT */
/* What Prometheus is told. */
#pragma once

#include "supervisor/manager.h"

int metrics_text(const Manager *m, char **ret);
