/* SPDX-License-Identifier: MIT */
/* Ed25519 keys, signed JSON, and the codes and digests that go with them, by libsodium. */
#include "base/sign.h"

#include "base/file.h"
#include "base/text.h"

#include <sodium.h>

static_assert(SIGN_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "libsodium's Ed25519");
static_assert(SIGN_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "libsodium's Ed25519");
static_assert(SIGN_SIGNATURE_SIZE == crypto_sign_BYTES, "libsodium's Ed25519");
static_assert(SHA256_SIZE == crypto_hash_sha256_BYTES, "SHA-256");

/* Once is enough; more often is harmless, from any thread. */
static void sodium_ready(void)
{
        int r = sodium_init();
        assert(r >= 0);
}

/* Codes */

int base64_encode(const void *data, size_t size, char **ret)
{
        assert(data || size == 0);
        assert(ret);

        size_t capacity = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
        char *s = malloc(capacity);
        if (!s)
                return -ENOMEM;
        sodium_bin2base64(s, capacity, data ? data : (const void *) "", size,
                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
        *ret = s;
        return 0;
}

static int base64_digit(char c)
{
        return c >= 'A' && c <= 'Z'   ? c - 'A'
               : c >= 'a' && c <= 'z' ? c - 'a' + 26
               : c >= '0' && c <= '9' ? c - '0' + 52
               : c == '+'             ? 62
               : c == '/'             ? 63
                                      : -EINVAL;
}

/* Not libsodium's decoder: that insists on zeros in the bits left over at the end, which Matrix's own seed has not. */
int base64_decode(const char *text, void *data, size_t size_max, size_t *ret_size)
{
        assert(text);
        assert(data || size_max == 0);
        assert(ret_size);

        size_t digits = strcspn(text, "="), padding = strlen(text) - digits;
        if (padding > 0 &&
            (padding > 2 || (digits + padding) % 4 != 0 || strspn(text + digits, "=") != padding))
                return -EINVAL;
        if (digits % 4 == 1 || digits / 4 * 3 + (digits % 4 ? digits % 4 - 1 : 0) > size_max)
                return -EINVAL;
        for (size_t i = 0; i < digits; i++)
                if (base64_digit(text[i]) < 0)
                        return -EINVAL;

        uint8_t *p = data;
        uint32_t bits = 0;
        size_t count = 0;
        for (size_t i = 0; i < digits; i++) {
                bits = bits << 6 | (uint32_t) base64_digit(text[i]);
                count += 6;
                if (count >= 8) {
                        count -= 8;
                        *p++ = (uint8_t) (bits >> count);
                }
        }
        *ret_size = (size_t) (p - (uint8_t *) data);
        return 0;
}

void hex_encode(char *buffer, const void *data, size_t size)
{
        static const char digits[] = "0123456789abcdef";
        const uint8_t *p = data;

        assert(buffer);
        assert(data || size == 0);

        for (size_t i = 0; i < size; i++) {
                buffer[2 * i] = digits[p[i] >> 4];
                buffer[2 * i + 1] = digits[p[i] & 15];
        }
        buffer[2 * size] = 0;
}

void sha256(const void *data, size_t size, uint8_t ret[static SHA256_SIZE])
{
        assert(data || size == 0);

        crypto_hash_sha256(ret, data ? data : (const void *) "", size);
}

void hmac_sha256(const void *key, size_t key_size, const void *data, size_t size, uint8_t ret[static 32])
{
        crypto_auth_hmacsha256_state state;

        assert(key || key_size == 0);
        assert(data || size == 0);

        crypto_auth_hmacsha256_init(&state, key ? key : (const void *) "", key_size);
        crypto_auth_hmacsha256_update(&state, data ? data : (const void *) "", size);
        crypto_auth_hmacsha256_final(&state, ret);
        sodium_memzero(&state, sizeof state);
}

/* Keys */

/* [a-zA-Z0-9_], as Matrix has its key identifiers; base64's + and / would be a nuisance in paths. */
static bool is_key_id(const char *id)
{
        size_t size = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        return size > 0 && !id[size] && size < sizeof((SignKey *) NULL)->id;
}

static int key_from_seed(const char *id, const uint8_t seed[static crypto_sign_SEEDBYTES], SignKey **ret)
{
        SignKey *key = calloc(1, sizeof *key);
        if (!key)
                return -ENOMEM;
        crypto_sign_seed_keypair(key->public_key, key->secret, seed);
        if (id) {
                strcpy(key->id, id); /* is_key_id() said it fits */
        } else {
                uint8_t digest[SHA256_SIZE];
                sha256(key->public_key, sizeof key->public_key, digest);
                hex_encode(key->id, digest, 4);
        }
        *ret = key;
        return 0;
}

int sign_key_generate(const char *id, SignKey **ret)
{
        uint8_t seed[crypto_sign_SEEDBYTES];

        assert(ret);

        if (id && !is_key_id(id))
                return -EINVAL;
        sodium_ready();
        randombytes_buf(seed, sizeof seed);
        int r = key_from_seed(id, seed, ret);
        sodium_memzero(seed, sizeof seed);
        return r;
}

/* Splits "ed25519 ID SEED" in place. */
static int key_line_split(char *line, char **ret_id, char **ret_seed)
{
        char *at, *word[4];
        size_t n = 0;

        for (char *s = strtok_r(line, " \t\r\n", &at); s; s = strtok_r(NULL, " \t\r\n", &at)) {
                if (n == ELEMENTSOF(word) - 1)
                        return -EINVAL;
                word[n++] = s;
        }
        if (n != 3 || !streq(word[0], "ed25519"))
                return -EINVAL;
        *ret_id = word[1];
        *ret_seed = word[2];
        return 0;
}

int sign_key_parse(const char *text, SignKey **ret, Error *e)
{
        static const char wanted[] = "expected one line \"ed25519 <key id> <base64 of 32 bytes>\"";
        uint8_t seed[crypto_sign_SEEDBYTES];
        char *id = NULL, *encoded = NULL;
        size_t size = 0;

        assert(text);
        assert(ret);

        sodium_ready();
        size_t length = strlen(text);
        char *line = strdup(text);
        if (!line)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        int r = key_line_split(line, &id, &encoded);
        if (r >= 0 && !is_key_id(id))
                r = error_set(e, -EINVAL, "a key id has letters, digits and _, 63 at most");
        else if (r >= 0 && (base64_decode(encoded, seed, sizeof seed, &size) < 0 || size != sizeof seed))
                r = error_set(e, -EINVAL, "the key is not the base64 of 32 bytes");
        else if (r < 0)
                r = error_set(e, r, "%s", wanted);
        if (r >= 0) {
                r = key_from_seed(id, seed, ret);
                if (r < 0)
                        error_set(e, r, "%s", strerror(-r));
        }
        sodium_memzero(seed, sizeof seed);
        explicit_bzero(line, length); /* all of it: strtok_r() has put terminators in */
        free(line);
        return r;
}

int sign_key_print(const SignKey *key, char **ret_text)
{
        _cleanup_(secret_freep) char *seed = NULL;

        assert(key);
        assert(ret_text);

        /* libsodium's secret begins with the seed. */
        int r = base64_encode(key->secret, crypto_sign_SEEDBYTES, &seed);
        if (r < 0)
                return r;
        char *text = string_printf("ed25519 %s %s\n", key->id, seed);
        if (!text)
                return -ENOMEM;
        *ret_text = text;
        return 0;
}

SignKey *sign_key_free(SignKey *key)
{
        if (key)
                sodium_memzero(key, sizeof *key);
        free(key);
        return NULL;
}

/* Signed JSON */

/* The bytes that a signature covers: all but `signatures` and `unsigned`. */
static int covered_bytes(const json_t *object, char **ret, Error *e)
{
        if (!json_is_object(object)) {
                error_set(e, -EINVAL, "only an object can be signed");
                return -EINVAL;
        }
        return json_canonical_without(object, (const char *const[]){"signatures", "unsigned", NULL}, ret, e);
}

/* The object under key, made when it is not there. Borrowed; NULL when something else is there, or without memory. */
static json_t *object_at(json_t *object, const char *key, int *ret_error)
{
        json_t *found = json_object_get(object, key);

        *ret_error = found ? -EINVAL : -ENOMEM;
        if (found)
                return json_is_object(found) ? found : NULL;
        found = json_object();
        return found && json_object_set_new(object, key, found) >= 0 ? found : NULL;
}

int sign_json(json_t *object, const char *name, const SignKey *key, Error *e)
{
        uint8_t signature[SIGN_SIGNATURE_SIZE];
        _cleanup_free_ char *bytes = NULL, *encoded = NULL;
        char key_name[sizeof key->id + sizeof "ed25519:"];
        int r;

        assert(object);
        assert(name);
        assert(key);

        sodium_ready();
        r = covered_bytes(object, &bytes, e);
        if (r < 0)
                return r;
        crypto_sign_detached(signature, NULL, (const uint8_t *) bytes, strlen(bytes), key->secret);
        r = base64_encode(signature, sizeof signature, &encoded);
        if (r < 0)
                return error_set(e, r, "%s", strerror(-r));

        json_t *all = object_at(object, "signatures", &r);
        json_t *ours = all ? object_at(all, name, &r) : NULL;
        if (!ours)
                return error_set(e, r, "%s",
                                 r == -EINVAL ? "`signatures` is not an object of objects" : strerror(-r));
        snprintf(key_name, sizeof key_name, "ed25519:%s", key->id);
        if (json_object_set_new(ours, key_name, json_string(encoded)) < 0)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        return 0;
}

int verify_json(const json_t *object, const char *name, const char *key_id,
                const uint8_t public_key[static SIGN_PUBLIC_SIZE], Error *e)
{
        uint8_t signature[SIGN_SIGNATURE_SIZE];
        _cleanup_free_ char *bytes = NULL, *key_name = NULL;
        char plain[128];
        size_t size;

        assert(object);
        assert(name);
        assert(key_id);

        sodium_ready();
        key_name = string_printf("ed25519:%s", key_id);
        if (!key_name)
                return error_set(e, -ENOMEM, "%s", strerror(ENOMEM));
        const json_t *all = json_object_get(object, "signatures");
        const char *encoded = json_string_value(json_object_get(json_object_get(all, name), key_name));
        if (!encoded)
                return error_set(e, -ENOKEY, "no signature of %s", plain_copy(plain, sizeof plain, name));
        int r = covered_bytes(object, &bytes, e);
        if (r < 0)
                return r;
        if (base64_decode(encoded, signature, sizeof signature, &size) < 0 || size != sizeof signature)
                return error_set(e, -EBADMSG, "the signature of %s is not the base64 of 64 bytes",
                                 plain_copy(plain, sizeof plain, name));
        if (crypto_sign_verify_detached(signature, (const uint8_t *) bytes, strlen(bytes), public_key) < 0)
                return error_set(e, -EBADMSG, "the signature of %s does not verify",
                                 plain_copy(plain, sizeof plain, name));
        return 0;
}
