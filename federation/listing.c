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
                text_add(t, ",\"price_minor\":%lld", (long long) l->price_minor);
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
        if (l->year != 0)
                text_add(t, ",\"year\":%d", l->year);
        if (l->rating > 0)
                add_fraction(t, "rating", l->rating);
        if (l->popularity > 0)
                text_add(t, ",\"popularity\":%lld", (long long) l->popularity);
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

void listing_print_export(Text *t, const Listing *l, const char *node, const char *location, const char *at)
{
        char id[2 * LISTING_ID_MAX + 2];

        assert(t && l && node && at);

        snprintf(id, sizeof(id), "%s:%s", node, l->id);
        text_add_string(t, "{\"id\":");
        text_add_json(t, id);
        add_member(t, "_id", id);
        add_member(t, "userId", node);
        text_add_string(t, ",\"type\":\"book\"");
        add_book(t, l);
        add_tags(t, l->tags);
        add_more(t, l);
        text_add_string(t, ",\"location\":");
        if (location && *location)
                text_add_json(t, location);
        else
                text_add_string(t, "null");
        text_add_string(t, ",\"createdAt\":\"");
        text_add_string(t, at);
        text_add_string(t, "\",\"updatedAt\":\"");
        text_add_string(t, at);
        text_add_string(t, "\"}");
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
