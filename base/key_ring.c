/* SPDX-License-Identifier: MIT */
/* A node's keys over time: how the file is read and printed, and the steps from one key to the next. */
#include "base/key_ring.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>

/* --- reading --- */

typedef enum Kind { KIND_CURRENT, KIND_NEXT, KIND_OLD, KIND_REVOKED, _KIND_MAX } Kind;
static const char *const kind_words[] = {"", "next ", "old ", "revoked "};

/* Cuts the time off the end of the line. */
static int take_time(char *line, uint64_t *ret_usec)
{
        char *space = strrchr(line, ' '), *end;
        uint64_t ms;

        if (!space || space[1] < '0' || space[1] > '9')
                return -EINVAL;
        errno = 0;
        ms = strtoull(space + 1, &end, 10);
        if (errno != 0 || *end || ms >= UINT64_C(1) << 53)
                return -EINVAL;
        *space = '\0';
        *ret_usec = ms * USEC_PER_MSEC;
        return 0;
}

static int add_key(KeyRing *ring, Kind kind, SignKey *key, uint64_t usec, Error *e)
{
        SignKey **place = kind == KIND_CURRENT ? &ring->current : &ring->next;

        if (kind >= KIND_OLD) {
                if (ring->n_former == KEY_RING_FORMER_MAX)
                        return error_set(e, -EINVAL, "more than %d former keys", KEY_RING_FORMER_MAX);
                ring->former[ring->n_former++] =
                                (FormerKey){.key = key, .ended_usec = usec, .revoked = kind == KIND_REVOKED};
                return 0;
        }
        if (*place)
                return error_set(e, -EINVAL, "a second key that %s",
                                 kind == KIND_NEXT ? "is next" : "signs (one line \"ed25519 …\")");
        *place = key;
        if (kind == KIND_NEXT)
                ring->next_usec = usec;
        return 0;
}

static int read_line(KeyRing *ring, char *line, Error *e)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        Kind kind = KIND_CURRENT;
        uint64_t usec = 0;
        int r;

        for (Kind k = KIND_NEXT; k < _KIND_MAX; k++)
                if (strncmp(line, kind_words[k], strlen(kind_words[k])) == 0)
                        kind = k;
        if (kind != KIND_CURRENT && take_time(line, &usec) < 0)
                return error_set(e, -EINVAL, "a line \"%s…\" ends in a time in milliseconds",
                                 kind_words[kind]);
        r = sign_key_parse(line + strlen(kind_words[kind]), &key, e);
        if (r >= 0)
                r = add_key(ring, kind, key, usec, e);
        if (r >= 0)
                key = NULL;
        return r;
}

static int read_lines(KeyRing *ring, char *text, Error *e)
{
        char *at = NULL;
        unsigned number = 0;

        for (char *line = text; line; line = at) {
                int r;

                at = strchr(line, '\n');
                if (at)
                        *at++ = '\0';
                number++;
                line[strcspn(line, "\r")] = '\0';
                if (!line[strspn(line, " \t")] || line[0] == '#')
                        continue;
                r = read_line(ring, line, e);
                if (r < 0)
                        return number > 1 ? error_prefix(e, r, "line %u", number) : r;
        }
        return 0;
}

int key_ring_parse(const char *text, KeyRing **ret, Error *e)
{
        _cleanup_(key_ring_freep) KeyRing *ring = calloc(1, sizeof(*ring));
        size_t size = strlen(text);
        char *copy = strdup(text);
        int r;

        assert(ret);
        if (!ring || !copy) {
                free(copy);
                error_set(e, -ENOMEM, "out of memory");
                return -ENOMEM;
        }
        r = read_lines(ring, copy, e);
        explicit_bzero(copy, size);
        free(copy);
        if (r < 0)
                return r;
        if (!ring->current) {
                error_set(e, -EINVAL, "expected a line \"ed25519 <key id> <base64 of 32 bytes>\"");
                return -EINVAL;
        }
        *ret = TAKE_PTR(ring);
        return 0;
}

int key_ring_parse_current(const char *text, SignKey **ret, Error *e)
{
        _cleanup_(key_ring_freep) KeyRing *ring = NULL;
        int r = key_ring_parse(text, &ring, e);

        if (r >= 0)
                *ret = TAKE_PTR(ring->current);
        return r;
}

KeyRing *key_ring_free(KeyRing *ring)
{
        if (!ring)
                return NULL;
        sign_key_free(ring->current);
        sign_key_free(ring->next);
        for (size_t i = 0; i < ring->n_former; i++)
                sign_key_free(ring->former[i].key);
        free(ring);
        return NULL;
}

/* --- printing --- */

static int print_line(Text *t, Kind kind, const SignKey *key, uint64_t usec)
{
        _cleanup_(secret_freep) char *line = NULL;
        int r = sign_key_print(key, &line);

        if (r < 0)
                return r;
        text_add_string(t, kind_words[kind]);
        text_add_bytes(t, line, strcspn(line, "\n"));
        if (kind != KIND_CURRENT)
                text_add(t, " %" PRIu64, usec / USEC_PER_MSEC);
        text_add_string(t, "\n");
        return 0;
}

int key_ring_print(const KeyRing *ring, char **ret_text)
{
        Text t = {0};
        int r = print_line(&t, KIND_CURRENT, ring->current, 0);

        if (r >= 0 && ring->next)
                r = print_line(&t, KIND_NEXT, ring->next, ring->next_usec);
        for (size_t i = 0; r >= 0 && i < ring->n_former; i++)
                r = print_line(&t, ring->former[i].revoked ? KIND_REVOKED : KIND_OLD, ring->former[i].key,
                               ring->former[i].ended_usec);
        if (r >= 0)
                r = text_take(&t, ret_text);
        if (t.data)
                explicit_bzero(t.data, t.size);
        text_clear(&t);
        return r;
}

/* --- steps --- */

static bool has_id(const KeyRing *ring, const char *id)
{
        if (streq(ring->current->id, id) || (ring->next && streq(ring->next->id, id)))
                return true;
        for (size_t i = 0; i < ring->n_former; i++)
                if (streq(ring->former[i].key->id, id))
                        return true;
        return false;
}

/* An id is never given twice: who has pinned it would take one key for the other. */
static int make_key(const KeyRing *ring, SignKey **ret)
{
        for (;;) {
                SignKey *key = NULL;
                int r = sign_key_generate(NULL, &key);

                if (r < 0)
                        return r;
                if (!has_id(ring, key->id)) {
                        *ret = key;
                        return 0;
                }
                sign_key_free(key);
        }
}

/* Nobody looks at what ended long ago; what was revoked stays for as long as there is room. */
static void drop_former(KeyRing *ring, uint64_t now_usec)
{
        size_t n = 0;

        for (size_t i = 0; i < ring->n_former; i++) {
                FormerKey *f = &ring->former[i];

                if (n < KEY_RING_FORMER_MAX - 1 &&
                    (f->revoked || now_usec < f->ended_usec + KEY_RING_KEEP_USEC))
                        ring->former[n++] = *f;
                else
                        sign_key_free(f->key);
        }
        ring->n_former = n;
}

static void retire(KeyRing *ring, SignKey *successor, uint64_t ended_usec, bool revoked, uint64_t now_usec)
{
        drop_former(ring, now_usec);
        memmove(ring->former + 1, ring->former, ring->n_former * sizeof(ring->former[0]));
        ring->former[0] = (FormerKey){.key = ring->current, .ended_usec = ended_usec, .revoked = revoked};
        ring->n_former++;
        ring->current = successor;
}

static int too_early(const KeyRing *ring, uint64_t now_usec, Error *e)
{
        char ago[DURATION_SIZE], stamp[TIMESTAMP_SIZE];
        const FormerKey *last = ring->n_former > 0 ? &ring->former[0] : NULL;
        uint64_t ready = ring->next_usec + KEY_RING_WAIT_USEC;

        if (ring->next && now_usec < ready)
                return error_set(e, -EAGAIN,
                                 "the next key, ed25519:%s, was announced %s ago, and others must have seen "
                                 "it "
                                 "first: do this again after %s",
                                 ring->next->id,
                                 duration_format(ago, now_usec - MIN(now_usec, ring->next_usec)),
                                 timestamp_format(stamp, ready));
        if (!ring->next && last && !last->revoked && now_usec < last->ended_usec)
                return error_set(e, -EAGAIN,
                                 "the key has just been changed, ed25519:%s still counts until %s: there is "
                                 "nothing to do",
                                 last->key->id, timestamp_format(stamp, last->ended_usec));
        return 0;
}

int key_ring_rotate(KeyRing *ring, uint64_t now_usec, bool forced, KeyRingStep *ret, Error *e)
{
        int r = forced ? 0 : too_early(ring, now_usec, e);

        if (r < 0)
                return r;
        if (ring->next) {
                retire(ring, TAKE_PTR(ring->next), now_usec + KEY_RING_OVERLAP_USEC, false, now_usec);
                *ret = KEY_RING_SWAPPED;
                return 0;
        }
        r = make_key(ring, &ring->next);
        if (r < 0)
                return error_set(e, r, "cannot make a key: %s", error_words(-r));
        ring->next_usec = now_usec;
        *ret = KEY_RING_ANNOUNCED;
        return 0;
}

int key_ring_revoke(KeyRing *ring, uint64_t now_usec, bool *ret_known, Error *e)
{
        SignKey *successor = NULL;
        bool known = ring->next != NULL;
        int r = known ? 0 : make_key(ring, &successor);

        if (r < 0)
                return error_set(e, r, "cannot make a key: %s", error_words(-r));
        if (known)
                successor = TAKE_PTR(ring->next);
        retire(ring, successor, now_usec, true, now_usec);
        *ret_known = known;
        return 0;
}
