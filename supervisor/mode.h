/* SPDX-License-Identifier: MIT */
/* The decision: outcomes become verdicts, verdicts decide the mode. docs/decision.md tells the rule in words.
 *
 * Pure: no I/O, no clock, no allocation, no randomness; the same inputs give the same outputs for ever, so that every
 * decision can be stored, explained, replayed and simulated. Probes and modes are numbers here, as they stand in
 * ModeConfig. Times are microseconds of one clock that never steps (supervisor/steady.h); 0 means never. */
#pragma once

#include "base/macro.h"
#include "probes/probe.h"

#include <limits.h>

typedef enum Verdict {
        VERDICT_UNKNOWN,
        VERDICT_UP,
        VERDICT_DOWN,
        _VERDICT_MAX,
} Verdict;

const char *verdict_name(Verdict v);
int verdict_from_name(const char *s); /* -EINVAL */

#define MODE_WINDOW_MAX  64
#define MODE_CHANGES_MAX 64 /* bound of max_changes_per_day */
#define MODE_TILTS_MAX   16
#define MODE_NONE        UINT_MAX
#define PROBE_NONE       UINT_MAX

#define MODE_TILT_USEC        (30 * USEC_PER_SEC) /* automation rests after a clock step or a stall */
#define MODE_TILT_BUDGET_USEC (2 * USEC_PER_MIN)  /* all tilts together, … */
#define MODE_TILT_PERIOD_USEC (10 * USEC_PER_MIN) /* … in any such period */
#define MODE_SILENCE_RUNS     10                  /* intervals without a conclusive outcome: unknown */

typedef struct ModeProbe {
        unsigned fall, window, rise;
        uint64_t interval_usec, fast_interval_usec, timeout_usec;
        uint64_t silence_usec; /* without a conclusive outcome for so long: unknown */
        bool passive;
} ModeProbe;

typedef struct ModeMode {
        const unsigned *requires; /* probes */
        size_t n_requires;
} ModeMode;

typedef struct ModeConfig {
        const ModeProbe *probes;
        size_t n_probes;
        const ModeMode *modes; /* in order of preference */
        size_t n_modes;
        uint64_t hold_usec, flap_window_usec, hold_max_usec;
        unsigned max_changes_per_day; /* 0: no limit */
} ModeConfig;

typedef struct ProbeState {
        Verdict verdict;
        uint64_t verdict_since;
        uint64_t fails;  /* the window: bit 0 is the newest outcome, 1 a fail */
        unsigned count;  /* outcomes in the window */
        unsigned run;    /* passes in a row */
        unsigned streak; /* fails in a row */
        Outcome last;    /* newest outcome of any kind */
        uint64_t last_conclusive, last_pass, last_fail;
        uint64_t first_fail; /* of the trouble that has not settled; 0: none */
        unsigned down_fails; /* in the window that made it down, for "3 of 5"; not stored: 0 after a restart */
} ProbeState;

typedef struct ModeTilt {
        uint64_t from, until;
} ModeTilt;

typedef struct ModeState {
        ProbeState *probes; /* n_probes of them, the caller's memory */
        uint64_t began;     /* since when we watch; what was stored is older, and no reason to return */
        unsigned mode;
        uint64_t mode_since;
        uint64_t trouble; /* first fail of a requirement that is down, else of one in doubt; 0: none */

        /* the operator's layer */
        unsigned pin;       /* MODE_NONE: none */
        uint64_t pin_until; /* USEC_NEVER: until `auto` */
        bool paused;

        /* damping */
        uint64_t hold;                      /* now in force */
        uint64_t last_return;               /* the last automatic one */
        bool last_was_return;               /* … and nothing automatic has happened since */
        uint64_t changes[MODE_CHANGES_MAX]; /* automatic ones of the last 24 h, oldest first */
        unsigned n_changes;
        bool returns_stopped;

        uint64_t tilt_until;
        ModeTilt tilts[MODE_TILTS_MAX];
        unsigned n_tilts;

        /* what automation would do if nobody had a say: MODE_NONE when no mode is healthy */
        unsigned wants;
        uint64_t return_at; /* when a return is due if nothing fails; 0: none is on its way */
} ModeState;

typedef enum ModeEventKind {
        MODE_EVENT_TIME,    /* only time has passed */
        MODE_EVENT_OUTCOME, /* probe, outcome */
        MODE_EVENT_TILT,    /* the clock stepped, or the loop stalled */
        MODE_EVENT_PIN,     /* mode (MODE_NONE: the first ready one after the first), for_usec (0: no end) */
        MODE_EVENT_AUTO,
        MODE_EVENT_PAUSE,
        MODE_EVENT_RESUME,
        MODE_EVENT_ACK,
} ModeEventKind;

typedef struct ModeEvent {
        ModeEventKind kind;
        unsigned probe;
        Outcome outcome;
        unsigned mode;
        uint64_t for_usec;
} ModeEvent;

typedef enum ModeRule {
        RULE_NONE,
        RULE_FIRST_START,
        RULE_MODE_GONE,   /* the stored mode is no longer configured */
        RULE_FAILOVER,    /* a requirement is down; the first ready mode */
        RULE_LAST_RESORT, /* a requirement is down and no mode is ready; the first with none down */
        RULE_RETURN,      /* a preferred mode has been well for the hold */
        RULE_OPERATOR,    /* pinned */
        _RULE_MAX,
} ModeRule;

const char *rule_name(ModeRule r);

typedef struct ModePlan {
        bool changed;
        unsigned from, to;
        ModeRule rule;
        unsigned probe; /* the requirement that is down; PROBE_NONE for returns and operators */
        uint64_t since; /* of a failover: the first fail of that trouble */
        bool automatic;
        bool verdict_changed; /* of the event's probe */
        bool settled;         /* … whose window was emptied, or which confirmed that it is down */
        bool ask_others;      /* first fail, or into a mode in doubt: run what other modes require, now */
        uint64_t next;        /* call again with MODE_EVENT_TIME then; USEC_NEVER */
} ModePlan;

/* An empty state: every verdict unknown, the first mode, nothing pinned. probes: n_probes elements. */
void mode_init(ModeState *state, ProbeState *probes, uint64_t now, const ModeConfig *config);

/* Applies one event. In place, since copying ten thousand probes for each outcome is not free; who wants the old state
 * copies it first. 0; -EAGAIN: refused, nothing changed (a pin without a mode when no fallback is ready). */
int mode_step(ModeState *state, const ModeEvent *event, uint64_t now, const ModeConfig *config,
              ModePlan *ret_plan);

typedef enum Readiness {
        READY,
        READY_OPEN,   /* not down, and not yet shown to be up */
        READY_BROKEN, /* a requirement is down */
} Readiness;

/* Is every requirement up, and has it passed since the trouble of the mode that runs began? ret_probe: the first
 * requirement in the way (PROBE_NONE when ready); may be NULL. */
Readiness mode_readiness(const ModeState *state, unsigned mode, const ModeConfig *config,
                         unsigned *ret_probe);
bool mode_in_tilt(const ModeState *state, uint64_t now);
/* The same of one requirement of that mode. */
Readiness requirement_readiness(const ModeState *state, unsigned mode, unsigned probe,
                                const ModeConfig *config);
