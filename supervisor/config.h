/* SPDX-License-Identifier: MIT */
/* failoverd.yaml as structs. Parsing does no I/O but reading that one file; config_verify() looks at the rest. */
#pragma once

#include "actions/action.h"
#include "base/conf_help.h"
#include "base/finding.h"
#include "base/sign.h"
#include "probes/probe.h"
#include "supervisor/mode.h"

typedef enum ProbeScope {
        SCOPE_LOCAL,
        SCOPE_EXTERNAL,
} ProbeScope;

/* One probe. Kept by pointer, so that a reload carries over what did not change, running attempts included. */
typedef struct ProbeConfig {
        char *name;
        const ProbeType *type;
        void *conf;   /* type->conf_size */
        void *memory; /* the type's own, across attempts */
        uint64_t interval_usec, fast_interval_usec, timeout_usec;
        unsigned fall, window, rise;
        int scope; /* ProbeScope */
        bool vantage;
        unsigned index;   /* in Config.probes */
        void *running;    /* attempts in flight: attempts.c */
        char *place;      /* "file:line:column" */
        uint8_t hash[32]; /* of its part of the file */
} ProbeConfig;

typedef struct ActionConfig {
        char *name; /* identity across reloads: default the type, then type-2, … */
        const ActionType *type;
        void *conf;
        char *target; /* for people; "" when this machine */
        char **modes; /* run for these only; NULL: all */
        char *place;  /* "file:line:column" */
        uint8_t hash[32];
} ActionConfig;

typedef struct ModeSettings {
        char *name;
        char *payment, *checkout;
        char *message; /* "" when none */
        unsigned *requires;
        size_t n_requires;
        bool *needs; /* by probe: it is among them */
} ModeSettings;

typedef enum ComponentState { /* as actions/public_status.h has them */
                              COMPONENT_OPERATIONAL,
                              COMPONENT_DEGRADED,
                              COMPONENT_PARTIAL,
                              COMPONENT_DOWN,
                              COMPONENT_MAINTENANCE,
                              COMPONENT_UNKNOWN,
                              _COMPONENT_MAX,
} ComponentState;

/* What readers of the status page know the shop by. Probes have no public names. */
typedef struct ComponentConfig {
        char *id, *name, *description, *group; /* "" when none, but id and name */
        unsigned *probes;
        size_t n_probes; /* 0: it follows the mode: what the running one requires, it is made of */
        int *impact;     /* by mode: the ComponentState that it is in at best; -1: not said */
} ComponentConfig;

typedef struct NodeConfig {
        char *id, *name, *url, *fallback_url, *key_file;
} NodeConfig;

typedef struct HeartbeatConfig {
        char *url;
        uint64_t every_usec;
} HeartbeatConfig;

typedef struct FailbackConfig {
        uint64_t hold_usec, flap_window_usec, hold_max_usec;
        unsigned max_changes_per_day;
} FailbackConfig;

typedef struct Config {
        NodeConfig node;
        ProbeConfig **probes;
        size_t n_probes;
        unsigned *by_name; /* numbers of probes, sorted by their names */
        unsigned *vantage;
        size_t n_vantage;
        ModeSettings *modes;
        size_t n_modes;
        ComponentConfig *components; /* at least one */
        size_t n_components;
        bool *required; /* by probe: some mode does */
        ActionConfig **actions;
        size_t n_actions;
        FailbackConfig failback;
        char *metrics_listen; /* NULL: off */
        HeartbeatConfig heartbeat;
        char *directory;  /* of the file */
        bool exposed;     /* others can read the file */
        SignKey *key;     /* config_read_key(); NULL: nothing can be signed … */
        Error key_error;  /* … and why */
        uint8_t hash[32]; /* of the whole file's content; order of keys, comments and style do not count */

        /* the same for the decision */
        ModeProbe *mode_probes;
        ModeMode *mode_modes;
        ModeConfig mode;
} Config;

int config_load(const char *path, Config **ret, Error *e);
/* The same, and the file as it stands, for who looks for places in it. */
int config_load_tree(const char *path, Config **ret, Conf **ret_tree, Error *e);
int config_load_text(const char *name, const char *text, size_t size, Config **ret, Error *e);
Config *config_free(Config *c);
DEFINE_CLEANUP(Config, config_free)

/* Moves unchanged probes and actions (same name, same content) from old into c: the objects themselves. */
void config_carry_over(Config *c, Config *old);

unsigned config_find_probe(const Config *c, const char *name);   /* PROBE_NONE */
unsigned config_find_mode(const Config *c, const char *name);    /* MODE_NONE */
unsigned config_find_component(const Config *c, const char *id); /* COMPONENT_NONE */
#define COMPONENT_NONE UINT_MAX
bool config_action_runs_in(const ActionConfig *a, const char *mode);
/* May the action lead those who look up `name` (lower case, no final dot) to another address in another mode? */
bool config_dns_moves(const ActionConfig *a, const char *name);

/* Reads node.key_file into c->key, for those who act: not on the loop. A key that is missing, or is none, is no failure:
 * only what must be signed is refused then, with c->key_error. -EPERM: others can read it. -ENOMEM. */
int config_read_key(Config *c);

/* What a start and a reload look at: sense and nonsense in the settings, secrets well kept, commands there. The whole of
 * check-config is check.h. Calls fn for each finding but notes, with its place; error: it must not be used (a secret that
 * others can read). Reads files: not on the loop. alone: this process has no threads yet, so a child looks
 * (look.h), and what hangs is a finding, not a wait. Returns the number of errors. */
typedef void (*ConfigFinding)(bool error, const char *text, void *userdata);
unsigned config_verify(const Config *c, bool alone, ConfigFinding fn, void *userdata);
/* Its parts: what needs no look at files; … */
void config_verify_settings(const Config *c, Findings *f);
/* … and each file: 0; -EPERM: it must not be used; another errno: it may still come. Text into e. */
int config_verify_probe(const Config *c, const ProbeConfig *p, Error *e);
int config_verify_action(const Config *c, const ActionConfig *a, Error *e);
int config_verify_key(const Config *c, Error *e);

/* The field tables, for --help-config: each section with its fields. Those of the types: probe_types, action_types. */
size_t config_sections(const ConfSection **ret); /* constant table */
