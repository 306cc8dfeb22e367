/* SPDX-License-Identifier: MIT */
/* What the tests of the registry share: a node with its federation.db, documents of others, and their keys. */
#pragma once

#include "base/clock.h"
#include "base/text.h"
#include "federation/audit.h"
#include "federation/members_private.h"
#include "tests/test.h"

#include <signal.h>
#include <unistd.h>

typedef struct Rig {
        Federation f;
        char folder[64];
        unsigned n_told;
        int ended; /* the last change's, 1 while there is none */
        char error[200];
} Rig;

static inline void rig_on_change(const Member *member, void *userdata)
{
        ((Rig *) userdata)->n_told++;
}

#define RIG_UNTIL(rig, condition)                                                     \
        do {                                                                          \
                uint64_t end_ = clock_boot_usec() + 30 * USEC_PER_SEC;                \
                while (!(condition)) {                                                \
                        CHECK(clock_boot_usec() < end_);                              \
                        CHECK(sd_event_run((rig)->f.event, 50 * USEC_PER_MSEC) >= 0); \
                }                                                                     \
        } while (0)

static inline Config *rig_config(const char *network)
{
        _cleanup_free_ char *text = string_printf(
                        "node: {id: me, name: Me, url: 'http://192.0.2.1'}\nnetwork: {%s}\n", network);
        Config *c = NULL;
        Error e = {0};

        if (config_load_text("test.yaml", text, strlen(text), &c, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(c);
        return c;
}

static inline void rig_open(Rig *rig)
{
        _cleanup_free_ char *path = string_printf("%s/federation.db", rig->folder);

        CHECK_INT(store_new(rig->f.event, path, &rig->f.store), 0);
        CHECK_INT(members_new(&rig->f, &rig->f.members), 0);
        members_on_change(rig->f.members, rig_on_change, rig);
        RIG_UNTIL(rig, members_ready(rig->f.members));
        rig->n_told = 0;
}

static inline void rig_close(Rig *rig)
{
        rig->f.store = store_free(rig->f.store);
        rig->f.members = members_free(rig->f.members);
}

static inline void rig_begin(Rig *rig, const char *network)
{
        *rig = (Rig){0};
        alarm(100);
        strcpy(rig->folder, "/tmp/test_members.XXXXXX");
        CHECK(mkdtemp(rig->folder));
        CHECK(sd_event_new(&rig->f.event) >= 0);
        rig->f.config = rig_config(network);
        rig_open(rig);
}

static inline void rig_restart(Rig *rig)
{
        rig_close(rig);
        rig_open(rig);
}

static inline void rig_reconfigure(Rig *rig, const char *network)
{
        Config *old = rig->f.config;
        Error e;

        rig->f.config = rig_config(network);
        CHECK_INT(members_configure(rig->f.members, rig->f.config, &e), 0);
        config_free(old);
}

static inline void rig_end(Rig *rig)
{
        _cleanup_free_ char *command = string_printf("rm -r %s", rig->folder);

        rig_close(rig);
        sd_event_unref(rig->f.event);
        config_free(rig->f.config);
        CHECK_INT(system(command), 0);
        alarm(0);
}

static inline void rig_on_end(MemberChange *c, int r, const char *error)
{
        Rig *rig = c->userdata;

        rig->ended = r;
        snprintf(rig->error, sizeof(rig->error), "%s", error);
}

/* Submits, and waits for what comes of it. */
static inline int rig_submit(Rig *rig, MemberChange *c)
{
        rig->ended = 1;
        c->done = rig_on_end;
        c->userdata = rig;
        member_change_submit(c);
        RIG_UNTIL(rig, rig->ended <= 0);
        return rig->ended;
}

/* --- documents --- */

static inline SignKey *rig_key(const char *id)
{
        SignKey *key = NULL;

        CHECK_INT(sign_key_generate(id, &key), 0);
        CHECK(key);
        return key;
}

static inline void rig_key_text(const SignKey *key, char ret[64])
{
        _cleanup_free_ char *text = NULL;

        CHECK_INT(base64_encode(key->public_key, sizeof(key->public_key), &text), 0);
        snprintf(ret, 64, "%s", text);
}

/* Signed by `key` when there is one, and listing `also` (NULL: nothing) beside it. version: ms before now. */
static inline NodeDocument *rig_document(const char *id, const char *url, const SignKey *key,
                                         const SignKey *also, unsigned version, const char *members)
{
        int64_t now = (int64_t) (clock_wall_usec() / 1000);
        _cleanup_free_ char *text = string_printf("{\"id\":\"%s\",\"url\":\"%s\"%s%s}", id, url,
                                                  *members ? "," : "", members);
        _cleanup_json_ json_t *j = NULL;
        NodeDocument *d = NULL;
        Error e = {0};
        char member[80], base64[64];

        CHECK_INT(json_parse(text, strlen(text), &j, &e), 0);
        if (key) {
                json_t *keys = json_object();

                for (const SignKey *k = key; k; k = k == key ? also : NULL) {
                        rig_key_text(k, base64);
                        snprintf(member, sizeof(member), "ed25519:%s", k->id);
                        json_put(keys, member, json_pack("{s:s}", "key", base64));
                }
                json_put(j, "keys", keys);
                json_put(j, "version_ts", json_integer(now - (int64_t) version));
                json_put(j, "valid_until_ts", json_integer(now + 86400000));
                CHECK_INT(sign_json(j, id, key, &e), 0);
                if (also)
                        CHECK_INT(sign_json(j, id, also, &e), 0);
        }
        if (node_document_read(j, &d, &e) < 0)
                fprintf(stderr, "%s\n", e.text);
        CHECK(d);
        return d;
}

/* Puts one there, as if it had registered. document: consumed. */
static inline const Member *rig_add(Rig *rig, const char *id, MemberState state, NodeDocument *document)
{
        MemberChange *c = member_change_new(rig->f.members, id, NULL);

        CHECK(c);
        c->document = document;
        c->next.stored = state;
        c->next.registered_usec = c->next.changed_usec;
        c->next.accepted_usec = state == MEMBER_ACCEPTED ? c->next.changed_usec : 0;
        member_change_say(c, "node-registered", "192.0.2.7", "%s", "for the test");
        CHECK_INT(rig_submit(rig, c), 0);
        return members_find(rig->f.members, id);
}
