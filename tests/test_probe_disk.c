/* SPDX-License-Identifier: MIT */
/* disk against real file systems: small, full, read-only, broken, frozen. */
#include "tests/probe_disks.h"

#define PATIENT (20 * USEC_PER_SEC)

static unsigned char memory[256];

/* A new probe's memory for each test; kept between its runs. */
static void fresh(void)
{
        CHECK(probe_type_find("disk")->memory_size <= sizeof memory);
        memset(memory, 0, sizeof memory);
}

static Run run(uint64_t timeout_usec, const char *format, ...) __attribute__((format(printf, 2, 3)));
static Run run(uint64_t timeout_usec, const char *format, ...)
{
        _cleanup_free_ char *yaml = NULL;
        va_list ap;

        va_start(ap, format);
        CHECK(vasprintf(&yaml, format, ap) >= 0);
        va_end(ap);
        return bench_run_with("disk", yaml, memory, timeout_usec);
}

TEST(passes_on_a_disk_with_room_and_leaves_nothing_there)
{
        const char *path = folder("plain");

        fresh();
        CHECK_RUN(OUTCOME_PASS, "disk *", run(PATIENT, "{path: %s, min_free: 0, min_inodes: 0}", path));
        CHECK_INT(entries(path), 0);
}

TEST(says_how_full_it_is)
{
        const char *path = folder("half");

        fresh();
        if (!tmpfs_mount(path, "size=10m"))
                return;
        fill(path, "half", 5 * 1024);
        CHECK_RUN(OUTCOME_PASS, "disk 50 % full (5.0 MiB free of 10 MiB)", run(PATIENT, "path: %s", path));
        CHECK_RUN(OUTCOME_FAIL, "disk 50 % full (5.0 MiB free of 10 MiB)",
                  run(PATIENT, "{path: %s, min_free: 51%%}", path));
        CHECK(umount(path) == 0);
}

TEST(warns_near_the_minimum_only)
{
        const char *path = folder("near");

        fresh();
        if (!tmpfs_mount(path, "size=10m"))
                return;
        fill(path, "half", 5 * 1024);
        CHECK_INT(run(PATIENT, "{path: %s, min_free: 49%%}", path).outcome, OUTCOME_WARN);
        CHECK_INT(run(PATIENT, "{path: %s, min_free: 47%%}", path).outcome, OUTCOME_PASS);
        CHECK_INT(run(PATIENT, "{path: %s, min_free: 6MiB}", path).outcome, OUTCOME_FAIL);
        CHECK_INT(run(PATIENT, "{path: %s, min_free: 4500KiB}", path).outcome, OUTCOME_WARN);
        CHECK_INT(run(PATIENT, "{path: %s, min_free: 4MiB}", path).outcome, OUTCOME_PASS);
        CHECK(umount(path) == 0);
}

TEST(fails_on_a_full_disk_the_very_first_time)
{
        const char *path = folder("full");

        fresh();
        if (!tmpfs_mount(path, "size=1m"))
                return;
        fill(path, "much", 2048);
        CHECK_RUN(OUTCOME_FAIL, "disk full: cannot write a file in *", run(PATIENT, "path: %s", path));
        CHECK_RUN(OUTCOME_FAIL, "disk 100 % full (0 B free of 1.0 MiB)",
                  run(PATIENT, "{path: %s, write_test: false}", path));
        CHECK(umount(path) == 0);
}

TEST(counts_inodes)
{
        const char *path = folder("inodes");
        char name[20];

        fresh();
        if (!tmpfs_mount(path, "size=10m,nr_inodes=20"))
                return;
        for (int i = 0; i < 16; i++) { /* with the root folder's, 17 are used */
                snprintf(name, sizeof name, "%d", i);
                fill(path, name, 0);
        }
        CHECK_RUN(OUTCOME_FAIL, "disk has 3 inodes left of 20",
                  run(PATIENT, "{path: %s, min_inodes: 4}", path));
        CHECK_RUN(OUTCOME_FAIL, "disk has 3 inodes left of 20",
                  run(PATIENT, "{path: %s, min_inodes: 16%%}", path));
        CHECK_RUN(OUTCOME_WARN, "disk has 3 inodes left of 20",
                  run(PATIENT, "{path: %s, min_inodes: 14%%}", path));
        CHECK_INT(run(PATIENT, "{path: %s, min_inodes: 2}", path).outcome, OUTCOME_PASS);
        for (int i = 16; i < 19; i++) {
                snprintf(name, sizeof name, "%d", i);
                fill(path, name, 0);
        }
        CHECK_RUN(OUTCOME_FAIL, "disk full: cannot create a file in *",
                  run(PATIENT, "{path: %s, min_inodes: 0}", path));
        CHECK(umount(path) == 0);
}

static void read_only_both_ways(const char *name, const char *more)
{
        const char *path = folder(name);

        fresh();
        if (!tmpfs_mount(path, "size=10m"))
                return;
        CHECK(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
        CHECK_INT(run(PATIENT, "{path: %s%s}", path, more).outcome, OUTCOME_INCONCLUSIVE);
        CHECK(mount(NULL, path, NULL, MS_REMOUNT, NULL) == 0);
        CHECK_INT(run(PATIENT, "{path: %s%s}", path, more).outcome, OUTCOME_PASS);
        CHECK(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
        CHECK_RUN(OUTCOME_FAIL, "disk has become read-only: *", run(PATIENT, "{path: %s%s}", path, more));
        CHECK(umount(path) == 0);
}

TEST(takes_read_only_for_our_sandbox_until_it_was_once_written)
{
        read_only_both_ways("ro", "");
}

TEST(sees_read_only_without_the_write_test_too)
{
        read_only_both_ways("ro2", ", write_test: false");
}

TEST(names_the_sandbox_that_alone_makes_it_read_only_and_measures_it_all_the_same)
{
        const char *path = folder("sandbox");
        Run r;

        fresh();
        if (!tmpfs_mount(path, "size=10m"))
                return;
        CHECK(mount(path, path, NULL, MS_BIND, NULL) == 0);
        CHECK(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
        r = run(PATIENT, "{path: %s}", path);
        CHECK_INT(r.outcome, OUTCOME_INCONCLUSIVE);
        CHECK(strstr(r.message, " is read-only in our sandbox alone: ReadWritePaths= would open it"));
        CHECK_RUN(OUTCOME_PASS, "disk 0 % full*", run(PATIENT, "{path: %s, write_test: false}", path));
        CHECK(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
        CHECK_RUN(OUTCOME_FAIL, "disk has become read-only: *",
                  run(PATIENT, "{path: %s, write_test: false}", path));
        CHECK(umount(path) == 0);
        CHECK(umount(path) == 0);
}

TEST(takes_a_missing_folder_for_our_sandbox_until_it_was_once_written)
{
        const char *path = folder("missing");

        fresh();
        CHECK_INT(rmdir(path), 0);
        CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot look at *",
                  run(PATIENT, "{path: %s, min_free: 0, min_inodes: 0}", path));
        folder("missing");
        CHECK_INT(run(PATIENT, "{path: %s, min_free: 0, min_inodes: 0}", path).outcome, OUTCOME_PASS);
        CHECK_INT(rmdir(path), 0);
        CHECK_RUN(OUTCOME_FAIL, "cannot look at *",
                  run(PATIENT, "{path: %s, min_free: 0, min_inodes: 0}", path));
}

TEST(takes_missing_rights_for_our_own_trouble_at_any_time)
{
        const char *path = folder("rights");
        int status;
        pid_t pid;

        if (!bench_needs_root("another user's rights"))
                return;
        fresh();
        CHECK(chmod(bench_folder, 0755) == 0 && chmod(path, 0755) == 0);
        CHECK_INT(run(PATIENT, "{path: %s, min_free: 0, min_inodes: 0}", path).outcome, OUTCOME_PASS);
        fflush(NULL);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) { /* as somebody who may not write there; with the memory of one who could */
                if (setresuid(65534, 65534, 65534) < 0)
                        _exit(2);
                CHECK_RUN(OUTCOME_INCONCLUSIVE, "cannot create a file in *",
                          run(PATIENT, "{path: %s, min_free: 0, min_inodes: 0}", path));
                _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_INT(status, 0);
}

TEST(fails_on_a_disk_that_loses_what_is_written_and_turns_read_only)
{
        const char *base = folder("broken-base"), *path = folder("broken");
        uint64_t end = clock_boot_usec() + PATIENT;
        Run r;

        fresh();
        if (!ext4_mount(base, path))
                return;
        CHECK_INT(run(PATIENT, "{path: %s, min_inodes: 0}", path).outcome, OUTCOME_PASS);
        fill(base, "all", 10 * 1024); /* the device has no more sectors to give */
        fill(path, "dirty", 1024);    /* uses up those that the image had already */
        /* What comes first is the kernel's choice: ENOSPC or EIO from fsync(), or other bytes read back. In the end the
         * journal is aborted, and the file system is read-only. */
        do {
                r = run(PATIENT, "{path: %s, min_inodes: 0}", path);
                CHECK_RUN(OUTCOME_FAIL, "disk *", r);
                CHECK(clock_boot_usec() < end);
        } while (strncmp(r.message, "disk has become read-only", 25) != 0);
        ext4_umount(base, path);
}

TEST(fails_on_a_frozen_disk_with_one_process_stuck_at_most)
{
        const char *base = folder("frozen-base"), *path = folder("frozen");
        Run r;

        fresh();
        if (!ext4_mount(base, path))
                return;
        CHECK_INT(run(PATIENT, "path: %s", path).outcome, OUTCOME_PASS);
        CHECK_INT(freeze(path, true), 0);
        r = run(500 * USEC_PER_MSEC, "path: %s", path);
        if (r.outcome != OUTCOME_FAIL)
                freeze(path, false); /* a test that fails leaves nothing frozen */
        CHECK_RUN(OUTCOME_FAIL, "no answer in 500 ms (*", r);
        r = run(500 * USEC_PER_MSEC, "path: %s", path);
        CHECK_INT(freeze(path, false), 0);
        CHECK_RUN(OUTCOME_FAIL, "disk hangs: *", r);
        CHECK(r.usec < 400 * USEC_PER_MSEC);

        for (uint64_t end = clock_boot_usec() + PATIENT;;) { /* once the stuck process has come loose */
                waitpid(-1, NULL, WNOHANG); /* its loop is gone; a daemon's would collect it */
                r = run(PATIENT, "path: %s", path);
                if (r.outcome == OUTCOME_PASS)
                        break;
                CHECK(clock_boot_usec() < end);
                usleep(5000);
        }
        ext4_umount(base, path);
}

TEST(refuses_what_cannot_be_meant)
{
        CHECK_REFUSED("disk", "path", "min_free: 5%");
        CHECK_REFUSED("disk", "not absolute", "path: var/lib");
        CHECK_REFUSED("disk", "", "{path: /, min_free: 101%}");
        CHECK_REFUSED("disk", "", "{path: /, min_free: lots}");
        CHECK_REFUSED("disk", "", "{path: /, write_test: perhaps}");
}

TEST(verifies_that_the_folder_is_there)
{
        CHECK_STR(bench_verify("disk", "path: /"), "");
        CHECK(strstr(bench_verify("disk", "{path: /, min_free: 8000000000GiB}"), "could never pass"));
        CHECK_STR(bench_verify("disk", "{path: /, min_free: 0}"), ""); /* switched off */
        CHECK_STR(bench_verify("disk", "{path: /, min_free: 1MiB}"), "");
        CHECK_STR(bench_verify("disk", "{path: /, min_free: 5}"),
                  "min_free: 5 bytes are next to nothing; a percentage has its sign (5%), bytes a unit "
                  "(500MiB)");
        CHECK_STR(bench_verify("disk", "path: /no/such/folder"),
                  "path: /no/such/folder: No such file or directory");
}

TEST(knows_nothing_when_memory_or_descriptors_are_short)
{
        _cleanup_free_ char *yaml = string_printf("{path: %s, min_free: 0, min_inodes: 0}", folder("short"));

        bench_run_scarce("disk", PATIENT, yaml);
}

static Run broken_run(const char *path, const char *call, int error)
{
        /* The first one to open a file is what starts the child. */
        scarce_break(call, streq(call, "open"), error);
        Run r = run(PATIENT, "{path: %s, min_free: 0, min_inodes: 0}", path);
        scarce_break(NULL, 0, 0);
        return r;
}

TEST(says_at_which_step_a_disk_fails_and_how)
{
        static const struct {
                const char *call;
                int error;
                Outcome outcome;
                const char *message;
        } list[] = {
                        {"statvfs", EIO, OUTCOME_FAIL, "disk broken: cannot look at *"},
                        {"open", EIO, OUTCOME_FAIL, "disk broken: cannot create a file in *"},
                        {"open", ENOSPC, OUTCOME_FAIL, "disk full: cannot create a file in *"},
                        {"open", EMFILE, OUTCOME_INCONCLUSIVE, "cannot create a file in *"},
                        {"pwrite", ENOSPC, OUTCOME_FAIL, "disk full: cannot write a file in *"},
                        {"pwrite", EDQUOT, OUTCOME_FAIL, "disk quota used up: cannot write a file in *"},
                        {"pwrite", EIO, OUTCOME_FAIL, "disk broken: cannot write a file in *"},
                        {"fsync", EIO, OUTCOME_FAIL, "disk broken: cannot sync a file in *"},
                        {"fsync", EDQUOT, OUTCOME_FAIL, "disk quota used up: cannot sync a file in *"},
                        {"pread", EIO, OUTCOME_FAIL, "disk broken: cannot read a file in *"},
                        {"pread", SCARCE_OTHER, OUTCOME_FAIL, "disk broken: *"},
                        {"pread", ESTALE, OUTCOME_FAIL, "disk broken: cannot read a file in *"},
        };
        const char *path = folder("failing");

        for (size_t i = 0; i < ELEMENTSOF(list); i++) {
                fresh();
                CHECK_RUN(list[i].outcome, list[i].message, broken_run(path, list[i].call, list[i].error));
        }
        CHECK_INT(entries(path), 0);
}

TEST(writes_where_every_file_has_a_name_and_removes_it_at_once)
{
        const char *path = folder("named");

        fresh();
        CHECK_RUN(OUTCOME_PASS, "disk *", broken_run(path, "open", SCARCE_NAMELESS));
        CHECK_INT(entries(path), 0);
}

MAIN()
