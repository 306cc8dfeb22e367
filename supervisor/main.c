/* SPDX-License-Identifier: MIT */
/* failoverd: options, and which of its lives it leads: supervise, --check, --simulate, --help-config, or, started by
 * itself, the child of a probe. */
#include "base/daemon.h"
#include "base/log.h"
#include "base/message_id.h"
#include "base/text.h"
#include "probes/probe.h"
#include "supervisor/check.h"
#include "supervisor/help.h"
#include "supervisor/manager.h"
#include "supervisor/simulate.h"
#include "supervisor/standing.h"
#include "supervisor/trial.h"

#include <getopt.h>
#include <sodium.h>
#include <unistd.h>

static const char *arg_config;
static const char *arg_state_dir;
static const char *arg_runtime_dir;
static const char *arg_status_dir;
static const char *arg_trace;
static uint64_t arg_seed = 1;
static bool arg_seed_given;
static bool arg_check, arg_help_config, arg_json, arg_online, arg_probes;

static int usage(FILE *out)
{
        fputs("failoverd [--config FILE] [--state-dir D] [--runtime-dir D] [--status-dir D] [--log-level L]\n"
              "          [--check [--json] [--online] [--probes] | --simulate TRACE [--seed N] | "
              "--help-config]\n\n"
              "Keeps a shop selling: probes what it depends on, changes its payment mode when that fails, "
              "and back.\n\n"
              "  --config FILE       default /etc/failoverd/failoverd.yaml\n"
              "  --state-dir D       what must survive; default /var/lib/failoverd\n"
              "  --runtime-dir D     payment.env, mode.json, control.sock; default /run/failoverd\n"
              "  --status-dir D      the status page; default STATE/status\n"
              "  --log-level L       emerg alert crit err warning notice info debug; default info\n"
              "  --check             say what is wrong with the configuration, and end\n"
              "  --json              for --check: what was found, as JSON on standard output\n"
              "  --online            for --check: look names up, too\n"
              "  --probes            for --check: run every probe once, now\n"
              "  --simulate TRACE    play a described outage against the configuration; - reads standard "
              "input\n"
              "  --seed N            for --simulate: what chance decides; default 1\n"
              "  --help-config       every key of the configuration, with its default\n"
              "  --version\n\n"
              "SIGHUP reloads, SIGTERM stops. Exit: 0 stopped, 1 failed, 2 usage, 6 bad configuration.\n"
              "See failoverd(8), failoverd.yaml(5), failoverctl(1).\n",
              out);
        return out == stderr ? EXIT_USAGE : EXIT_STOPPED;
}

static int parse_seed(const char *text)
{
        char *end;

        errno = 0;
        arg_seed = strtoull(text, &end, 10);
        if (errno == 0 && *text && !*end && text[0] != '-')
                return 0;
        fprintf(stderr, "failoverd: --seed wants a whole number, not `%s`\n", text);
        return -EINVAL;
}

enum {
        ARG_CONFIG = 0x100,
        ARG_STATE_DIR,
        ARG_RUNTIME_DIR,
        ARG_STATUS_DIR,
        ARG_LOG_LEVEL,
        ARG_CHECK,
        ARG_SIMULATE,
        ARG_SEED,
        ARG_HELP_CONFIG,
        ARG_JSON,
        ARG_ONLINE,
        ARG_PROBES,
        ARG_VERSION,
};

static const struct option options[] = {
                {"help", no_argument, NULL, 'h'},
                {"config", required_argument, NULL, ARG_CONFIG},
                {"state-dir", required_argument, NULL, ARG_STATE_DIR},
                {"runtime-dir", required_argument, NULL, ARG_RUNTIME_DIR},
                {"status-dir", required_argument, NULL, ARG_STATUS_DIR},
                {"log-level", required_argument, NULL, ARG_LOG_LEVEL},
                {"check", no_argument, NULL, ARG_CHECK},
                {"simulate", required_argument, NULL, ARG_SIMULATE},
                {"seed", required_argument, NULL, ARG_SEED},
                {"json", no_argument, NULL, ARG_JSON},
                {"online", no_argument, NULL, ARG_ONLINE},
                {"probes", no_argument, NULL, ARG_PROBES},
                {"help-config", no_argument, NULL, ARG_HELP_CONFIG},
                {"version", no_argument, NULL, ARG_VERSION},
                {NULL},
};

/* -1: go on; else the exit code. */
static int parse_option(int option)
{
        switch (option) {
        case ARG_CONFIG:
                arg_config = optarg;
                return -1;
        case ARG_STATE_DIR:
                arg_state_dir = optarg;
                return -1;
        case ARG_RUNTIME_DIR:
                arg_runtime_dir = optarg;
                return -1;
        case ARG_STATUS_DIR:
                arg_status_dir = optarg;
                return -1;
        case ARG_LOG_LEVEL:
                if (log_set_level(optarg) >= 0)
                        return -1;
                fprintf(stderr, "failoverd: unknown log level `%s`\n", optarg);
                return EXIT_USAGE;
        case ARG_CHECK:
                arg_check = true;
                return -1;
        case ARG_SIMULATE:
                arg_trace = optarg;
                return -1;
        case ARG_SEED:
                arg_seed_given = true;
                return parse_seed(optarg) < 0 ? EXIT_USAGE : -1;
        case ARG_HELP_CONFIG:
                arg_help_config = true;
                return -1;
        case ARG_JSON:
                arg_json = true;
                return -1;
        case ARG_ONLINE:
                arg_online = true;
                return -1;
        case ARG_PROBES:
                arg_probes = true;
                return -1;
        case ARG_VERSION:
                puts("failoverd " PROJECT_VERSION);
                return EXIT_STOPPED;
        case 'h':
                return usage(stdout);
        default:
                fputs("See failoverd --help.\n", stderr);
                return EXIT_USAGE;
        }
}

static int parse_arguments(int argc, char **argv)
{
        int option, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                r = parse_option(option);
                if (r >= 0)
                        return r;
        }
        if (optind < argc) {
                fprintf(stderr, "failoverd: unexpected argument `%s`\n", argv[optind]);
                return EXIT_USAGE;
        }
        if (arg_seed_given && !arg_trace) {
                fputs("failoverd: --seed is for --simulate\n", stderr);
                return EXIT_USAGE;
        }
        if (arg_check + (arg_trace != NULL) + arg_help_config > 1) {
                fputs("failoverd: one of --check, --simulate and --help-config at a time\n", stderr);
                return EXIT_USAGE;
        }
        return -1;
}

static void log_finding(bool error, const char *text, void *userdata)
{
        if (error)
                log_message(LOG_ERR, MESSAGE_CONFIG_BAD, "%s", text);
        else
                log_warning("%s", text);
}

static int check(const Places *places)
{
        CheckOptions o = {.config = places->config,
                          .state_dir = places->state_dir,
                          .runtime_dir = places->runtime_dir,
                          .status_dir = places->status_dir,
                          .online = arg_online};
        _cleanup_check_ CheckReport report = {0};
        _cleanup_trial_ Trial trial = {0};
        int r;

        if (check_run(&o, &report) < 0) {
                log_error("out of memory");
                return EXIT_OTHER;
        }
        if (arg_probes && report.config && report.findings.counts[FINDING_ERROR] == 0) {
                r = trial_run(report.config, &trial);
                if (r < 0) {
                        log_error("cannot run the probes: %s", error_words(-r));
                        return EXIT_OTHER;
                }
        }
        if (arg_json) {
                json_t *document = check_to_json(&report);
                _cleanup_json_ json_t *answer = NULL;
                _cleanup_free_ char *text = NULL;

                if (trial.runs)
                        json_put(document, "runs", trial_to_json(&trial));
                answer = json_whole(document);

                if (!answer || json_print(answer, &text) < 0)
                        return EXIT_OTHER;
                puts(text);
        } else {
                check_show(&report, stdout, stderr, daemon_terminal_width(STDERR_FILENO));
                if (trial.runs)
                        trial_show(&trial, stdout, daemon_terminal_width(STDOUT_FILENO));
        }
        if (fflush(stdout) != 0)
                return EXIT_OTHER;
        if (report.findings.counts[FINDING_ERROR] > 0)
                return EXIT_CONFIG;
        return trial_is_well(&trial) ? EXIT_STOPPED : EXIT_OTHER;
}

static int run_simulation(const char *path)
{
        bool standard_input = streq(arg_trace, "-");
        Config *c = NULL;
        FILE *trace;
        Error e;
        int r;

        r = config_load(path, &c, &e);
        if (r < 0) {
                fprintf(stderr, "failoverd: %s\n", e.text);
                return daemon_exit_for_config(r);
        }
        trace = standard_input ? stdin : fopen(arg_trace, "re");
        if (!trace) {
                fprintf(stderr, "failoverd: %s: %s\n", arg_trace, error_words(errno));
                config_free(c);
                return EXIT_OTHER;
        }
        r = simulate(c, trace, standard_input ? "standard input" : arg_trace, arg_seed, stdout, &e);
        if (r < 0)
                fprintf(stderr, "failoverd: %s\n", e.text);
        if (!standard_input)
                fclose(trace);
        config_free(c);
        return r < 0 || fflush(stdout) != 0 ? EXIT_OTHER : EXIT_STOPPED;
}

static int load(const Places *places, Config **ret)
{
        Config *c = NULL;
        Error e = {""};
        int r;

        r = config_load(places->config, &c, &e);
        if (r < 0) {
                log_message(LOG_ERR, MESSAGE_CONFIG_BAD, "%s", e.text);
                return r;
        }
        r = config_verify(c, true, log_finding, NULL) > 0 ? -EPERM : config_read_key(c);
        if (r < 0) {
                config_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

static int supervise(const Places *places)
{
        _cleanup_(manager_freep) Manager *m = NULL;
        Config *c = NULL;
        Error e = {""};
        int r;

        daemon_defer_reload();
        daemon_forbid_core();
        if (daemon_raise_limits() < 0)
                return EXIT_OTHER;
        r = load(places, &c);
        if (r < 0) {
                standing_publish(places); /* nobody is here to say so, but buyers go on paying */
                return daemon_exit_for_config(r);
        }
        daemon_tame_malloc(1); /* the three threads hardly ever allocate at the same time */
        if (manager_new(places, c, &m, &e) < 0) {
                log_error("%s", e.text);
                return EXIT_OTHER;
        }
        return manager_run(m) != 0 ? EXIT_OTHER : EXIT_STOPPED;
}

/* What libpq would take from there stands in the configuration, or is not meant. */
static void forget_environment(void)
{
        char **kept = environ;

        for (char **variable = environ; variable && *variable; variable++)
                if (strncmp(*variable, "PG", 2) != 0)
                        *kept++ = *variable;
        if (kept)
                *kept = NULL;
}

int main(int argc, char **argv)
{
        _cleanup_free_ char *config = NULL, *state = NULL, *runtime = NULL, *status = NULL;
        int r;

        if (argc > 1 && streq(argv[1], "--probe-child"))
                return probe_child(argc - 2, argv + 2);
        forget_environment();
        log_open("failoverd");
        r = parse_arguments(argc, argv);
        if (r >= 0)
                return r;
        if (arg_help_config)
                return help_config(stdout) < 0 ? EXIT_OTHER : EXIT_STOPPED;

        config = daemon_config(arg_config, "failoverd.yaml");
        state = daemon_directory(arg_state_dir, "STATE_DIRECTORY", "/var/lib/failoverd");
        runtime = daemon_directory(arg_runtime_dir, "RUNTIME_DIRECTORY", "/run/failoverd");
        status = arg_status_dir ? strdup(arg_status_dir) : string_printf("%s/status", state ? state : "");
        if (!config || !state || !runtime || !status) {
                log_error("out of memory");
                return EXIT_OTHER;
        }
        if (sodium_init() < 0) {
                log_error("libsodium does not start");
                return EXIT_OTHER;
        }
        if (arg_check)
                return check(&(Places){.config = config,
                                       .state_dir = state,
                                       .runtime_dir = runtime,
                                       .status_dir = status});
        if (arg_trace)
                return run_simulation(config);
        return supervise(&(Places){
                        .config = config, .state_dir = state, .runtime_dir = runtime, .status_dir = status});
}
