/* SPDX-License-Identifier: MIT */
/* What federationd's HTTP side reads of strangers and of failoverd: the first byte of the input says as what the rest is read. */
#include "tests/fuzz/fuzz.h"

#include "base/http_limits.h"
#include "base/resolve.h"
#include "federation/mode_record.h"
#include "federation/status_read.h"

static HttpLimits *limits;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        static const char *const proxies[] = {"10.0.0.0/8", "fd00::/8", NULL};

        FUZZ_CHECK(http_limits_new(&(HttpLimitsOptions){.trusted_proxies = proxies}, &limits, NULL) == 0);
        return 0;
}

/* mode.json, and what is kept of it: the same. */
static void read_mode(const char *text, size_t size)
{
        ModeRecord m, again;
        char *printed;
        Error e = {0};

        if (mode_record_parse(text, size, &m, &e) < 0) {
                FUZZ_CHECK(e.text[0]);
                return;
        }
        FUZZ_CHECK(*m.mode && *m.checkout);
        FUZZ_CHECK(streq(m.payment, "primary") || streq(m.payment, "crypto") ||
                   streq(m.payment, "federated"));
        FUZZ_CHECK(mode_record_print(&m, &printed) == 0);
        FUZZ_CHECK(mode_record_parse(printed, strlen(printed), &again, &e) == 0);
        FUZZ_CHECK(mode_record_same(&m, &again));
        free(printed);
        mode_record_clear(&again);
        mode_record_clear(&m);
}

/* If-None-Match: only what stands there in quotes, or a lone star. */
static void read_tags(const char *text)
{
        if (!http_etag_matches(text, "abc"))
                return;
        const char *star = text + strspn(text, " \t");
        FUZZ_CHECK(strstr(text, "\"abc\"") || (*star == '*' && !star[1 + strspn(star + 1, " \t")]));
}

/* The last address that is no proxy's, of those that can be read without a gap: word by word from the end. */
static void last_stranger(char *text, struct sockaddr_storage *current)
{
        for (unsigned looked = 0; looked < 32 && http_limits_trusts(limits, current) && *text; looked++) {
                char *comma = strrchr(text, ','), *word = comma ? comma + 1 : text;
                struct sockaddr_storage a;

                word += strspn(word, " \t");
                for (size_t n = strlen(word); n > 0 && strchr(" \t", word[n - 1]); n--)
                        word[n - 1] = '\0';
                if (strlen(word) >= ADDRESS_SIZE || address_parse(word, 0, &a, NULL) < 0)
                        return;
                http_address_of((struct sockaddr *) &a, current);
                if (!comma)
                        return;
                *comma = '\0';
        }
}

static void read_forwarded(char *text)
{
        struct sockaddr_storage from, client, wanted;

        FUZZ_CHECK(address_parse("10.0.0.1", 0, &from, NULL) == 0);
        wanted = from;
        http_limits_client(limits, &from, (const char *const[]){text}, 1, &client);
        last_stranger(text, &wanted);
        FUZZ_CHECK(memcmp(&client, &wanted, sizeof(client)) == 0);
        (void) http_limits_request(limits, &client, 1);
        FUZZ_CHECK(http_limits_addresses(limits) <= HTTP_ADDRESSES_MAX);
}

static void read_path(const char *text)
{
        char slashes[STATUS_PATH_MAX + 3];

        if (!status_path_valid(text))
                return;
        FUZZ_CHECK(strlen(text) <= STATUS_PATH_MAX);
        snprintf(slashes, sizeof(slashes), "/%s/", text);
        FUZZ_CHECK(!strstr(slashes, "//") && !strstr(slashes, "/."));
}

static void read_date(const char *text)
{
        char again[HTTP_DATE_SIZE];
        uint64_t sec;

        if (http_date_parse(text, &sec) == 0)
                FUZZ_CHECK(streq(http_date_format(again, sec), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        char *text = strndup((const char *) data + 1, size - 1);
        FUZZ_CHECK(text);
        switch (data[0]) {
        case 'm':
                read_mode((const char *) data + 1, size - 1);
                break;
        case 't':
                read_tags(text);
                break;
        case 'f':
                read_forwarded(text);
                break;
        case 'p':
                read_path(text);
                break;
        default:
                read_date(text);
        }
        free(text);
        return 0;
}
