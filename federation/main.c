/* SPDX-License-Identifier: MIT */
/* federationd: options, and which of its lives it leads: serve, --check, --import or --help-config. */
#include "base/daemon.h"
#include "base/file.h"
#include "base/log.h"
#include "base/message_id.h"
#include "base/text.h"
#include "federation/check.h"
#include "federation/federation.h"
#include "federation/import_file.h"

#include <getopt.h>
#include <sodium.h>
#include <sqlite3.h>
#include <unistd.h>

/* The catalog's threads work side by side. */
#define HEAPS 2

static const char *arg_config;
static const char *arg_state_dir;
static const char *arg_runtime_dir;
static const char *arg_import;
static bool arg_check, arg_help_config, arg_json, arg_online;

static int usage(FILE *out)
{
        fputs("federationd [--config FILE] [--state-dir D] [--runtime-dir D] [--log-level L]\n"
              "            [--check [--json] [--online] | --import FILE | --help-config]\n\n"
              "Searches this shop's books and those of other shops, and tells the shop's front end how to "
              "take payments.\n\n"
              "  --config FILE       default /etc/failoverd/federationd.yaml\n"
              "  --state-dir D       the catalog, and what was learned of peers; default "
              "/var/lib/federationd\n"
              "  --runtime-dir D     control.sock; default /run/federationd\n"
              "  --log-level L       emerg alert crit err warning notice info debug; default info\n"
              "  --check             say what is wrong with the configuration, and end\n"
              "  --json              for --check: what was found, as JSON on standard output\n"
              "  --online            for --check: look names up, too\n"
              "  --import FILE       books from CSV or JSON Lines into the catalog, beside a running daemon, "
              "too;\n"
              "                      - reads standard input\n"
              "  --help-config       every key of the configuration, with its default\n"
              "  --version\n\n"
              "SIGHUP reloads, SIGTERM stops. Exit: 0 stopped, 1 failed, 2 usage, 6 bad configuration.\n"
              "See federationd(8), federationd.yaml(5), failoverctl(1).\n",
              out);
        return out == stderr ? EXIT_USAGE : EXIT_STOPPED;
}

enum {
        ARG_CONFIG = 0x100,
        ARG_STATE_DIR,
        ARG_RUNTIME_DIR,
        ARG_LOG_LEVEL,
        ARG_CHECK,
        ARG_IMPORT,
        ARG_HELP_CONFIG,
        ARG_JSON,
        ARG_ONLINE,
        ARG_VERSION,
};

static const struct option options[] = {
                {"help", no_argument, NULL, 'h'},
                {"config", required_argument, NULL, ARG_CONFIG},
                {"state-dir", required_argument, NULL, ARG_STATE_DIR},
                {"runtime-dir", required_argument, NULL, ARG_RUNTIME_DIR},
                {"log-level", required_argument, NULL, ARG_LOG_LEVEL},
                {"check", no_argument, NULL, ARG_CHECK},
                {"json", no_argument, NULL, ARG_JSON},
                {"online", no_argument, NULL, ARG_ONLINE},
                {"import", required_argument, NULL, ARG_IMPORT},
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
        case ARG_LOG_LEVEL:
                if (log_set_level(optarg) >= 0)
                        return -1;
                fprintf(stderr, "federationd: unknown log level `%s`\n", optarg);
                return EXIT_USAGE;
        case ARG_CHECK:
                arg_check = true;
                return -1;
        case ARG_JSON:
                arg_json = true;
                return -1;
        case ARG_ONLINE:
                arg_online = true;
                return -1;
        case ARG_IMPORT:
                arg_import = optarg;
                return -1;
        case ARG_HELP_CONFIG:
                arg_help_config = true;
                return -1;
        case ARG_VERSION:
                puts("federationd " PROJECT_VERSION);
                return EXIT_STOPPED;
        case 'h':
                return usage(stdout);
        default:
                fputs("See federationd --help.\n", stderr);
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
                fprintf(stderr, "federationd: unexpected argument `%s`\n", argv[optind]);
                return EXIT_USAGE;
        }
        if (arg_check + (arg_import != NULL) + arg_help_config > 1) {
                fputs("federationd: one of --check, --import and --help-config at a time\n", stderr);
                return EXIT_USAGE;
        }
        return -1;
}

static int help_config(void)
{
        const ConfSection *sections;
        size_t n = config_sections(&sections);

        conf_help_sections(stdout, "federationd.yaml", sections, n);
        return fflush(stdout) == 0 ? EXIT_STOPPED : EXIT_OTHER;
}

static int check(const Places *places)
{
        CheckOptions o = {.config = places->config,
                          .state_dir = places->state_dir,
                          .runtime_dir = places->runtime_dir,
                          .online = arg_online};
        _cleanup_check_ CheckReport report = {0};

        if (check_run(&o, &report) < 0) {
                log_error("out of memory");
                return EXIT_OTHER;
        }
        if (arg_json) {
                _cleanup_json_ json_t *answer = json_whole(check_to_json(&report));
                _cleanup_free_ char *text = NULL;

                if (!answer || json_print(answer, &text) < 0)
                        return EXIT_OTHER;
                puts(text);
        } else {
                check_show(&report, stdout, stderr, daemon_terminal_width(STDERR_FILENO));
        }
        if (fflush(stdout) != 0)
                return EXIT_OTHER;
        return report.findings.counts[FINDING_ERROR] > 0 ? EXIT_CONFIG : EXIT_STOPPED;
}

static int serve(const Places *places)
{
        _cleanup_(federation_freep) Federation *f = NULL;
        Config *c = NULL;
        Error e = {""};
        int r;

        daemon_defer_reload();
        daemon_forbid_core();
        r = config_load(places->config, &c, &e);
        if (r >= 0)
                r = config_read_files(c, &e);
        if (r < 0) {
                log_message(LOG_ERR, MESSAGE_CONFIG_BAD, "%s", e.text);
                config_free(c);
                return daemon_exit_for_config(r);
        }
        if (daemon_raise_limits() < 0) {
                config_free(c);
                return EXIT_OTHER;
        }
        daemon_tame_malloc(HEAPS);
        if (federation_new(places, c, &f, &e) < 0) {
                log_error("%s", e.text);
                return EXIT_OTHER;
        }
        return federation_run(f) != 0 ? EXIT_OTHER : EXIT_STOPPED;
}

static int import(const char *state)
{
        _cleanup_free_ char *path = string_printf("%s/catalog.db", state);
        int r = directory_make(state, 0755);

        if (r < 0 || !path) {
                log_error("cannot make %s: %s", state, error_words(path ? -r : ENOMEM));
                return EXIT_OTHER;
        }
        return import_run(path, arg_import) < 0 ? EXIT_OTHER : EXIT_STOPPED;
}

int main(int argc, char **argv)
{
        _cleanup_free_ char *config = NULL, *state = NULL, *runtime = NULL;
        int r;

        log_open("federationd");
        r = parse_arguments(argc, argv);
        if (r >= 0)
                return r;
        if (arg_help_config)
                return help_config();
        config = daemon_config(arg_config, "federationd.yaml");
        state = daemon_directory(arg_state_dir, "STATE_DIRECTORY", "/var/lib/federationd");
        runtime = daemon_directory(arg_runtime_dir, "RUNTIME_DIRECTORY", "/run/federationd");
        if (!config || !state || !runtime) {
                log_error("out of memory");
                return EXIT_OTHER;
        }
        if (sodium_init() < 0) {
                log_error("libsodium does not start");
                return EXIT_OTHER;
        }
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
                       0); /* nobody asks, and each allocation would take a lock to count */
        if (arg_check)
                return check(&(Places){.config = config, .state_dir = state, .runtime_dir = runtime});
        if (arg_import)
                return import(state);
        return serve(&(Places){.config = config, .state_dir = state, .runtime_dir = runtime});
}
