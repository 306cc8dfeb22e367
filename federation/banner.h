/* SPDX-License-Identifier: MIT */
/* How buyers pay now, as HTML for shops without scripts: a document for a frame, or a piece for a page that a server puts together.
 * Reads nothing but its arguments. */
#pragma once

#include "base/text.h"
#include "federation/mode_file.h"

typedef enum BannerForm {
        BANNER_DOCUMENT, /* says, too, that all is as usual: a frame is never empty */
        BANNER_PIECE,    /* nothing, or one <div class="failover-banner"> */
} BannerForm;

/* The languages that the banner has words in, "en" first. The best of an Accept-Language field (RFC 9110, 12.5.4), which may
 * be NULL or nonsense; one of `en` and `de`. */
const char *banner_language(const char *accept);
/* What buyers must know who cannot buy, or may not be able to: selling as in ModeNow. NULL: they can. */
const char *banner_trouble(const char *selling, const char *language);
/* node_url: where buyers of `federated` go, NULL: nowhere. language: of banner_language(). */
void banner_add(Text *t, BannerForm form, const ModeNow *now, const char *node_url, const char *language);
/* What the document may do: nothing but its own style, in anybody's frame. */
extern const char banner_policy[];
