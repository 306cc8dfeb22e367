/* SPDX-License-Identifier: MIT */
/* `sync`: other shops' catalogs are fetched now; one line for each as it ends. */
#include "base/clock.h"
#include "ctl/ctl.h"

#include <inttypes.h>
#include <poll.h>

#define PAUSE_MSEC    200
#define TIMEOUT_USEC  (USEC_PER_HOUR)
#define PROGRESS_USEC (200 * USEC_PER_MSEC)

typedef struct Sync {
        const Invocation *i;
        json_int_t number;
        json_t *told; /* by node: its line stands there */
        bool live;    /* stderr is a screen: one line is written over and over */
        unsigned n, n_failed;
} Sync;

static void clear_progress(const Sync *s)
{
        if (s->live)
                fputs("\r\x1b[K", stderr);
}

static bool is_busy(const json_t *pull)
{
        const char *state = ctl_string(pull, "state");

        return streq(state, "waiting") || streq(state, "running");
}

static void add_books(Text *t, const json_t *copy)
{
        int64_t refused = ctl_integer(copy, "refused");

        text_add(t, "%" PRId64 " book%s", ctl_integer(copy, "listings"),
                 PLURAL(ctl_integer(copy, "listings")));
        if (refused > 0)
                text_add(t, ", %" PRId64 " listings cannot be used", refused);
}

static void tell_end(Sync *s, const json_t *pull)
{
        const char *state = ctl_string(pull, "state");
        const json_t *copy = json_object_get(pull, "copy");
        double seconds = json_number_value(json_object_get(pull, "seconds"));
        _cleanup_text_ Text t = {};

        text_add_plain(&t, ctl_string(pull, "node"), 0);
        if (streq(state, "added")) {
                text_add_string(&t, ": fetched ");
                add_books(&t, copy);
                text_add(&t, ", in %.1f s", seconds);
        } else if (streq(state, "unchanged")) {
                text_add_string(&t, ": unchanged, ");
                add_books(&t, copy);
        } else {
                s->n_failed++;
                text_add_string(&t, ": FAILED: ");
                text_add_plain(&t, ctl_string(pull, "error"), 0);
                if (json_is_object(copy)) {
                        text_add_string(&t, "; the copy from before stays, ");
                        add_books(&t, copy);
                }
        }
        clear_progress(s);
        if (!t.failed && !s->i->given[OPTION_JSON])
                ctl_print_words(t.data);
        fflush(stdout);
}

static void show_progress(const Sync *s, const json_t *answer)
{
        const json_t *pull;
        size_t k;
        int64_t bytes = 0, busy = 0;

        if (!s->live)
                return;
        json_array_foreach(json_object_get(answer, "pulls"), k, pull)
        {
                busy += is_busy(pull);
                if (is_busy(pull))
                        bytes += ctl_integer(pull, "bytes");
        }
        clear_progress(s);
        fprintf(stderr, "%" PRId64 " under way, %" PRId64 " MB", busy, bytes / 1000000);
}

/* How many are still under way. */
static unsigned look(Sync *s, const json_t *answer)
{
        const json_t *pull;
        unsigned busy = 0;
        size_t k;

        json_array_foreach(json_object_get(answer, "pulls"), k, pull)
        {
                const char *node = ctl_string(pull, "node");

                if (ctl_integer(pull, "sync") < s->number || json_object_get(s->told, node))
                        continue;
                if (is_busy(pull)) {
                        busy++;
                        continue;
                }
                tell_end(s, pull);
                s->n++;
                json_put(s->told, node, json_true());
        }
        return busy;
}

static int follow(Sync *s, json_t **answer, uint64_t timeout_usec)
{
        uint64_t end = clock_boot_usec() + timeout_usec;
        Error e = {};

        while (look(s, *answer) > 0) {
                if (clock_boot_usec() > end) {
                        clear_progress(s);
                        error_set(&e, -ETIMEDOUT, "it goes on without being watched any longer");
                        return ctl_failed(s->i, &e);
                }
                show_progress(s, *answer);
                poll(NULL, 0, PAUSE_MSEC);
                json_decref(TAKE_PTR(*answer));
                if (ctl_ask(s->i, "GET", "/v1/sync", NULL, CTL_ANSWER_USEC, answer, &e) < 0) {
                        clear_progress(s);
                        return ctl_failed(s->i, &e);
                }
        }
        clear_progress(s);
        if (s->i->given[OPTION_JSON])
                ctl_print_json(*answer);
        if (s->n == 0 && s->i->arguments[0])
                return ctl_failed(s->i,
                                  (error_set(&e, -ENOENT, "no accepted node is called so any more"), &e));
        if (s->n == 0 && !s->i->given[OPTION_JSON])
                ctl_print_words("There is no other shop whose catalog could be fetched.");
        return s->n_failed > 0 ? CTL_REFUSED : CTL_DONE;
}

int verb_sync(const Invocation *i)
{
        Sync s = {.i = i, .live = ctl_stdout_is_screen() && !i->given[OPTION_JSON]};
        _cleanup_json_ json_t *answer = NULL, *told = json_object();
        json_t *body = json_pack("{s:b, s:s*}", "force", i->given[OPTION_FORCE], "node", i->arguments[0]);
        uint64_t timeout_usec = TIMEOUT_USEC;
        Error e = {};

        if (i->given[OPTION_TIMEOUT] &&
            (duration_parse(i->value[OPTION_TIMEOUT], &timeout_usec) < 0 || timeout_usec == 0)) {
                json_decref(body);
                return ctl_usage(i, "--timeout takes a duration with its unit, such as 30s");
        }
        if (!body || !told) {
                json_decref(body);
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        }
        if (ctl_ask(i, "POST", "/v1/sync", body, CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        s.told = told;
        s.number = ctl_integer(answer, "sync");
        return follow(&s, &answer, timeout_usec);
}
