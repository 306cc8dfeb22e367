/* SPDX-License-Identifier: MIT */
/* What the tests of the status page share, beside action_rig.h: documents of what the public may know, a page published from one, and
 * looks at what was written. */
#pragma once

#include "actions/status_page.h"
#include "tests/action_rig.h"

extern const ActionType action_status_page;
_unused_ static const max_align_t plain[4]; /* without keys */

_unused_ static const char *const files[] = {"index.html",
                                             "history.html",
                                             "badge.svg",
                                             "history.atom",
                                             "ninety-days.json",
                                             "api/v2/components.json",
                                             "api/v2/incidents.json",
                                             "api/v2/incidents/unresolved.json",
                                             "api/v2/scheduled-maintenances.json",
                                             "api/v2/scheduled-maintenances/upcoming.json",
                                             "api/v2/scheduled-maintenances/active.json",
                                             "api/v2/summary.json",
                                             "api/v2/status.json"};
#define MARKUP 4 /* of them; the others are JSON */

/* JSON with ' for ". */
_unused_ static char *json_text(const char *text)
{
        char *copy = strdup(text);

        CHECK(copy);
        for (char *c = copy; *c; c++)
                *c = *c == '\'' ? '"' : *c;
        return copy;
}

_unused_ static json_t *document(const char *text)
{
        _cleanup_free_ char *copy = json_text(text);
        json_error_t error;

        json_t *j = json_loads(copy, 0, &error);
        if (!j) {
                fprintf(stderr, "%s: %s\n", error.text, text);
                exit(1);
        }
        return j;
}

#define COMPONENTS(cards)                                                                                    \
        "'components':[{'id':'cards','name':'Card "                                                          \
        "payments','description':'Visa','group':'Checkout','state':'" cards                                  \
        "','since':'2026-11-20T09:00:00.000Z','days':[{'date':'2026-11-18','up':86400,'unknown':0},"         \
        "{'date':'2026-11-19','up':0,'unknown':86400},{'date':'2026-11-20','up':32000,'down':700,'unknown':" \
        "0}]},"                                                                                              \
        "{'id':'coins','name':'Cryptocurrency','group':'Checkout','state':'operational','since':'2026-11-"   \
        "01T00:00:00.000Z'},"                                                                                \
        "{'id':'search','name':'Search','group':'','state':'unknown','since':'2026-11-02T00:00:00.000Z'}]"

#define FELL                                                                                              \
        "{'id':'01JFELL','began':'2026-11-20T09:00:00.000Z','resolved':null,'mode':'crypto','payment':"   \
        "'crypto','impact':'major','automatic':true,'name':'','components':['cards'],'updates':["         \
        "{'id':'u2','at':'2026-11-20T09:05:00.000Z','state':'monitoring','body':'Our bank is down.\\nWe " \
        "wait.'},"                                                                                        \
        "{'id':'u1','at':'2026-11-20T09:00:00.000Z','state':'identified','body':'','mode':'crypto',"      \
        "'payment':'crypto','message':'Using backup payment system. All books still available.'}]}"
#define PAST                                                                                              \
        "{'id':'01JPAST','began':'2026-11-10T09:00:00.000Z','resolved':'2026-11-10T09:12:00.000Z','mode'" \
        ":'federated','payment':'federated','impact':'critical','name':'A bad morning','components':[],"  \
        "'updates':[{'id':'p2','at':'2026-11-10T09:12:00.000Z','state':'resolved','body':'','mode':"      \
        "'primary','payment':'primary','message':''},{'id':'p1','at':'2026-11-10T09:00:00.000Z','state':" \
        "'identified','body':'','mode':'federated','payment':'federated','message':''}]}"
#define MAINTENANCES                                                                                         \
        "'maintenances':["                                                                                   \
        "{'id':'m2','name':'Database','body':'Slow.','state':'active','from':'2026-11-20T08:00:00.000Z',"    \
        "'until':null,'began':'2026-11-20T08:01:00.000Z','ended':null,'components':[],'updates':["           \
        "{'id':'v2','at':'2026-11-20T08:30:00.000Z','state':'active','body':'Half "                          \
        "done.'},{'id':'v3','at':'2026-11-20T08:01:00.000Z','state':'active','body':''},"                    \
        "{'id':'v1','at':'2026-11-20T08:00:00.000Z','state':'scheduled','body':'Slow.'}]},"                  \
        "{'id':'m1','name':'Moving','body':'We carry "                                                       \
        "boxes.','state':'scheduled','from':'2026-11-22T08:00:00.000Z',"                                     \
        "'until':'2026-11-22T10:00:00.000Z','began':null,'ended':null,'components':['search'],'updates':[{'" \
        "id':'w1','at':'2026-11-20T07:00:00.000Z','state':'scheduled','body':''}]}"                          \
        ","                                                                                                  \
        "{'id':'m0','name':'Disk','body':'','state':'completed','from':'2026-11-01T08:00:00.000Z',"          \
        "'until':'2026-11-01T10:00:00.000Z','began':'2026-11-01T08:00:00.000Z','ended':'2026-11-"            \
        "01T09:00:00.000Z','components':[],'updates':[{'id':'x1','at':'2026-11-01T09:00:00.000Z','state':'"  \
        "completed','body':'It was the cable.'}]}]"

#define ON_CRYPTO                                                                                       \
        "{'node':{'id':'my-shop'},'made':'2026-11-20T09:06:00.000Z','fresh_for':240,"                   \
        "'mode':{'name':'crypto','first':false,'payment':'crypto','since':'2026-11-20T09:00:00.123Z',"  \
        "'change':'01JCHANGE0000000000000000A','durable':true},'selling':'backup','blind':false,"       \
        "'counted_since':'2026-11-18T00:00:00.000Z'," COMPONENTS("down") ",'incidents':[" FELL "," PAST \
                                                                         "]," MAINTENANCES "}"
#define WELL                                                                                             \
        "{'mode':{'name':'primary','first':true,'payment':'primary','since':'2026-11-10T09:12:00.000Z'," \
        "'change':'01JBACK','durable':true},'selling':'as-usual','blind':false,'incidents':[" PAST "],"  \
        "'maintenances':[],'components':[{'id':'cards','name':'Card payments','state':'operational'}]}"

_unused_ static ActionFacts well_facts(json_t *known)
{
        ActionFacts facts = rig_facts();

        facts.kind = ACTION_REFRESH;
        facts.change = facts.id = "01JBACK";
        facts.mode = facts.payment = "primary";
        facts.from = "crypto";
        facts.checkout = "checkout";
        facts.message = "";
        facts.cause = "well";
        facts.first = true;
        facts.public_status = known;
        return facts;
}

_unused_ static void publish(Rig *rig, const ActionFacts *facts)
{
        CHECK_INT(rig_run(rig, &action_status_page, plain, facts, false), ACTION_DONE);
}

_unused_ static json_t *read_json(Rig *rig, const char *name)
{
        _cleanup_free_ char *text = rig_read(rig->status, name);
        json_t *j = NULL;

        CHECK(text);
        CHECK_INT(json_parse(text, strlen(text), &j, NULL), 0);
        return j;
}

_unused_ static void check_file(Rig *rig, const char *name, const char *part, bool wanted)
{
        _cleanup_free_ char *text = rig_read(rig->status, name);

        if (text && !strstr(text, part) == !wanted)
                return;
        if (text && strstr(text, "<main"))
                memmove(text, strstr(text, "<main"), strlen(strstr(text, "<main")) + 1);
        fprintf(stderr, "\"%s\" is %s in %s:\n%s\n", part, wanted ? "not" : "", name, text ? text : "(null)");
        exit(1);
}

_unused_ static void check_page(Rig *rig, const char *part)
{
        check_file(rig, "index.html", part, true);
}

_unused_ static void check_not_on_page(Rig *rig, const char *part)
{
        check_file(rig, "index.html", part, false);
}

_unused_ static void check_indicator(Rig *rig, const char *wanted)
{
        _cleanup_json_ json_t *j = read_json(rig, "api/v2/status.json");

        check_json(j, "status.indicator", wanted);
}

_unused_ static size_t occurrences(Rig *rig, const char *name, const char *part)
{
        _cleanup_free_ char *text = rig_read(rig->status, name);
        size_t n = 0;

        CHECK(text);
        for (const char *s = text; (s = strstr(s, part)); s++)
                n++;
        return n;
}

_unused_ static void check_component(const json_t *c, const char *name, const char *status)
{
        uint64_t usec;

        check_json(c, "name", name);
        check_json(c, "status", status);
        CHECK(json_is_string(json_object_get(c, "id")) && json_is_string(json_object_get(c, "page_id")));
        CHECK_INT(timestamp_parse(json_string_value(json_object_get(c, "updated_at")), &usec), 0);
        CHECK_INT(timestamp_parse(json_string_value(json_object_get(c, "created_at")), &usec), 0);
}
