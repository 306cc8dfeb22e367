/* SPDX-License-Identifier: MIT */
/* To add an action type, write actions/NAME.c that defines `const ActionType action_NAME` (dashes in the type's name are
 * underscores here), and add ACTION(NAME) to actions/list.h.
 *
 * An action type knows how to make one thing so (a state action) or say one thing (an event action), once. When it is
 * tried, again, and when it is given up belongs to the supervisor's outbox. Both calls must be idempotent: after a crash
 * the outbox asks query() and applies what is missing; an event may be delivered twice, and carries an id that lets the
 * receiver drop doubles. */
#pragma once

#include "actions/registries.h"
#include "base/conf.h"
#include "base/fetch.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/reader.h"
#include "base/sign.h"
#include "base/worker.h"

typedef enum ActionKind {
        ACTION_CHANGE,  /* a change of mode */
        ACTION_RAISED,  /* an alert begins (event actions of type alert only) */
        ACTION_CLEARED, /* … and ends */
        ACTION_TEST,    /* an operator tries the channel */
        ACTION_REFRESH, /* state actions: publish again what holds (new verdicts on the status page, `updated`) */
} ActionKind;

/* What is to be made so or said. All strings are never NULL; times are wall-clock microseconds. */
typedef struct ActionFacts {
        ActionKind kind;
        const char *id; /* unique and the same for every attempt: change id, or alert id and kind */
        const char *node_id, *node_name, *node_url, *fallback_url;
        const char *change;      /* change id */
        const char *follows;     /* id of the facts that these are the sequel of: of the change before, in the
                                         * same outage; of an alert's beginning; "" when there are none */
        const char *mode, *from; /* from is "" at the first start */
        const char *payment, *checkout; /* of mode: "crypto", "cryptoCheckout" */
        const char *message;            /* of mode: for buyers; may be "" */
        const char *cause;              /* "payment-api down: HTTP 503 (3 of 5)" */
        bool first;                     /* mode is the first, preferred one */
        bool from_first;                /* … which is left by this change */
        bool automatic, durable;
        bool quiet; /* not told by types that alert: a maintenance explains it. Not stored */
        int64_t seq; /* of a change: grows from each to the next, for ever; no less than the time in ms. 0: none */
        uint64_t at_usec;    /* when it happened */
        uint64_t since_usec; /* since when the trouble stands: first failing outcome; 0 when unknown */
        /* alerts */
        const char *alert;    /* its name: "no-mode-healthy", "fallback-not-ready:crypto" */
        const char *summary;  /* one line: what happened */
        const char *details;  /* what was done and what the operator can do; several lines */
        const char *severity; /* "critical", "warning", "info" */
        /* What earlier attempts of the same delivery have got done, as action_progress() told; NULL: nothing, or it was
         * lost in a restart. */
        const char *progress;
        /* the status page and mode.json: the whole status document of GET /v1/status; borrowed, may be NULL */
        json_t *status;
        /* the status page: what the public may know (actions/public_status.h); borrowed, may be NULL */
        json_t *public_status;
        /* of a type that says it to several: to which of them; else NULL. Borrowed, and of one attempt only */
        const char *target;
} ActionFacts;

/* What an action may use; lives longer than any action. */
typedef struct ActionContext {
        sd_event *event;
        FetchClient *fetch;
        Resolver *resolver;
        Reader *reader;
        Worker *disk;    /* a thread for files on a disk: the status page */
        Worker *runtime; /* the thread for files that the shop reads at once: payment.env, mode.json */
        const char *config_dir;
        const char *runtime_dir, *status_dir;
        const char *node_id;
        Registries *registries; /* those that the configured actions name */
        const SignKey *key;     /* the node's; NULL: nothing can be signed … */
        const char *key_error;  /* … because of this */
} ActionContext;

typedef enum ActionResult {
        ACTION_DONE,
        ACTION_RETRY,     /* again later; message says why */
        ACTION_PERMANENT, /* never again; message says why */
        ACTION_MISSING,   /* query(): it is not so */
} ActionResult;

typedef struct ActionType ActionType;
typedef struct Action Action;
typedef void (*ActionDone)(Action *a, ActionResult result, const char *message, void *userdata);

/* One attempt of one action. The type reads what stands before the driver's members, and writes only behind `state`. */
struct Action {
        const ActionType *type;
        const void *conf;
        void *state;
        ActionContext *context;
        const ActionFacts *facts; /* the caller's; lives as long as the action */

        /* the driver's */
        ActionDone done;
        void *userdata;
        sd_event_source *deadline, *deferred;
        ActionResult result;
        char message[320];
        char *progress;            /* told in this attempt; NULL: nothing new */
        uint64_t retry_after_usec; /* the target asked for a pause; 0: none */
        Reading *reading;
        bool asks; /* query() is to be called, not apply() */
        bool begun, reported, stopped;
};

typedef void (*ActionTargetFn)(const char *target, const char *url, void *userdata);

struct ActionType {
        const char *name; /* value of `type:` */
        const char *help;
        size_t conf_size;
        const ConfField *fields; /* keys accepted beside the driver's own (type, name, modes) */
        const char *by_mode;     /* a key of its own that maps modes to something; NULL: none */
        size_t size;             /* private state of one attempt */
        bool event;              /* says something, instead of making something so */
        bool alerts;             /* is also told when alerts begin and end */
        bool refresh;            /* is also asked to publish again (ACTION_REFRESH) */
        bool signs;              /* needs the node's key */
        uint64_t timeout_usec;   /* of one attempt; 0: 30 s */
        int (*check)(const void *conf, const ConfNode *node, Error *e);    /* optional; no I/O */
        int (*verify)(const void *conf, const char *config_dir, Error *e); /* optional; check-config */
        /* Where it goes, for people, without secrets or query strings; "" when it is this machine. Malloc'ed. */
        int (*target)(const void *conf, char **ret);
        /* Event types that say the same to several: one delivery, one queue and one pace of retries for each, side by side;
         * attempts find theirs in facts->target. Calls fn for each that there is now (never this node), each once. 0;
         * -EAGAIN: not known yet, but soon; -ENODATA: not known (then fn is not called). url: where it is now. */
        int (*targets)(const void *conf, const ActionContext *context, ActionTargetFn fn, void *userdata);
        const char *(*registry)(
                        const void *conf); /* optional: the registry file in which they stand, or NULL */
        /* Optional, event types: does it say anything about this change? One that leads back to the first mode is then said
         * whatever `modes` names. */
        bool (*says)(const ActionFacts *facts);
        /* Optional: the files that an attempt needs and conf names: writes at most READING_FILES_MAX, returns how many. They
         * are read before apply() or query(), off the loop, for action_secret(). */
        size_t (*files)(const void *conf, ReadingFile *ret);
        void (*apply)(Action *a); /* ends in exactly one action_report() */
        void (*query)(Action *a); /* state actions: ends in action_report() with DONE or MISSING, or RETRY */
        void (*stop)(Action *a); /* abandon it, free what hangs on state; called once at the end of every attempt */
};

void action_report(Action *a, ActionResult result, const char *format, ...) _printf_(3, 4);
/* A part is done, and is not to be repeated when the rest is tried again (ActionFacts.progress). Before the report. */
int action_progress(Action *a, const char *text);
/* In apply() and query() only: the secret in a file that files() has named, until they return. Never reads a file anywhere
 * else on the loop: its disk may hang. As reading_get(). */
int action_secret(const Action *a, const char *name, const char **ret, Error *e);
/* 2xx done; 408, 425, 429 and 5xx, and every failure of the connection retry; other 4xx permanent, except 401, 403 and
 * 404, which an operator may mend: retry. Takes Retry-After. */
void action_report_fetch(Action *a, const FetchResult *result);
bool action_status_is_permanent(unsigned status);

/* The pause that an answer asked for; part of the above. */
void action_take_retry_after(Action *a, const FetchResult *result);

/* What payment.env says: malloc'ed, NULL when out of memory. */
char *payment_env(const char *payment, const char *checkout, const char *change);

/* For the supervisor; the same shape as attempt_start(). query: ask instead of apply. */
int action_start(ActionContext *context, const ActionType *type, const void *conf, const ActionFacts *facts,
                 bool query, ActionDone done, void *userdata, Action **ret);
Action *action_free(Action *a);
DEFINE_CLEANUP(Action, action_free)

const ActionType *action_type_find(const char *name);
extern const ActionType *const action_types[]; /* NULL-terminated */
