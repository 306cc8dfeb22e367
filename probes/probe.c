/* SPDX-License-Identifier: MIT */
/* The driver of one attempt: begins it, holds it to its deadline, and hands over exactly one result. */
#include "probes/probe.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <sys/wait.h>

#define PROBE(id) extern const ProbeType probe_##id;
#include "probes/list.h"
#undef PROBE

const ProbeType *const probe_types[] = {
#define PROBE(id) &probe_##id,
#include "probes/list.h"
#undef PROBE
                NULL,
};

static const struct {
        const char *name;
        char letter;
} outcomes[_OUTCOME_MAX] = {
                [OUTCOME_PASS] = {"pass", 'p'},
                [OUTCOME_WARN] = {"warn", 'w'},
                [OUTCOME_FAIL] = {"fail", 'f'},
                [OUTCOME_INCONCLUSIVE] = {"inconclusive", 'i'},
};

const char *outcome_name(Outcome o)
{
        assert((unsigned) o < _OUTCOME_MAX);
        return outcomes[o].name;
}

char outcome_letter(Outcome o)
{
        assert((unsigned) o < _OUTCOME_MAX);
        return outcomes[o].letter;
}

int outcome_from_name(const char *s)
{
        for (int i = 0; s && i < _OUTCOME_MAX; i++)
                if (streq(outcomes[i].name, s))
                        return i;
        return -EINVAL;
}

const ProbeType *probe_type_find(const char *name)
{
        for (size_t i = 0; name && probe_types[i]; i++)
                if (streq(probe_types[i]->name, name))
                        return probe_types[i];
        return NULL;
}

Outcome probe_silence(const ProbeType *type, const void *conf)
{
        return type->silence_fails && !type->silence_fails(conf) ? OUTCOME_INCONCLUSIVE : OUTCOME_FAIL;
}

int probe_child(int argc, char **argv)
{
        const ProbeType *type = argc > 0 ? probe_type_find(argv[0]) : NULL;

        return type && type->child ? type->child(argc - 1, argv + 1) : 2;
}

static void attempt_stop(Attempt *a)
{
        a->deadline = loop_source_free(a->deadline);
        if (a->stopped)
                return;
        a->stopped = true;
        a->reading = reading_free(a->reading);
        if (a->begun && a->type->stop)
                a->type->stop(a);
}

/* May free the attempt: nothing may touch it afterwards. */
static void attempt_finish(Attempt *a)
{
        attempt_stop(a);
        AttemptResult result = {
                        .outcome = a->outcome,
                        .message = a->message,
                        .began_usec = a->began_usec,
                        .ended_usec = a->ended_usec,
        };
        a->done(a, &result, a->userdata);
}

static int on_deferred(sd_event_source *source, void *userdata)
{
        Attempt *a = userdata;

        a->deferred = loop_source_free(a->deferred);
        attempt_finish(a);
        return 0;
}

static void report_reading(Attempt *a)
{
        char duration[DURATION_SIZE];

        attempt_report(a, OUTCOME_INCONCLUSIVE, "cannot read %s: its disk has not answered in %s",
                       reading_waits_for(a->reading), duration_format(duration, a->timeout_usec));
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Attempt *a = userdata;

        if (a->reported)
                return 0;
        if (!a->begun)
                report_reading(a);
        else if (a->type->expire)
                a->type->expire(a);
        if (!a->reported)
                attempt_report_silence(a, NULL);
        attempt_stop(a);
        return 0;
}

void attempt_report(Attempt *a, Outcome outcome, const char *format, ...)
{
        char text[1024];
        va_list ap;
        int r;

        assert((unsigned) outcome < _OUTCOME_MAX);
        if (a->reported || a->stopped)
                return;
        va_start(ap, format);
        r = vsnprintf(text, sizeof text, format, ap);
        va_end(ap);
        plain_copy(a->message, sizeof a->message, r < 0 ? format : text);
        a->outcome = outcome;
        a->ended_usec = clock_boot_usec();
        a->reported = true;

        /* attempt_start() has made the source, so that nothing can fail here. */
        r = sd_event_source_set_enabled(a->deferred, SD_EVENT_ONESHOT);
        assert(r >= 0);
}

void attempt_report_errno(Attempt *a, int r, const char *what)
{
        attempt_report(a, OUTCOME_INCONCLUSIVE, "%s: %s", what, strerror(abs(r)));
}

void attempt_report_silence(Attempt *a, const char *phase)
{
        char duration[DURATION_SIZE];

        duration_format(duration, a->timeout_usec);
        if (phase)
                attempt_report(a, OUTCOME_FAIL, "no answer in %s (%s)", duration, phase);
        else
                attempt_report(a, OUTCOME_FAIL, "no answer in %s", duration);
}

void hanging_note(const Attempt *a, Hanging *h, pid_t pid, const char *step)
{
        *h = (Hanging){.pid = pid, .since_usec = a->began_usec};
        snprintf(h->step, sizeof h->step, "%s", step);
}

bool attempt_report_hanging(Attempt *a, Hanging *h, const char *what)
{
        char since[DURATION_SIZE];
        siginfo_t info = {};

        if (h->pid <= 0)
                return false;
        if (waitid(P_PID, (id_t) h->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0) {
                h->pid = 0;
                return false;
        }
        attempt_report(a, OUTCOME_FAIL, "%s hangs: %s has not come back for %s", what, h->step,
                       duration_format(since, a->began_usec - h->since_usec));
        return true;
}

/* "6 days", "30 hours", "1 hour": what is left to do, in the unit in which a person plans. */
static const char *days_format(char *buffer, size_t size, uint64_t usec)
{
        uint64_t n = usec >= 2 * USEC_PER_DAY ? usec / USEC_PER_DAY : usec / USEC_PER_HOUR;

        if (n == 0)
                return "less than 1 hour";
        snprintf(buffer, size, "%" PRIu64 " %s%s", n, usec >= 2 * USEC_PER_DAY ? "day" : "hour",
                 n == 1 ? "" : "s");
        return buffer;
}

void attempt_report_expired(Attempt *a, uint64_t expires_usec)
{
        uint64_t now = clock_wall_usec();
        char ago[40];

        if (expires_usec == 0 || expires_usec > now)
                attempt_report(a, OUTCOME_FAIL, "certificate expired");
        else
                attempt_report(a, OUTCOME_FAIL, "certificate expired %s ago",
                               days_format(ago, sizeof ago, now - expires_usec));
}

bool attempt_warn_expiry(Attempt *a, uint64_t expires_usec, unsigned min_days)
{
        uint64_t now = clock_wall_usec();
        char left[40];

        if (min_days == 0 || expires_usec == 0 || expires_usec >= now + min_days * USEC_PER_DAY)
                return false;
        if (expires_usec <= now)
                attempt_report(a, OUTCOME_WARN, "certificate expires now");
        else
                attempt_report(a, OUTCOME_WARN, "certificate expires in %s",
                               days_format(left, sizeof left, expires_usec - now));
        return true;
}

void attempt_report_fetch(Attempt *a, const FetchResult *result)
{
        const char *message = result->message && *result->message ? result->message
                                                                  : fetch_error_name(result->error);
        Outcome outcome = OUTCOME_FAIL;

        switch (result->error) {
        case FETCH_OK:
                assert(!"an answer is for the type to judge");
                break;
        case FETCH_CERT_EXPIRED:
                if (result->certificate_expires_usec > 0) {
                        attempt_report_expired(a, result->certificate_expires_usec);
                        return;
                }
                break;
        case FETCH_NAME_FAILED:
        case FETCH_CERT_NOT_YET: /* our clock, more likely than theirs */
        case FETCH_BLOCKED:
        case FETCH_LOCAL:
                outcome = OUTCOME_INCONCLUSIVE;
                break;
        case FETCH_NAME_UNKNOWN:
        case FETCH_REFUSED:
        case FETCH_RESET:
        case FETCH_TIMEOUT:
        case FETCH_CERT_NAME:
        case FETCH_CERT_UNTRUSTED:
        case FETCH_TLS:
        case FETCH_TOO_LARGE:
        case FETCH_REDIRECTS:
        case FETCH_PROTOCOL:
                break;
        }
        attempt_report(a, outcome, "%s", message);
}

static int attempt_add_sources(Attempt *a)
{
        int r;

        r = sd_event_add_defer(a->context->event, &a->deferred, on_deferred, a);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(a->deferred, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(a->deferred, "attempt-done");
        r = loop_timer_new(a->context->event, "attempt-deadline", on_deadline, a, &a->deadline);
        if (r < 0)
                return r;
        /* After a stall of ours, an answer that has already come is read before the deadline is looked at. */
        r = sd_event_source_set_priority(a->deadline, SD_EVENT_PRIORITY_NORMAL + 1);
        if (r < 0)
                return r;
#ifdef FAILOVERD_BUG_NO_DEADLINE
        return 0;
#endif
        return loop_timer_set(a->deadline, a->began_usec + a->timeout_usec);
}

static void begin(Attempt *a)
{
        a->begun = true;
        a->type->start(a);
        a->reading = reading_free(a->reading);
}

static void on_read(Reading *reading, void *userdata)
{
        begin(userdata);
}

int attempt_secret(const Attempt *a, const char *name, const char **ret, Error *e)
{
        return reading_get(a->reading, name, ret, e);
}

int attempt_start(ProbeContext *context, const ProbeType *type, const void *conf, void *memory,
                  uint64_t timeout_usec, AttemptDone done, void *userdata, Attempt **ret)
{
        _cleanup_(attempt_freep) Attempt *a = NULL;
        ReadingFile files[READING_FILES_MAX];
        size_t n_files;
        int r;

        assert(context && type && !type->passive && conf && done && ret);
        assert(timeout_usec > 0);
        assert(memory || type->memory_size == 0);

        a = calloc(1, sizeof *a);
        if (!a)
                return -ENOMEM;
        *a = (Attempt){
                        .type = type,
                        .conf = conf,
                        .memory = memory,
                        .context = context,
                        .timeout_usec = timeout_usec,
                        .done = done,
                        .userdata = userdata,
                        .began_usec = clock_boot_usec(),
        };
        a->state = calloc(1, MAX(type->size, (size_t) 1));
        if (!a->state)
                return -ENOMEM;
        r = attempt_add_sources(a);
        if (r < 0)
                return r;
        n_files = type->files ? type->files(conf, files) : 0;
        if (n_files == 0)
                begin(a);
        else if ((r = reading_start(context->reader, files, n_files, context->config_dir, on_read, a,
                                    &a->reading)) < 0)
                attempt_report_errno(a, r, files[0].name);
        *ret = TAKE_PTR(a);
        return 0;
}

Attempt *attempt_free(Attempt *a)
{
        if (!a)
                return NULL;
        a->reported = true; /* from here on nothing counts */
        attempt_stop(a);
        loop_source_free(a->deferred);
        free(a->state);
        free(a);
        return NULL;
}
