/* SPDX-License-Identifier: MIT */
/* Canonical and signed JSON beside the implementation that Matrix servers use: what one signs the other verifies, byte by byte. */
#include "base/file.h"
#include "base/sign.h"
#include "base/text.h"
#include "tests/test.h"

#include <unistd.h>

MAIN()

#define OBJECTS 400

static FILE *run(const char *arguments)
{
        char command[600];
        FILE *f;

        snprintf(command, sizeof(command), "/usr/bin/python3 %s/tests/parts/signed-json.py %s", SOURCE_DIR,
                 arguments);
        f = popen(command, "re");
        CHECK(f);
        return f;
}

static json_t *parsed(const char *text)
{
        json_t *j = NULL;
        Error e = {""};

        if (json_parse(text, strlen(text), &j, &e) < 0)
                fprintf(stderr, "%s\n%s\n", text, e.text);
        CHECK(j);
        return j;
}

static void check_canonical(const char *text, const char *wanted_base64)
{
        _cleanup_json_ json_t *j = parsed(text);
        _cleanup_free_ char *canonical = NULL, *wanted = malloc(strlen(wanted_base64) + 1);
        size_t size;

        CHECK(wanted);
        CHECK_INT(base64_decode(wanted_base64, wanted, strlen(wanted_base64), &size), 0);
        wanted[size] = '\0';
        CHECK_INT(json_canonical(j, &canonical, NULL), 0);
        CHECK_STR(canonical, wanted);
}

static void check_signed(const char *text, const char *key_base64)
{
        _cleanup_json_ json_t *j = parsed(text);
        uint8_t key[SIGN_PUBLIC_SIZE];
        size_t size;
        Error e = {""};
        int r;

        CHECK_INT(base64_decode(key_base64, key, sizeof(key), &size), 0);
        r = verify_json(j, "shop", "k", key, &e);
        if (r < 0)
                fprintf(stderr, "%s\n%s\n", text, e.text);
        CHECK_INT(r, 0);
        json_object_set_new(j, "more", json_true());
        CHECK_INT(verify_json(j, "shop", "k", key, NULL), -EBADMSG);
}

TEST(what_they_sign_we_verify_and_both_write_it_alike)
{
        char arguments[64];
        char *line = NULL;
        size_t room = 0, n = 0;
        FILE *f;

        snprintf(arguments, sizeof(arguments), "make 7 %d", OBJECTS);
        f = run(arguments);
        while (getline(&line, &room, f) > 0) {
                char *field[4], *at = line;

                line[strcspn(line, "\n")] = '\0';
                for (size_t i = 0; i < ELEMENTSOF(field); i++) {
                        field[i] = strsep(&at, "\t");
                        CHECK(field[i]);
                }
                check_canonical(field[0], field[1]);
                check_signed(field[2], field[3]);
                n++;
        }
        free(line);
        CHECK_INT(pclose(f), 0);
        CHECK_INT(n, OBJECTS);
}

/* Texts of theirs, signed by us. */
TEST(what_we_sign_they_verify)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        _cleanup_free_ char *public_key = NULL;
        char path[] = "/tmp/test_sign_others.XXXXXX", arguments[64];
        char *line = NULL;
        size_t room = 0, n = 0, good = 0;
        int fd;

        fd = mkstemp(path);
        CHECK(fd >= 0);
        FILE *out = fdopen(fd, "we"), *in;
        CHECK(out);
        CHECK_INT(sign_key_generate("ours_1", &key), 0);
        CHECK_INT(base64_encode(key->public_key, sizeof(key->public_key), &public_key), 0);
        snprintf(arguments, sizeof(arguments), "make 11 %d", OBJECTS);
        in = run(arguments);
        while (getline(&line, &room, in) > 0) {
                _cleanup_free_ char *text = NULL;

                line[strcspn(line, "\t")] = '\0';
                _cleanup_json_ json_t *j = parsed(line);
                json_object_del(j, "signatures");
                CHECK_INT(sign_json(j, "shop", key, NULL), 0);
                CHECK_INT(json_print(j, &text), 0);
                fprintf(out, "shop\t%s\t%s\t%s\n", key->id, public_key, text);
                n++;
        }
        CHECK_INT(pclose(in), 0);
        CHECK_INT(fclose(out), 0);
        snprintf(arguments, sizeof(arguments), "check %s", path);
        in = run(arguments);
        CHECK(getline(&line, &room, in) > 0);
        good = strtoul(line, NULL, 10);
        CHECK_INT(pclose(in), 0);
        free(line);
        CHECK_INT(unlink(path), 0);
        CHECK_INT(n, OBJECTS);
        CHECK_INT(good, n);
}
