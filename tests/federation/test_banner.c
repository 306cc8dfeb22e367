/* SPDX-License-Identifier: MIT */
/* The banner for shops without scripts: what it says in which mode and language, and that nothing in it is markup. */
#include "federation/banner.h"

#include "tests/test.h"

#include <sodium.h>

MAIN()

static const ModeNow primary = {.known = true,
                                .first = true,
                                .mode = "primary",
                                .payment = "primary",
                                .checkout = "checkout",
                                .message = "",
                                .since = "",
                                .change = "",
                                .selling = "as-usual",
                                .trouble = ""};

static ModeNow mode(const char *payment, const char *message)
{
        ModeNow n = primary;

        n.first = false;
        n.mode = n.payment = payment;
        n.message = message;
        n.selling = streq(payment, "federated") ? "elsewhere" : "backup";
        return n;
}

static char *made(BannerForm form, const ModeNow *now, const char *url, const char *language)
{
        Text t = {0};
        char *text;

        banner_add(&t, form, now, url, language);
        CHECK_INT(text_take(&t, &text), 0);
        return text;
}

static bool says(BannerForm form, const ModeNow *now, const char *url, const char *language, const char *part)
{
        _cleanup_free_ char *text = made(form, now, url, language);

        if (!strstr(text, part))
                fprintf(stderr, "\"%s\" is not in: %s\n", part, text);
        return strstr(text, part);
}

TEST(a_piece_is_nothing_while_all_is_as_usual)
{
        _cleanup_free_ char *text = made(BANNER_PIECE, &primary, "https://other.example", "en");
        ModeNow stale = primary;

        CHECK_STR(text, "");
        stale.stale = true;
        _cleanup_free_ char *quiet = made(BANNER_PIECE, &stale, NULL, "en");
        CHECK_STR(quiet, "");
        CHECK(says(BANNER_DOCUMENT, &stale, NULL, "en", ">We cannot see right now whether orders"));
        stale.stale = false;
        stale.selling = "unknown"; /* failoverd sees nothing outside */
        CHECK(says(BANNER_DOCUMENT, &stale, NULL, "en", ">We cannot see right now whether orders"));
        CHECK(says(BANNER_DOCUMENT, &primary, NULL, "en", "Orders and payment work as usual."));
        CHECK(says(BANNER_DOCUMENT, &primary, NULL, "de", "gehen wie gewohnt"));
}

TEST(each_mode_is_told_by_its_message_or_in_words_of_our_own)
{
        ModeNow crypto = mode("crypto", ""), told = mode("crypto", "Pay by coin."),
                cards = mode("primary", "Slow today."), federated = mode("federated", "");

        for (BannerForm form = BANNER_DOCUMENT; form <= BANNER_PIECE; form++) {
                CHECK(says(form, &crypto, NULL, "en", "You can pay by cryptocurrency."));
                CHECK(says(form, &crypto, NULL, "de", "Sie können mit Kryptowährung bezahlen."));
                CHECK(says(form, &told, NULL, "en", "<bdi>Pay by coin.</bdi><"));
                CHECK(says(form, &cards, NULL, "en", "<bdi>Slow today.</bdi>"));
                CHECK(says(form, &federated, "https://other.example/shop", "en",
                           "We cannot take orders at the moment. You can buy here instead: <a "
                           "href=\"https://other.example/shop\" target=\"_top\">other.example/shop</a>"));
                CHECK(says(form, &federated, NULL, "en",
                           ">Buying is not possible right now. Please try again later.<"));
        }
}

/* Whatever the operator has written for the mode: it is not so now. */
TEST(who_cannot_buy_is_told_so_in_every_mode)
{
        ModeNow cards = primary, crypto = mode("crypto", "All books still available."),
                federated = mode("federated", "All books still available.");

        for (BannerForm form = BANNER_DOCUMENT; form <= BANNER_PIECE; form++) {
                cards.selling = crypto.selling = "not";
                CHECK(says(form, &cards, NULL, "en",
                           ">Buying is not possible right now. Please try again later.<"));
                CHECK(says(form, &crypto, NULL, "en",
                           ">Buying is not possible right now. Please try again later.<"));
                CHECK(says(form, &crypto, NULL, "de", ">Der Kauf ist gerade nicht möglich."));
                CHECK(says(form, &federated, NULL, "en",
                           ">Buying is not possible right now. Please try again later.<"));
                CHECK(says(form, &federated, "https://other.example", "en", ">other.example</a>"));
                cards.selling = crypto.selling = "hampered";
                CHECK(says(form, &cards, NULL, "en",
                           ">There are problems with the checkout right now: buying may fail.<"));
                CHECK(says(form, &crypto, NULL, "de",
                           ">Es gibt gerade Probleme mit der Kasse: Der Kauf kann misslingen.<"));
        }
}

TEST(what_may_be_out_of_date_says_so)
{
        ModeNow crypto = mode("crypto", "Pay by coin.");

        crypto.stale = true;
        CHECK(says(BANNER_PIECE, &crypto, NULL, "en", "</bdi> This may be out of date.</div>"));
}

TEST(nothing_in_it_is_markup)
{
        ModeNow n = mode("federated", "</bdi><script>alert(1)</script>\x1b\xe2\x80\xae\"'&");

        for (BannerForm form = BANNER_DOCUMENT; form <= BANNER_PIECE; form++) {
                _cleanup_free_ char *text = made(form, &n, "https://x/\"><script>", "en");
                CHECK(!strstr(text, "<script"));
                CHECK(!strstr(text, "\x1b"));
                CHECK(!strstr(text, "\xe2\x80\xae"));
                CHECK(strstr(text, "&lt;script&gt;"));
        }
}

TEST(the_language_is_the_reader_s)
{
        static const struct {
                const char *accept, *language;
        } rows[] = {
                        {NULL, "en"},
                        {"", "en"},
                        {"de", "de"},
                        {"DE-at", "de"},
                        {"deu", "en"},
                        {"de-AT,de;q=0.9,en;q=0.8", "de"},
                        {"en-GB,en;q=0.9,de;q=0.8", "en"},
                        {"fr, de;q=0.3, en;q=0.2", "de"},
                        {"fr;q=1, en;q=0.2, de;q=0.21", "de"},
                        {"de;q=0", "en"},
                        {"de;q=0.000", "en"},
                        {"de;q=", "en"},
                        {"de;q=1.0,en;q=0.9", "de"},
                        {"*", "en"},
                        {",,;;q,=", "en"},
                        {"de ; q=0.5 , en ; q=0.4", "de"},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                CHECK_STR(banner_language(rows[i].accept), rows[i].language);
}

TEST(the_policy_allows_this_style_and_no_other)
{
        _cleanup_free_ char *text = made(BANNER_DOCUMENT, &primary, NULL, "en");
        const char *begin = strstr(text, "<style>") + strlen("<style>"), *end = strstr(begin, "</style>");
        unsigned char hash[crypto_hash_sha256_BYTES];
        char base64[64], wanted[100];

        crypto_hash_sha256(hash, (const unsigned char *) begin, (size_t) (end - begin));
        sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
        snprintf(wanted, sizeof(wanted), "'sha256-%s'", base64);
        if (!strstr(banner_policy, wanted))
                fprintf(stderr, "STYLE_HASH is to be %s\n", base64);
        CHECK(strstr(banner_policy, wanted));
}
