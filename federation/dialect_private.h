/* SPDX-License-Identifier: MIT */
/* What dialect.c and peer_result.c share. */
#pragma once

#include "base/json_scan.h"
#include "federation/dialect.h"

/* The element that w is at; w is behind it afterwards. -EBADMSG: it is no result. scratch is for its use alone, kept so that it need not grow again. */
int peer_result_read(JsonWalk *w, Text *scratch, PeerResult *ret);
