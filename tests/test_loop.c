/* SPDX-License-Identifier: MIT */
#include "base/loop.h"

#include "base/clock.h"
#include "tests/test.h"

#include <sys/epoll.h>
#include <unistd.h>

static int on_time(sd_event_source *s, uint64_t usec, void *userdata)
{
        ++*(int *) userdata;
        return 0;
}

static int on_once(sd_event_source *s, void *userdata)
{
        ++*(int *) userdata;
        return 0;
}

static int on_input(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        char c;

        CHECK_INT(read(fd, &c, 1), 1);
        *(char *) userdata = c;
        return 0;
}

static sd_event *event_new(void)
{
        sd_event *e = NULL;

        CHECK(sd_event_new(&e) >= 0);
        return e;
}

TEST(a_timer_is_silent_until_it_is_set_and_fires_once)
{
        _cleanup_event_ sd_event *e = event_new();
        sd_event_source *t = NULL;
        int fired = 0;

        CHECK_INT(loop_timer_new(e, "test", on_time, &fired, &t), 0);
        CHECK_INT(sd_event_run(e, 20 * USEC_PER_MSEC), 0);
        CHECK_INT(fired, 0);

        CHECK(loop_timer_set_after(t, 1 * USEC_PER_MSEC) >= 0);
        CHECK(sd_event_run(e, 5 * USEC_PER_SEC) > 0);
        CHECK_INT(fired, 1);
        CHECK_INT(sd_event_run(e, 10 * USEC_PER_MSEC), 0);
        CHECK_INT(fired, 1);
        CHECK(!loop_source_free(t));
}

TEST(a_timer_does_not_fire_early_nor_late_by_the_default_accuracy)
{
        _cleanup_event_ sd_event *e = event_new();
        sd_event_source *t = NULL;
        uint64_t best = USEC_NEVER;

        /* The best of several, since other processes may hold the processor. */
        for (int i = 0; i < 20; i++) {
                uint64_t due = clock_boot_usec() + 2 * USEC_PER_MSEC;
                int fired = 0;

                CHECK_INT(loop_timer_new(e, "test", on_time, &fired, &t), 0);
                CHECK(loop_timer_set(t, due) >= 0);
                CHECK(sd_event_run(e, 5 * USEC_PER_SEC) > 0);
                CHECK_INT(fired, 1);
                CHECK(clock_boot_usec() >= due);
                best = MIN(best, clock_boot_usec() - due);
                t = loop_source_free(t);
        }
        CHECK(best < 20 * USEC_PER_MSEC);
}

TEST(never_disarms_a_timer)
{
        _cleanup_event_ sd_event *e = event_new();
        sd_event_source *t = NULL;
        int fired = 0;

        CHECK_INT(loop_timer_new(e, "test", on_time, &fired, &t), 0);
        CHECK(loop_timer_set_after(t, 1) >= 0);
        CHECK(loop_timer_set(t, USEC_NEVER) >= 0);
        CHECK_INT(sd_event_run(e, 10 * USEC_PER_MSEC), 0);
        CHECK(loop_timer_set_after(t, USEC_NEVER) >= 0);
        CHECK(loop_timer_set_after(t, USEC_NEVER - 5) >= 0); /* no overflow into the past */
        CHECK_INT(sd_event_run(e, 10 * USEC_PER_MSEC), 0);
        CHECK_INT(fired, 0);
        loop_source_free(t);
}

typedef struct Lazy {
        LazyTimer timer;
        int woken, fired;
        uint64_t fired_usec;
} Lazy;

static int on_lazy(sd_event_source *s, uint64_t usec, void *userdata)
{
        Lazy *l = userdata;

        l->woken++;
        if (lazy_timer_fired(&l->timer)) {
                l->fired++;
                l->fired_usec = clock_boot_usec();
        }
        return 0;
}

TEST(a_lazy_timer_that_is_put_off_fires_at_its_last_time_only)
{
        _cleanup_event_ sd_event *e = event_new();
        uint64_t now = clock_boot_usec(), last = now + 60 * USEC_PER_MSEC;
        Lazy l = {0};

        CHECK_INT(lazy_timer_new(e, "test", on_lazy, &l, &l.timer), 0);
        CHECK(lazy_timer_set(&l.timer, now + 40 * USEC_PER_MSEC) >= 0);
        CHECK(lazy_timer_set(&l.timer, now + 20 * USEC_PER_MSEC) >= 0);
        for (uint64_t at = now + 30 * USEC_PER_MSEC; at <= last; at += 100)
                CHECK(lazy_timer_set(&l.timer, at) >= 0);
        while (l.fired == 0)
                CHECK(sd_event_run(e, 5 * USEC_PER_SEC) > 0);
        CHECK(l.fired_usec >= last);
        CHECK_INT(l.woken, 2); /* once for nothing, not three hundred times */

        /* Not wanted any more: one that is near stays, and says nothing; one that is far off is taken back. */
        now = clock_boot_usec();
        CHECK(lazy_timer_set(&l.timer, now + 10 * USEC_PER_MSEC) >= 0);
        CHECK(lazy_timer_set(&l.timer, USEC_NEVER) >= 0);
        CHECK(sd_event_run(e, 5 * USEC_PER_SEC) > 0);
        CHECK_INT(l.woken, 3);
        CHECK(lazy_timer_set(&l.timer, clock_boot_usec() + 10 * USEC_PER_SEC) >= 0);
        CHECK(lazy_timer_set(&l.timer, USEC_NEVER) >= 0);
        CHECK_INT(sd_event_source_get_enabled(l.timer.source, NULL), SD_EVENT_OFF);
        CHECK_INT(sd_event_run(e, 10 * USEC_PER_MSEC), 0);
        CHECK_INT(l.fired, 1);

        CHECK(lazy_timer_set(&l.timer, 0) >= 0); /* in the past: at once */
        CHECK(sd_event_run(e, 5 * USEC_PER_SEC) > 0);
        CHECK_INT(l.fired, 2);
        lazy_timer_clear(&l.timer);
        lazy_timer_clear(&l.timer);
}

TEST(once_runs_later_and_one_time)
{
        _cleanup_event_ sd_event *e = event_new();
        sd_event_source *s = NULL;
        int ran = 0;

        CHECK_INT(loop_add_once(e, "test", on_once, &ran, &s), 0);
        CHECK_INT(ran, 0);
        CHECK(sd_event_run(e, 0) > 0);
        CHECK_INT(ran, 1);
        CHECK_INT(sd_event_run(e, 0), 0);
        CHECK_INT(ran, 1);
        loop_source_free(s);
}

TEST(a_freed_source_never_runs)
{
        _cleanup_event_ sd_event *e = event_new();
        sd_event_source *s = NULL;
        int ran = 0;

        CHECK_INT(loop_add_once(e, "test", on_once, &ran, &s), 0);
        s = loop_source_free(s);
        CHECK(!s);
        CHECK_INT(sd_event_run(e, 0), 0);
        CHECK_INT(ran, 0);
        CHECK(!loop_source_free(NULL));
}

TEST(input_reaches_its_handler)
{
        _cleanup_event_ sd_event *e = event_new();
        sd_event_source *s = NULL;
        char got = 0;
        int fds[2];

        CHECK_INT(pipe(fds), 0);
        CHECK_INT(loop_add_io(e, "test", fds[0], EPOLLIN, on_input, &got, &s), 0);
        CHECK_INT(write(fds[1], "x", 1), 1);
        CHECK(sd_event_run(e, 5 * USEC_PER_SEC) > 0);
        CHECK_INT(got, 'x');
        loop_source_free(s);
        close(fds[0]);
        close(fds[1]);
}

MAIN()
