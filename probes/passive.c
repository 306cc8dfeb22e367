/* SPDX-License-Identifier: MIT */
/* A probe that is never run: the shop reports how its real checkouts went (POST /v1/report). */
#include "probes/probe.h"

#include <pwd.h>

static int passive_verify(const void *conf, const char *config_dir, Error *e)
{
        const PassiveConf *c = conf;

        for (char **user = c->from; user && *user; user++) {
                errno = 0;
                if (getpwnam(*user))
                        continue;
                if (errno != 0 && errno != ENOENT && errno != ESRCH)
                        return error_set(e, -errno, "cannot look up the user %s: %s", *user, strerror(errno));
                return error_set(e, -ESRCH, "from: there is no user %s on this machine", *user);
        }
        return 0;
}

static int passive_check(const void *conf, const ConfNode *node, Error *e)
{
        const PassiveConf *c = conf;
        const ConfNode *from = conf_get(node, "from");

        for (size_t i = 0; c->from && c->from[i]; i++)
                if (c->from[i][0] == '\0' || strpbrk(c->from[i], ":\n"))
                        return conf_error(conf_is_sequence(from) ? conf_item(from, i) : from, e,
                                          "\"%s\" is not a user name", c->from[i]);
        return 0;
}

const ProbeType probe_passive = {
                .name = "passive",
                .help = "Reports by the shop itself: how its real checkouts went.",
                .conf_size = sizeof(PassiveConf),
                .fields =
                                (const ConfField[]){
                                                {"from", &conf_strings, offsetof(PassiveConf, from), 0, NULL,
                                                 "users who may report; without it only root may"},
                                                {"max_silence", &conf_duration,
                                                 offsetof(PassiveConf, max_silence_usec), 0, "15m",
                                                 "without a report for so long the verdict is unknown",
                                                 &(const ConfRange){USEC_PER_SEC, 365 * USEC_PER_DAY}},
                                                {NULL},
                                },
                .passive = true,
                .check = passive_check,
                .verify = passive_verify,
};
