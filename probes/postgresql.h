/* SPDX-License-Identifier: MIT */
/* The parts of the postgresql probe: what its dsn says, and what libpq's words mean for the shop. For postgresql*.c only. */
#pragma once

#include "base/error.h"
#include "probes/probe.h"

#include <libpq-fe.h>

/* One place of the dsn's list. Strings belong to the dsn; NULL: not given. */
typedef struct PgHost {
        char *name; /* a host name, or the folder of a Unix socket */
        char *address;
        char *port;
} PgHost;

typedef struct PgDsn {
        PQconninfoOption *options;
        PgHost *hosts;
        size_t n_hosts; /* at least one */
        char *lists[3]; /* what the hosts point into */
        bool secret;    /* no part of it may be shown */
} PgDsn;

#define PG_HOSTS_MAX 16

/* Both forms, by libpq's own parser. No I/O but one connect() to nowhere. The text of e never holds a password; `secret`:
 * nothing of the dsn at all. -EINVAL, -ENOMEM. */
int pg_dsn_parse(const char *text, bool secret, PgDsn **ret, Error *e);
PgDsn *pg_dsn_free(PgDsn *dsn); /* wipes it */
DEFINE_CLEANUP(PgDsn, pg_dsn_free)
const char *pg_dsn_get(const PgDsn *dsn, const char *word); /* NULL: not given */
/* The files that libpq will read; at most READING_FILES_MAX. Names belong to the dsn. */
size_t pg_dsn_files(const PgDsn *dsn, ReadingFile *ret);
/* Are they regular files that we may read? Looks at them. */
int pg_dsn_check_files(const PgDsn *dsn, Error *e);
/* Begins a connection to one address of the host; NULL address: its Unix socket. Never blocks. NULL: out of memory, or no
 * name for the user, then with text in e. */
PGconn *pg_dsn_connect(const PgDsn *dsn, const PgHost *host, const char *address, Error *e);

/* What a failure is worth. */
typedef struct PgTrouble {
        Outcome outcome;
        bool next_host;    /* another host of the dsn may do better: libpq's own rule */
        bool cancelled;    /* the query was stopped on the server: by our time limit, or by somebody */
        char message[300]; /* empty: there is none */
} PgTrouble;

/* A connection that could not be made or broke. at: for people. passed: this probe was well once, so that its dsn and its
 * query are right. at_once: before anybody else was asked. */
void pg_trouble_connection(PgTrouble *t, const PGconn *conn, const char *at, bool passed, bool at_once);
/* An error that the server sent. */
void pg_trouble_result(PgTrouble *t, const PGresult *result, const char *at, bool passed);
