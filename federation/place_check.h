/* SPDX-License-Identifier: MIT */
/* Where do these URLs lead? What strangers register must not point us, or buyers, into a private network: literal addresses are judged
 * at once, names once their addresses are known, each of them. A name that nobody knows is let pass: who connects to it asks again
 * (FETCH_GUARD). */
#pragma once

#include "base/resolve.h"

#define PLACE_URLS_MAX  4
#define PLACE_PATIENCE  USEC_PER_SEC /* for one name */
#define PLACE_TEXT_SIZE 256

typedef struct PlaceCheck PlaceCheck;
/* problem: NULL, or why it is refused, in words. May free the check. */
typedef void (*PlaceDone)(PlaceCheck *check, const char *problem, void *userdata);

/* allow: networks that are let through, NULL-terminated, or NULL. urls: "" ones are none. 0: they lead nowhere that is forbidden, and
 * there was no name among them; 1: done() will be called, once, later; -EPERM: one does, problem says which; -ENOMEM, … */
int place_check_start(Resolver *resolver, const char *const *allow, const char *const *urls, size_t n,
                      PlaceDone done, void *userdata, PlaceCheck **ret, char problem[static PLACE_TEXT_SIZE]);
PlaceCheck *place_check_free(PlaceCheck *c);
DEFINE_CLEANUP(PlaceCheck, place_check_free)
