/* SPDX-License-Identifier: MIT */
/* What the parts of the configuration's reader share: config.c, config_probes.c, config_modes.c,
 * config_components.c, config_actions.c. */
#pragma once

#include "supervisor/config.h"

extern const ConfField config_probe_fields[], config_mode_fields[], config_component_fields[],
                config_action_fields[];

int config_parse_probes(Config *c, const ConfNode *node, Error *e);
int config_parse_modes(Config *c, const ConfNode *root, Error *e);
int config_parse_components(Config *c, const ConfNode *node, Error *e); /* after probes and modes */
int config_parse_actions(Config *c, const ConfNode *node, Error *e);
ProbeConfig *probe_config_free(ProbeConfig *p);
void mode_settings_clear(ModeSettings *m);
void component_config_clear(ComponentConfig *c);
ActionConfig *action_config_free(ActionConfig *a);

/* config_dns.c: tells each dns probe whether a dns action changes its record. */
void config_dns_link(Config *c);
/* What can be known of dns actions beside the rest of the configuration. */
void config_dns_verify(const Config *c, Findings *f);

/* Names of probes as their numbers; what: who names them, for errors. */
int config_resolve_probes(const Config *c, char **names, const ConfNode *node, const char *what,
                          unsigned **ret, size_t *ret_n, Error *e);
/* Reads one mapping by two tables into two structs; own_extra: a key that somebody else reads, or NULL. */
int config_parse_both(const ConfNode *node, const ConfField *own, const char *own_extra, void *own_target,
                      const ConfField *others, void *others_target, Error *e);
/* "file:line:column", for what is found wrong later; malloc'ed. */
char *config_place(const ConfNode *node);
/* Fills c->mode from probes, modes and failback: the last step. -ENOMEM. */
int config_settle(Config *c);
/* These end up as lines that a shell may source. */
int config_check_word(const ConfNode *node, const char *key, const char *value, Error *e);
