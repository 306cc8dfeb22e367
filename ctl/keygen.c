/* SPDX-License-Identifier: MIT */
/* `keygen`: makes this node's Ed25519 key, and never overwrites one. */
#include "ctl/keygen.h"
#include "base/file.h"
#include "base/sign.h"
#include "ctl/place.h"

static bool valid_key_id(const char *id)
{
        size_t n = strlen(id);

        return n > 0 && n < sizeof(((SignKey *) NULL)->id) &&
               strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static int print_public(const Invocation *i, const SignKey *key, const char *path, FILE *to)
{
        _cleanup_free_ char *text = NULL;
        Error e = {};
        int r = base64_encode(key->public_key, sizeof(key->public_key), &text);

        if (r < 0)
                return ctl_failed(i, (error_set(&e, r, "%s", strerror(-r)), &e));
        if (i->given[OPTION_JSON]) {
                _cleanup_json_ json_t *j = json_pack("{s:s, s:s, s:s?}", "key_id", key->id, "public_key",
                                                     text, "file", path);

                if (j)
                        (void) json_dumpf(j, to, JSON_COMPACT | JSON_ENSURE_ASCII);
                fputc('\n', to);
        } else
                fprintf(to, "ed25519:%s %s\n", key->id, text);
        return CTL_DONE;
}

int verb_keygen(const Invocation *i)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        const char *path = i->arguments[0] ? i->arguments[0] : CTL_KEY;
        const char *id = i->given[OPTION_ID] ? i->value[OPTION_ID] : NULL;
        char *secret = NULL, shown[256];
        Error e = {};
        int r;

        if (i->given[OPTION_ROTATE] || i->given[OPTION_REVOKE] || i->given[OPTION_SHOW])
                return keygen_change(i, path);
        if (i->given[OPTION_FORCE])
                return ctl_usage(i, "--force is for --rotate and --revoke: a key is never overwritten");
        if (id && !valid_key_id(id))
                return ctl_usage(i, "--id takes 1 to 63 letters, digits and underscores");
        r = sign_key_generate(id, &key);
        if (r >= 0)
                r = sign_key_print(key, &secret);
        if (r < 0)
                return ctl_failed(i, (error_set(&e, r, "cannot make a key: %s", strerror(-r)), &e));

        if (streq(path, "-")) {
                fputs(secret, stdout);
                if (secret[0] != '\0' && secret[strlen(secret) - 1] != '\n')
                        putchar('\n');
                secret_free(secret);
                return print_public(i, key, NULL, stderr);
        }
        r = place_file(path, secret, &(Place){.mode = 0600});
        secret_free(secret);
        plain_copy(shown, sizeof(shown), path);
        if (r == -EEXIST)
                return ctl_failed(i,
                                  (error_set(&e, r,
                                             "%s exists, and a key is never overwritten: --rotate changes it",
                                             shown),
                                   &e));
        if (r < 0)
                return ctl_failed(i, (error_set(&e, r, "%s: %s", shown, strerror(-r)), &e));
        if (!i->given[OPTION_JSON])
                fprintf(stderr, "The key is in %s; this is its public half:\n", shown);
        return print_public(i, key, path, stdout);
}
