/* SPDX-License-Identifier: MIT */
/* The parts of --check, and what they share. */
#pragma once

#include "federation/check.h"

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
bool check_is_private(const char *host); /* a literal address that is not public */

int check_files(Check *k); /* what is looked at on this machine */
