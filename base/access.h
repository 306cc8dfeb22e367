/* SPDX-License-Identifier: MIT */
/* Who may do what on a daemon's control socket: groups failover and failover-admin, root, and, when neither group exists, the
 * user that the daemon runs as. */
#pragma once

#include "base/httpd.h"

#define ACCESS_NO_GROUP ((gid_t) -1)

typedef struct Access {
        gid_t look, admin; /* ACCESS_NO_GROUP: no such group */
} Access;

/* Looks the groups up: this may block (LDAP, say), so once the loop runs a worker calls it. */
void access_load(Access *ret);
bool access_may_look(const Access *a, const HttpPeer *peer);
bool access_may_change(const Access *a, const HttpPeer *peer);
/* Nobody has made the groups, and it is who we run as. */
bool access_is_ourselves(const Access *a, const HttpPeer *peer);

/* Nobody locks out who must act: of the connections, some are for admins only, and of those some for root. */
#define ACCESS_CONNECTIONS 64
HttpShare access_share(const Access *a, const HttpPeer *peer);
