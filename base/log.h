/* SPDX-License-Identifier: MIT */
/* Logging: to the journal with structured fields when systemd started us, else to stderr, one line a message.
 * base, probes and actions never log above debug: they return. */
#pragma once

#include "base/macro.h"

#include <syslog.h>

void log_open(const char *program);   /* chooses journal or stderr ($JOURNAL_STREAM is our stderr) */
int log_set_level(const char *name);  /* emerg … debug; -EINVAL */
void log_set_level_number(int level); /* LOG_ERR … LOG_DEBUG */
int log_level(void);

void log_at(int level, const char *format, ...) _printf_(2, 3);
/* With journal fields: fields is a NULL-terminated list of "NAME=value"; on stderr they are left out. */
void log_fields(int level, const char *const fields[], const char *format, ...) _printf_(3, 4);

/* With an id of base/message_id.h and no other field. */
#define log_message(level, id, ...) \
        log_fields(level, (const char *const[]){"MESSAGE_ID=" id, NULL}, __VA_ARGS__)

#define log_error(...)   log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                  \
        do {                                            \
                if (log_level() >= LOG_DEBUG)           \
                        log_at(LOG_DEBUG, __VA_ARGS__); \
        } while (0)
