/* SPDX-License-Identifier: MIT */
/* Keys and signatures, against published vectors and another implementation of Ed25519. */
#include "base/file.h"
#include "base/sign.h"
#include "tests/test.h"

#include <openssl/evp.h>
#include <sodium.h>

MAIN()

static SignKey *key_of(const char *text)
{
        SignKey *key = NULL;
        Error e = {0};

        if (sign_key_parse(text, &key, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(key);
        return key;
}

static json_t *parsed(const char *text)
{
        json_t *j = NULL;
        CHECK_INT(json_parse(text, strlen(text), &j, NULL), 0);
        return j;
}

static const char *signature_of(const json_t *j, const char *name, const char *key)
{
        return json_string_value(
                        json_object_get(json_object_get(json_object_get(j, "signatures"), name), key));
}

/* https://spec.matrix.org/v1.9/appendices/#cryptographic-test-vectors: the seed, and "JSON Signing". */
#define MATRIX_KEY "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\n"

TEST(signed_json_is_as_the_matrix_specification_has_it)
{
        static const struct {
                const char *text, *signature;
        } vectors[] = {
                        {"{}", "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/"
                               "7Xg4ahLwYGYZzuHGZKM5ZAQ"},
                        {"{\"one\": 1, \"two\": \"Two\"}",
                         "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/"
                         "fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw"},
        };
        _cleanup_(sign_key_freep) SignKey *key = key_of(MATRIX_KEY);

        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                _cleanup_json_ json_t *j = parsed(vectors[i].text);
                Error e;
                CHECK_INT(sign_json(j, "domain", key, &e), 0);
                CHECK_STR(signature_of(j, "domain", "ed25519:1"), vectors[i].signature);
                CHECK_INT(verify_json(j, "domain", "1", key->public_key, &e), 0);
        }
}

/* https://www.rfc-editor.org/rfc/rfc8032#section-7.1, tests 1 to 3. */
TEST(keys_and_signatures_are_as_rfc_8032_has_them)
{
        static const struct {
                const char *seed, *public_key, *message, *signature;
        } vectors[] = {
                        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61"
                         "e39701cf9b46bd25bf5"
                         "f0595bbe24655141438e7a100b"},
                        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458"
                         "f3613d0f11d8c387b2e"
                         "aeb4302aeeb00d291612bb0c00"},
                        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae6"
                         "7f760984dc6594a7c15"
                         "e9716ed28dc027beceea1ec40a"},
        };

        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                uint8_t seed[32], message[2], signature[64];
                char hex[129], line[128];
                size_t size;
                _cleanup_free_ char *encoded = NULL;

                CHECK_INT(sodium_hex2bin(seed, sizeof seed, vectors[i].seed, 64, NULL, &size, NULL), 0);
                CHECK_INT(base64_encode(seed, sizeof seed, &encoded), 0);
                snprintf(line, sizeof line, "ed25519 rfc %s", encoded);
                _cleanup_(sign_key_freep) SignKey *key = key_of(line);
                hex_encode(hex, key->public_key, sizeof key->public_key);
                CHECK_STR(hex, vectors[i].public_key);
                CHECK_INT(sodium_hex2bin(message, sizeof message, vectors[i].message,
                                         strlen(vectors[i].message), NULL, &size, NULL),
                          0);
                crypto_sign_detached(signature, NULL, message, size, key->secret);
                hex_encode(hex, signature, sizeof signature);
                CHECK_STR(hex, vectors[i].signature);
        }
}

TEST(openssl_verifies_what_we_sign)
{
        static const char canonical[] = "{\"a\":[1,null],\"b\":\"ü\"}";
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        _cleanup_json_ json_t *j = parsed("{\"b\":\"\\u00fc\",\"unsigned\":{\"age\":1.5},\"a\":[1,null]}");
        uint8_t signature[64];
        size_t size;

        CHECK_INT(sign_key_generate(NULL, &key), 0);
        CHECK_INT(strlen(key->id), 8);
        CHECK_INT(sign_json(j, "node", key, NULL), 0);
        char name[80];
        snprintf(name, sizeof name, "ed25519:%s", key->id);
        CHECK_INT(base64_decode(signature_of(j, "node", name), signature, sizeof signature, &size), 0);
        EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->public_key, 32);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        CHECK(pkey && ctx);
        CHECK_INT(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey), 1);
        CHECK_INT(EVP_DigestVerify(ctx, signature, size, (const uint8_t *) canonical, strlen(canonical)), 1);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(pkey);
}

TEST(several_nodes_sign_the_same_object)
{
        _cleanup_(sign_key_freep) SignKey *a = key_of(MATRIX_KEY), *b = NULL;
        _cleanup_json_ json_t *j = parsed("{\"x\":1}");

        CHECK_INT(sign_key_generate("k2", &b), 0);
        CHECK_INT(sign_json(j, "a", a, NULL), 0);
        CHECK_INT(sign_json(j, "b", b, NULL), 0);
        CHECK_INT(sign_json(j, "a", b, NULL), 0);
        CHECK_INT(verify_json(j, "a", "1", a->public_key, NULL), 0);
        CHECK_INT(verify_json(j, "a", "k2", b->public_key, NULL), 0);
        CHECK_INT(verify_json(j, "b", "k2", b->public_key, NULL), 0);
        /* What is not covered may change. */
        json_put(j, "unsigned", json_integer(1));
        CHECK_INT(verify_json(j, "a", "1", a->public_key, NULL), 0);
}

TEST(whatever_is_changed_fails_to_verify)
{
        _cleanup_(sign_key_freep) SignKey *key = key_of(MATRIX_KEY), *other = NULL;
        _cleanup_json_ json_t *j = parsed("{\"x\":1,\"to\":\"b\"}");
        Error e;

        CHECK_INT(sign_key_generate("1", &other), 0);
        CHECK_INT(sign_json(j, "a", key, NULL), 0);
        CHECK_INT(verify_json(j, "a", "1", other->public_key, &e), -EBADMSG);
        CHECK_STR(e.text, "the signature of a does not verify");
        json_put(j, "x", json_integer(2));
        CHECK_INT(verify_json(j, "a", "1", key->public_key, NULL), -EBADMSG);
        json_put(j, "x", json_string("1"));
        CHECK_INT(verify_json(j, "a", "1", key->public_key, NULL), -EBADMSG);
        json_put(j, "x", json_integer(1));
        CHECK_INT(verify_json(j, "a", "1", key->public_key, NULL), 0);
        json_put(j, "y", json_null());
        CHECK_INT(verify_json(j, "a", "1", key->public_key, NULL), -EBADMSG);
        (void) json_object_del(j, "y");
        (void) json_object_del(j, "to");
        CHECK_INT(verify_json(j, "a", "1", key->public_key, NULL), -EBADMSG);
}

TEST(every_bit_of_a_signature_counts)
{
        _cleanup_(sign_key_freep) SignKey *key = key_of(MATRIX_KEY);
        _cleanup_json_ json_t *j = parsed("{\"x\":1}");
        uint8_t signature[64];
        size_t size;

        CHECK_INT(sign_json(j, "a", key, NULL), 0);
        CHECK_INT(base64_decode(signature_of(j, "a", "ed25519:1"), signature, sizeof signature, &size), 0);
        json_t *ours = json_object_get(json_object_get(j, "signatures"), "a");
        for (size_t bit = 0; bit < 512; bit++) {
                _cleanup_free_ char *encoded = NULL;
                signature[bit / 8] ^= (uint8_t) (1 << bit % 8);
                CHECK_INT(base64_encode(signature, sizeof signature, &encoded), 0);
                json_put(ours, "ed25519:1", json_string(encoded));
                CHECK_INT(verify_json(j, "a", "1", key->public_key, NULL), -EBADMSG);
                signature[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
}

TEST(absent_and_malformed_signatures_are_told_apart)
{
        _cleanup_(sign_key_freep) SignKey *key = key_of(MATRIX_KEY);
        static const struct {
                const char *text;
                int wanted;
        } cases[] = {
                        {"{}", -ENOKEY},
                        {"{\"signatures\":{}}", -ENOKEY},
                        {"{\"signatures\":{\"b\":{\"ed25519:1\":\"x\"}}}", -ENOKEY},
                        {"{\"signatures\":{\"a\":{\"ed25519:2\":\"x\"}}}", -ENOKEY},
                        {"{\"signatures\":{\"a\":{\"rsa:1\":\"x\"}}}", -ENOKEY},
                        {"{\"signatures\":{\"a\":{\"ed25519:1\":5}}}", -ENOKEY},
                        {"{\"signatures\":{\"a\":\"x\"}}", -ENOKEY},
                        {"{\"signatures\":[]}", -ENOKEY},
                        {"[]", -ENOKEY},
                        {"{\"signatures\":{\"a\":{\"ed25519:1\":\"\"}}}", -EBADMSG},
                        {"{\"signatures\":{\"a\":{\"ed25519:1\":\"AAAA\"}}}", -EBADMSG},
                        {"{\"signatures\":{\"a\":{\"ed25519:1\":\"not base64!\"}}}", -EBADMSG},
                        {"{\"x\":1.5,\"signatures\":{\"a\":{\"ed25519:1\":\"AAAA\"}}}", -EINVAL},
                        {"{\"x\":9007199254740992,\"signatures\":{\"a\":{\"ed25519:1\":\"AAAA\"}}}", -EINVAL},
        };
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ json_t *j = parsed(cases[i].text);
                CHECK_INT(verify_json(j, "a", "1", key->public_key, NULL), cases[i].wanted);
        }
}

TEST(what_cannot_be_canonical_is_not_signed)
{
        static const char *const texts[] = {"{\"x\":0.5}", "{\"x\":9007199254740992}", "[]",
                                            "{\"signatures\":5}", "{\"signatures\":{\"a\":[]}}"};
        _cleanup_(sign_key_freep) SignKey *key = key_of(MATRIX_KEY);

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_json_ json_t *j = parsed(texts[i]), *before = json_deep_copy(j);
                Error e = {0};
                CHECK_INT(sign_json(j, "a", key, &e), -EINVAL);
                CHECK(*e.text);
                CHECK(json_equal(j, before));
        }
}

TEST(a_key_is_printed_and_read_back)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL, *again = NULL;
        _cleanup_(secret_freep) char *text = NULL;

        CHECK_INT(sign_key_generate("auto_1", &key), 0);
        CHECK_INT(sign_key_print(key, &text), 0);
        CHECK(strncmp(text, "ed25519 auto_1 ", 15) == 0 && text[strlen(text) - 1] == '\n');
        again = key_of(text);
        CHECK(memcmp(key, again, sizeof *key) == 0);
        CHECK_INT(sign_key_generate("not:good", &again), -EINVAL);
        CHECK_INT(sign_key_generate("", &again), -EINVAL);
}

TEST(broken_keys_are_refused_without_showing_them)
{
        static const char *const bad[] = {
                        "",
                        "ed25519",
                        "ed25519 1",
                        "rsa 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1",
                        "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1 more",
                        "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA",
                        "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1AAAA",
                        "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW-3XA1",
                        "ed25519 a:b YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1",
                        "-----BEGIN PRIVATE KEY-----",
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                SignKey *key = NULL;
                Error e = {0};
                CHECK_INT(sign_key_parse(bad[i], &key, &e), -EINVAL);
                CHECK(!key && *e.text && !strstr(e.text, "YJDB"));
        }
}

TEST(base64_is_standard_and_unpadded_and_forgives_padding)
{
        static const char *const encoded[] = {"",       "Zg",      "Zm8",     "Zm9v",
                                              "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"}; /* RFC 4648 */
        static const char *const bad[] = {
                        "Z", "Zg=", "Zg===", "Zg=g", "Zm9v=", "Zm9v Yg", "Zm-_", "=", "Zm9v\n"};
        char b[16];
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(encoded); i++) {
                _cleanup_free_ char *s = NULL;
                CHECK_INT(base64_encode("foobar", i, &s), 0);
                CHECK_STR(s, encoded[i]);
                CHECK_INT(base64_decode(s, b, sizeof b, &size), 0);
                CHECK(size == i && memcmp(b, "foobar", i) == 0);
                CHECK_INT(i > 0 ? base64_decode(s, b, i - 1, &size) : -EINVAL, -EINVAL); /* no room */
        }
        CHECK_INT(base64_decode("Zg==", b, sizeof b, &size), 0);
        CHECK_INT(size, 1);
        CHECK_INT(base64_decode("Zh", b, sizeof b, &size), 0); /* bits left over, as in Matrix's seed */
        CHECK(size == 1 && b[0] == 'f');
        CHECK_INT(base64_decode("Zm8=", b, sizeof b, &size), 0);
        CHECK_INT(size, 2);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_INT(base64_decode(bad[i], b, sizeof b, &size), -EINVAL);
}

TEST(digests_are_as_published)
{
        uint8_t digest[32], key[131];
        char hex[65];

        /* FIPS 180-4's example; the empty message. */
        sha256("abc", 3, digest);
        hex_encode(hex, digest, sizeof digest);
        CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        sha256(NULL, 0, digest);
        hex_encode(hex, digest, sizeof digest);
        CHECK_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        /* RFC 4231, test cases 1, 2 and 6. */
        memset(key, 0x0b, 20);
        hmac_sha256(key, 20, "Hi There", 8, digest);
        hex_encode(hex, digest, sizeof digest);
        CHECK_STR(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
        hex_encode(hex, digest, sizeof digest);
        CHECK_STR(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        memset(key, 0xaa, sizeof key);
        hmac_sha256(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, digest);
        hex_encode(hex, digest, sizeof digest);
        CHECK_STR(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
