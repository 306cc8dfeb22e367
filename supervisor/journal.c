/* SPDX-License-Identifier: MIT */
/* Changes of mode and alerts as the journal gets them. */
#include "supervisor/journal.h"

#include "base/log.h"
#include "base/message_id.h"
#include "base/text.h"

#define FIELDS_MAX 8

/* Those that cannot be allocated are left out: the message comes first. */
typedef struct Fields {
        char *items[FIELDS_MAX + 1];
        size_t n;
} Fields;

static void fields_add(Fields *f, const char *name, const char *value)
{
        _cleanup_text_ Text field = {0};

        assert(f->n < FIELDS_MAX);
        text_add(&field, "%s=", name);
        text_add_plain(&field, value, 0); /* foreign words; `journalctl -x` shows them as they are */
        if (!field.failed)
                f->items[f->n++] = TAKE_PTR(field.data);
}

static void fields_clear(Fields *f)
{
        while (f->n > 0)
                free(f->items[--f->n]);
}

static void log_with(int level, const Fields *fields, const char *message)
{
        log_fields(level, (const char *const *) fields->items, "%s", message);
}

static const char *change_id(ModeRule rule)
{
        static const char *const ids[_RULE_MAX] = {
                        [RULE_FIRST_START] = MESSAGE_FIRST_START, [RULE_MODE_GONE] = MESSAGE_MODE_GONE,
                        [RULE_FAILOVER] = MESSAGE_FAILOVER,       [RULE_LAST_RESORT] = MESSAGE_LAST_RESORT,
                        [RULE_RETURN] = MESSAGE_RETURN,           [RULE_OPERATOR] = MESSAGE_OPERATOR,
        };

        assert(rule < _RULE_MAX && ids[rule]);
        return ids[rule];
}

void journal_change(const EngineChange *change, const char *from, const char *to)
{
        _cleanup_free_ char *message =
                        string_printf("mode %s%s%s: %s", from, from[0] ? " to " : "", to, change->cause);
        bool outage = change->automatic && change->rule != RULE_RETURN;
        Fields f = {0};

        fields_add(&f, "MESSAGE_ID", change_id(change->rule));
        fields_add(&f, "FAILOVER_CHANGE", change->id);
        fields_add(&f, "FAILOVER_MODE", to);
        fields_add(&f, "FAILOVER_FROM", from);
        fields_add(&f, "FAILOVER_CAUSE", change->cause);
        if (change->reason && change->reason[0])
                fields_add(&f, "FAILOVER_REASON", change->reason);
        log_with(outage ? LOG_CRIT : LOG_NOTICE, &f, message ? message : to);
        fields_clear(&f);
}

static const char *alarm_id(AlarmKind kind)
{
        static const char *const ids[_ALARM_MAX] = {
                        [ALARM_NO_MODE] = MESSAGE_ALERT_NO_MODE,
                        [ALARM_FALLBACK] = MESSAGE_ALERT_FALLBACK,
                        [ALARM_ACTION] = MESSAGE_ALERT_ACTION,
                        [ALARM_FAILING] = MESSAGE_ALERT_FAILING,
                        [ALARM_NOT_DURABLE] = MESSAGE_ALERT_NOT_DURABLE,
                        [ALARM_RETURNS] = MESSAGE_ALERT_RETURNS,
                        [ALARM_BLIND] = MESSAGE_ALERT_BLIND,
                        [ALARM_PIN] = MESSAGE_ALERT_PIN,
                        [ALARM_WARN] = MESSAGE_ALERT_WARN,
                        [ALARM_MODE_GONE] = MESSAGE_ALERT_MODE_GONE,
                        [ALARM_CHAIN] = MESSAGE_ALERT_CHAIN,
                        [ALARM_MAINTENANCE] = MESSAGE_ALERT_MAINTENANCE,
        };

        assert(kind < _ALARM_MAX && ids[kind]);
        return ids[kind];
}

void journal_alarm(const Alarm *alarm, bool raised, bool held)
{
        const char *why = alarm->message ? alarm->message : "", *colon = strchr(alarm->name, ':');
        _cleanup_free_ char *message =
                        string_printf("alert %s: %s: %s%s", raised ? "raised" : "cleared", alarm->name, why,
                                      held ? " (held: a maintenance is on)" : "");
        Fields f = {0};

        fields_add(&f, "MESSAGE_ID", raised ? alarm_id(alarm->kind) : MESSAGE_ALERT_ENDED);
        fields_add(&f, "FAILOVER_ALERT", alarm_kind_name(alarm->kind));
        fields_add(&f, "FAILOVER_SUBJECT", colon ? colon + 1 : "");
        fields_add(&f, "FAILOVER_REASON", why);
        log_with(raised ? LOG_WARNING : LOG_NOTICE, &f, message ? message : alarm->name);
        fields_clear(&f);
}
