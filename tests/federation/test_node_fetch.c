/* SPDX-License-Identifier: MIT */
/* Another node's document over the network: what counts as found there, and what does not. */
#include "federation/node_fetch.h"
#include "tests/federation/elsewhere.h"

MAIN()

typedef struct Told {
        unsigned calls;
        int error;
        char message[600];
        NodeDocument *document;
} Told;

static void on_told(NodeFetch *f, NodeFetchResult *r, void *userdata)
{
        Told *t = userdata;

        t->calls++;
        t->error = r->error;
        snprintf(t->message, sizeof(t->message), "%s", r->message);
        t->document = TAKE_PTR(r->document);
}

static Told ask(Elsewhere *w, const char *url, bool trusted)
{
        _cleanup_(node_fetch_freep) NodeFetch *f = NULL;
        Told t = {0};

        CHECK_INT(node_fetch_start(w->client, url, trusted, on_told, &t, &f), 0);
        CHECK_INT(t.calls, 0); /* never from within */
        ELSEWHERE_UNTIL(w, t.calls > 0);
        CHECK_INT(t.calls, 1);
        CHECK_INT(t.document != NULL, t.error == 0);
        CHECK_INT(t.message[0] != '\0', t.error < 0);
        return t;
}

/* The document of "other", signed, at w's url; free it. */
static char *document_text(const Elsewhere *w, uint64_t valid_until_usec, bool spoilt)
{
        _cleanup_(sign_key_freep) SignKey *key = NULL;
        _cleanup_free_ char *half = NULL;
        _cleanup_json_ json_t *j = NULL;
        char *text;

        CHECK_INT(sign_key_generate("k", &key), 0);
        CHECK_INT(base64_encode(key->public_key, sizeof(key->public_key), &half), 0);
        j = json_pack("{s:s, s:s, s:I, s:I, s:{s:{s:s}}}", "id", "other", "url", w->url, "valid_until_ts",
                      (json_int_t) (valid_until_usec / USEC_PER_MSEC), "version_ts",
                      (json_int_t) (clock_wall_usec() / USEC_PER_MSEC), "keys", "ed25519:k", "key", half);
        CHECK_INT(sign_json(j, "other", key, NULL), 0);
        if (spoilt)
                json_object_set_new(j, "name", json_string("somebody else"));
        CHECK_INT(json_print(j, &text), 0);
        return text;
}

TEST(a_signed_document_is_found)
{
        Elsewhere w;

        elsewhere_open(&w);
        _cleanup_free_ char *text = document_text(&w, clock_wall_usec() + USEC_PER_DAY, false);
        w.path = NODE_DOCUMENT_PATH;
        w.status = 200;
        w.answer = text;
        Told t = ask(&w, w.url, true);
        CHECK_INT(t.error, 0);
        CHECK_STR(t.document->id, "other");
        CHECK_STR(w.last_path, NODE_DOCUMENT_PATH);
        node_document_free(t.document);
        elsewhere_close(&w);
}

TEST(what_does_not_count_says_why)
{
        Elsewhere w;

        elsewhere_open(&w);
        _cleanup_free_ char *spoilt = document_text(&w, clock_wall_usec() + USEC_PER_DAY, true),
                            *old = document_text(&w, clock_wall_usec() - USEC_PER_DAY, false);
        const struct {
                unsigned status;
                const char *answer;
                int error;
                const char *says;
        } all[] = {
                        {404, "{}", -ENOENT, "it has no /.well-known"},
                        {500, "{}", -EPROTO, "HTTP 500"},
                        {200, "<html>", -EINVAL, "its node document: line 1"},
                        {200, "{}", -EINVAL, "its node document: it has no `url`"},
                        {200, "{\"url\":\"http://a\"}", -ENOKEY, "not signed"},
                        {200, spoilt, -EBADMSG, "does not verify"},
                        {200, old, -EKEYEXPIRED, "valid until"},
        };

        w.path = NODE_DOCUMENT_PATH;
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                w.status = all[i].status;
                w.answer = all[i].answer;
                Told t = ask(&w, w.url, true);
                if (!strstr(t.message, all[i].says))
                        fprintf(stderr, "%s\n", t.message);
                CHECK_INT(t.error, all[i].error);
                CHECK(strstr(t.message, all[i].says));
        }
        elsewhere_close(&w);
}

TEST(a_redirect_proves_nothing)
{
        Elsewhere w;

        elsewhere_open(&w);
        _cleanup_free_ char *text = document_text(&w, clock_wall_usec() + USEC_PER_DAY, false);
        w.path = NODE_DOCUMENT_PATH;
        w.status = 302;
        w.location = "/elsewhere";
        w.other_status = 200;
        w.other_answer = text;
        Told t = ask(&w, w.url, true);
        CHECK_INT(t.error, -ENOENT);
        CHECK(strstr(t.message, "redirect"));
        CHECK_INT(w.asked, 1);
        elsewhere_close(&w);
}

TEST(a_strangers_url_leads_to_public_addresses_only)
{
        Elsewhere w;

        elsewhere_open(&w);
        Told t = ask(&w, w.url, false);
        CHECK_INT(t.error, -EIO);
        CHECK(strstr(t.message, "not a public address"));
        t = ask(&w, w.host_url, true); /* the operator wrote the name, and not what it leads to */
        CHECK_INT(t.error, -EIO);
        CHECK_INT(w.asked, 0);
        elsewhere_close(&w);
}

TEST(a_document_has_an_end)
{
        Elsewhere w;
        _cleanup_free_ char *big = malloc(NODE_DOCUMENT_MAX + 2);

        elsewhere_open(&w);
        memset(big, ' ', NODE_DOCUMENT_MAX + 1);
        big[NODE_DOCUMENT_MAX + 1] = '\0';
        w.path = NODE_DOCUMENT_PATH;
        w.status = 200;
        w.answer = big;
        Told t = ask(&w, w.url, true);
        CHECK_INT(t.error, -EIO);
        elsewhere_close(&w);
}

TEST(who_is_freed_says_nothing)
{
        NodeFetch *f = NULL;
        Told t = {0};
        Elsewhere w;

        elsewhere_open(&w);
        w.silent = true;
        CHECK_INT(node_fetch_start(w.client, w.url, true, on_told, &t, &f), 0);
        ELSEWHERE_UNTIL(&w, w.asked > 0);
        CHECK(!node_fetch_free(f));
        elsewhere_close(&w);
        CHECK_INT(t.calls, 0);
}
