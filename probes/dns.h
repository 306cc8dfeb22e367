/* SPDX-License-Identifier: MIT */
/* What the supervisor needs to know of `type: dns`, to see that a dns action does not change what a probe expects. */
#pragma once

#include "probes/probe.h"

typedef struct DnsProbeConf {
        char *name, *record;
        char **servers, **expect;
        unsigned min_answers;
        /* A dns action changes this record: which of the expected values are there depends on the mode. Set by the
         * supervisor. */
        bool follows_mode;
} DnsProbeConf;

/* One form for values of the config and of answers: addresses as inet_ntop() writes them, text without the quotes of zone
 * files, names in lower case without the trailing dot. -ENOMEM. */
int dns_probe_normalize(const DnsProbeConf *c, const char *value, char **ret);
