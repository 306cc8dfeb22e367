/* SPDX-License-Identifier: MIT */
/* Drives one attempt of one action: the deadline, exactly one report, always from the loop. */
#include "actions/action.h"

#include "base/clock.h"
#include "base/text.h"

#include <curl/curl.h>
#include <stdarg.h>

#define ACTION_TIMEOUT_USEC (30 * USEC_PER_SEC)

/* A pause that a target asks for is respected up to this; the outbox gives up after days. */
#define RETRY_AFTER_MAX_USEC USEC_PER_DAY

#define ACTION(id) extern const ActionType action_##id;
#include "actions/list.h"
#undef ACTION

const ActionType *const action_types[] = {
#define ACTION(id) &action_##id,
#include "actions/list.h"
#undef ACTION
                NULL,
};

const ActionType *action_type_find(const char *name)
{
        assert(name);
        for (const ActionType *const *t = action_types; *t; t++)
                if (streq((*t)->name, name))
                        return *t;
        return NULL;
}

static void action_stop(Action *a)
{
        if (a->stopped)
                return;
        a->stopped = true;
        a->reading = reading_free(a->reading);
        if (a->begun && a->type->stop)
                a->type->stop(a);
}

/* The report is made; nothing of the action may be touched after done(). */
static void action_finish(Action *a)
{
        a->deferred = loop_source_free(a->deferred);
        a->deadline = loop_source_free(a->deadline);
        action_stop(a);
        a->done(a, a->result, a->message, a->userdata);
}

static int on_deferred(sd_event_source *source, void *userdata)
{
        action_finish(userdata);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Action *a = userdata;
        char duration[DURATION_SIZE], text[sizeof(a->message) * 2];

        if (!a->reported) {
                a->reported = true;
                a->result = ACTION_RETRY;
                duration_format(duration,
                                a->type->timeout_usec ? a->type->timeout_usec : ACTION_TIMEOUT_USEC);
                if (a->begun)
                        snprintf(text, sizeof(text), "no answer in %s", duration);
                else
                        snprintf(text, sizeof(text), "cannot read %s: its disk has not answered in %s",
                                 reading_waits_for(a->reading), duration);
                plain_copy(a->message, sizeof(a->message), text);
        }
        action_finish(a);
        return 0;
}

/* Made at the start, so that no report can fail for want of memory. */
static int deferred_new(Action *a)
{
        int r = sd_event_add_defer(a->context->event, &a->deferred, on_deferred, a);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(a->deferred, "action report");
        return sd_event_source_set_enabled(a->deferred, SD_EVENT_OFF);
}

void action_report(Action *a, ActionResult result, const char *format, ...)
{
        char text[sizeof(a->message) * 2];
        va_list args;

        assert(a && !a->reported && !a->stopped);
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        plain_copy(a->message, sizeof(a->message), text);
        a->result = result;
        a->reported = true;
        if (sd_event_source_set_enabled(a->deferred, SD_EVENT_ONESHOT) < 0)
                (void) loop_timer_set_after(a->deadline, 0);
}

int action_progress(Action *a, const char *text)
{
        char *copy = strdup(text);

        assert(!a->reported);
        if (!copy)
                return -ENOMEM;
        free(a->progress);
        a->progress = copy;
        return 0;
}

/* Seconds or an HTTP date (RFC 9110, 10.2.3); 0 when it is neither. */
static uint64_t retry_after_parse(const char *text)
{
        char *end;

        errno = 0;
        unsigned long long seconds = strtoull(text, &end, 10);
        if (*text >= '0' && *text <= '9' && *end == '\0') {
                if (errno != 0 || seconds > RETRY_AFTER_MAX_USEC / USEC_PER_SEC)
                        return RETRY_AFTER_MAX_USEC;
                return seconds * USEC_PER_SEC;
        }

        time_t date = curl_getdate(text, NULL);
        uint64_t now = clock_wall_usec();
        if (date < 0 || (uint64_t) date > UINT64_MAX / USEC_PER_SEC || (uint64_t) date * USEC_PER_SEC <= now)
                return 0;
        return MIN((uint64_t) date * USEC_PER_SEC - now, RETRY_AFTER_MAX_USEC);
}

void action_take_retry_after(Action *a, const FetchResult *result)
{
        a->retry_after_usec = retry_after_parse(result->retry_after);
}

/* A 4xx that neither time nor the operator at the other end mends: our request is wrong. */
bool action_status_is_permanent(unsigned status)
{
        static const unsigned passing[] = {401, 403, 404, 408, 425, 429};

        for (size_t i = 0; i < ELEMENTSOF(passing); i++)
                if (status == passing[i])
                        return false;
        return status >= 400 && status < 500;
}

void action_report_fetch(Action *a, const FetchResult *result)
{
        assert(result);
        if (result->error != FETCH_OK) {
                action_report(a, ACTION_RETRY, "%s", result->message);
                return;
        }
        if (result->status >= 200 && result->status < 300) {
                action_report(a, ACTION_DONE, "HTTP %u", result->status);
                return;
        }
        /* The answer's body stays out of it: it may repeat what we sent, secrets included. */
        if (action_status_is_permanent(result->status)) {
                action_report(a, ACTION_PERMANENT, "HTTP %u", result->status);
                return;
        }
        action_take_retry_after(a, result);
        if (result->status >= 300 && result->status < 400)
                action_report(a, ACTION_RETRY, "HTTP %u: redirects are not followed", result->status);
        else
                action_report(a, ACTION_RETRY, "HTTP %u", result->status);
}

static void begin(Action *a)
{
        a->begun = true;
        if (a->asks)
                a->type->query(a);
        else
                a->type->apply(a);
        a->reading = reading_free(a->reading);
}

static void on_read(Reading *reading, void *userdata)
{
        begin(userdata);
}

int action_secret(const Action *a, const char *name, const char **ret, Error *e)
{
        return reading_get(a->reading, name, ret, e);
}

int action_start(ActionContext *context, const ActionType *type, const void *conf, const ActionFacts *facts,
                 bool query, ActionDone done, void *userdata, Action **ret)
{
        _cleanup_(action_freep) Action *a = NULL;
        ReadingFile files[READING_FILES_MAX];
        size_t n_files;

        assert(context && type && facts && done && ret);
        assert(!query || type->query);
        a = calloc(1, sizeof(Action));
        if (!a)
                return -ENOMEM;
        *a = (Action){.type = type,
                      .conf = conf,
                      .context = context,
                      .facts = facts,
                      .done = done,
                      .userdata = userdata,
                      .asks = query};
        a->state = calloc(1, MAX(type->size, (size_t) 1));
        if (!a->state)
                return -ENOMEM;

        int r = deferred_new(a);
        if (r < 0)
                return r;
        r = loop_timer_new(context->event, "action deadline", on_deadline, a, &a->deadline);
        if (r < 0)
                return r;
        r = loop_timer_set_after(a->deadline, type->timeout_usec ? type->timeout_usec : ACTION_TIMEOUT_USEC);
        if (r < 0)
                return r;

        n_files = type->files ? type->files(conf, files) : 0;
        if (n_files > 0)
                r = reading_start(context->reader, files, n_files, context->config_dir, on_read, a,
                                  &a->reading);
        else
                begin(a);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}

Action *action_free(Action *a)
{
        if (!a)
                return NULL;
        action_stop(a);
        loop_source_free(a->deferred);
        loop_source_free(a->deadline);
        free(a->progress);
        free(a->state);
        free(a);
        return NULL;
}

char *payment_env(const char *payment, const char *checkout, const char *change)
{
        return string_printf("PAYMENT_MODE=%s\nCHECKOUT_ROUTE=%s\nFAILOVER_CHANGE=%s\n", payment, checkout,
                             change);
}
