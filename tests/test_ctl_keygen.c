/* SPDX-License-Identifier: MIT */
/* `failoverctl keygen --rotate`, --revoke and --show, on a key file. */
#include "base/key_ring.h"
#include "tests/ctl_standin.h"

#include <sys/file.h>

MAIN()

typedef struct Desk {
        StandIn s;
        Ran ran;
        char path[128];
} Desk;

static void desk_open(Desk *d)
{
        *d = (Desk){};
        standin_start(&d->s, 200, "{}");
        snprintf(d->path, sizeof(d->path), "%s/node.key", d->s.folder);
        CHECK_INT(CTL(&d->s, &d->ran, "keygen", "--id", "first", d->path), 0);
}

static void desk_close(Desk *d)
{
        CHECK_INT(unlink(d->path), 0);
        ran_clear(&d->ran);
        standin_stop(&d->s);
}

static char *content(const Desk *d)
{
        char *text = NULL;
        struct stat st;

        CHECK_INT(stat(d->path, &st), 0);
        CHECK_INT(st.st_mode & 07777, 0600);
        CHECK_INT(file_read(d->path, 4096, &text, NULL), 0);
        return text;
}

static KeyRing *ring_of(const Desk *d)
{
        _cleanup_free_ char *text = content(d);
        KeyRing *ring = NULL;

        CHECK_INT(key_ring_parse(text, &ring, NULL), 0);
        return ring;
}

static bool shows_seed(const Desk *d)
{
        _cleanup_free_ char *text = content(d);
        const char *seed = strstr(text, "first ") + strlen("first ");
        char head[11];

        snprintf(head, sizeof(head), "%.10s", seed);
        return strstr(d->ran.out, head) || strstr(d->ran.err, head);
}

TEST(rotating_announces_waits_and_swaps)
{
        Desk d;

        desk_open(&d);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", d.path), 0);
        CHECK(strstr(d.ran.out, "signs    ed25519:first"));
        CHECK(strstr(d.ran.out, "--rotate` once more"));
        CHECK(!shows_seed(&d));
        _cleanup_free_ char *announced = content(&d);
        _cleanup_(key_ring_freep) KeyRing *one = ring_of(&d);
        CHECK_STR(one->current->id, "first");

        /* Too soon: nothing changes, and it says when. */
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", d.path), 1);
        CHECK(strstr(d.ran.err, "do this again after"));
        _cleanup_free_ char *same = content(&d);
        CHECK_STR(same, announced);

        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", "--force", d.path), 0);
        CHECK(strstr(d.ran.out, "old      ed25519:first"));
        CHECK(!shows_seed(&d));
        _cleanup_(key_ring_freep) KeyRing *two = ring_of(&d);
        CHECK_STR(two->current->id, one->next->id);
        CHECK(!two->next);

        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", d.path), 1);
        CHECK(strstr(d.ran.err, "nothing to do"));
        desk_close(&d);
}

TEST(revoking_wants_to_be_meant)
{
        Desk d;

        desk_open(&d);
        _cleanup_free_ char *before = content(&d);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--revoke", d.path), 1);
        CHECK(strstr(d.ran.err, "--revoke --force"));
        _cleanup_free_ char *same = content(&d);
        CHECK_STR(same, before);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--revoke", "--force", d.path), 0);
        CHECK(strstr(d.ran.out, "nodes rekey"));
        CHECK(!shows_seed(&d));
        _cleanup_(key_ring_freep) KeyRing *ring = ring_of(&d);
        CHECK(ring->former[0].revoked);
        CHECK_STR(ring->former[0].key->id, "first");
        desk_close(&d);
}

TEST(what_the_file_holds_is_shown_without_its_secrets)
{
        Desk d;

        desk_open(&d);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", d.path), 0);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--show", d.path), 0);
        CHECK(strstr(d.ran.out, "next     ed25519:"));
        CHECK(strstr(d.ran.out, "puts the next key into force"));
        CHECK(!shows_seed(&d));
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--show", "--json", d.path), 0);
        CHECK(strstr(d.ran.out, "\"key_id\":\"first\""));
        CHECK(!shows_seed(&d));
        desk_close(&d);
}

TEST(what_makes_no_sense_is_refused)
{
        Desk d;
        char link_path[160];

        desk_open(&d);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", "--revoke", d.path), 2);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", "--id", "x", d.path), 2);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--force", d.path), 2);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", "/nonexistent/node.key"), 1);
        CHECK(strstr(d.ran.err, "failoverctl keygen"));

        /* Others may read it: what is in it may be known already. */
        CHECK_INT(chmod(d.path, 0644), 0);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", d.path), 1);
        CHECK_INT(chmod(d.path, 0600), 0);

        /* Two at a time. */
        int folder = open(d.s.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK_INT(flock(folder, LOCK_EX), 0);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", d.path), 1);
        CHECK(strstr(d.ran.err, "another failoverctl"));
        close(folder);

        /* A link stays a link. */
        snprintf(link_path, sizeof(link_path), "%s/link.key", d.s.folder);
        CHECK_INT(symlink(d.path, link_path), 0);
        CHECK_INT(CTL(&d.s, &d.ran, "keygen", "--rotate", link_path), 0);
        _cleanup_(key_ring_freep) KeyRing *ring = ring_of(&d);
        CHECK(ring->next);
        CHECK_INT(unlink(link_path), 0);
        desk_close(&d);
}
