/* SPDX-License-Identifier: MIT */
/* The verbs that run the failoverd beside failoverctl: which one they find, what they give it, how they exit. */
#include "tests/ctl_standin.h"

#include <fcntl.h>

typedef struct Place {
        StandIn s;
        char bin[96], sbin[96], ctl[128];
} Place;

static void write_file(const char *path, const char *text, size_t size, mode_t mode)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, text, size), 0);
        CHECK_INT(fchmod(fd, mode), 0);
        close(fd);
}

/* A failoverctl of our own in FOLDER/bin, so that we say what lies beside it. */
static void place_make(Place *p)
{
        _cleanup_free_ char *program = NULL;
        size_t size;

        standin_start(&p->s, 200, "{}");
        snprintf(p->bin, sizeof(p->bin), "%s/bin", p->s.folder);
        snprintf(p->sbin, sizeof(p->sbin), "%s/sbin", p->s.folder);
        snprintf(p->ctl, sizeof(p->ctl), "%s/failoverctl", p->bin);
        CHECK_INT(mkdir(p->bin, 0755), 0);
        CHECK_INT(mkdir(p->sbin, 0755), 0);
        CHECK_INT(file_read(BINARY_DIR "/failoverctl", 256 * 1024 * 1024, &program, &size), 0);
        write_file(p->ctl, program, size, 0755);
}

static void place_failoverd(const char *folder, const char *script)
{
        char path[160];

        snprintf(path, sizeof(path), "%s/failoverd", folder);
        write_file(path, script, strlen(script), 0755);
}

static void place_clear(Place *p)
{
        char path[160];
        const char *const folders[] = {p->bin, p->sbin};

        (void) unlink(p->ctl);
        for (size_t k = 0; k < ELEMENTSOF(folders); k++) {
                snprintf(path, sizeof(path), "%s/failoverd", folders[k]);
                (void) unlink(path);
                CHECK_INT(rmdir(folders[k]), 0);
        }
        standin_stop(&p->s);
}

static int place_run(Place *p, Ran *ran, const char *path, const char *const *arguments)
{
        const char *argv[24] = {p->ctl};
        char search[128];
        const char *environment[] = {search, NULL};
        ChildSpec spec = {.argv = argv, .environment = environment, .timeout_usec = 60 * USEC_PER_SEC};
        _cleanup_(child_freep) Child *child = NULL;

        for (size_t k = 0; arguments[k]; k++)
                argv[k + 1] = arguments[k];
        snprintf(search, sizeof(search), "PATH=%s", path);
        ran_clear(ran);
        CHECK_INT(child_start(p->s.event, &spec, on_ran, ran, &child), 0);
        while (!ran->ended)
                CHECK(sd_event_run(p->s.event, UINT64_MAX) >= 0);
        return ran->code;
}

#define RUN(p, ran, path, ...) place_run(p, ran, path, (const char *const[]){__VA_ARGS__, NULL})

#define TELL "#!/bin/sh\nfor a; do printf '[%s]' \"$a\"; done\n"

TEST(the_nearest_failoverd_is_run)
{
        Place p;
        Ran ran = {};

        place_make(&p);
        CHECK_INT(RUN(&p, &ran, "/nonexistent", "check-config"), 1);
        CHECK(strstr(ran.err, "no failoverd"));
        place_failoverd(p.sbin, "#!/bin/sh\necho from sbin\n");
        CHECK_INT(RUN(&p, &ran, "/nonexistent", "check-config"), 0);
        CHECK_STR(ran.out, "from sbin\n");
        place_failoverd(p.bin, "#!/bin/sh\necho from bin\n");
        CHECK_INT(RUN(&p, &ran, p.sbin, "check-config"), 0);
        CHECK_STR(ran.out, "from bin\n");
        ran_clear(&ran);
        place_clear(&p);
}

TEST(path_is_the_last_place_to_look)
{
        Place p;
        Ran ran = {};
        char folder[128];

        place_make(&p);
        snprintf(folder, sizeof(folder), "%s/elsewhere", p.s.folder);
        CHECK_INT(mkdir(folder, 0755), 0);
        place_failoverd(folder, "#!/bin/sh\necho from PATH\n");
        CHECK_INT(RUN(&p, &ran, folder, "check-config"), 0);
        CHECK_STR(ran.out, "from PATH\n");
        strcat(folder, "/failoverd");
        CHECK_INT(unlink(folder), 0);
        *strrchr(folder, '/') = '\0';
        CHECK_INT(rmdir(folder), 0);
        ran_clear(&ran);
        place_clear(&p);
}

TEST(it_is_given_what_was_asked_for)
{
        Place p;
        Ran ran = {};

        place_make(&p);
        place_failoverd(p.bin, TELL);
        CHECK_INT(RUN(&p, &ran, "/bin", "check-config"), 0);
        CHECK_STR(ran.out, "[--check][--config=/etc/failoverd/failoverd.yaml]");
        CHECK_INT(RUN(&p, &ran, "/bin", "check-config", "--json", "--", "-a b.yaml"), 0);
        CHECK_STR(ran.out, "[--check][--config=-a b.yaml][--json]");
        CHECK_INT(RUN(&p, &ran, "/bin", "simulate", "--config", "f.yaml", "t.jsonl"), 0);
        CHECK_STR(ran.out, "[--simulate=t.jsonl][--config=f.yaml]");
        CHECK_INT(RUN(&p, &ran, "/bin", "simulate", "t.jsonl", "--seed", "7", "--config", "f.yaml"), 0);
        CHECK_STR(ran.out, "[--simulate=t.jsonl][--config=f.yaml][--seed=7]");
        CHECK_INT(RUN(&p, &ran, "/bin", "simulate", "t.jsonl", "--seed", "x", "--config", "f.yaml"), 2);
        CHECK_STR(ran.out, "");
        CHECK_INT(RUN(&p, &ran, "/bin", "help", "config"), 0);
        CHECK_STR(ran.out, "[--help-config]");
        ran_clear(&ran);
        place_clear(&p);
}

TEST(its_exit_codes_become_ours)
{
        static const struct {
                const char *script;
                int code;
        } cases[] = {{"#!/bin/sh\nexit 0\n", 0},
                     {"#!/bin/sh\necho f.yaml:3:1: bad >&2; exit 6\n", 1},
                     {"#!/bin/sh\nexit 2\n", 2},
                     {"#!/bin/sh\nexit 1\n", 1},
                     {"#!/bin/sh\nkill -9 $$\n", 1}};
        Place p;
        Ran ran = {};

        place_make(&p);
        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                place_failoverd(p.bin, cases[k].script);
                CHECK_INT(RUN(&p, &ran, "/bin", "check-config", "f.yaml"), cases[k].code);
        }
        ran_clear(&ran);
        place_clear(&p);
}

MAIN()
