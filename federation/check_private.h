/* SPDX-License-Identifier: MIT */
/* The parts of --check, and what they share. */
#pragma once

#include "federation/check.h"

#include <sys/socket.h>

#define CHECK_HOST_SIZE 256

typedef struct Check {
        const CheckOptions *options;
        const Config *c;
        Findings *f;
        char host[CHECK_HOST_SIZE]; /* of node.url */
} Check;

/* Of a URL that has been normalised: its host without brackets, and its port. */
const char *check_host(char buffer[static CHECK_HOST_SIZE], const char *url);
unsigned check_port(const char *url);
const char *check_peer_key(const Check *k, size_t peer, char buffer[static 64]);

/* Is this address one that we listen at? local: an address of this machine, so that a wildcard is it, too. */
bool check_is_ours(const Check *k, const struct sockaddr_storage *address, unsigned port, bool local);
bool check_is_allowed(const Check *k, const struct sockaddr_storage *address); /* by the guard of peers */
void check_tell_itself(Check *k, size_t peer);
void check_tell_private(Check *k, size_t peer, const struct sockaddr_storage *address);

int check_files(Check *k);  /* what is looked at on this machine */
int check_online(Check *k); /* names looked up */
/* What the system must give federationd: as in supervisor/check.h. */
json_t *check_needs(const Config *c);
