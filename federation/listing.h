/* SPDX-License-Identifier: MIT */
/* A book as one shop sells it. */
#pragma once

#include "base/text.h"

/* Lengths in bytes; longer is cut at a character (title, author, description, tags) or refused (the others) at import. */
#define LISTING_ID_MAX          128
#define LISTING_TITLE_MAX       500
#define LISTING_AUTHOR_MAX      500
#define LISTING_ISBN_MAX        32
#define LISTING_CATEGORY_MAX    100
#define LISTING_TAGS_MAX        500
#define LISTING_LANGUAGE_MAX    16
#define LISTING_URL_MAX         2000
#define LISTING_DESCRIPTION_MAX 8000

/* Strings are valid UTF-8 without control characters, "" when unknown, never NULL; owned by whoever made the listing. */
typedef struct Listing {
        const char *id, *title, *author, *isbn, *description, *category, *tags, *language, *url;
        const char *currency; /* ISO 4217 */
        int64_t price_minor;  /* -1: unknown */
        int year;             /* 0: unknown */
        double rating;        /* 0: unknown */
        int64_t popularity;   /* how often sold or rated; 0 */
        double relevance;     /* of an answer to a question: more is better, 0 to 1 */
} Listing;

/* What results say of the node that sells; borrowed from the configuration. url without a final slash. */
typedef struct Seller {
        const char *id, *name, *url;
        const char *brand; /* "default" */
} Seller;

/* A result as in the contract ("A result", and "What existing marketplace software expects"): one JSON object without white
 * space. networkId is <seller>-<brand>-<id>. */
void listing_print(Text *t, const Listing *l, const Seller *seller);
/* As it stands in /federation/export (docs/network-exchange.md): all that a copy needs, and what markets look for. The frame is what
 * is the same for all; at: ISO time of createdAt and updatedAt; location: NULL when unknown. -ENOMEM. */
typedef struct ListingFrame {
        char *id, *head, *tail;
} ListingFrame;
int listing_export_frame(const char *node, const char *location, const char *at, ListingFrame *ret);
void listing_frame_clear(ListingFrame *f);
void listing_print_export(Text *t, const Listing *l, const ListingFrame *frame);
/* What a peer's own answer would hold, without what is ours to say (networkId, relevance, source_*), and without its last brace. */
void listing_print_copy(Text *t, const Listing *l, const Seller *seller);
/* The same with available and purchaseUrl, for /api/book/. */
void listing_print_book(Text *t, const Listing *l, const Seller *seller);
