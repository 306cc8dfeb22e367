/* SPDX-License-Identifier: MIT */
/* A component's ninety days: a bar, a figure, and words for each day on which something was. */
#include "actions/status_page.h"

#define DAY_SEC    86400
#define HOUR_SEC   3600
#define GAP_SEC    900 /* unknown for longer than this shows */
#define BAR_HEIGHT 10
/* With more, the words are in the list below the bar only, so that the page stays small. */
#define TITLES_MAX 8

typedef enum BarKind { /* the letters are classes of the style sheet, and keys of texts */
                       BAR_UP = 'u',
                       BAR_PARTLY = 'p', /* up as far as is known */
                       BAR_DEGRADED = 'g',
                       BAR_DOWN = 'd',
                       BAR_MAINTENANCE = 'm',
                       BAR_UNKNOWN = 'n',
} BarKind;

static DayTotals day_of(const json_t *day)
{
        return (DayTotals){.up = MIN(item_number(day, "up"), (uint64_t) DAY_SEC),
                           .degraded = MIN(item_number(day, "degraded"), (uint64_t) DAY_SEC),
                           .down = MIN(item_number(day, "down"), (uint64_t) DAY_SEC),
                           .maintenance = MIN(item_number(day, "maintenance"), (uint64_t) DAY_SEC),
                           .unknown = MIN(item_number(day, "unknown"), (uint64_t) DAY_SEC)};
}

DayTotals days_total(const json_t *days)
{
        DayTotals t = {0};

        for (size_t i = 0; i < json_array_size(days); i++) {
                DayTotals day = day_of(json_array_get(days, i));
                t.up += day.up;
                t.degraded += day.degraded;
                t.down += day.down;
                t.maintenance += day.maintenance;
                t.unknown += day.unknown;
        }
        return t;
}

int days_uptime(const DayTotals *t)
{
        uint64_t known = t->up + t->degraded + t->down;

        return known < HOUR_SEC ? -1 : (int) ((t->up + t->degraded) * 10000 / known);
}

static BarKind kind_of(const DayTotals *day)
{
        if (day->down > 0)
                return BAR_DOWN;
        if (day->degraded > 0)
                return BAR_DEGRADED;
        if (day->maintenance > 0)
                return BAR_MAINTENANCE;
        if (day->up == 0 || day->up < day->unknown)
                return BAR_UNKNOWN;
        return day->unknown > MIN(day->up, (uint64_t) GAP_SEC) ? BAR_PARTLY : BAR_UP;
}

static void add_say(Text *t, const Words *w, const char *key, uint64_t seconds)
{
        if (seconds == 0)
                return;
        json_t *with = json_object();
        json_put(with, "duration", words_duration(w, seconds));
        _cleanup_json_ json_t *said = words_say(w, key, with);
        text_add_string(t, t->size > 0 ? ", " : "");
        if (said)
                text_add_string(t, json_string_value(said));
        else
                t->failed = true;
}

static json_t *day_words(const Words *w, const DayTotals *day, BarKind kind)
{
        _cleanup_text_ Text t = {0};

        if (kind == BAR_UP)
                return words_say(w, "day.u", NULL);
        if (kind == BAR_UNKNOWN && day->up == 0)
                return words_say(w, "day.n", NULL);
        add_say(&t, w, "day.down", day->down);
        add_say(&t, w, "day.degraded", day->degraded);
        add_say(&t, w, "day.maintenance", day->maintenance);
        add_say(&t, w, "day.unknown",
                day->unknown > GAP_SEC || kind == BAR_PARTLY || kind == BAR_UNKNOWN ? day->unknown : 0);
        return t.failed ? NULL : json_string(t.data ? t.data : "");
}

/* From the first to the last day of a run: "20 Nov 2026" or "23 Aug 2026 – 18 Nov 2026". */
static json_t *run_dates(const Words *w, uint64_t first_usec, size_t n)
{
        json_t *from = words_date(w, first_usec);

        if (n == 1)
                return from;
        json_t *with = json_object();
        json_put(with, "from", from);
        json_put(with, "until", words_date(w, first_usec + (n - 1) * DAY_SEC * USEC_PER_SEC));
        return words_say(w, "span", with);
}

/* Trouble stands higher than its absence, and what is not known lies low: told apart without colours, too. */
static void add_shape(Text *t, size_t at, size_t n, BarKind kind)
{
        unsigned height = kind == BAR_UP || kind == BAR_PARTLY ? 8 : kind == BAR_UNKNOWN ? 3 : BAR_HEIGHT;

        text_add(t, "M%zu %uh%zuv%uH%zuz", at, BAR_HEIGHT - height, n, height, at);
}

typedef struct Run {
        size_t at, n; /* columns */
        BarKind kind;
        DayTotals day; /* its only one, unless all are alike */
} Run;

static json_t *run_view(const Page *p, const Run *run, uint64_t today_usec)
{
        uint64_t first = today_usec - (PUBLIC_STATUS_DAYS - 1 - run->at) * DAY_SEC * USEC_PER_SEC;
        char kind[2] = {(char) run->kind, '\0'};
        _cleanup_text_ Text shape = {0};
        json_t *j = json_object();

        add_shape(&shape, run->at, run->n, run->kind);
        json_put(j, "kind", json_string(kind));
        json_put(j, "shape", shape.failed ? NULL : json_string(shape.data));
        json_put(j, "dates", run_dates(&p->words, first, run->n));
        json_put(j, "words", day_words(&p->words, &run->day, run->kind));
        json_put(j, "at", json_integer((json_int_t) run->at));
        json_put(j, "several", run->n > 1 ? json_integer((json_int_t) run->n) : json_false());
        return j;
}

/* The days as runs of days that are alike: those without trouble as one shape, the others with their words. */
typedef struct Runs {
        json_t *notable;
        Text clean;
        Text kinds[5]; /* one shape for all days of a kind, where they have no words */
        bool words;
        size_t trouble; /* days */
} Runs;

static const char trouble_kinds[] = {BAR_PARTLY, BAR_DEGRADED, BAR_DOWN, BAR_MAINTENANCE, BAR_UNKNOWN};

static void runs_end(const Page *p, Runs *runs, const Run *run, uint64_t today_usec)
{
        if (run->n > 0 && run->kind == BAR_UP)
                add_shape(&runs->clean, run->at, run->n, run->kind);
        else if (run->n > 0 && !runs->words)
                for (size_t i = 0; i < ELEMENTSOF(trouble_kinds); i++) {
                        if (trouble_kinds[i] == (char) run->kind)
                                add_shape(&runs->kinds[i], run->at, run->n, run->kind);
                }
        else if (run->n > 0)
                json_add(runs->notable, run_view(p, run, today_usec));
}

/* Days that the list does not have are not known. */
static void runs_find(const Page *p, const json_t *days, uint64_t today_usec, Runs *runs)
{
        size_t n = MIN(json_array_size(days), (size_t) PUBLIC_STATUS_DAYS), before = PUBLIC_STATUS_DAYS - n;
        size_t skipped = json_array_size(days) - n;
        Run run = {.n = before, .kind = BAR_UNKNOWN};

        for (size_t i = 0; i < n; i++) {
                DayTotals day = day_of(json_array_get(days, skipped + i));
                BarKind kind = kind_of(&day);
                bool alike = kind == run.kind && (kind == BAR_UP || !runs->words ||
                                                  (kind == BAR_UNKNOWN && day.up == 0 && run.day.up == 0));

                runs->trouble += kind == BAR_DOWN || kind == BAR_DEGRADED;
                if (alike) {
                        run.n++;
                        continue;
                }
                runs_end(p, runs, &run, today_usec);
                run = (Run){.at = before + i, .n = 1, .kind = kind, .day = day};
        }
        runs_end(p, runs, &run, today_usec);
}

static void runs_clear(Runs *runs)
{
        json_decref(runs->notable);
        text_clear(&runs->clean);
        for (size_t i = 0; i < ELEMENTSOF(runs->kinds); i++)
                text_clear(&runs->kinds[i]);
}

static json_t *kinds_view(const Runs *runs)
{
        json_t *list = json_array();

        for (size_t i = 0; i < ELEMENTSOF(trouble_kinds); i++) {
                const Text *shape = &runs->kinds[i];
                const char kind[2] = {trouble_kinds[i], '\0'};
                if (!shape->data && !shape->failed)
                        continue;
                json_t *j = json_object();
                json_put(j, "kind", json_string(kind));
                json_put(j, "shape", shape->failed ? NULL : json_string(shape->data));
                json_add(list, j);
        }
        return list;
}

static json_t *uptime_words(const Page *p, const DayTotals *t)
{
        int uptime = days_uptime(t);
        uint64_t known = t->up + t->degraded + t->down;
        char percent[24];

        if (uptime < 0)
                return words_say(&p->words, "uptime.none", NULL);
        const char *decimal = words_get(&p->words, "decimal");
        if (uptime == 10000)
                snprintf(percent, sizeof(percent), "100");
        else
                snprintf(percent, sizeof(percent), "%d%.4s%02d", uptime / 100, decimal ? decimal : ".",
                         uptime % 100);
        json_t *with = json_object();
        json_put(with, "percent", json_string(percent));
        json_put(with, "known",
                 words_duration(&p->words, known > 2 * DAY_SEC ? known / DAY_SEC * DAY_SEC : known));
        bool partly = known + t->maintenance < (uint64_t) PUBLIC_STATUS_DAYS * DAY_SEC * 95 / 100;
        return words_say(&p->words, partly ? "uptime.partly" : "uptime", with);
}

static json_t *bar_words(const Page *p, const json_t *component, json_t *uptime, size_t trouble)
{
        json_t *with = json_object();

        json_put(with, "name", request_string(item_string(component, "name"), false));
        json_put(with, "uptime", uptime);
        json_put(with, "trouble",
                 words_number(&p->words, trouble > 0 ? "bar.trouble" : "bar.no-trouble", trouble));
        return words_say(&p->words, "bar.words", with);
}

/* Midnight UTC of the last day; when it does not say, of the day on which the page is made. */
static uint64_t last_day(const Page *p, const json_t *days)
{
        size_t n = json_array_size(days);
        char stamp[TIMESTAMP_SIZE];
        uint64_t usec;

        snprintf(stamp, sizeof(stamp), "%.10sT00:00:00Z", item_string(json_array_get(days, n - 1), "date"));
        if (timestamp_parse(stamp, &usec) < 0 ||
            usec < (uint64_t) PUBLIC_STATUS_DAYS * DAY_SEC * USEC_PER_SEC)
                usec = p->updated_usec / (DAY_SEC * USEC_PER_SEC) * (DAY_SEC * USEC_PER_SEC);
        return usec;
}

void days_view(const Page *p, const json_t *component, bool words, json_t *view)
{
        const json_t *days = json_object_get(component, "days");
        char stamp[TIMESTAMP_SIZE];
        _cleanup_(runs_clear) Runs runs = {.words = words};

        if (json_array_size(days) == 0)
                return;
        uint64_t today = last_day(p, days);
        DayTotals total = days_total(days);
        json_t *uptime = uptime_words(p, &total), *bar = json_object();

        runs.notable = json_array();
        runs_find(p, days, today, &runs);
        timestamp_format(stamp, today - (PUBLIC_STATUS_DAYS - 1) * DAY_SEC * USEC_PER_SEC);
        stamp[10] = '\0';
        json_put(bar, "from", json_string(stamp));
        json_put(bar, "clean",
                 runs.clean.failed ? NULL : json_string(runs.clean.data ? runs.clean.data : ""));
        json_put(bar, "runs", words ? json_incref(runs.notable) : kinds_view(&runs));
        json_put(bar, "has_notable", json_boolean(json_array_size(runs.notable) > 0));
        json_put(bar, "titled", json_boolean(words && json_array_size(runs.notable) <= TITLES_MAX));
        json_put(bar, "words", bar_words(p, component, json_incref(uptime), runs.trouble));
        json_put(bar, "uptime", uptime);
        json_put(view, "days", bar);
}
