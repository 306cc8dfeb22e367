/* SPDX-License-Identifier: MIT */
/* One registration elsewhere: both routes, and what the registry says. */
#include "federation/announce.h"

#include "base/clock.h"
#include "base/text.h"

#define ANSWER_MAX (256 * 1024)
#define WORDS_SIZE 300

static const char *const paths[] = {"/api/nodes/register", "/federation/node/register"};

struct Announcement {
        FetchClient *client;
        Fetch *fetch;
        char *registry, *document;
        size_t size;
        unsigned path;
        uint64_t until_usec; /* boot: both tries together */
        AnnouncementDone done;
        void *userdata;
};

static void end(Announcement *a, int error, unsigned status, const char *state, const char *words)
{
        char plain_state[32], plain[WORDS_SIZE];
        AnnouncementResult result = {.error = error,
                                     .status = status,
                                     .path = paths[a->path],
                                     .state = plain_copy(plain_state, sizeof(plain_state), state ?: ""),
                                     .words = plain_copy(plain, sizeof(plain), words ?: "")};

        a->done(a, &result, a->userdata); /* may free us */
}

static const char *first_string(const json_t *j, const char *const names[])
{
        for (; *names; names++) {
                const char *s = json_string_value(json_at(j, *names));

                if (s && *s)
                        return s;
        }
        return NULL;
}

/* Registries differ in what they call their reasons. */
static void judge(Announcement *a, const FetchResult *r)
{
        static const char *const words[] = {"error.message", "error", "message", "detail", NULL},
                                 *const states[] = {"node.status", "status", NULL};
        _cleanup_json_ json_t *j = NULL;
        char number[64];
        bool good = r->status / 100 == 2;

        (void) json_parse(r->body, r->body_size, &j, NULL);
        if (good && json_is_false(json_object_get(j, "success")))
                good = false;
        snprintf(number, sizeof(number), "HTTP %u%s", r->status,
                 good && !json_is_object(j) ? ", and what it says is no JSON" : "");
        if (good && !json_is_object(j))
                good = false;
        const char *said = first_string(j, words);
        if (!good && r->status / 100 == 3)
                said = "it answers with a redirect: name the URL that this leads to";
        end(a, good ? 0 : -EREMOTEIO, r->status, good ? first_string(j, states) : NULL,
            said   ? said
            : good ? ""
                   : number);
}

static int ask(Announcement *a);

static void on_answer(Fetch *fetch, const FetchResult *r, void *userdata)
{
        Announcement *a = userdata;

        if (r->error != FETCH_OK) {
                char words[WORDS_SIZE];

                snprintf(words, sizeof(words), "%s%s", r->message,
                         r->error == FETCH_BLOCKED ? ": network.allow_private_peers does not name it" : "");
                end(a, r->error == FETCH_TIMEOUT ? -ETIMEDOUT : -EIO, 0, NULL, words);
                return;
        }
        bool unknown = r->status == 404 || r->status == 405 || r->status == 501;
        if (!unknown || a->path + 1 == ELEMENTSOF(paths)) {
                judge(a, r);
                return;
        }
        a->path++;
        a->fetch = fetch_free(a->fetch);
        if (ask(a) < 0)
                end(a, -ENOMEM, 0, NULL, "out of memory");
}

static int ask(Announcement *a)
{
        _cleanup_free_ char *url = string_printf("%s%s", a->registry, paths[a->path]);
        const char *const headers[] = {"Content-Type: application/json", "Accept: application/json", NULL};
        uint64_t now = clock_boot_usec();
        FetchRequest request = {.url = url,
                                .headers = headers,
                                .body = a->document,
                                .body_size = a->size,
                                .timeout_usec = a->until_usec - MIN(now, a->until_usec - 1),
                                .response_max = ANSWER_MAX,
                                .flags = FETCH_GUARD | FETCH_TRUST_HOST | FETCH_HTTP2};

        return url ? fetch_start(a->client, &request, on_answer, a, &a->fetch) : -ENOMEM;
}

int announcement_start(FetchClient *client, const char *registry, const char *document, size_t size,
                       uint64_t timeout_usec, AnnouncementDone done, void *userdata, Announcement **ret)
{
        _cleanup_(announcement_freep) Announcement *a = calloc(1, sizeof(*a));
        int r;

        assert(timeout_usec > 0);
        if (!a)
                return -ENOMEM;
        *a = (Announcement){.client = client,
                            .registry = strdup(registry),
                            .document = strndup(document, size),
                            .size = size,
                            .until_usec = clock_boot_usec() + timeout_usec,
                            .done = done,
                            .userdata = userdata};
        if (!a->registry || !a->document)
                return -ENOMEM;
        r = ask(a);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}

Announcement *announcement_free(Announcement *a)
{
        if (!a)
                return NULL;
        fetch_free(a->fetch);
        free(a->registry);
        free(a->document);
        free(a);
        return NULL;
}
