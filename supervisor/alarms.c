/* SPDX-License-Identifier: MIT */
/* Alerts for more than changes: raised once, cleared once. */
#include "supervisor/alarms.h"

#include "base/clock.h"
#include "base/text.h"

typedef struct AlarmTraits {
        const char *name, *severity, *advice;
        uint64_t patience_usec;
} AlarmTraits;

static const AlarmTraits traits[_ALARM_MAX] = {
                [ALARM_NO_MODE] = {"no-mode-healthy", "critical",
                                   "Buyers may not be able to pay at all. `failoverctl status` shows what "
                                   "each mode waits for; "
                                   "mend one of them, or pin a mode by `failoverctl force-fallback --mode "
                                   "MODE`."},
                [ALARM_FALLBACK] = {"fallback-not-ready", "warning",
                                    "If the primary fails now, this fallback cannot take over. Mend what it "
                                    "waits for before it "
                                    "is needed; `failoverctl probe NAME` tries again at once.",
                                    10 * USEC_PER_MIN},
                [ALARM_ACTION] = {"action-given-up", "critical",
                                  "What this action makes so or says did not happen. Mend its target, then "
                                  "`failoverctl plan` "
                                  "shows what stands now."},
                [ALARM_FAILING] = {"action-failing", "warning",
                                   "What this action makes so is not so yet. It is tried again, for 75 h or "
                                   "until "
                                   "the next change of "
                                   "mode; mend its target. `failoverctl status` has the newest reason.",
                                   30 * USEC_PER_SEC},
                [ALARM_NOT_DURABLE] = {"not-durable", "critical",
                                       "Decisions are taken and acted on, but a power cut now would lose "
                                       "them. Free space on, or "
                                       "mend, the disk that holds the state directory; what waits is saved "
                                       "by itself."},
                [ALARM_RETURNS] = {"returns-stopped", "warning",
                                   "The shop has changed modes too often today, so it stays where it is "
                                   "until you say `failoverctl "
                                   "ack`; failovers go on."},
                [ALARM_BLIND] = {"blind", "warning",
                                 "No reference can be reached, so failures outside are not counted. Check "
                                 "this machine's own "
                                 "uplink and resolver.",
                                 10 * USEC_PER_MIN},
                [ALARM_PIN] = {"pinned-mode-broken", "critical",
                               "The mode that you pinned does not work. `failoverctl auto` lets the "
                               "supervisor decide again."},
                [ALARM_WARN] = {"warning", "warning",
                                "It works now, but will not for long without your care."},
                [ALARM_MODE_GONE] = {"mode-gone", "warning",
                                     "The mode that the shop ran in is no longer in the configuration; the "
                                     "first ready one was "
                                     "taken. `failoverctl ack`, or the next change of mode, ends this."},
                [ALARM_MAINTENANCE] = {"changed-in-maintenance", "warning",
                                       "Alerts were held meanwhile. `failoverctl history` shows the change, "
                                       "`failoverctl status` what the first mode waits for; this ends when "
                                       "the shop is back in it."},
                [ALARM_CHAIN] = {"history-damaged", "critical",
                                 "The stored history cannot be trusted or read. Nothing was overwritten: "
                                 "keep the file, and move "
                                 "it away to begin anew."},
};

const char *alarm_kind_name(AlarmKind kind)
{
        assert(kind < _ALARM_MAX);
        return traits[kind].name;
}

const char *alarm_severity(AlarmKind kind)
{
        return traits[kind].severity;
}

uint64_t alarm_patience_usec(AlarmKind kind)
{
        return traits[kind].patience_usec;
}

const char *alarm_advice(AlarmKind kind)
{
        return traits[kind].advice;
}

static const char *alarm_subject(const Alarm *alarm)
{
        const char *colon = strchr(alarm->name, ':');

        return colon ? colon + 1 : NULL;
}

static Alarm *find(const Alarms *a, AlarmKind kind, const char *subject)
{
        for (size_t i = 0; i < a->n; i++) {
                const char *s = alarm_subject(&a->items[i]);

                if (a->items[i].kind == kind && (subject && s ? streq(s, subject) : !subject && !s))
                        return &a->items[i];
        }
        return NULL;
}

const Alarm *alarms_find(const Alarms *a, AlarmKind kind, const char *subject)
{
        return find(a, kind, subject);
}

static Alarm *add(Alarms *a, AlarmKind kind, const char *subject)
{
        Alarm alarm = {.kind = kind};

        if (a->n == a->capacity) {
                size_t capacity = MAX(2 * a->capacity, (size_t) 8);
                Alarm *items = reallocarray(a->items, capacity, sizeof(*items));

                if (!items)
                        return NULL;
                a->items = items;
                a->capacity = capacity;
        }
        alarm.name = string_printf("%s%s%s", traits[kind].name, subject ? ":" : "", subject ? subject : "");
        if (!alarm.name)
                return NULL;
        a->items[a->n] = alarm;
        a->turns++;
        return &a->items[a->n++];
}

static void drop(Alarms *a, size_t i)
{
        a->turns++;
        free(a->items[i].name);
        free(a->items[i].message);
        memmove(&a->items[i], &a->items[i + 1], (a->n - i - 1) * sizeof(a->items[0]));
        a->n--;
}

static void set_message(Alarm *alarm, const char *message)
{
        char *copy;

        if (alarm->message && streq(alarm->message, message))
                return;
        copy = strdup(message);
        if (!copy)
                return;
        free(alarm->message);
        alarm->message = copy;
}

void alarms_set(Alarms *a, AlarmKind kind, const char *subject, bool standing, const char *message,
                uint64_t now)
{
        Alarm *alarm = find(a, kind, subject);

        if (!alarm && standing)
                alarm = add(a, kind, subject);
        if (!alarm)
                return;
        if (standing && !alarm->standing) {
                a->turns++;
                alarm->began = now;
        }
        alarm->standing = standing;
        if (standing)
                set_message(alarm, message);
}

static uint64_t due_at(const Alarm *alarm)
{
        return alarm->began + traits[alarm->kind].patience_usec;
}

/* Two that are raised at the same moment must not look like one to a receiver that drops doubles. */
static void make_id(Alarm *alarm, uint64_t wall)
{
        uint32_t hash = UINT32_C(2166136261); /* FNV-1a */

        for (const char *c = alarm->name; *c; c++)
                hash = (hash ^ (uint8_t) *c) * UINT32_C(16777619);
        snprintf(alarm->id, sizeof(alarm->id), "A%llx-%x", (unsigned long long) wall, hash);
}

void alarms_check(Alarms *a, uint64_t now, uint64_t wall, AlarmFn fn, void *userdata)
{
        for (size_t i = 0; i < a->n;) {
                Alarm *alarm = &a->items[i];

                if (alarm->standing && !alarm->raised && now >= due_at(alarm)) {
                        a->turns++;
                        alarm->raised = true;
                        alarm->since_wall = wall;
                        make_id(alarm, wall);
                        fn(alarm, true, userdata);
                } else if (!alarm->standing) {
                        if (alarm->raised) {
                                alarm->raised = false;
                                fn(alarm, false, userdata);
                        }
                        drop(a, i);
                        continue;
                }
                i++;
        }
}

uint64_t alarms_next(const Alarms *a)
{
        uint64_t next = USEC_NEVER;

        for (size_t i = 0; i < a->n; i++)
                if (!a->items[i].standing)
                        return 0;
                else if (!a->items[i].raised)
                        next = MIN(next, due_at(&a->items[i]));
        return next;
}

void alarms_forget(Alarms *a, AlarmKind kind, bool (*keep)(const char *subject, void *userdata),
                   void *userdata)
{
        for (size_t i = 0; i < a->n; i++) {
                const char *subject = alarm_subject(&a->items[i]);

                if (a->items[i].kind == kind && subject && !keep(subject, userdata))
                        a->items[i].standing = false;
        }
}

void alarms_clear(Alarms *a)
{
        while (a->n > 0)
                drop(a, a->n - 1);
        free(a->items);
        *a = (Alarms){0};
}

json_t *alarms_to_json(const Alarms *a, bool all)
{
        json_t *list = json_array();

        for (size_t i = 0; i < a->n; i++) {
                const Alarm *alarm = &a->items[i];
                json_t *j;

                if (!all && !alarm->raised)
                        continue;
                j = json_object();
                json_put(j, "name", json_string_or_null(alarm->name));
                json_put(j, "since", json_timestamp(alarm->since_wall));
                json_put(j, "message", json_string_or_null(alarm->message));
                json_put(j, "severity", json_string(traits[alarm->kind].severity));
                if (all) {
                        json_put(j, "id", json_string(alarm->id));
                        json_put(j, "kind", json_string(traits[alarm->kind].name));
                        json_put(j, "began", json_integer((json_int_t) alarm->began));
                        json_put(j, "since_usec", json_integer((json_int_t) alarm->since_wall));
                        json_put(j, "raised", json_boolean(alarm->raised));
                }
                json_add(list, j);
        }
        return list;
}

static int kind_from_name(const char *name)
{
        for (int k = 0; k < _ALARM_MAX; k++)
                if (streq(traits[k].name, name))
                        return k;
        return -EINVAL;
}

int alarms_from_json(Alarms *a, const json_t *j)
{
        size_t i;
        json_t *item;

        json_array_foreach(j, i, item)
        {
                const char *name, *kind_name, *message = NULL, *id;
                json_int_t began, since;
                const char *colon;
                int raised, kind;
                Alarm *alarm;

                /* One of another version is left out: its condition will show again, if it still stands. */
                if (json_unpack(item, "{s:s, s:s, s?:s, s:s, s:I, s:I, s:b}", "name", &name, "kind",
                                &kind_name, "message", &message, "id", &id, "began", &began, "since_usec",
                                &since, "raised", &raised) < 0)
                        continue;
                kind = kind_from_name(kind_name);
                if (kind < 0)
                        continue;
                colon = strchr(name, ':');
                alarm = add(a, (AlarmKind) kind, colon ? colon + 1 : NULL);
                if (!alarm)
                        return -ENOMEM;
                set_message(alarm, message ? message : "");
                alarm->began = (uint64_t) began;
                alarm->since_wall = (uint64_t) since;
                alarm->raised = raised;
                alarm->standing = true;
                snprintf(alarm->id, sizeof(alarm->id), "%s", id);
        }
        return 0;
}
