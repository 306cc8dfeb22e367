/* SPDX-License-Identifier: MIT */
/* To add a probe type, write probes/NAME.c that defines `const ProbeType probe_NAME`, and add PROBE(NAME) to
 * probes/list.h. Copy a small one: probes/exec.c, which runs a child, or the second half of probes/http.c, which asks one
 * of base's clients.
 *
 * A probe type knows how to ask one question once. When to ask, how often, for how long, and what an answer means for
 * the shop is not its business: interval, jitter, timeout, window and thresholds belong to the driver (probe.c) and to
 * the supervisor. What counts as fail and what as inconclusive: docs/decision.md, "What is a fail and what is not". */
#pragma once

#include "base/conf.h"
#include "base/fetch.h"
#include "base/loop.h"
#include "base/reader.h"
#include "base/resolve.h"

typedef enum Outcome {
        OUTCOME_PASS,
        OUTCOME_WARN, /* counts as a pass; is shown and alerted */
        OUTCOME_FAIL,
        OUTCOME_INCONCLUSIVE, /* says nothing about the target: our own trouble, or no way to tell */
        _OUTCOME_MAX,
} Outcome;

const char *outcome_name(Outcome o);  /* "pass" … */
char outcome_letter(Outcome o);       /* p w f i */
int outcome_from_name(const char *s); /* -EINVAL */

/* What an attempt may use; the same for all, lives longer than any attempt. */
typedef struct ProbeContext {
        sd_event *event;
        FetchClient *fetch;
        Resolver *resolver;
        Reader *reader;
        const char *config_dir; /* where relative names lead */
        const char *program;    /* this program, to run a type's child(); NULL: /proc/self/exe */
        const char *node_id;    /* this node's */
} ProbeContext;

typedef struct ProbeType ProbeType;
typedef struct Attempt Attempt;

typedef struct AttemptResult {
        Outcome outcome;
        const char *message; /* one plain line, escaped, for people: "HTTP 503", "refused by 192.0.2.1:443" */
        uint64_t began_usec, ended_usec; /* boot time */
} AttemptResult;

typedef void (*AttemptDone)(Attempt *a, const AttemptResult *result, void *userdata);

/* One run of one probe. The type reads the first six members, and writes only behind `state` and `memory`. */
struct Attempt {
        const ProbeType *type;
        const void *conf; /* of conf_size, filled by the type's fields; constant */
        void *state;      /* of size, zeroed at the start */
        void *memory;     /* of memory_size, the probe's own: what one attempt leaves for the next ones */
        ProbeContext *context;
        uint64_t timeout_usec; /* the whole attempt's, from the start; the driver enforces it */

        /* the driver's */
        AttemptDone done;
        void *userdata;
        uint64_t began_usec, ended_usec;
        sd_event_source *deadline, *deferred;
        Outcome outcome;
        char message[320];
        Reading *reading;
        bool begun, reported, stopped;
};

struct ProbeType {
        const char *name; /* value of `type:` */
        const char *help; /* one sentence */
        size_t conf_size;
        const ConfField *fields; /* keys accepted beside the driver's own */
        size_t size;             /* private state of one attempt */
        size_t memory_size;      /* plain bytes kept with the probe from attempt to attempt; usually 0 */
        bool single;  /* never two attempts in flight: it can hang in the kernel or burden the target */
        bool passive; /* never started: outcomes are reported to us */
        /* Optional: what the table cannot say. Reports with conf_error(). No I/O. */
        int (*check)(const void *conf, const ConfNode *node, Error *e);
        /* Optional: check-config's part that needs I/O, such as reading a secret. Text into e. -EPERM: must not be; -EDOM: it
         * works, but is hardly meant so; else: does not work now. */
        int (*verify)(const void *conf, const char *config_dir, Error *e);
        /* Optional: the files that an attempt needs and conf names: writes at most READING_FILES_MAX, returns how many. They
         * are read before start(), off the loop, for attempt_secret(). */
        size_t (*files)(const void *conf, ReadingFile *ret);
        /* Optional: the file or folder, of another's, that an attempt writes to or locks; NULL: none. For who opens a
         * sandbox for it. */
        const char *(*writes)(const void *conf);
        /* Optional: is the target's silence a fail? Without it, yes. For who says beforehand how long an outage takes. */
        bool (*silence_fails)(const void *conf);
        /* Ends in exactly one attempt_report(), from here or later. No return value: trouble is reported too. */
        void (*start)(Attempt *a);
        /* Abandon it and free what hangs on state; no report afterwards. Called once at the end of every attempt that
         * was started, reported or not. */
        void (*stop)(Attempt *a);
        /* Optional: the deadline has passed; report what is known (which phase, whose fault). Without it, or when it
         * reports nothing, the driver reports FAIL "no answer in 5 s". */
        void (*expire)(Attempt *a);
        /* Optional: what a child process of the type's own does, run by `PROGRAM --probe-child NAME ARGUMENT…` in a process
         * that has done nothing else. Returns the exit code. For what must not run in a fork of a process with threads. */
        int (*child)(int argc, char **argv);
};

/* What the supervisor needs to know of `type: passive`: the conf of that type is this. */
typedef struct PassiveConf {
        char **from; /* names of users who may report; NULL: root only */
        uint64_t max_silence_usec;
} PassiveConf;

/* For types. The message becomes one plain line; secrets must not be in it. The first report counts, later ones are
 * dropped. */
void attempt_report(Attempt *a, Outcome outcome, const char *format, ...) _printf_(3, 4);
/* In start() only: the secret in a file that files() has named, until start() returns. Never reads a file anywhere else:
 * its disk may hang. As reading_get(). */
int attempt_secret(const Attempt *a, const char *name, const char **ret, Error *e);
/* Reports our own trouble (-EMFILE, -ENOMEM, …) as inconclusive. */
void attempt_report_errno(Attempt *a, int r, const char *what);

/* For the supervisor. done() is called once, never from within attempt_start(), and may free the attempt;
 * freeing it earlier abandons it silently. memory: the probe's memory_size bytes, zeroed when the probe is new, which
 * outlive its attempts and are kept across a reload that does not change the probe; NULL when memory_size is 0. */
int attempt_start(ProbeContext *context, const ProbeType *type, const void *conf, void *memory,
                  uint64_t timeout_usec, AttemptDone done, void *userdata, Attempt **ret);
Attempt *attempt_free(Attempt *a);
DEFINE_CLEANUP(Attempt, attempt_free)

const ProbeType *probe_type_find(const char *name); /* NULL when unknown */
/* What an attempt is worth whose target did not answer until the deadline: FAIL or INCONCLUSIVE. */
Outcome probe_silence(const ProbeType *type, const void *conf);
/* `--probe-child NAME ARGUMENT…`, from NAME on: the exit code. */
int probe_child(int argc, char **argv);
extern const ProbeType *const probe_types[]; /* NULL-terminated */

/* The deadline has passed while the attempt was at `phase`: FAIL "no answer in 5 s (connecting)". */
void attempt_report_silence(Attempt *a, const char *phase);

/* Shared by types whose child may get stuck in the kernel: one such is enough, further ones would pile up. Lies in the
 * type's memory. */
typedef struct Hanging {
        pid_t pid;
        uint64_t since_usec; /* boot time */
        char step[16];
} Hanging;
/* In expire(): this child has not come back. */
void hanging_note(const Attempt *a, Hanging *h, pid_t pid, const char *step);
/* In start(): true when it is still there; then it has reported FAIL "disk hangs: sync has not come back for 12 s". */
bool attempt_report_hanging(Attempt *a, Hanging *h, const char *what);

/* Shared by types that talk HTTP: the message and outcome for a failure (not FETCH_OK) of the HTTP client. */
void attempt_report_fetch(Attempt *a, const FetchResult *result);

/* Shared by types that talk TLS: FAIL "certificate expired 3 days ago", and WARN "certificate expires in 6 days" when
 * less than min_days are left (then true). expires_usec: wall time, 0 when unknown. */
void attempt_report_expired(Attempt *a, uint64_t expires_usec);
bool attempt_warn_expiry(Attempt *a, uint64_t expires_usec, unsigned min_days);
