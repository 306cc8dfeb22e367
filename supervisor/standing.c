/* SPDX-License-Identifier: MIT */
/* The stored mode, for a shop whose supervisor does not start. */
#include "supervisor/standing.h"

#include "base/file.h"
#include "base/log.h"
#include "base/look.h"
#include "base/text.h"

#include <fcntl.h>
#include <sys/stat.h>

typedef struct Standing {
        const Places *places;
        char *payment_env, *mode_json;
} Standing;

static bool stands(const char *path)
{
        struct stat st;

        return fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) >= 0;
}

static const char *word(const json_t *j, const char *key)
{
        return json_string_value(json_object_get(j, key));
}

/* > 0: written. */
static int publish(const char *path, const char *text, Error *e)
{
        int r = text ? file_publish_first(path, text, strlen(text), 0644) : -ENOMEM;

        if (r == -EEXIST)
                return 0;
        return r < 0 ? error_set(e, r, "%s cannot be written: %s", path, error_words(-r)) : 1;
}

static int publish_payment(const Standing *s, const json_t *standing, Error *e)
{
        const char *payment = word(standing, "payment"), *checkout = word(standing, "checkout"),
                   *change = word(standing, "change");
        _cleanup_free_ char *text = NULL;

        if (!json_is_true(json_object_get(standing, "payment_env")))
                return 0;
        if (!payment || !checkout || !change)
                return error_set(e, -EUCLEAN, "the stored mode is damaged");
        text = payment_env(payment, checkout, change);
        return publish(s->payment_env, text, e);
}

/* As status_mode() would write it, with nothing known of the probes. */
static int publish_mode(const Standing *s, json_t *memory, Error *e)
{
        _cleanup_json_ json_t *j = json_copy(json_object_get(memory, "standing"));
        _cleanup_free_ char *text = NULL;

        if (!j)
                return error_set(e, -ENOMEM, "out of memory");
        json_object_del(memory, "standing");
        json_object_del(j, "payment_env");
        json_put(j, "probes", json_array());
        json_put(j, "steady", json_incref(json_object_get(memory, "steady")));
        json_put(j, "seq", json_incref(json_object_get(memory, "seq")));
        json_put(j, "memory", json_incref(memory));
        if (json_print(j, &text) < 0)
                return error_set(e, -ENOMEM, "out of memory");
        return publish(s->mode_json, text, e);
}

/* In a child: the disk of the database may hang. */
static int run(void *job, LookResult *ret)
{
        const Standing *s = job;
        _cleanup_free_ char *path = string_printf("%s/state.db", s->places->state_dir);
        _cleanup_json_ json_t *memory = NULL;
        const json_t *standing;
        Error e = {""};
        int r, payment = 0, mode = 0;

        r = path ? store_peek_memory(path, &memory, &e) : error_set(&e, -ENOMEM, "out of memory");
        standing = json_object_get(memory, "standing");
        if (r == 0 && !json_is_object(standing))
                r = error_set(&e, -ENOENT, "%s: no mode was stored yet", path);
        if (r == 0) {
                snprintf(ret->text, sizeof(ret->text), "%s", word(standing, "mode") ?: "");
                r = directory_make(s->places->runtime_dir, 0755);
                if (r < 0)
                        error_set(&e, r, "cannot make %s: %s", s->places->runtime_dir, error_words(-r));
        }
        if (r == 0)
                r = payment = publish_payment(s, standing, &e);
        if (r >= 0)
                r = mode = publish_mode(s, memory, &e);
        if (r < 0)
                snprintf(ret->text, sizeof(ret->text), "%s", e.text);
        ret->values[0] = payment > 0;
        ret->values[1] = mode > 0;
        return MIN(r, 0);
}

static void told(void *job, const LookResult *result, void *userdata)
{
        const Standing *s = job;
        bool payment = result->values[0], mode = result->values[1];

        if (result->error < 0)
                log_warning("there is no %s, and what was stored of the mode cannot be put there: %s",
                            stands(s->payment_env) ? s->mode_json : s->payment_env,
                            result->hung ? "the disk of the database does not answer" : result->text);
        else if (payment || mode)
                log_notice("written from what was stored, for the shop, mode %s: %s%s%s", result->text,
                           payment ? s->payment_env : "", payment && mode ? ", " : "",
                           mode ? s->mode_json : "");
}

void standing_publish(const Places *places)
{
        Standing s = {.places = places,
                      .payment_env = string_printf("%s/payment.env", places->runtime_dir),
                      .mode_json = string_printf("%s/mode.json", places->runtime_dir)};
        LookJob job = {.run = run, .told = told, .job = &s};
        int r = 0;

        if (!s.payment_env || !s.mode_json)
                log_error("out of memory");
        else if (!stands(s.payment_env) || !stands(s.mode_json))
                r = look(&job, 1, "failoverd", NULL);
        if (r < 0)
                log_warning("what was stored of the mode is not read: %s", error_words(-r));
        free(s.payment_env);
        free(s.mode_json);
}
