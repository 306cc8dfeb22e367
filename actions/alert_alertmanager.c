/* SPDX-License-Identifier: MIT */
/* The payload that Alertmanager sends to its webhook receivers, version 4
 * (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config): for anything that accepts those. */
#include "actions/alert.h"

#include "base/clock.h"

#include <inttypes.h>

#define ENDS_NEVER "0001-01-01T00:00:00Z" /* Go's zero time, which is what Alertmanager sends */
#define TEST_LASTS (5 * USEC_PER_MIN)

/* What receivers tell alerts apart by (groupKey, fingerprint) is the same when one begins and when it ends: mode and
 * severity, which may differ by then, are labels but no part of it. */
typedef struct Entry {
        const char *name, *severity, *mode;
        bool firing;
        uint64_t starts_usec, ends_usec; /* 0: has not ended */
} Entry;

/* FNV-1a over name, 0xff, value, 0xff of the labels in order of name, as Prometheus' LabelSet.Fingerprint(). */
static uint64_t fingerprint_add(uint64_t hash, const char *s)
{
        for (; *s; s++)
                hash = (hash ^ (unsigned char) *s) * UINT64_C(0x100000001b3);
        return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static json_t *entry_fingerprint(const Entry *entry, const char *node)
{
        const char *labels[] = {"alertname", entry->name, "node", node};
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        char text[17];

        for (size_t i = 0; i < ELEMENTSOF(labels); i++)
                hash = fingerprint_add(hash, labels[i]);
        snprintf(text, sizeof(text), "%016" PRIx64, hash);
        return json_string(text);
}

static json_t *entry_labels(const Entry *entry, const char *node)
{
        json_t *labels = json_object();
        if (!labels)
                return NULL;
        json_put(labels, "alertname", request_string(entry->name, false));
        json_put(labels, "mode", request_string(entry->mode, false));
        json_put(labels, "node", request_string(node, false));
        json_put(labels, "severity", request_string(entry->severity, false));
        return labels;
}

static json_t *annotations(const AlertMessage *m)
{
        json_t *j = json_object();
        if (!j)
                return NULL;
        json_put(j, "summary", json_string(m->title));
        json_put(j, "description", json_string(m->body));
        return j;
}

static json_t *entry_json(const AlertMessage *m, const Entry *entry)
{
        const ActionFacts *f = m->facts;
        json_t *j = json_object();
        if (!j)
                return NULL;
        json_put(j, "status", json_string(entry->firing ? "firing" : "resolved"));
        json_put(j, "labels", entry_labels(entry, f->node_id));
        json_put(j, "annotations", annotations(m));
        json_put(j, "startsAt", json_timestamp(entry->starts_usec));
        json_put(j, "endsAt", entry->ends_usec ? json_timestamp(entry->ends_usec) : json_string(ENDS_NEVER));
        json_put(j, "generatorURL", json_string(request_link(f->node_url)));
        json_put(j, "fingerprint", entry_fingerprint(entry, f->node_id));
        return j;
}

/* A change is the beginning or the end of one alert: that the shop does not run on its first mode. */
static Entry entry_make(const AlertMessage *m)
{
        const ActionFacts *f = m->facts;
        Entry entry = {
                        .name = f->alert,
                        .severity = *f->severity ? f->severity : "warning",
                        .mode = f->mode,
                        .firing = m->firing,
                        .starts_usec = f->since_usec > 0 && f->since_usec < f->at_usec ? f->since_usec
                                                                                       : f->at_usec,
                        .ends_usec = m->firing ? 0 : f->at_usec,
        };

        if (f->kind == ACTION_CHANGE) {
                entry.name = "ShopOnFallback";
                entry.severity = "critical";
                entry.mode = f->first && *f->from ? f->from : f->mode;
        } else if (f->kind == ACTION_TEST) {
                entry.name = "FailoverTest";
                entry.severity = "info";
                entry.ends_usec = f->at_usec + TEST_LASTS;
        }
        return entry;
}

static json_t *group_labels(const Entry *entry, const char *node)
{
        json_t *labels = json_object();
        if (!labels)
                return NULL;
        json_put(labels, "alertname", request_string(entry->name, false));
        json_put(labels, "node", request_string(node, false));
        return labels;
}

/* {}:{alertname="…", node="…"}, quoted as JSON quotes. */
static json_t *group_key(const Entry *entry, const char *node)
{
        json_t *labels = group_labels(entry, node);
        char *name = labels ? json_dumps(json_object_get(labels, "alertname"), JSON_ENCODE_ANY) : NULL;
        char *id = labels ? json_dumps(json_object_get(labels, "node"), JSON_ENCODE_ANY) : NULL;
        json_t *key = name && id ? json_sprintf("{}:{alertname=%s, node=%s}", name, id) : NULL;

        free(name);
        free(id);
        json_decref(labels);
        return key;
}

static json_t *payload(const AlertMessage *m)
{
        const char *node = m->facts->node_id;
        const Entry entry = entry_make(m);

        json_t *j = json_object(), *alerts = json_array();
        if (!j || !alerts) {
                json_decref(j);
                json_decref(alerts);
                return NULL;
        }
        json_add(alerts, entry_json(m, &entry));
        json_put(j, "version", json_string("4"));
        json_put(j, "groupKey", group_key(&entry, node));
        json_put(j, "truncatedAlerts", json_integer(0));
        json_put(j, "status", json_string(entry.firing ? "firing" : "resolved"));
        json_put(j, "receiver", json_string("failoverd"));
        json_put(j, "groupLabels", group_labels(&entry, node));
        json_put(j, "commonLabels", entry_labels(&entry, node));
        json_put(j, "commonAnnotations", annotations(m));
        json_put(j, "externalURL", json_string(request_link(m->facts->node_url)));
        json_put(j, "alerts", alerts);
        return j;
}

static int alertmanager_write(const AlertMessage *m, Text *body, Headers *headers)
{
        _cleanup_json_ json_t *j = payload(m);
        _cleanup_free_ char *text = NULL;

        if (!j)
                return -ENOMEM;
        int r = json_print(j, &text);
        if (r < 0)
                return r;
        text_add_string(body, text);
        return 0;
}

const AlertFormat alert_alertmanager = {
                .name = "alertmanager",
                .content_type = "application/json",
                .write = alertmanager_write,
};
