/* SPDX-License-Identifier: MIT */
/* Who may do what on the control socket. */
#include "supervisor/peer.h"

#include <pwd.h>

static int add_reporters(PeerRules *rules, unsigned probe, char *const *users)
{
        for (size_t i = 0; users && users[i]; i++) {
                const struct passwd *user = getpwnam(users[i]);
                size_t n = rules->n_reporters + 1;
                uid_t *uids;
                unsigned *probes;

                if (!user)
                        continue; /* check-config says so */
                uids = reallocarray(rules->reporters, n, sizeof(*uids));
                if (!uids)
                        return -ENOMEM;
                rules->reporters = uids;
                probes = reallocarray(rules->reporter_probes, n, sizeof(*probes));
                if (!probes)
                        return -ENOMEM;
                rules->reporter_probes = probes;
                uids[n - 1] = user->pw_uid;
                probes[n - 1] = probe;
                rules->n_reporters = n;
        }
        return 0;
}

int peer_rules_load(PeerRules *rules, const Config *config)
{
        PeerRules fresh = {0};

        access_load(&fresh.access);
        for (unsigned i = 0; i < config->n_probes; i++) {
                const ProbeConfig *p = config->probes[i];
                int r = p->type->passive ? add_reporters(&fresh, i, ((const PassiveConf *) p->conf)->from)
                                         : 0;

                if (r < 0) {
                        peer_rules_clear(&fresh);
                        return r;
                }
        }
        peer_rules_clear(rules);
        *rules = fresh;
        return 0;
}

void peer_rules_clear(PeerRules *rules)
{
        free(rules->reporters);
        free(rules->reporter_probes);
        *rules = (PeerRules){.access = {ACCESS_NO_GROUP, ACCESS_NO_GROUP}};
}

bool peer_may_report(const PeerRules *rules, const HttpPeer *peer, unsigned probe)
{
        if (!peer->known)
                return false;
        if (peer->uid == 0 || access_is_ourselves(&rules->access, peer))
                return true;
        for (size_t i = 0; i < rules->n_reporters; i++)
                if (rules->reporter_probes[i] == probe && rules->reporters[i] == peer->uid)
                        return true;
        return false;
}
