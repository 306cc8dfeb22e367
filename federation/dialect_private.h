/* SPDX-License-Identifier: MIT */
/* What dialect.c and peer_result.c share. */
#pragma once

#include "federation/dialect.h"
#include "federation/json_scan.h"

/* One element of an answer's results. -EBADMSG: it is none. scratch is for its use alone, kept so that it need not grow again. */
int peer_result_read(JsonSlice value, Text *scratch, PeerResult *ret);
