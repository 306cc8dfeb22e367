/* SPDX-License-Identifier: MIT */
/* federation/listing.c: the shape that marketplace software expects. */
#include "tests/test.h"

#include "base/json.h"
#include "federation/listing.h"

static const Seller seller = {"my-shop", "My <Shop>", "https://shop.example", "default"};

static json_t *document(const Listing *l, void (*print)(Text *, const Listing *, const Seller *))
{
        _cleanup_text_ Text t = {0};
        json_t *j = NULL;
        Error e = {""};

        print(&t, l, &seller);
        CHECK(!t.failed);
        CHECK(!strpbrk(t.data, "<>&\n\t"));
        CHECK_INT(json_parse(t.data, t.size, &j, &e), 0);
        return j;
}

static Listing empty(void)
{
        return (Listing){.id = "7",
                         .title = "T",
                         .author = "",
                         .isbn = "",
                         .description = "",
                         .category = "",
                         .tags = "",
                         .language = "",
                         .url = "",
                         .currency = "USD",
                         .price_minor = -1};
}

static const char *text(const json_t *j, const char *key)
{
        const char *s = json_string_value(json_object_get(j, key));

        return s ? s : "(no text)";
}

TEST(strings_are_strings_even_when_nothing_is_known)
{
        Listing l = empty();
        _cleanup_json_ json_t *j = document(&l, listing_print);

        CHECK_STR(text(j, "id"), "7");
        CHECK_STR(text(j, "author"), "");
        CHECK_STR(text(j, "description"), "");
        CHECK_STR(text(j, "isbn"), "");
        CHECK_STR(text(j, "category"), "");
        CHECK_STR(text(j, "storeId"), "my-shop");
        CHECK_STR(text(j, "storeName"), "My <Shop>");
        CHECK_STR(text(j, "storeUrl"), "https://shop.example");
        CHECK_STR(text(j, "networkId"), "my-shop-default-7");
        CHECK_STR(text(j, "currency"), "USD");
        CHECK(json_is_number(json_object_get(j, "relevance")));
        CHECK(json_is_null(json_object_get(j, "price")));
        CHECK(json_is_null(json_object_get(j, "price_minor")));
}

TEST(prices_are_numbers_in_both_units)
{
        Listing l = empty();

        l.price_minor = 1299;
        l.relevance = 0.98765;
        l.rating = 4.34;
        l.year = 1999;
        _cleanup_json_ json_t *j = document(&l, listing_print);
        CHECK(json_real_value(json_object_get(j, "price")) == 12.99);
        CHECK_INT(json_integer_value(json_object_get(j, "price_minor")), 1299);
        CHECK(json_number_value(json_object_get(j, "relevance")) == 0.988);
        CHECK(json_number_value(json_object_get(j, "rating")) == 4.34);
        CHECK_INT(json_integer_value(json_object_get(j, "year")), 1999);
}

TEST(nothing_in_a_listing_is_markup)
{
        Listing l = empty();

        l.title = "</script><script>alert(1)</script>\xe2\x80\xa8 \"\\";
        l.author = "bad \xff byte";
        _cleanup_json_ json_t *j = document(&l, listing_print);
        CHECK_STR(text(j, "title"), l.title);
        CHECK_STR(text(j, "author"), "bad \xef\xbf\xbd byte");
}

TEST(a_single_book_says_where_it_is_bought)
{
        Listing l = empty();

        l.id = "a/b c&d";
        _cleanup_json_ json_t *j = document(&l, listing_print_book);
        CHECK_STR(text(j, "purchaseUrl"), "https://shop.example/checkout?book=a%2Fb%20c%26d");
        CHECK(json_is_true(json_object_get(j, "available")));
        l.url = "https://shop.example/b/7";
        _cleanup_json_ json_t *own = document(&l, listing_print_book);
        CHECK_STR(text(own, "purchaseUrl"), "https://shop.example/b/7");
}

MAIN()
