/* SPDX-License-Identifier: MIT */
/* How peers want to be asked, and where in an answer its results are. */
#include "federation/dialect.h"

#include "federation/dialect_private.h"

const char *dialect_path(Dialect d)
{
        static const char *const paths[_DIALECT_MAX] = {
                        [DIALECT_SEARCH] = "/api/search",
                        [DIALECT_NETWORK_SEARCH] = "/api/network/search",
                        [DIALECT_CATALOG_SEARCH] = "/api/catalog/search",
        };

        assert((unsigned) d < _DIALECT_MAX);

        return paths[d];
}

bool dialect_is_unknown(unsigned status)
{
        return status == 404 || status == 405 || status == 501;
}

/* What an answer says about itself. Slices of size 0: not said. */
typedef struct Envelope {
        JsonSlice results, books, local, network, data; /* arrays; data: an object, too */
        JsonSlice error;
        uint64_t total, generation;
} Envelope;

static void note_array(JsonSlice *at, JsonSlice value)
{
        if (at->size == 0 && json_slice_is(value, '['))
                *at = value;
}

static void note_number(uint64_t *at, JsonSlice value)
{
        uint64_t n = 0;

        if (value.size > 15 || *at > 0)
                return;
        for (size_t i = 0; i < value.size; i++) {
                if (value.s[i] < '0' || value.s[i] > '9')
                        return;
                n = n * 10 + (uint64_t) (value.s[i] - '0');
        }
        *at = n;
}

static void read_member(JsonSlice key, JsonSlice value, Envelope *e)
{
        static const char *const totals[] = {"totalResults", "total", "totalBooks", "count"};

        if (json_slice_equals(key, "results"))
                note_array(&e->results, value);
        else if (json_slice_equals(key, "books"))
                note_array(&e->books, value);
        else if (json_slice_equals(key, "local"))
                note_array(&e->local, value);
        else if (json_slice_equals(key, "network"))
                note_array(&e->network, value);
        else if (json_slice_equals(key, "data") && e->data.size == 0)
                e->data = value;
        else if (json_slice_equals(key, "error") && json_slice_is(value, '"'))
                e->error = value;
        else if (json_slice_equals(key, "generation"))
                note_number(&e->generation, value);
        else
                for (size_t i = 0; i < ELEMENTSOF(totals); i++)
                        if (json_slice_equals(key, totals[i]))
                                note_number(&e->total, value);
}

static JsonSlice choose(const Envelope *e)
{
        if (e->local.size > 0 && e->network.size > 0)
                return e->local;
        if (e->results.size > 0)
                return e->results;
        if (e->books.size > 0)
                return e->books;
        if (e->local.size > 0)
                return e->local;
        return json_slice_is(e->data, '[') ? e->data : (JsonSlice){0};
}

static int find_results(const char *body, size_t size, const JsonMembers *members, JsonSlice *ret,
                        Envelope *env, Error *e)
{
        JsonSlice key, value;
        _unset_ char said[100], plain[100];

        size_t blank = strspn(body, " \t\r\n");
        body += blank;
        size -= blank;
        if (*body == '[') {
                *ret = (JsonSlice){body, size}; /* its end is found on the way */
                return 0;
        }
        if (*body != '{')
                return error_set(e, -EBADMSG, "neither an object nor an array");
        for (size_t i = 0; i < members->n; i++)
                read_member(members->all[i].key, members->all[i].value, env);
        *ret = choose(env);
        if (ret->size == 0 && json_slice_is(env->data, '{')) {
                JsonWalk w = json_walk(env->data);
                while (json_walk_member(&w, &key, &value))
                        read_member(key, value, env);
                *ret = choose(env);
        }
        if (ret->size > 0)
                return 0;
        if (env->error.size == 0)
                return error_set(e, -EBADMSG, "no results, books, local or data in it");
        (void) json_slice_string(env->error, said, sizeof said - 1);
        return error_set(e, -EBADMSG, "no results but an error: %s", plain_copy(plain, sizeof plain, said));
}

static int grow(PeerAnswer *answer, size_t *room, size_t most)
{
        if (answer->n_results < *room)
                return 0;
        *room = MIN(MAX(2 * *room, (size_t) 16), most);
        PeerResult *more = reallocarray(answer->results, *room, sizeof *more);
        if (!more)
                return -ENOMEM;
        answer->results = more;
        return 0;
}

static int take_results(JsonSlice array, unsigned most, PeerAnswer *answer, uint64_t *ret_seen)
{
        JsonWalk w = json_walk(array);
        JsonSlice ignored;
        size_t room = 0;
        _cleanup_text_ Text scratch = {0};

        while (answer->n_results < most && json_walk_next(&w)) {
                ++*ret_seen;
                int r = grow(answer, &room, most);
                if (r >= 0)
                        r = peer_result_read(&w, &scratch, answer->results + answer->n_results);
                if (r == -EBADMSG)
                        answer->unfit++;
                else if (r < 0)
                        return r;
                else
                        answer->n_results++;
        }
        while (answer->n_results == most && json_walk_element(&w, &ignored))
                ++*ret_seen;
        return 0;
}

int dialect_parse(const char *body, size_t size, unsigned most, PeerAnswer *ret, Error *e)
{
        _cleanup_peer_answer_ PeerAnswer answer = {0};
        Envelope env = {0};
        _unset_ JsonMembers members;
        JsonSlice array;
        uint64_t seen = 0;

        assert(body || size == 0);
        assert(ret);

        if (size >= 3 &&
            memcmp(body, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark is no JSON, but common */
                body += 3;
                size -= 3;
        }
        int r = json_scan_check(body, size, &members, e);
        if (r >= 0)
                r = find_results(body, size, &members, &array, &env, e);
        if (r < 0)
                return r;
        most = most == 0 ? DIALECT_RESULTS_MAX : MIN(most, (unsigned) DIALECT_RESULTS_MAX);
        r = take_results(array, most, &answer, &seen);
        if (r < 0)
                return error_set(e, r, "%s", strerror(-r));
        answer.total = MAX(env.total, seen - MIN(seen, (uint64_t) answer.unfit));
        answer.generation = env.generation;
        *ret = answer;
        answer = (PeerAnswer){0};
        return 0;
}

void peer_answer_clear(PeerAnswer *a)
{
        assert(a);

        for (size_t i = 0; i < a->n_results; i++)
                free(a->results[i].json);
        free(a->results);
        *a = (PeerAnswer){0};
}
