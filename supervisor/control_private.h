/* SPDX-License-Identifier: MIT */
/* The control socket's inside: control.c keeps streams, listeners and the table of routes; control_look.c,
 * control_change.c and control_public.c are the routes. */
#pragma once

#include "supervisor/control.h"

#include <sys/queue.h>

#define STREAMS_MAX         ACCESS_CONNECTIONS
#define WAITERS_MAX         32
#define STREAM_SOONEST_USEC (250 * USEC_PER_MSEC)
#define STREAM_EVERY_USEC   USEC_PER_SEC
#define RUN_EXTRA_USEC      (2 * USEC_PER_SEC) /* beyond a probe's own timeout */

typedef struct Waiter { /* for a run of a probe */
        HttpRequest *request;
        char *probe;
        uint64_t until; /* boot time */
} Waiter;

/* A request whose answer waits for the disk, or for the alert channels. */
typedef struct Question {
        LIST_ENTRY(Question) entry;
        Manager *manager;
        HttpRequest *request;
        json_t *results; /* of alert --test: what came of each channel so far */
        size_t left;
        bool failed;
} Question;

struct Control {
        Manager *manager;
        HttpServer *server, *metrics;
        char *metrics_listen;
        PeerRules rules;
        HttpStream *streams[STREAMS_MAX];
        size_t n_streams;
        uint64_t streamed_at;
        bool touched;
        sd_event_source *timer;
        Waiter waiters[WAITERS_MAX];
        size_t n_waiters;
        LIST_HEAD(, Question) questions;
};

void control_arm(Control *c); /* the timer, after anything that waits has come or gone */
void control_broadcast_status(Control *c);
/* -ENOMEM: it has been answered so. question_end() gives it back, to be answered; control_free() does for the rest. */
int control_ask(Control *c, HttpRequest *r, Question **ret);
HttpRequest *question_end(Question *q);
/* The body as an object; NULL: it is none, which has been answered. */
json_t *control_body(HttpRequest *r);
/* Are all its keys known? No: it has been answered. keys ends with NULL. */
bool control_known_keys(HttpRequest *r, const json_t *body, const char *const keys[]);
void control_on_stream_closed(HttpStream *stream, void *userdata);

/* The routes; rest: of the path, behind the route's own. Each answers the request, now or later. */
void control_get_status(Control *c, HttpRequest *r, const char *rest);
void control_get_public(Control *c, HttpRequest *r, const char *rest);
void control_get_history(Control *c, HttpRequest *r, const char *rest);
void control_get_explain(Control *c, HttpRequest *r, const char *rest);
void control_get_plan(Control *c, HttpRequest *r, const char *rest);
void control_get_events(Control *c, HttpRequest *r, const char *rest);
void control_get_metrics(Control *c, HttpRequest *r, const char *rest);
void control_post_mode(Control *c, HttpRequest *r, const char *rest);
void control_post_pause(Control *c, HttpRequest *r, const char *rest);
void control_post_resume(Control *c, HttpRequest *r, const char *rest);
void control_post_ack(Control *c, HttpRequest *r, const char *rest);
void control_post_probe(Control *c, HttpRequest *r, const char *rest);
void control_post_report(Control *c, HttpRequest *r, const char *rest);
void control_get_incidents(Control *c, HttpRequest *r, const char *rest);
void control_get_maintenances(Control *c, HttpRequest *r, const char *rest);
void control_post_incidents(Control *c, HttpRequest *r, const char *rest);
void control_post_incident(Control *c, HttpRequest *r, const char *rest);
void control_post_maintenances(Control *c, HttpRequest *r, const char *rest);
void control_post_maintenance(Control *c, HttpRequest *r, const char *rest);
void control_post_alert_test(Control *c, HttpRequest *r, const char *rest);
