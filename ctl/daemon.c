/* SPDX-License-Identifier: MIT */
/* The verbs that a daemon's own program answers: simulate, check-config, help config. It is the one that lies beside this
 * program, so that both are of one version. */
#include "ctl/daemon.h"

#include "base/conf.h"
#include "ctl/command.h"

#include <unistd.h>

/* "DIR/NAME" of the folder this program lies in, "DIR/../sbin/NAME", or plain "NAME" for PATH. */
int daemon_find(const char *name, char *buffer, size_t size)
{
        static const char *const places[] = {"", "../sbin/"};
        char self[4096];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

        if (n > 0) {
                self[n] = '\0';
                *(strrchr(self, '/') + 1) = '\0';
                for (size_t k = 0; k < ELEMENTSOF(places); k++) {
                        if ((size_t) snprintf(buffer, size, "%s%s%s", self, places[k], name) >= size)
                                return -ENAMETOOLONG;
                        if (access(buffer, X_OK) >= 0)
                                return 0;
                }
        }
        snprintf(buffer, size, "%s", name);
        return 0;
}

/* The daemon's exit codes in ours: 0 stopped, 2 usage, 6 bad config, 1 anything else. */
static int translate(int status)
{
        return status == 0 ? CTL_DONE : status == 2 ? CTL_USAGE : CTL_REFUSED;
}

int daemon_run(const Invocation *i, const char *name, const char *const *arguments)
{
        const char *argv[16] = {};
        char program[4200];
        Error e = {};
        int r;

        r = daemon_find(name, program, sizeof(program));
        if (r < 0)
                return ctl_failed(i, (error_set(&e, r, "the path of %s is too long", name), &e));
        argv[0] = program;
        for (size_t k = 0; arguments[k]; k++) {
                assert(k + 2 < ELEMENTSOF(argv));
                argv[k + 1] = arguments[k];
        }
        r = command_run(argv, false, NULL);
        if (r == -ENOENT)
                return ctl_failed(i, (error_set(&e, r,
                                                "no %s beside failoverctl, in ../sbin, or in PATH: it is its "
                                                "program that does this",
                                                name),
                                      &e));
        if (r < 0)
                return ctl_failed(i, (error_set(&e, r, "%s: %s", program, strerror(-r)), &e));
        return translate(r);
}

int verb_simulate(const Invocation *i)
{
        const char *argv[8] = {};
        _cleanup_free_ char *trace = NULL, *config = NULL, *seed = NULL;
        size_t n = 0;
        char *end;

        if (!i->given[OPTION_CONFIG])
                return ctl_usage(i, "say which configuration: --config FILE");
        if (i->given[OPTION_SEED]) {
                const char *s = i->value[OPTION_SEED];

                errno = 0;
                (void) strtoull(s, &end, 10);
                if (s[0] < '0' || s[0] > '9' || *end != '\0' || errno != 0)
                        return ctl_usage(i, "--seed takes a number");
                seed = string_printf("--seed=%s", s);
                if (!seed)
                        return i->verb->failure;
        }
        trace = string_printf("--simulate=%s", i->arguments[0]);
        config = string_printf("--config=%s", i->value[OPTION_CONFIG]);
        if (!trace || !config)
                return i->verb->failure;
        argv[n++] = trace;
        argv[n++] = config;
        if (seed)
                argv[n++] = seed;
        return daemon_run(i, "failoverd", argv);
}

/* Whose configuration is it? By the keys that only one of them has, since a file may be called anything; by its name when it
 * cannot be read. */
static const char *whose_config(const char *path)
{
        static const char *const supervisors[] = {"probes", "modes", "actions", "vantage", "failback"},
                                 *const federations[] = {"network", "listen",   "limits",
                                                         "catalog", "failover", "tls"};
        const char *name = strrchr(path, '/');
        _cleanup_(conf_freep) Conf *conf = NULL;
        Error e;

        if (conf_load(path, &conf, &e) >= 0 && conf_is_mapping(conf_root(conf))) {
                for (size_t k = 0; k < ELEMENTSOF(supervisors); k++)
                        if (conf_get(conf_root(conf), supervisors[k]))
                                return "failoverd";
                for (size_t k = 0; k < ELEMENTSOF(federations); k++)
                        if (conf_get(conf_root(conf), federations[k]))
                                return "federationd";
        }
        return strncmp(name ? name + 1 : path, "federationd", 11) == 0 ? "federationd" : "failoverd";
}

int verb_check_config(const Invocation *i)
{
        const char *argv[8] = {"--check"};
        _cleanup_free_ char *config = NULL;
        const char *file = i->arguments[0] ? i->arguments[0] : CTL_CONFIG, *daemon = whose_config(file);
        size_t n = 1;

        config = string_printf("--config=%s", file);
        if (!config)
                return i->verb->failure;
        argv[n++] = config;
        if (i->given[OPTION_JSON])
                argv[n++] = "--json";
        if (i->given[OPTION_ONLINE])
                argv[n++] = "--online";
        if (i->given[OPTION_PROBES]) {
                if (streq(daemon, "federationd"))
                        return ctl_usage(i,
                                         "--probes is for failoverd's configuration: federationd has none");
                argv[n++] = "--probes";
        }
        return daemon_run(i, daemon, argv);
}
