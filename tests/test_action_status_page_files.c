/* SPDX-License-Identifier: MIT */
/* status-page: how its files are written, and what becomes of it when they cannot be. */
#include "tests/status_page_rig.h"

#include <fcntl.h>
#include <unistd.h>

TEST(all_files_are_there_for_everybody_to_read)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        struct stat st;
        Rig rig;

        rig_open(&rig);
        umask(0077);
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = string_printf("%s/%s", rig.status, files[i]);
                CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0644);
        }
        CHECK(stat(rig.status, &st) == 0 && (st.st_mode & 07777) == 0755);
        umask(0022);
        rig_close(&rig);
}

TEST(query_tells_this_change_from_others)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        Rig rig;

        rig_open(&rig);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_MISSING);
        publish(&rig, &facts);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_DONE);
        facts.change = "01JOTHER";
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, true), ACTION_MISSING);
        rig_close(&rig);
}

static ino_t inode(Rig *rig, const char *name)
{
        _cleanup_free_ char *path = string_printf("%s/%s", rig->status, name);
        struct stat st;

        CHECK(stat(path, &st) == 0);
        return st.st_ino;
}

TEST(refresh_rewrites_only_what_changed)
{
        _cleanup_json_ json_t *known = document(WELL);
        ActionFacts facts = well_facts(known);
        ino_t before[ELEMENTSOF(files)];
        Rig rig;

        rig_open(&rig);
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                before[i] = inode(&rig, files[i]);
        json_t *old = read_json(&rig, "api/v2/components.json");
        usleep(2000); /* the stamps have milliseconds */
        publish(&rig, &facts);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                bool says_when = streq(files[i], "index.html") || streq(files[i], "history.html") ||
                                 streq(files[i], "api/v2/status.json") || streq(files[i], "ninety-days.json");
                CHECK_INT(inode(&rig, files[i]) != before[i], says_when);
        }

        json_object_set_new(json_at(known, "components.0"), "state", json_string("down"));
        publish(&rig, &facts);
        json_t *new = read_json(&rig, "api/v2/components.json");
        CHECK(json_equal(json_at(old, "components.0.created_at"), json_at(new, "components.0.created_at")));
        CHECK(!json_equal(json_at(old, "page.updated_at"), json_at(new, "page.updated_at")));
        json_decref(old);
        json_decref(new);
        rig_close(&rig);
}

static void check_xml(Rig *rig)
{
        char command[400];

        snprintf(command, sizeof(command),
                 "/usr/bin/python3 -c 'import sys,xml.dom.minidom as m; [m.parse(p) for p in sys.argv[1:]]' "
                 "%s/history.atom %s/badge.svg",
                 rig->status, rig->status);
        CHECK_INT(system(command), 0);
}

TEST(page_is_well_formed_and_its_policy_allows_its_own_style_and_script)
{
        static const char *const kinds[][2] = {{"style", "style-src"}, {"script", "script-src"}};
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        char command[500];
        Rig rig;

        rig_open(&rig);
        facts.public_status = known;
        publish(&rig, &facts);
        check_page(&rig, "default-src 'none'; script-src 'sha256-");
        check_not_on_page(&rig, "style=\"");
        check_not_on_page(&rig, "onclick");
        /* The hash in the policy is that of the text between the tags. */
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                snprintf(command, sizeof(command),
                         "/usr/bin/python3 -c 'import sys,re,hashlib,base64 as b; "
                         "t=open(sys.argv[1]).read(); "
                         "m=re.findall(\"<%s>(.*?)</%s>\", t, re.S); assert len(m)==1; "
                         "h=b.b64encode(hashlib.sha256(m[0].encode()).digest()).decode(); "
                         "assert \"%s \\x27sha256-\"+h+\"\\x27\" in t, h' %s/index.html",
                         kinds[i][0], kinds[i][0], kinds[i][1], rig.status);
                CHECK_INT(system(command), 0);
        }
        check_xml(&rig);
        rig_close(&rig);
}

TEST(links_in_the_feed_are_absolute_where_the_page_says_where_it_is)
{
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        rig_refused(&action_status_page, "{url: \"https://shop.example/status\"}", "slash at its end");
        rig_refused(&action_status_page, "{url: \"javascript:/\"}", "no web address");
        publish(&rig, &facts);
        check_file(&rig, "history.atom", "type=\"text/html\" href=\"./\"", true);
        void *conf = rig_conf(&action_status_page, "{url: \"https://status.example/\"}");
        CHECK_INT(rig_run(&rig, &action_status_page, conf, &facts, false), ACTION_DONE);
        check_file(&rig, "history.atom",
                   "rel=\"self\" type=\"application/atom+xml\" href=\"https://status.example/history.atom\"",
                   true);
        check_file(&rig, "history.atom", "type=\"text/html\" href=\"https://status.example/\"", true);
        rig_conf_free(&action_status_page, conf);
        rig_close(&rig);
}

TEST(folder_that_cannot_be_written_is_a_retry_that_says_so)
{
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        rig_write(&rig, "status", "a file in the way", 0644);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, false), ACTION_RETRY);
        CHECK(*rig.message);
        rig_close(&rig);
}

typedef struct Stuck {
        int pipe[2]; /* until something can be read from it */
        bool ended;
} Stuck;

static int stuck(void *job)
{
        Stuck *s = job;
        char byte;

        return read(s->pipe[0], &byte, 1) == 1 ? 0 : -EIO;
}

static void on_stuck(int r, void *job)
{
        Stuck *s = job;

        CHECK_INT(r, 0);
        s->ended = true;
}

TEST(stuck_disk_is_told_at_once_and_gets_no_more_work)
{
        ActionFacts facts = rig_facts();
        Stuck s = {0};
        Rig rig;

        rig_open(&rig);
        CHECK_INT(pipe2(s.pipe, O_CLOEXEC), 0);
        CHECK_INT(worker_submit(rig.context.disk, stuck, on_stuck, &s), 0);
        for (uint64_t end = clock_boot_usec() + 2100 * USEC_PER_MSEC; clock_boot_usec() < end;)
                CHECK(sd_event_run(rig.event, 50 * USEC_PER_MSEC) >= 0);
        CHECK_INT(rig_run(&rig, &action_status_page, plain, &facts, false), ACTION_RETRY);
        CHECK(!s.ended); /* it has not waited for it */
        CHECK(strstr(rig.message, "the disk has not answered for"));
        CHECK_INT(worker_pending(rig.context.disk), 1);
        CHECK_INT(write(s.pipe[1], "", 1), 1);
        while (!s.ended)
                CHECK(sd_event_run(rig.event, 50 * USEC_PER_MSEC) >= 0);
        close(s.pipe[0]);
        close(s.pipe[1]);
        rig_close(&rig);
}

TEST(abandoned_job_ends_quietly)
{
        ActionFacts facts = rig_facts();
        Action *a;
        Rig rig;

        rig_open(&rig);
        CHECK_INT(action_start(&rig.context, &action_status_page, plain, &facts, false, on_rig_done, &rig,
                               &a),
                  0);
        action_free(a);
        while (worker_pending(rig.context.disk) > 0)
                CHECK(sd_event_run(rig.event, 50 * USEC_PER_MSEC) >= 0);
        CHECK_INT(rig.reports, 0);
        rig_close(&rig);
}

TEST(our_own_shortage_is_a_retry)
{
        _cleanup_json_ json_t *known = document(ON_CRYPTO);
        ActionFacts facts = rig_facts();
        Rig rig;

        rig_open(&rig);
        rig.scarce_step = 5;
        rig_run_scarce(&rig, &action_status_page, plain, &facts, false, NULL, NULL);
        facts.public_status = known;
        rig.scarce_step = 60;
        rig_run_scarce(&rig, &action_status_page, plain, &facts, false, NULL, NULL);
        rig.scarce_step = 0;
        rig_run_scarce(&rig, &action_status_page, plain, &facts, true, NULL, NULL);
        rig_close(&rig);
}

MAIN()
