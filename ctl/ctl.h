/* SPDX-License-Identifier: MIT */
/* What the verbs share: the options, the shape of the verb table in main.c, asking the daemon.
 *
 * To add a verb, write verb_NAME() beside its kin and add a line to the table in main.c. */
#pragma once

#include "base/json.h"
#include "base/text.h"

#define CTL_SOCKET            "/run/failoverd/control.sock"
#define CTL_NETWORK_SOCKET    "/run/federationd/control.sock"
#define CTL_CONFIG            "/etc/failoverd/failoverd.yaml"
#define CTL_FEDERATION_CONFIG "/etc/failoverd/federationd.yaml"
#define CTL_KEY               "/etc/failoverd/node.key"

#define CTL_ANSWER_USEC (5 * USEC_PER_SEC)  /* how long an answer may take */
#define CTL_RUN_USEC    (90 * USEC_PER_SEC) /* … when it waits for a probe or an alert channel */

/* Exit codes. A verb whose `failure` is CTL_UNKNOWN (status) uses that for every failure, usage errors included, so
 * that it is a valid Nagios plug-in. */
enum {
        CTL_DONE = 0,
        CTL_REFUSED = 1,
        CTL_USAGE = 2,
        CTL_UNKNOWN = 3,
};

typedef enum Option {
        OPTION_JSON,
        OPTION_SOCKET,
        OPTION_HELP,
        OPTION_VERSION,
        OPTION_WATCH,
        OPTION_NAGIOS,
        OPTION_MODE,
        OPTION_FOR,
        OPTION_REASON,
        OPTION_LIMIT,
        OPTION_TEST,
        OPTION_CONFIG,
        OPTION_SEED,
        OPTION_ONLINE,
        OPTION_PROBES,
        OPTION_ID,
        OPTION_CATEGORY,
        OPTION_MAX_PRICE,
        OPTION_FORMAT,
        OPTION_ROTATE,
        OPTION_REVOKE,
        OPTION_SHOW,
        OPTION_REGISTRY,
        OPTION_TIMEOUT,
        OPTION_FORGET,
        OPTION_FORCE,
        OPTION_KEY,
        OPTION_CHECK,
        OPTION_MONTH,
        OPTION_CSV,
        OPTION_UNATTENDED,
        OPTION_ROOT,
        OPTION_DROP_INS,
        OPTION_TRIAL,
        OPTION_DRY_RUN,
        OPTION_NAME,
        OPTION_IMPACT,
        OPTION_STATE,
        OPTION_COMPONENTS,
        OPTION_FROM,
        OPTION_UNTIL,
        _OPTION_MAX,
} Option;

#define CTL_BIT(option) (UINT64_C(1) << (option))
static_assert(_OPTION_MAX <= 64, "Verb.options has a bit for each");

typedef struct OptionInfo {
        const char *name;
        const char *value; /* what stands for the value in help; NULL: takes none */
        const char *help;
} OptionInfo;

typedef struct Verb Verb;

typedef struct Invocation {
        const Verb *verb;          /* the one that runs */
        const Verb *verbs;         /* all of them, ended by {NULL} */
        const OptionInfo *options; /* _OPTION_MAX of them */
        const char *socket;        /* never NULL */
        bool given[_OPTION_MAX];   /* which options stood on the command line */
        const char *value[_OPTION_MAX];
        char **arguments; /* NULL-terminated, without the verb */
} Invocation;

struct Verb {
        const char *name;
        const char *arguments;           /* "[MODE]"; "" for none */
        int min, max;                    /* how many of them */
        uint64_t options;                /* bits CTL_BIT(OPTION_…) beside --json, --socket and --help */
        int failure;                     /* exit code when the daemon does not answer or refuses */
        const char *summary;             /* half a line */
        const char *help;                /* paragraphs */
        int (*run)(const Invocation *i); /* returns the exit code */
        bool network;                    /* it asks federationd, not failoverd */
};

int verb_status(const Invocation *i);
int verb_force_fallback(const Invocation *i);
int verb_force_primary(const Invocation *i);
int verb_auto(const Invocation *i);
int verb_pause(const Invocation *i);
int verb_resume(const Invocation *i);
int verb_ack(const Invocation *i);
int verb_plan(const Invocation *i);
int verb_explain(const Invocation *i);
int verb_history(const Invocation *i);
int verb_probe(const Invocation *i);
int verb_alert(const Invocation *i);
int verb_incident(const Invocation *i);
int verb_maintenance(const Invocation *i);
int verb_simulate(const Invocation *i);
int verb_check_config(const Invocation *i);
int verb_keygen(const Invocation *i);
int verb_search(const Invocation *i);
int verb_register(const Invocation *i);
int verb_peers(const Invocation *i);
int verb_nodes(const Invocation *i);
int verb_audit(const Invocation *i);
int verb_revenue(const Invocation *i);
int verb_catalog(const Invocation *i);
int verb_sync(const Invocation *i);
int verb_stats(const Invocation *i);
int verb_setup(const Invocation *i);
int verb_help(const Invocation *i);

/* The terminal's width for text on stdout: its columns, $COLUMNS, or 0 (unlimited) when it is neither. */
unsigned ctl_columns(void);
bool ctl_stdout_is_tty(void);
bool ctl_stdout_is_screen(void); /* … that obeys control sequences: TERM is set, and not dumb */
bool ctl_colour(void);           /* … and NO_COLOR is not set */

/* Asks the daemon; body is consumed (NULL: none). 0: the answer of a 2xx is handed over. -EREMOTEIO: refused; the
 * daemon's reason is in e, and the answer is handed over too, when it is JSON. Otherwise e says why there is none. */
int ctl_ask(const Invocation *i, const char *method, const char *target, json_t *body, uint64_t timeout_usec,
            json_t **ret, Error *e);
/* The same, a POST of any bytes. */
int ctl_send(const Invocation *i, const char *target, const void *data, size_t size, uint64_t timeout_usec,
             json_t **ret, Error *e);
const char *ctl_daemon(const Invocation *i); /* the name of the daemon that the verb asks */
/* What people are told when the socket gives `r`; text into e, returns r. */
int ctl_explain_socket(const Invocation *i, int r, Error *e);

/* "failoverctl: VERB: text" on stderr; returns the verb's exit code for failures. */
int ctl_failed(const Invocation *i, const Error *e);
/* The same for a wrong command line; returns the exit code for usage. */
int ctl_usage(const Invocation *i, const char *format, ...) _printf_(2, 3);

/* JSON on stdout: indented and pure ASCII for a terminal, else one line. */
void ctl_print_json(const json_t *j);
/* The daemon's own words, several lines, escaped line by line. */
void ctl_print_words(const char *words);
void ctl_add_words(Text *t, const char *words);
/* "a b" as "a%20b", for targets. */
void ctl_add_encoded(Text *t, const char *s);

const char *ctl_string(const json_t *object, const char *key); /* "" when it is none */
uint64_t ctl_time(const json_t *object, const char *key);      /* 0 when it is none */

int64_t ctl_integer(const json_t *object, const char *key); /* 0 when it is none */

#define CTL_TIME_SIZE 64
/* "2026-11-20 09:00:00 UTC", in the local zone. Returns buffer. */
char *ctl_time_format(char buffer[static CTL_TIME_SIZE], uint64_t wall_usec);
/* "12 ms", for a column; "-" when it is no number. */
void ctl_latency(char *buffer, size_t size, const json_t *ms_number);
/* How long ago, for a column: one unit, the finest that leaves it narrow; "-" when at_usec is 0. Returns buffer. */
char *ctl_short_age(char *buffer, size_t size, uint64_t at_usec, uint64_t now_usec);
