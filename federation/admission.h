/* SPDX-License-Identifier: MIT */
/* May somebody be in the registry as this, and may what he is there be changed to that? Pure: the rules of docs/membership.md.
 *
 *   its id or url is this node's own, or banned                             403
 *   configured: changed by its key alone; an unsigned entry with its url changes nothing, any other is refused    403
 *   there already, and says the same (but for registeredAt)                 200
 *   there, signed: changed by its own key alone, to something newer         200, else 409
 *   there, unsigned: changed while it waits, from where it came and with the same url    200, else 409. Who begins to sign once he
 *                    is accepted is believed when his document is found at his url
 *   new                                                                     201
 *   new, and but for capital letters this node's id, or that of one who is configured, accepted or banned  409
 *   new, with the url of one who is configured or accepted                  409 */
#pragma once

#include "federation/members.h"

typedef enum AdmissionVerdict {
        ADMISSION_NEW,
        ADMISSION_CHANGE,
        ADMISSION_SAME,
        ADMISSION_REFUSED
} AdmissionVerdict;

typedef struct AdmissionQuestion {
        const Members *members;
        const char *self_id, *self_url;
        const NodeDocument *document;
        const uint8_t *origin; /* 16 bytes: as Member.origin */
        uint64_t now_usec;     /* wall */
} AdmissionQuestion;

typedef struct Admission {
        AdmissionVerdict verdict;
        const Member *member; /* who it is about; NULL: a new one */
        bool by_given_key;    /* signed by the key that the operator gave */
        unsigned status;      /* refused: HTTP */
        char reason[200];
} Admission;

void admission_judge(const AdmissionQuestion *q, Admission *ret);
/* Is the document signed by the key that the operator gave for the member? That it lists it is not enough. */
int admission_check_given(const NodeDocument *d, const Member *member, uint64_t now_usec, Error *e);
