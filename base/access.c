/* SPDX-License-Identifier: MIT */
/* Who may do what on a daemon's control socket. */
#include "base/access.h"

#include <grp.h>
#include <unistd.h>

#define CONNECTIONS_OF_USER    16
#define CONNECTIONS_FOR_ADMINS 8
#define CONNECTIONS_FOR_ROOT   8

static gid_t find_group(const char *name)
{
        const struct group *g = getgrnam(name);

        return g ? g->gr_gid : ACCESS_NO_GROUP;
}

void access_load(Access *ret)
{
        gid_t look = find_group("failover"), admin = find_group("failover-admin");

        *ret = (Access){.look = look, .admin = admin};
}

static bool in_group(const HttpPeer *peer, gid_t group)
{
        if (group == ACCESS_NO_GROUP)
                return false;
        if (peer->gid == group)
                return true;
        for (size_t i = 0; i < peer->n_groups; i++)
                if (peer->groups[i] == group)
                        return true;
        return false;
}

bool access_is_ourselves(const Access *a, const HttpPeer *peer)
{
        return a->look == ACCESS_NO_GROUP && a->admin == ACCESS_NO_GROUP && peer->uid == geteuid();
}

bool access_may_change(const Access *a, const HttpPeer *peer)
{
        return peer->known && (peer->uid == 0 || in_group(peer, a->admin) || access_is_ourselves(a, peer));
}

bool access_may_look(const Access *a, const HttpPeer *peer)
{
        return access_may_change(a, peer) ||
               (peer->known && (in_group(peer, a->look) || peer->uid == geteuid()));
}

HttpShare access_share(const Access *a, const HttpPeer *peer)
{
        if (peer->uid == 0)
                return (HttpShare){.most = ACCESS_CONNECTIONS};
        return (HttpShare){.most = CONNECTIONS_OF_USER,
                           .spare = access_may_change(a, peer)
                                                    ? CONNECTIONS_FOR_ROOT
                                                    : CONNECTIONS_FOR_ROOT + CONNECTIONS_FOR_ADMINS};
}
