/* SPDX-License-Identifier: MIT */
/* What is told of the registry in /metrics and /v1/status. */
#include "base/metrics.h"
#include "federation/registrar.h"
#include "federation/registry_file.h"
#include "federation/registry_text.h"

static void add_one(Text *t, const char *name, const char *type, const char *help, double value)
{
        metric_family(t, name, type, help);
        metric_sample(t, name, value, NULL);
}

static void add_results(Text *t, const RegistrarCounts *c)
{
        const struct {
                const char *result;
                uint64_t n;
        } results[] = {{"added", c->added},     {"changed", c->changed}, {"unchanged", c->unchanged},
                       {"refused", c->refused}, {"limited", c->limited}, {"failed", c->failed}};

        metric_family(t, "federationd_registrations_total", "counter",
                      "Registrations of other nodes, by what came of them.");
        for (size_t i = 0; i < ELEMENTSOF(results); i++)
                metric_sample(t, "federationd_registrations_total", (double) results[i].n,
                              (const char *const[]){"result", results[i].result, NULL});
}

void registry_add_metrics(Text *t, const Federation *f)
{
        RegistrarCounts r;
        MembersCounts m;

        members_counts(f->members, &m);
        registrar_counts(f->registrar, &r);
        metric_family(t, "federationd_nodes", "gauge", "Other nodes in the registry, by how they stand.");
        for (size_t s = 0; s < _MEMBER_STATE_MAX; s++)
                metric_sample(t, "federationd_nodes", (double) m.nodes[s],
                              (const char *const[]){"state", member_state_name((MemberState) s), NULL});
        add_one(t, "federationd_nodes_proven", "gauge",
                "Of them, those whose document was found at their url.", (double) m.proven);
        add_results(t, &r);
        add_one(t, "federationd_registry_written_timestamp_seconds", "gauge",
                "When network-registry.json was last written; 0: not yet.",
                (double) registry_file_written_usec(f->registry_file) / 1e6);
}

json_t *registry_to_json(const Federation *f)
{
        const char *trouble = registry_file_trouble(f->registry_file), *unread = members_trouble(f->members);
        json_t *j = json_object();
        RegistrarCounts r;
        MembersCounts m;

        members_counts(f->members, &m);
        registrar_counts(f->registrar, &r);
        json_put(j, "ready", json_boolean(members_ready(f->members)));
        json_put(j, "trouble", *unread ? json_string_or_null(unread) : json_null());
        for (size_t s = 0; s < _MEMBER_STATE_MAX; s++)
                json_put(j, member_state_name((MemberState) s), json_integer((json_int_t) m.nodes[s]));
        json_put(j, "proven", json_integer((json_int_t) m.proven));
        json_put(j, "bytes", json_integer((json_int_t) m.bytes));
        json_put(j, "load_ms", json_real((double) m.load_usec / 1e3));
        json_put(j, "file_written", json_timestamp(registry_file_written_usec(f->registry_file)));
        json_put(j, "file_trouble", *trouble ? json_string_or_null(trouble) : json_null());
        json_put(j, "registrations",
                 json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "added", (json_int_t) r.added, "changed",
                           (json_int_t) r.changed, "unchanged", (json_int_t) r.unchanged, "refused",
                           (json_int_t) r.refused, "limited", (json_int_t) r.limited, "failed",
                           (json_int_t) r.failed, "waiting", (json_int_t) r.waiting));
        return j;
}
