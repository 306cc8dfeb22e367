/* SPDX-License-Identifier: MIT */
/* A book as one shop sells it, as JSON. */
#include "federation/listing.h"

#include "federation/money.h"

static void add_member(Text *t, const char *key, const char *value)
{
        text_add_string(t, ",\"");
        text_add_string(t, key);
        text_add_string(t, "\":");
        text_add_json(t, value);
}

static void add_number(Text *t, const char *key, uint64_t n)
{
        text_add_string(t, ",\"");
        text_add_string(t, key);
        text_add_string(t, "\":");
        text_add_number(t, n);
}

/* Parts that are joined by a character of their own. */
static void add_network_id(Text *t, const Listing *l, const Seller *seller)
{
        _cleanup_text_ Text id = {0};

        text_add(&id, "%s-%s-%s", seller->id, seller->brand, l->id);
        t->failed |= id.failed;
        add_member(t, "networkId", id.data ? id.data : "");
}

static void add_price(Text *t, const Listing *l)
{
        text_add_string(t, ",\"price\":");
        if (l->price_minor >= 0)
                money_print(t, l->price_minor, l->currency);
        else
                text_add_string(t, "null");
        add_member(t, "currency", l->currency);
        if (l->price_minor >= 0)
                add_number(t, "price_minor", (uint64_t) l->price_minor);
        else
                text_add_string(t, ",\"price_minor\":null");
}

/* Thousandths: nobody needs more, and the same answer has the same bytes everywhere. */
static void add_fraction(Text *t, const char *key, double value)
{
        long long thousandths = value > 0 ? (long long) (value * 1000 + 0.5) : 0;

        text_add(t, ",\"%s\":%lld", key, thousandths / 1000);
        if (thousandths % 1000 != 0)
                text_add(t, ".%03lld", thousandths % 1000);
}

static void add_book(Text *t, const Listing *l)
{
        add_member(t, "title", l->title);
        add_member(t, "author", l->author);
        add_member(t, "isbn", l->isbn);
        add_member(t, "description", l->description);
        add_member(t, "category", l->category);
        add_price(t, l);
}

/* What not every book has. */
static void add_more(Text *t, const Listing *l)
{
        if (*l->language)
                add_member(t, "language", l->language);
        if (*l->url)
                add_member(t, "url", l->url);
        if (l->year > 0)
                add_number(t, "year", (uint64_t) l->year);
        else if (l->year < 0)
                text_add(t, ",\"year\":%d", l->year);
        if (l->rating > 0)
                add_fraction(t, "rating", l->rating);
        if (l->popularity > 0)
                add_number(t, "popularity", (uint64_t) l->popularity);
}

static void add_seller(Text *t, const Seller *seller)
{
        add_member(t, "storeId", seller->id);
        add_member(t, "storeName", seller->name);
        add_member(t, "storeUrl", seller->url);
}

static void print_open(Text *t, const Listing *l, const Seller *seller)
{
        assert(t);
        assert(l);
        assert(seller);

        text_add_string(t, "{\"id\":");
        text_add_json(t, l->id);
        add_book(t, l);
        add_seller(t, seller);
        add_network_id(t, l, seller);
        add_fraction(t, "relevance", l->relevance);
        if (*l->tags)
                add_member(t, "tags", l->tags);
        add_more(t, l);
}

void listing_print_copy(Text *t, const Listing *l, const Seller *seller)
{
        assert(t && l && seller);

        text_add_string(t, "{\"id\":");
        text_add_json(t, l->id);
        add_book(t, l);
        add_seller(t, seller);
        if (*l->tags)
                add_member(t, "tags", l->tags);
        add_more(t, l);
}

/* "a, b" as ["a","b"]. */
static void add_tags(Text *t, const char *tags)
{
        char tag[LISTING_TAGS_MAX + 1];
        bool first = true;

        text_add_string(t, ",\"tags\":[");
        for (const char *p = tags; *p;) {
                size_t size = strcspn(p, ",");
                const char *begin = p + strspn(p, " ,");

                if (begin < p + size) {
                        snprintf(tag, sizeof(tag), "%.*s", (int) (p + size - begin), begin);
                        text_add_string(t, first ? "" : ",");
                        text_add_json(t, tag);
                        first = false;
                }
                p += size + (p[size] == ',');
        }
        text_add_string(t, "]");
}

int listing_export_frame(const char *node, const char *location, const char *at, ListingFrame *ret)
{
        _cleanup_text_ Text id = {0}, head = {0}, tail = {0};
        int r;

        assert(node && at && ret);

        text_add_json(&id, node);
        text_truncate(&id, id.size - (id.size > 0)); /* its closing quote */
        text_add_string(&id, ":");
        text_add_string(&head, ",\"userId\":");
        text_add_json(&head, node);
        text_add_string(&head, ",\"type\":\"book\"");
        text_add_string(&tail, ",\"location\":");
        if (location && *location)
                text_add_json(&tail, location);
        else
                text_add_string(&tail, "null");
        text_add(&tail, ",\"createdAt\":\"%s\",\"updatedAt\":\"%s\"}", at, at);
        r = text_take(&id, &ret->id);
        if (r >= 0)
                r = text_take(&head, &ret->head);
        return r < 0 ? r : text_take(&tail, &ret->tail);
}

void listing_frame_clear(ListingFrame *f)
{
        free(f->id);
        free(f->head);
        free(f->tail);
        *f = (ListingFrame){NULL};
}

/* "node:id" */
static void add_id(Text *t, const ListingFrame *frame, const char *id)
{
        size_t at;

        text_add_string(t, frame->id);
        at = t->size;
        text_add_json(t, id);
        if (t->failed)
                return;
        memmove(t->data + at, t->data + at + 1,
                t->size - at); /* its opening quote; the terminator moves, too */
        t->size--;
}

void listing_print_export(Text *t, const Listing *l, const ListingFrame *frame)
{
        assert(t && l && frame);

        text_add_string(t, "{\"id\":");
        add_id(t, frame, l->id);
        text_add_string(t, ",\"_id\":");
        add_id(t, frame, l->id);
        text_add_string(t, frame->head);
        add_book(t, l);
        add_tags(t, l->tags);
        add_more(t, l);
        text_add_string(t, frame->tail);
}

void listing_print(Text *t, const Listing *l, const Seller *seller)
{
        print_open(t, l, seller);
        text_add_string(t, "}");
}

static void add_encoded(Text *t, const char *s)
{
        for (; *s; s++) {
                bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                             (*s >= '0' && *s <= '9') || strchr("-._~", *s);
                if (plain)
                        text_add_bytes(t, s, 1);
                else
                        text_add(t, "%%%02X", (uint8_t) *s);
        }
}

void listing_print_book(Text *t, const Listing *l, const Seller *seller)
{
        _cleanup_text_ Text url = {0};

        print_open(t, l, seller);
        text_add_string(&url, *l->url ? l->url : seller->url);
        if (!*l->url) { /* the default of the checkout's template, without a referral */
                text_add_string(&url, "/checkout?book=");
                add_encoded(&url, l->id);
        }
        t->failed |= url.failed;
        text_add_string(t, ",\"available\":true");
        add_member(t, "purchaseUrl", url.data ? url.data : "");
        text_add_string(t, "}");
}
