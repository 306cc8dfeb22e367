/* SPDX-License-Identifier: MIT */
/* The supervisor without its hands: schedule, decision and alerts, joined. */
#include "supervisor/engine.h"
#include "supervisor/engine_private.h"

#include "base/clock.h"
#include "base/text.h"

/* --- outcomes on their way from the schedule to the decision --- */

static void on_cancel(unsigned probe, uint64_t serial, void *userdata)
{
        Engine *e = userdata;

        e->telling = true;
        e->output.cancel(probe, serial, e->output.userdata);
        e->telling = false;
}

/* The schedule must not be called from here: queued, and drained when its call has returned. */
static void on_outcome(unsigned probe, uint64_t serial, Outcome outcome, bool blind, void *userdata)
{
        Engine *e = userdata;

        assert(e->n_queue < e->queue_size);
        e->queue[e->n_queue++] =
                        (EngineOutcome){.probe = probe, .serial = serial, .outcome = outcome, .blind = blind};
}

static void message_keep(Engine *e, unsigned probe, uint64_t serial, const char *message)
{
        EngineMessage *m = malloc(sizeof(*m));

        if (!m)
                return; /* told without words */
        m->probe = probe;
        m->serial = serial;
        plain_copy(m->text, sizeof(m->text), message);
        m->next = e->messages;
        e->messages = m;
}

static int on_start(unsigned probe, uint64_t serial, void *userdata)
{
        Engine *e = userdata;
        char text[128];
        int r;

        e->telling = true;
        r = e->output.start(probe, serial, e->output.userdata);
        e->telling = false;
        if (r >= 0)
                return r;
        snprintf(text, sizeof(text), "could not be started: %s", strerror(-r));
        message_keep(e, probe, serial, text);
        return r;
}

static EngineMessage *message_take(Engine *e, uint64_t serial)
{
        for (EngineMessage **m = &e->messages; *m; m = &(*m)->next)
                if ((*m)->serial == serial) {
                        EngineMessage *found = *m;

                        *m = found->next;
                        return found;
                }
        return NULL;
}

static void text_replace(char **where, const char *text)
{
        char *copy;

        if (*where && streq(*where, text))
                return;
        copy = strdup(text);
        if (!copy)
                return;
        free(*where);
        *where = copy;
}

static void probe_say(Engine *e, const EngineOutcome *o, uint64_t wall)
{
        EngineProbe *p = &e->probes[o->probe];
        _cleanup_free_ EngineMessage *kept = message_take(e, o->serial);
        char text[512];

        snprintf(text, sizeof(text), "%s%s", kept ? kept->text : "interrupted by a clock step or a stall",
                 o->blind ? " (not counted: no reference can be reached either)" : "");
        text_replace(&p->message, text);
        if (o->outcome == OUTCOME_FAIL)
                text_replace(&p->trouble, text);
        memmove(p->history + 1, p->history, ENGINE_HISTORY - 1);
        p->history[0] = outcome_letter(o->outcome);
        p->outcome_wall = wall;
}

/* --- changes --- */

static void cause_text(const Engine *e, const ModePlan *plan, uint64_t hold, const char *reason, Text *t)
{
        char duration[DURATION_SIZE];

        switch (plan->rule) {
        case RULE_FAILOVER:
        case RULE_LAST_RESORT: {
                const ProbeConfig *c = e->config->probes[plan->probe];
                const char *trouble = e->probes[plan->probe].trouble;
                unsigned fails = e->state.probes[plan->probe].down_fails;

                text_add(t, "%s down: %s", c->name, trouble ? trouble : "failed");
                if (fails > 0)
                        text_add(t, " (%u of %u)", fails, c->window);
                if (plan->rule == RULE_LAST_RESORT)
                        text_add(t, "; no mode is known to be ready, this one is not known to be down");
                break;
        }
        case RULE_RETURN:
                if (hold > 0)
                        text_add(t, "%s well for %s", e->config->modes[plan->to].name,
                                 duration_format(duration, hold));
                else
                        text_add(t, "%s is well again", e->config->modes[plan->to].name);
                break;
        case RULE_OPERATOR:
                text_add(t, "operator: %s%s%s", plan->to == 0 ? "force-primary" : "force-fallback",
                         reason[0] ? ": " : "", reason);
                break;
        case RULE_FIRST_START:
                text_add(t, "first start");
                break;
        case RULE_MODE_GONE:
                text_add(t, "the stored mode %s is no longer configured", reason);
                break;
        default:
                assert(false);
        }
}

/* After the last one, though the clock may have been set back since: what a start finds in two places is told apart by it. */
static void make_id(Engine *e, char id[static ID_SIZE], uint64_t wall)
{
        uint64_t random[2] = {random_next(&e->random), random_next(&e->random)};
        uint8_t bytes[10];

        memcpy(bytes, random, sizeof(bytes));
        id_make_from(id, MAX(wall, id_usec(e->change_id) + USEC_PER_MSEC), bytes);
}

/* hold: what was in force before this change. */
static void announce(Engine *e, const ModePlan *plan, uint64_t hold, const char *reason, uint64_t now,
                     uint64_t wall)
{
        EngineChange change = {
                        .at_wall = wall,
                        .from = plan->from,
                        .to = plan->to,
                        .rule = plan->rule,
                        .automatic = plan->automatic,
                        .since_wall = plan->since > 0 && plan->since <= now ? wall - (now - plan->since) : 0,
                        .reason = reason,
        };
        _cleanup_text_ Text t = {0};
        char *cause;

        cause_text(e, plan, hold, reason, &t);
        if (text_take(&t, &cause) >= 0) {
                free(e->cause);
                e->cause = cause;
        }
        change.cause = e->cause ? e->cause : rule_name(plan->rule);
        make_id(e, change.id, wall);
        memcpy(e->change_id, change.id, ID_SIZE);
        e->since_wall = wall;
        e->n_changes++;
        e->telling = true;
        e->output.changed(&change, e->output.userdata);
        e->telling = false;
}

/* A change of mode forgets what passive probes of the old one said. */
static void forget_silenced(Engine *e, uint64_t now)
{
        for (unsigned i = 0; i < e->config->n_probes; i++) {
                Verdict v = e->state.probes[i].verdict;

                if (v == VERDICT_UNKNOWN && e->probes[i].known != VERDICT_UNKNOWN)
                        schedule_forget(e->schedule, i, now);
                e->probes[i].known = (uint8_t) v;
        }
}

static void ask_others(Engine *e, unsigned failed, uint64_t now)
{
        const Config *c = e->config;

        for (unsigned m = 0; m < c->n_modes; m++) {
                if (m == e->state.mode)
                        continue;
                for (size_t i = 0; i < c->modes[m].n_requires; i++)
                        if (c->modes[m].requires[i] != failed)
                                schedule_run_now(e->schedule, c->modes[m].requires[i], now);
        }
}

/* Somebody has seen it, or the shop has moved on. */
static void mode_gone_end(Engine *e, uint64_t now)
{
        const Alarm *gone = alarms_find(&e->alarms, ALARM_MODE_GONE, NULL);

        if (gone && gone->raised)
                alarms_set(&e->alarms, ALARM_MODE_GONE, NULL, false, "", now);
}

static void tell_judged(Engine *e, const ModeEvent *event, bool turned)
{
        bool important = turned || e->state.probes[event->probe].fails != 0;

        e->telling = true;
        e->output.judged(event->probe, event->outcome, turned, important, e->output.userdata);
        e->telling = false;
}

void engine_tell_remember(Engine *e)
{
        e->telling = true;
        e->output.remember(e->output.userdata);
        e->telling = false;
}

/* One event through the decision, and what follows from it. reason: the operator's, "" for others. 0; -EAGAIN: refused,
 * and nothing has changed. */
static int step(Engine *e, const ModeEvent *event, const char *reason, uint64_t now, uint64_t wall)
{
        uint64_t hold = e->state.hold;
        ModePlan plan;
        int r;

        r = mode_step(&e->state, event, now, &e->config->mode, &plan);
        if (r < 0)
                return r;
        e->mode_next = plan.next;
        if (event->kind == MODE_EVENT_OUTCOME) {
                Verdict v = e->state.probes[event->probe].verdict;

                schedule_judged(e->schedule, event->probe, event->outcome, v, plan.settled, now);
                e->probes[event->probe].known = (uint8_t) v;
        }
        if (plan.ask_others)
                ask_others(e, event->kind == MODE_EVENT_OUTCOME ? event->probe : PROBE_NONE, now);
        if (event->kind == MODE_EVENT_TIME || plan.changed)
                forget_silenced(e, now);
        if (plan.changed || event->kind == MODE_EVENT_ACK)
                mode_gone_end(e, now);
        /* Before what it causes: a change is stored together with the window that it rests on. */
        if (event->kind == MODE_EVENT_OUTCOME)
                tell_judged(e, event, plan.verdict_changed);
        if (plan.changed)
                announce(e, &plan, hold, reason, now, wall);
        return 0;
}

static void judge(Engine *e, const EngineOutcome *o, uint64_t now, uint64_t wall)
{
        const ProbeConfig *c = e->config->probes[o->probe];
        ModeEvent event = {.kind = MODE_EVENT_OUTCOME, .probe = o->probe, .outcome = o->outcome};

        probe_say(e, o, wall);
        if (o->outcome == OUTCOME_WARN || o->outcome == OUTCOME_PASS)
                alarms_set(&e->alarms, ALARM_WARN, c->name, o->outcome == OUTCOME_WARN,
                           e->probes[o->probe].message, now);
        step(e, &event, "", now, wall);
}

static void drain(Engine *e, uint64_t now, uint64_t wall)
{
        /* Judging starts attempts, but settles none: nothing is queued meanwhile. */
        for (size_t i = 0; i < e->n_queue; i++)
                judge(e, &e->queue[i], now, wall);
        e->n_queue = 0;
}

/* --- time --- */

#ifndef FAILOVERD_BUG_BLIND_TO_STALLS /* tests/faults/stop.sh must notice when it is */
#define STALL_USEC ENGINE_STALL_USEC
#else
#define STALL_USEC (100 * USEC_PER_DAY)
#endif

/* Every entry into the engine begins here. */
static void tick(Engine *e, uint64_t now, uint64_t wall)
{
        int64_t offset = (int64_t) (wall - now), moved = offset - e->offset;
        ModeEvent event = {.kind = MODE_EVENT_TILT};

        assert(!e->telling);
        e->offset = offset;
        if (llabs(moved) <= (int64_t) STALL_USEC && now <= e->expected + STALL_USEC)
                return;
        step(e, &event, "", now, wall);
        schedule_tilt(e->schedule, now, e->state.tilt_until);
        drain(e, now, wall);
}

/* Every entry into the engine ends here. */
static void settle(Engine *e, uint64_t now, uint64_t wall)
{
        drain(e, now, wall);
        engine_conditions(e, now, wall);
        e->expected = MAX(engine_next(e), now);
}

uint64_t engine_next(const Engine *e)
{
        uint64_t next = MIN(schedule_next(e->schedule), e->mode_next);

        next = MIN(next, alarms_next(&e->alarms));
        return MIN(next, e->woken + e->tick_usec);
}

void engine_wake(Engine *e, uint64_t now, uint64_t wall)
{
        ModeEvent event = {.kind = MODE_EVENT_TIME};

        tick(e, now, wall);
        e->woken = now;
        schedule_wake(e->schedule, now);
        drain(e, now, wall);
        step(e, &event, "", now, wall);
        settle(e, now, wall);
}

void engine_ended(Engine *e, unsigned probe, uint64_t serial, Outcome outcome, const char *message,
                  uint64_t now, uint64_t wall)
{
        tick(e, now, wall);
        if (!schedule_is_running(e->schedule, probe, serial))
                return;
        message_keep(e, probe, serial, message);
        schedule_ended(e->schedule, probe, serial, outcome, now);
        settle(e, now, wall);
}

void engine_report(Engine *e, unsigned probe, Outcome outcome, const char *message, uint64_t now,
                   uint64_t wall)
{
        EngineOutcome o = {.probe = probe, .outcome = outcome};

        tick(e, now, wall);
        message_keep(e, probe, 0, message);
        judge(e, &o, now, wall);
        settle(e, now, wall);
}

void engine_run_now(Engine *e, unsigned probe, uint64_t now, uint64_t wall)
{
        tick(e, now, wall);
        schedule_run_now(e->schedule, probe, now);
        settle(e, now, wall);
}

void engine_condition(Engine *e, AlarmKind kind, const char *subject, bool standing, const char *message,
                      uint64_t now, uint64_t wall)
{
        assert(!e->telling);
        alarms_set(&e->alarms, kind, subject, standing, message, now);
        engine_conditions(e, now, wall);
}

/* --- the operator --- */

static int refuse_force(const Engine *e, Error *error)
{
        char blocks[256], text[400] = "";
        size_t used = 0;

        if (e->config->n_modes < 2)
                return error_set(error, -EAGAIN, "there is no fallback: the configuration has one mode only");
        for (unsigned m = 1; m < e->config->n_modes && used < sizeof(text) - 1; m++) {
                engine_describe_blocks(e, m, blocks, sizeof(blocks));
                used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s: %s", m > 1 ? "; " : "",
                                          e->config->modes[m].name, blocks);
        }
        return error_set(error, -EAGAIN,
                         "no fallback is ready: %s. Name one with --mode to pin it all the same", text);
}

int engine_operate(Engine *e, const EngineCommand *command, uint64_t now, uint64_t wall, Error *error)
{
        static const ModeEventKind kinds[] = {
                        [COMMAND_FORCE] = MODE_EVENT_PIN,   [COMMAND_AUTO] = MODE_EVENT_AUTO,
                        [COMMAND_PAUSE] = MODE_EVENT_PAUSE, [COMMAND_RESUME] = MODE_EVENT_RESUME,
                        [COMMAND_ACK] = MODE_EVENT_ACK,
        };
        ModeEvent event = {
                        .kind = kinds[command->kind], .mode = command->mode, .for_usec = command->for_usec};

        tick(e, now, wall);
        if (step(e, &event, command->reason, now, wall) < 0)
                return refuse_force(e, error);
        if (command->kind == COMMAND_ACK)
                alarms_set(&e->alarms, ALARM_MODE_GONE, NULL, false, "", now);
        engine_tell_remember(e);
        settle(e, now, wall);
        return 0;
}

/* --- life --- */

static void schedule_settings(const Config *config, ScheduleProbe *probes)
{
        for (size_t i = 0; i < config->n_probes; i++) {
                const ProbeConfig *c = config->probes[i];

                probes[i] = (ScheduleProbe){
                                .interval_usec = c->interval_usec,
                                .fast_interval_usec = c->fast_interval_usec,
                                .fall = c->fall,
                                .window = c->window,
                                .single = c->type->single,
                                .passive = c->type->passive,
                                .external = c->scope == SCOPE_EXTERNAL,
                };
        }
        for (size_t i = 0; i < config->n_vantage; i++)
                probes[config->vantage[i]].vantage = true;
}

int engine_new(const Config *config, uint64_t seed, const EngineOutput *output, uint64_t now, uint64_t wall,
               Engine **ret)
{
        _cleanup_(engine_freep) Engine *e = calloc(1, sizeof(*e));
        ScheduleOutput to = {.start = on_start, .cancel = on_cancel, .outcome = on_outcome, .userdata = e};
        int r;

        if (!e)
                return -ENOMEM;
        e->config = config;
        e->output = *output;
        e->random = seed;
        e->mode_next = USEC_NEVER;
        e->woken = e->expected = now;
        e->tick_usec = ENGINE_TICK_USEC;
        e->offset = (int64_t) (wall - now);
        e->probes = calloc(MAX(config->n_probes, (size_t) 1), sizeof(*e->probes));
        e->probe_states = calloc(MAX(config->n_probes, (size_t) 1), sizeof(*e->probe_states));
        e->settings = calloc(MAX(config->n_probes, (size_t) 1), sizeof(*e->settings));
        e->from = calloc(MAX(config->n_probes, (size_t) 1), sizeof(*e->from));
        if (!e->probes || !e->probe_states || !e->settings || !e->from)
                return -ENOMEM;
        schedule_settings(config, e->settings);
        for (size_t i = 0; i < config->n_probes; i++)
                e->queue_size += config->probes[i]->fall;
        e->queue = calloc(e->queue_size + 1, sizeof(*e->queue));
        if (!e->queue)
                return -ENOMEM;
        r = schedule_new(e->settings, config->n_probes, random_next(&e->random), &to, &e->schedule);
        if (r < 0)
                return r;
        mode_init(&e->state, e->probe_states, now, &config->mode);
        *ret = TAKE_PTR(e);
        return 0;
}

void engine_set_tick(Engine *e, uint64_t tick_usec)
{
        assert(tick_usec > 0);
        e->tick_usec = tick_usec;
}

static void probe_done(EngineProbe *p)
{
        free(p->message);
        free(p->trouble);
        *p = (EngineProbe){0};
}

Engine *engine_free(Engine *e)
{
        if (!e)
                return NULL;
        for (size_t i = 0; e->probes && i < e->config->n_probes; i++)
                probe_done(&e->probes[i]);
        for (EngineMessage *m = e->messages, *next; m; m = next) {
                next = m->next;
                free(m);
        }
        schedule_free(e->schedule);
        alarms_clear(&e->alarms);
        free(e->queue);
        free(e->probes);
        free(e->probe_states);
        free(e->settings);
        free(e->from);
        free(e->cause);
        free(e->gone);
        free(e);
        return NULL;
}

void engine_begin(Engine *e, bool first_start, uint64_t now, uint64_t wall)
{
        ModeEvent event = {.kind = MODE_EVENT_TIME};
        ModePlan plan = {.from = MODE_NONE, .rule = RULE_FIRST_START, .probe = PROBE_NONE};
        char text[256];

        engine_forget_alarms(e);
        if (first_start) {
                announce(e, &plan, 0, "", now, wall);
        } else if (e->gone) {
                plan.rule = RULE_MODE_GONE;
                plan.to = e->state.mode;
                snprintf(text, sizeof(text),
                         "the stored mode %.64s is no longer configured; the shop runs in %s", e->gone,
                         e->config->modes[plan.to].name);
                alarms_set(&e->alarms, ALARM_MODE_GONE, NULL, true, text, now);
                announce(e, &plan, 0, e->gone, now, wall);
                free(e->gone);
                e->gone = NULL;
        }
        schedule_begin(e->schedule, now);
        step(e, &event, "", now, wall);
        settle(e, now, wall);
}

/* --- looking --- */

const Config *engine_config(const Engine *e)
{
        return e->config;
}

const ModeState *engine_state(const Engine *e)
{
        return &e->state;
}

const Schedule *engine_schedule(const Engine *e)
{
        return e->schedule;
}

const Alarms *engine_alarms(const Engine *e)
{
        return &e->alarms;
}

const char *engine_history(const Engine *e, unsigned probe)
{
        return e->probes[probe].history;
}

const char *engine_message(const Engine *e, unsigned probe)
{
        return e->probes[probe].message ? e->probes[probe].message : "";
}

uint64_t engine_outcome_wall(const Engine *e, unsigned probe)
{
        return e->probes[probe].outcome_wall;
}

const char *engine_cause(const Engine *e)
{
        return e->cause ? e->cause : "";
}

const char *engine_change_id(const Engine *e)
{
        return e->change_id;
}

uint64_t engine_since_wall(const Engine *e)
{
        return e->since_wall;
}

uint64_t engine_changes(const Engine *e)
{
        return e->n_changes;
}

bool engine_tilt(const Engine *e, uint64_t now)
{
        return mode_in_tilt(&e->state, now);
}
