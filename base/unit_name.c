/* SPDX-License-Identifier: MIT */
/* Names of units as people write them, in configurations too, and the state of one in words. */
#include "base/unit.h"

#include "base/clock.h"
#include "base/text.h"

#include <ctype.h>
#include <signal.h>

#define UNITS_MAX 32 /* in one list: each is a connection to the bus */

static const char *const types[] = {"service", "socket", "target", "timer", "mount", "automount",
                                    "swap",    "path",   "slice",  "scope", "device"};

static bool has_type(const char *name)
{
        const char *dot = strrchr(name, '.');

        for (size_t i = 0; dot && i < ELEMENTSOF(types); i++)
                if (streq(dot + 1, types[i]))
                        return true;
        return false;
}

/* systemd.unit(5), "Description". */
static bool has_only_name_characters(const char *s)
{
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr(":-_.\\@", *s))
                        return false;
        return true;
}

int unit_name(const char *name, char ret[static UNIT_NAME_SIZE], Error *e)
{
        char full[UNIT_NAME_SIZE];

        assert(name);
        int n = snprintf(full, sizeof(full), "%s%s", name, has_type(name) ? "" : ".service");
        if (n >= (int) sizeof(full) || *name == '\0' || *name == '-' || *name == '.' || *name == '@' ||
            !has_only_name_characters(name))
                return error_set(e, -EINVAL, "\"%.80s\" is not the name of a unit, such as shop.service",
                                 name);
        const char *at = strchr(full, '@');
        if (at && at + 1 == strrchr(full, '.'))
                return error_set(e, -EINVAL, "\"%s\" is a template: name one instance of it, such as %.*s1%s",
                                 name, (int) (at + 1 - full), full, at + 1);
        memcpy(ret, full, (size_t) n + 1);
        return 0;
}

/* In place of what the file says: its full name. */
static int name_take(char **name, const ConfNode *node, const ConfField *field, Error *e)
{
        char full[UNIT_NAME_SIZE];
        Error why;

        if (unit_name(*name, full, &why) < 0)
                return conf_error(node, e, "%s: %s", field->key, why.text);
        char *copy = strdup(full);
        if (!copy)
                return error_set(e, -ENOMEM, "out of memory");
        free(*name);
        *name = copy;
        return 0;
}

static int parse_unit(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        int r = conf_string.parse(node, field, target, e);

        return r < 0 ? r : name_take(target, node, field, e);
}

static int parse_units(const ConfNode *node, const ConfField *field, void *target, Error *e)
{
        int r = conf_strings.parse(node, field, target, e);
        char **names = *(char ***) target;

        if (r == 0 && conf_count(node) > UNITS_MAX)
                return conf_error(node, e, "%s: at most %d units", field->key, UNITS_MAX);
        for (size_t i = 0; r == 0 && names && names[i]; i++)
                r = name_take(&names[i], conf_is_sequence(node) ? conf_item(node, i) : node, field, e);
        return r;
}

static void clear_unit(void *target)
{
        conf_string.clear(target);
}

static void clear_units(void *target)
{
        conf_strings.clear(target);
}

const ConfType conf_unit = {"unit", parse_unit, clear_unit};
const ConfType conf_units = {"list of units", parse_units, clear_units};

bool unit_is_active(const UnitState *s)
{
        return streq(s->active, "active") || streq(s->active, "reloading") || streq(s->active, "refreshing");
}

bool unit_is_down(const UnitState *s)
{
        return streq(s->active, "inactive") || streq(s->active, "failed");
}

/* "exit-code, status 3", "signal, SIGSEGV", "timeout"; "" when there is nothing to be told. */
static void describe_end(const UnitState *s, char *buffer, size_t size)
{
        const char *signal = s->code == CLD_EXITED ? NULL : sigabbrev_np(s->status);

        if (*s->result == '\0' || streq(s->result, "success"))
                *buffer = '\0';
        else if (streq(s->result, "exit-code") && s->code == CLD_EXITED)
                snprintf(buffer, size, "exit-code, status %d", s->status);
        else if ((streq(s->result, "signal") || streq(s->result, "core-dump")) && signal)
                snprintf(buffer, size, "%s, SIG%s", s->result, signal);
        else
                snprintf(buffer, size, "%s", s->result);
}

char *unit_describe(const UnitState *s, char buffer[static UNIT_WORDS_SIZE])
{
        char end[64], since[16 + TIMESTAMP_SIZE] = "", stamp[TIMESTAMP_SIZE];

        describe_end(s, end, sizeof(end));
        if (s->changed_usec > 0) {
                timestamp_format(stamp, s->changed_usec);
                snprintf(since, sizeof(since), " since %.10s %.8s UTC", stamp, stamp + 11);
        }
        if (unit_is_down(s) && !streq(s->load, "loaded") &&
            *s->load) /* not-found, masked, bad-setting, error */
                snprintf(buffer, UNIT_WORDS_SIZE, "%s", streq(s->load, "not-found") ? "not found" : s->load);
        else if (streq(s->sub, "auto-restart"))
                snprintf(buffer, UNIT_WORDS_SIZE, "waiting to be restarted%s%s (%u restarts so far)%s",
                         *end ? " after " : "", end, s->restarts, since);
        else if (streq(s->active, "failed"))
                snprintf(buffer, UNIT_WORDS_SIZE, "failed%s%s%s%s", *end ? " (" : "", end, *end ? ")" : "",
                         since);
        else
                snprintf(buffer, UNIT_WORDS_SIZE, "%s (%s)%s", s->active, s->sub, since);
        return buffer;
}
