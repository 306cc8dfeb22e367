/* SPDX-License-Identifier: MIT */
/* The control socket's inside: control.c has the socket and the table, control_look.c what is shown, control_import.c the
 * imports. */
#pragma once

#include "federation/control.h"

typedef struct ImportSession ImportSession;

struct Control {
        Federation *f;
        HttpServer *server;
        Access access;
        ImportSession *imports[IMPORTS_MAX];
        sd_event_source *idle; /* drops imports that nobody feeds */
};

/* rest: of the path, behind the route's own. Each answers the request, now or later. */
void control_get_status(Control *c, HttpRequest *r, const char *rest);
void control_get_peers(Control *c, HttpRequest *r, const char *rest);

void control_post_register(Control *c, HttpRequest *r, const char *rest); /* control_register.c */
void control_get_registries(Control *c, HttpRequest *r, const char *rest);

/* control_nodes.c, control_audit.c */
void control_get_nodes(Control *c, HttpRequest *r, const char *rest);
void control_post_node(Control *c, HttpRequest *r, const char *rest);
void control_get_audit(Control *c, HttpRequest *r, const char *rest);
void control_get_revenue(Control *c, HttpRequest *r, const char *rest);
void control_get_order(Control *c, HttpRequest *r, const char *rest);
void control_post_order(Control *c, HttpRequest *r, const char *rest);
void control_get_sync(Control *c, HttpRequest *r, const char *rest); /* control_sync.c */
void control_post_sync(Control *c, HttpRequest *r, const char *rest);

void control_post_import(Control *c, HttpRequest *r, const char *rest);
void control_post_piece(Control *c, HttpRequest *r, const char *rest);
void control_delete_import(Control *c, HttpRequest *r, const char *rest);
int control_on_idle(sd_event_source *s, uint64_t usec, void *userdata);
/* All imports end: who waits is answered within a second. */
void control_end_imports(Control *c);
