/* SPDX-License-Identifier: MIT */
/* The reader: what a file holds or why not, side by side, and nobody held up by a file that hangs. */
#include "tests/test.h"

#include "base/clock.h"
#include "base/reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

MAIN()

typedef struct Fixture {
        sd_event *event;
        Reader *reader;
        char folder[64];
        unsigned n_done;
        Reading *free_in_done;
} Fixture;

static void setup(Fixture *f)
{
        *f = (Fixture){.folder = "/tmp/test-reader-XXXXXX"};
        CHECK(mkdtemp(f->folder));
        CHECK_INT(sd_event_new(&f->event), 0);
        CHECK_INT(reader_new(f->event, &f->reader), 0);
}

static void put(const Fixture *f, const char *name, const char *text, mode_t mode)
{
        char path[128];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", f->folder, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK_INT(write(fd, text, strlen(text)), strlen(text));
        CHECK_INT(fchmod(fd, mode), 0);
        close(fd);
}

static void teardown(Fixture *f)
{
        DIR *d = opendir(f->folder);
        struct dirent *entry;

        while ((entry = readdir(d)))
                unlinkat(dirfd(d), entry->d_name, 0);
        closedir(d);
        rmdir(f->folder);
        reader_free(f->reader);
        sd_event_unref(f->event);
}

static void on_done(Reading *reading, void *userdata)
{
        Fixture *f = userdata;

        CHECK(!reading_waits_for(reading));
        f->n_done++;
        if (f->free_in_done)
                f->free_in_done = reading_free(f->free_in_done);
}

static void run_until(Fixture *f, unsigned n_done)
{
        uint64_t deadline = clock_boot_usec() + 20 * USEC_PER_SEC;

        while (f->n_done < n_done) {
                CHECK(clock_boot_usec() < deadline);
                CHECK(sd_event_run(f->event, 100 * USEC_PER_MSEC) >= 0);
        }
}

static unsigned threads(void)
{
        DIR *d = opendir("/proc/self/task");
        unsigned n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n - 2;
}

TEST(a_secret_is_read_and_what_is_none_says_why)
{
        Fixture f;
        Reading *reading;
        const char *text = NULL;
        Error e;

        setup(&f);
        put(&f, "good", "key\n", 0600);
        put(&f, "open", "key\n", 0644);
        const ReadingFile files[] = {
                        {.name = "good"}, {.name = "open"}, {.name = "missing"}, {"/etc/passwd", true}};
        CHECK_INT(reading_start(f.reader, files, 4, f.folder, on_done, &f, &reading), 0);
        CHECK_INT(f.n_done, 0);
        run_until(&f, 1);
        CHECK_INT(reading_get(reading, "good", &text, &e), 0);
        CHECK_STR(text, "key");
        CHECK_INT(reading_get(reading, "/etc/passwd", &text, &e), 0);
        CHECK_STR(text, "");
        CHECK_INT(reading_get(reading, "open", &text, &e), -EPERM);
        CHECK(strstr(e.text, "others may read"));
        CHECK_INT(reading_get(reading, "missing", &text, &e), -ENOENT);
        CHECK_STR(text, "");
        reading_free(reading);
        teardown(&f);
}

TEST(a_plain_file_that_is_missing_says_so)
{
        Fixture f;
        Reading *reading;
        const char *text;
        Error e;

        setup(&f);
        CHECK_INT(reading_start(f.reader, &(ReadingFile){"/nonexistent/ca.pem", true}, 1, f.folder, on_done,
                                &f, &reading),
                  0);
        run_until(&f, 1);
        CHECK_INT(reading_get(reading, "/nonexistent/ca.pem", &text, &e), -ENOENT);
        CHECK(strstr(e.text, "/nonexistent/ca.pem"));
        reading_free(reading);
        teardown(&f);
}

TEST(who_is_told_may_free_the_reading)
{
        Fixture f;

        setup(&f);
        put(&f, "good", "key", 0600);
        CHECK_INT(reading_start(f.reader, &(ReadingFile){"good"}, 1, f.folder, on_done, &f, &f.free_in_done),
                  0);
        run_until(&f, 1);
        CHECK(!f.free_in_done);
        teardown(&f);
}

/* Two that ask for one file while it is being read: one thread, both told; a third goes before it is told. */
TEST(those_who_ask_together_share_a_thread)
{
        Fixture f;
        Reading *a, *b, *c;
        const char *text;
        Error e;

        setup(&f);
        put(&f, "good", "key", 0600);
        unsigned before = threads();
        CHECK_INT(reading_start(f.reader, &(ReadingFile){"good"}, 1, f.folder, on_done, &f, &a), 0);
        CHECK_INT(reading_start(f.reader, &(ReadingFile){"good"}, 1, f.folder, on_done, &f, &b), 0);
        CHECK_INT(reading_start(f.reader, &(ReadingFile){"good"}, 1, f.folder, on_done, &f, &c), 0);
        CHECK_STR(reading_waits_for(c), "good");
        reading_free(c);
        CHECK_INT(threads(), before + 1);
        run_until(&f, 2);
        CHECK_INT(f.n_done, 2);
        CHECK_INT(reading_get(a, "good", &text, &e), 0);
        CHECK_INT(reading_get(b, "good", &text, &e), 0);
        CHECK_STR(text, "key");
        reading_free(a);
        reading_free(b);
        teardown(&f);
}

TEST(a_thread_is_kept_for_the_next_and_more_are_not)
{
        Fixture f;
        Reading *readings[8];
        char names[8][8];
        unsigned before = threads();

        setup(&f);
        for (unsigned round = 0; round < 20; round++) {
                f.n_done = 0;
                for (unsigned i = 0; i < 8; i++) {
                        snprintf(names[i], sizeof(names[i]), "%u", i);
                        put(&f, names[i], "key", 0600);
                        CHECK_INT(reading_start(f.reader, &(ReadingFile){names[i]}, 1, f.folder, on_done, &f,
                                                &readings[i]),
                                  0);
                }
                run_until(&f, 8);
                for (unsigned i = 0; i < 8; i++)
                        reading_free(readings[i]);
                CHECK_INT(threads(), before + 1);
        }
        teardown(&f);
}

TEST(what_is_abandoned_is_told_to_nobody)
{
        Fixture f;
        Reading *reading, *next;

        setup(&f);
        put(&f, "good", "key", 0600);
        put(&f, "other", "key", 0600);
        CHECK_INT(reading_start(f.reader, &(ReadingFile){"good"}, 1, f.folder, on_done, &f, &reading), 0);
        reading_free(reading);
        CHECK_INT(reading_start(f.reader, &(ReadingFile){"other"}, 1, f.folder, on_done, &f, &next), 0);
        run_until(&f, 1);
        reading_free(next);
        CHECK_INT(reading_start(f.reader, &(ReadingFile){"good"}, 1, f.folder, on_done, &f, &reading), 0);
        reading_free(reading);
        teardown(&f); /* with one under way */
        CHECK_INT(f.n_done, 1);
}
