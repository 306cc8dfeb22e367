/* SPDX-License-Identifier: MIT */
/* One catalog on its way: from the other node's export into a file, and then in force. */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "federation/origin.h"
#include "federation/pull_private.h"

#include <inttypes.h>

#define TIMEOUT_USEC (30 * USEC_PER_MIN)
#define STALL_USEC   (150 * USEC_PER_SEC) /* the other node makes its export first */

void pull_fail(Pull *pull, bool ours, const char *why)
{
        char text[PULL_ERROR_SIZE];

        plain_copy(text, sizeof(text), why);
        memcpy(pull->error, text, sizeof(text));
        pull->ours = ours;
        if (!pull->puller->stopping && !pull->puller->f->stopping)
                log_warning("the catalog of %s cannot be fetched: %s", pull->id, pull->error);
        pull_end(pull, PULL_FAILED);
}

static void fail_job(Pull *pull)
{
        pull_fail(pull, !pull_job_blames_sender(pull->job), pull_job_error(pull->job));
}

static void on_stored(int r, const char *error, void *userdata)
{
        Pull *pull = userdata;
        const Copy *copy = copies_find(pull->puller->f->copies, pull->id);

        if (r < 0) {
                pull_fail(pull, true, error);
                return;
        }
        pull->puller->counts.listings += copy ? copy->listings : 0;
        log_info("fetched the catalog of %s: %" PRIu64 " books, %" PRIu64 " refused", pull->id,
                 copy ? copy->listings : 0, copy ? copy->refused : 0);
        if (pull->gone) /* meanwhile */
                copies_keep_only(pull->puller->f->copies, pull_is_allowed, pull->puller);
        pull_end(pull, PULL_ADDED);
}

/* Bytes that its copy may have, beside those of the others. */
static uint64_t room_of(const Pull *pull)
{
        const Federation *f = pull->puller->f;
        const Copy *copy = copies_find(f->copies, pull->id);
        uint64_t others = copies_bytes(f->copies) - (copy ? copy->bytes : 0),
                 most = f->config->network.copies_max;

        return most > others ? most - others : 0;
}

/* Older software names itself by its URL, by a name that nobody here knows, or not at all: whose export it is says where it was
 * fetched. But what calls itself somebody else whom we know was fetched by mistake. */
static bool is_anothers(const Pull *pull, const char *node)
{
        const Federation *f = pull->puller->f;
        _cleanup_free_ char *by_place = config_default_id(pull->url);
        Origin said, own;

        if (!*node || streq(node, pull->id) || (by_place && streq(node, by_place)))
                return false;
        if (streq(node, f->config->node.id) || members_find(f->members, node))
                return true;
        if (origin_read(node, &said) < 0 || origin_read(pull->url, &own) < 0 || origin_same(&said, &own))
                return false;
        return origin_clash(f, pull->id, node);
}

static void fail_name(Pull *pull, const char *node)
{
        char text[200], plain[120];

        snprintf(text, sizeof(text), "its export is that of another node: `%s`",
                 plain_copy(plain, sizeof(plain), node));
        copies_discard(pull->puller->f->copies, pull->file);
        pull_fail(pull, false, text);
}

static void on_read(int r, const PullJobResult *result, void *userdata)
{
        Pull *pull = userdata;
        const ExportFacts *facts = &result->facts;
        uint64_t now = clock_wall_usec();

        if (r < 0) {
                fail_job(pull);
                return;
        }
        if (is_anothers(pull, facts->node)) {
                fail_name(pull, facts->node);
                return;
        }
        Copy copy = {.node = pull->id,
                     .file = pull->file,
                     .generation = facts->generation,
                     .listings = result->report.rows - result->report.refused,
                     .refused = result->report.refused + facts->unfit,
                     .transactions = facts->transactions,
                     .users = facts->users,
                     .bytes = result->bytes,
                     .made_usec = now,
                     .seen_usec = now};
        snprintf(copy.hash, sizeof(copy.hash), "%s", *facts->hash ? facts->hash : facts->computed);
        if (copy.bytes > room_of(pull)) { /* another has come meanwhile */
                copies_discard(pull->puller->f->copies, pull->file);
                pull_fail(pull, true, PULL_JOB_NO_ROOM);
                return;
        }
        pull->storing = true;
        r = copies_put(pull->puller->f->copies, &copy, on_stored, pull);
        if (r < 0) {
                copies_discard(pull->puller->f->copies, pull->file);
                pull_fail(pull, true, error_words(r));
        }
}

static void take_unchanged(Pull *pull)
{
        Copies *copies = pull->puller->f->copies;

        if (copies_touch(copies, pull->id, clock_wall_usec()) < 0)
                pull_fail(pull, false, "it says that nothing has changed, but there is no copy of it");
        else
                pull_end(pull, PULL_UNCHANGED);
}

static void take_status(Pull *pull, const FetchResult *result)
{
        char text[120];

        if (result->status == 304) {
                take_unchanged(pull);
                return;
        }
        if (result->status == 404 || result->status == 405 || result->status == 501)
                snprintf(text, sizeof(text), "it has no export (HTTP %u)", result->status);
        else if (result->status == 429 || result->status == 503)
                snprintf(text, sizeof(text), "it cannot give it now (HTTP %u)%s%.20s", result->status,
                         *result->retry_after ? "; come again in seconds: " : "", result->retry_after);
        else
                snprintf(text, sizeof(text), "it does not give it (HTTP %u)", result->status);
        pull_fail(pull, false, text);
}

static void on_fetched(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Pull *pull = userdata;

        pull->bytes = result->body_size;
        if (result->error == FETCH_OK && result->status == 200) {
                pull->puller->counts.bytes += result->body_size;
                if (*pull_job_error(pull->job))
                        fail_job(pull);
                else
                        pull_job_finish(pull->job, on_read);
        } else if (result->error == FETCH_OK)
                take_status(pull, result);
        else if (result->error == FETCH_LOCAL && *pull_job_error(pull->job))
                fail_job(pull);
        else
                pull_fail(pull, result->error == FETCH_LOCAL, result->message);
}

static int on_data(Fetch *fetch, const void *data, size_t size, void *userdata)
{
        Pull *pull = userdata;
        int r = pull_job_feed(pull->job, data, size);

        if (r == 0)
                pull->bytes += size;
        return r == PULL_JOB_PAUSE ? FETCH_PAUSE : r;
}

static void on_room(void *userdata)
{
        Pull *pull = userdata;

        if (pull->fetch)
                fetch_resume(pull->fetch);
}

/* Something that can stand in a header. */
static bool is_tag(const char *hash)
{
        if (!*hash)
                return false;
        for (; *hash; hash++)
                if (*hash <= ' ' || *hash == '"' || *hash == 127 || (unsigned char) *hash > 126)
                        return false;
        return true;
}

static int fetch_begin(Pull *pull)
{
        const Federation *f = pull->puller->f;
        const Copy *copy = copies_find(f->copies, pull->id);
        _cleanup_free_ char *url = string_printf("%s/federation/export", pull->url),
                            *node = string_printf("X-Node-Id: %s", f->config->node.id), *none = NULL;
        const char *headers[4] = {node, "Accept: application/json"};

        if (copy && !pull->force && is_tag(copy->hash)) {
                none = string_printf("If-None-Match: \"%s\"", copy->hash);
                headers[2] = none;
                if (!none)
                        return -ENOMEM;
        }
        if (!url || !node)
                return -ENOMEM;
        FetchRequest request = {.url = url,
                                .headers = headers,
                                .timeout_usec = TIMEOUT_USEC,
                                .stall_usec = STALL_USEC,
                                .response_max = f->config->network.export_max,
                                .on_data = on_data,
                                .redirects_max = 1,
                                .flags = FETCH_GUARD | (pull->registered ? 0 : FETCH_TRUST_HOST)};
        return fetch_start(f->fetch, &request, on_fetched, pull, &pull->fetch);
}

int pull_begin(Pull *pull)
{
        const Federation *f = pull->puller->f;
        char id[ID_SIZE];
        int r;

        id_make(id, clock_wall_usec());
        snprintf(pull->file, sizeof(pull->file), "%s.db", id);
        const PullJobOptions options = {.folder = copies_folder(f->copies),
                                        .file = pull->file,
                                        .node = pull->id,
                                        .room = room_of(pull),
                                        .on_room = on_room,
                                        .userdata = pull};
        r = pull_job_new(f->event, &options, &pull->job);
        return r < 0 ? r : fetch_begin(pull);
}
