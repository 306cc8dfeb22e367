/* SPDX-License-Identifier: MIT */
/* What a failure of a PostgreSQL server or of libpq is worth: SQLSTATE and words into an outcome.
 *
 * While a connection is being made libpq has no result to ask for the SQLSTATE; with PQERRORS_VERBOSE it stands in the
 * text: "FATAL:  28P01: password authentication failed …". The words around it depend on the server's language. */
#include "probes/postgresql.h"

#include <ctype.h>

typedef enum Worth {
        WORTH_FAIL,
        WORTH_OURS, /* our login, rights or haste: inconclusive */
        WORTH_QUERY, /* the query does not fit the database: ours until it was once answered, theirs from then on */
} Worth;

/* The first that fits; https://www.postgresql.org/docs/15/errcodes-appendix.html. All others are fails: 08 connection,
 * 53 no room, 55 in use, 57P0x going down, 58 and XX broken, 22 and P0 what the query itself says is wrong. */
static const struct {
        const char *state; /* or its beginning */
        Worth worth;
} worths[] = {
                {"0A", WORTH_QUERY},   {"25006", WORTH_OURS}, /* the query writes: ours do not */
                {"25", WORTH_QUERY},   {"28", WORTH_OURS},    {"3D", WORTH_QUERY},
                {"3F", WORTH_QUERY},   {"40", WORTH_OURS}, /* deadlock, or a standby's replay was in the way: it says nothing */
                {"42501", WORTH_OURS}, {"42", WORTH_QUERY},   {"54", WORTH_QUERY},
                {"57014", WORTH_OURS}, /* cancelled; the caller knows whether by our time limit */
};

static Outcome outcome_of(const char *state, const char *routine, bool passed)
{
        /* CONNECTION LIMIT of our role, not of the server or the database */
        if (streq(state, "53300") && routine && streq(routine, "InitializeSessionUserId"))
                return OUTCOME_INCONCLUSIVE;
        for (size_t i = 0; i < ELEMENTSOF(worths); i++)
                if (strncmp(state, worths[i].state, strlen(worths[i].state)) == 0)
                        return worths[i].worth == WORTH_OURS || (worths[i].worth == WORTH_QUERY && !passed)
                                               ? OUTCOME_INCONCLUSIVE
                                               : OUTCOME_FAIL;
        return OUTCOME_FAIL;
}

static void trouble_set(PgTrouble *t, Outcome outcome, bool next_host, const char *format, ...)
                _printf_(4, 5);
static void trouble_set(PgTrouble *t, Outcome outcome, bool next_host, const char *format, ...)
{
        va_list ap;

        *t = (PgTrouble){.outcome = outcome, .next_host = next_host};
        va_start(ap, format);
        vsnprintf(t->message, sizeof t->message, format, ap);
        va_end(ap);
}

static int line_size(const char *text)
{
        return (int) strcspn(text, "\n");
}

static void trouble_state(PgTrouble *t, const char *state, const char *severity, const char *text,
                          const char *routine, const char *at, bool passed)
{
        const char *known = streq(state, "53300") ? "too many connections: " : "";

        trouble_set(t, outcome_of(state, routine, passed), streq(state, "57P03"), "%s%s%s%.*s (%s)", known,
                    severity, *severity ? ": " : "", line_size(text), text, at);
        t->cancelled = streq(state, "57014");
}

/* libpq's own words */

static const struct {
        int error;
        Outcome outcome;
        const char *before, *after; /* the address */
} socket_errors[] = {
                {ECONNREFUSED, OUTCOME_FAIL, "refused by ", ""},
                {ECONNRESET, OUTCOME_FAIL, "reset by ", ""},
                {EPIPE, OUTCOME_FAIL, "reset by ", ""},
                {ETIMEDOUT, OUTCOME_FAIL, "no answer from ", ""},
                {ENOENT, OUTCOME_FAIL, "no server at ", ""},
                {ENOTDIR, OUTCOME_FAIL, "no server at ", ""},
                {EAGAIN, OUTCOME_FAIL, "", " takes no more connections"}, /* a Unix socket's queue is full */
                {EHOSTUNREACH, OUTCOME_FAIL, "", " is unreachable"},
                {ENETUNREACH, OUTCOME_INCONCLUSIVE, "no route to ", ""},
                {EACCES, OUTCOME_INCONCLUSIVE, "we have no right to connect to ", ""},
                {EPERM, OUTCOME_INCONCLUSIVE, "we have no right to connect to ", ""},
                {EMFILE, OUTCOME_INCONCLUSIVE, "no descriptor left to connect to ", ""},
                {ENFILE, OUTCOME_INCONCLUSIVE, "no descriptor left to connect to ", ""},
                {ENOMEM, OUTCOME_INCONCLUSIVE, "no memory to connect to ", ""},
                {ENOBUFS, OUTCOME_INCONCLUSIVE, "no memory to connect to ", ""},
                {EADDRNOTAVAIL, OUTCOME_INCONCLUSIVE, "no local address left to connect to ", ""},
};

/* Before the words of the system's error. */
static const char *const socket_words[] = {"could not receive data from server: ",
                                           "could not send data to server: ",
                                           "could not send startup packet: ",
                                           "could not send SSL negotiation packet: ",
                                           "could not create socket: ",
                                           "SSL SYSCALL error: "};

/* What is wrong here, or with how we may log in. */
static const char *const our_words[] = {
                "fe_sendauth: ",
                "authentication method ",
                "none of the server's SASL",
                "channel binding ",
                "Kerberos",
                "SSPI",
                "Crypt",
                "SCM_CRED",
                "could not read ",
                "could not load ",
                "could not open ",
                "could not stat ",
                "certificate ",
                "private key file ",
                "root certificate file ",
                "invalid ",
                "out of memory",
                "Unix-domain socket path ",
                "requirepeer ",
                "could not look up ",
                "could not set ",
                "could not encrypt",
};

/* Of another kind than target_session_attrs asks for. */
static const char *const kind_words[] = {"session is ", "server is "};

static bool begins_with_one(const char *text, const char *const words[], size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strncmp(text, words[i], strlen(words[i])) == 0)
                        return true;
        return false;
}

static bool trouble_socket(PgTrouble *t, const char *line, const char *at, bool at_once)
{
        for (size_t i = 0; i < ELEMENTSOF(socket_words); i++)
                if (strncmp(line, socket_words[i], strlen(socket_words[i])) == 0)
                        line += strlen(socket_words[i]);
        for (size_t i = 0; i < ELEMENTSOF(socket_errors); i++) {
                const char *words = strerror(socket_errors[i].error);
                Outcome outcome = socket_errors[i].outcome;

                if (strncmp(line, words, strlen(words)) != 0)
                        continue;
                if (socket_errors[i].error == EHOSTUNREACH && at_once)
                        outcome = OUTCOME_INCONCLUSIVE; /* our own routing table says so */
                trouble_set(t, outcome, true, "%s%s%s", socket_errors[i].before, at, socket_errors[i].after);
                return true;
        }
        return false;
}

static void trouble_words(PgTrouble *t, const char *line, const char *at, bool at_once)
{
        static const char gssapi[] = "GSSAPI";

        if (trouble_socket(t, line, at, at_once))
                return;
        if (strncmp(line, gssapi, strlen(gssapi)) == 0)
                trouble_set(t, OUTCOME_INCONCLUSIVE, false,
                            "%s wants a login by Kerberos, which this probe has not", at);
        else if (begins_with_one(line, our_words, ELEMENTSOF(our_words)))
                trouble_set(t, OUTCOME_INCONCLUSIVE, false, "%.*s (%s)", line_size(line), line, at);
        else if (strncmp(line, "server closed the connection", 28) == 0 || strstr(line, "EOF detected") ||
                 strncmp(line, "SSL connection has been closed", 30) == 0)
                trouble_set(t, OUTCOME_FAIL, true, "connection closed by %s", at);
        else
                trouble_set(t, OUTCOME_FAIL, begins_with_one(line, kind_words, ELEMENTSOF(kind_words)),
                            "%.*s (%s)", line_size(line), line, at);
}

/* "FATAL:  28P01: text": where the text begins. Copies the two words before it. */
static const char *find_state(const char *message, char state[static 6], char *severity, size_t size)
{
        for (const char *p = message; (p = strstr(p, ":  ")); p++) {
                const char *code = p + 3, *word = p;
                size_t n = 0;

                while (n < 5 && (isdigit((unsigned char) code[n]) || isupper((unsigned char) code[n])))
                        n++;
                if (n < 5 || code[5] != ':' || code[6] != ' ')
                        continue;
                while (word > message && word[-1] != ' ' && word[-1] != '\n')
                        word--;
                snprintf(state, 6, "%.5s", code);
                snprintf(severity, size, "%.*s", (int) (p - word), word);
                return code + 7;
        }
        return NULL;
}

/* "LOCATION:  InitializeSessionUserId, miscinit.c:700": the routine, in all languages the last line. */
static bool mentions_routine(const char *text, const char *routine)
{
        const char *found = strstr(text, routine);

        return found && found[strlen(routine)] == ',';
}

void pg_trouble_connection(PgTrouble *t, const PGconn *conn, const char *at, bool passed, bool at_once)
{
        static const char limit_routine[] = "InitializeSessionUserId";
        const char *message = PQerrorMessage(conn), *failed = NULL, *text;
        char state[6], severity[24];

        text = find_state(message, state, severity, sizeof severity);
        if (text) {
                trouble_state(t, state, severity, text,
                              mentions_routine(text, limit_routine) ? limit_routine : NULL, at, passed);
                return;
        }
        for (const char *p = message; (p = strstr(p, " failed: ")); p++)
                failed = p +
                         strlen(" failed: "); /* the last one: libpq may have tried with TLS and without */
        trouble_words(t, failed ? failed : message, at, at_once);
}

void pg_trouble_result(PgTrouble *t, const PGresult *result, const char *at, bool passed)
{
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY);
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

        if (state && text)
                trouble_state(t, state, severity ? severity : "", text,
                              PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION), at, passed);
        else
                trouble_words(t, PQresultErrorMessage(result), at, false);
}
