/* SPDX-License-Identifier: MIT */
/* How well a listing, of whatever shop, fits what was asked for. A shop that has not the book answers with what is near it, and
 * puts that first: its first is not as good as another's very book. Pure. */
#pragma once

#include "base/error.h"

typedef enum Fit {
        FIT_NEAR,  /* it was answered; the shop knows why */
        FIT_WORDS, /* every word that was asked for (articles and such apart) stands in its title and author; the last may be begun
                    * only */
        FIT_TITLE, /* so it is, and nothing else stands in its title: "pride prejudice", "king shining". A subtitle is something
                    * else: "Harry Potter: Film Wizardry" is not what "harry potter" means */
} Fit;

typedef struct Wanted { /* the question, normalised once */
        char *title, *words;
        size_t title_size;
} Wanted;

int wanted_make(const char *question, Wanted *ret);
void wanted_clear(Wanted *w);
#define _cleanup_wanted_ _cleanup_(wanted_clear)
/* work: work_key() of title and author, which is nearly always enough to tell. */
Fit fit_of(const Wanted *w, const char *work, const char *title, const char *author);
