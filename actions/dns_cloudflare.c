/* SPDX-License-Identifier: MIT */
/* dns, provider cloudflare: finds the zone, reads its records, and changes what is not so in one batch (API v4).
 *
 * Whether it is so is asked of the API, not of a name server: a proxied record answers with Cloudflare's addresses. */
#include "actions/dns_cloudflare.h"

#include "actions/request.h"
#include "base/file.h"
#include "base/text.h"

#include <strings.h>
#include <unistd.h>

#define REQUEST_USEC (20 * USEC_PER_SEC)
#define PAGE_SIZE    1000
#define PAGES_MAX    200
#define ANSWER_MAX   ((size_t) 4 * 1024 * 1024)

typedef enum Step {
        STEP_ZONE,    /* which id has the zone? */
        STEP_RECORDS, /* what does it have? page after page */
        STEP_BATCH,   /* make it so */
} Step;

typedef struct Api {
        const DnsSets *sets; /* the attempt's */
        bool query;
        Step step;
        unsigned page;
        char *token, *zone_id;
        CloudflareRecords records;
        CloudflarePlan plan;
        Fetch *fetch;
} Api;

static Api *api_free(Api *api)
{
        if (!api)
                return NULL;
        fetch_free(api->fetch);
        cloudflare_records_clear(&api->records);
        cloudflare_plan_clear(&api->plan);
        secret_free(api->token);
        free(api->zone_id);
        free(api);
        return NULL;
}

static Api *api_of(const Action *a)
{
        const DnsState *s = a->state;
        return s->own;
}

static void report_errno(Action *a, int r)
{
        action_report(a, ACTION_RETRY, "%s", strerror(-r));
}

/* Asking */

static void on_answer(Fetch *fetch, const FetchResult *result, void *userdata);

static int api_ask(Action *a, const char *path, const char *body)
{
        static const char *const headers[] = {"Accept: application/json", NULL},
                                 *const headers_body[] = {"Accept: application/json",
                                                          "Content-Type: application/json", NULL};
        const DnsActionConf *c = a->conf;
        Api *api = api_of(a);
        size_t size = strlen(c->url);

        while (size > 0 && c->url[size - 1] == '/')
                size--;
        _cleanup_free_ char *url = string_printf("%.*s%s", (int) size, c->url, path);
        if (!url)
                return -ENOMEM;
        FetchRequest request = {.url = url,
                                .method = body ? "POST" : "GET",
                                .headers = body ? headers_body : headers,
                                .bearer = api->token,
                                .body = body,
                                .body_size = body ? strlen(body) : 0,
                                .ca_file = c->ca_file,
                                .timeout_usec = REQUEST_USEC,
                                .response_max = ANSWER_MAX,
                                .flags = FETCH_REMEMBER};
        api->fetch = fetch_free(api->fetch);
        return fetch_start(a->context->fetch, &request, on_answer, a, &api->fetch);
}

static int ask_zone(Action *a)
{
        const DnsActionConf *c = a->conf;
        const DnsState *s = a->state;
        _cleanup_free_ char *path = c->zone_id ? string_printf("/zones/%s", c->zone_id)
                                               : string_printf("/zones?name=%s&per_page=50", s->zone);

        api_of(a)->step = STEP_ZONE;
        return path ? api_ask(a, path, NULL) : -ENOMEM;
}

/* One name is asked for by name; of several the whole zone is read, which takes fewer requests. */
static int ask_records(Action *a)
{
        Api *api = api_of(a);
        const DnsSet *sets = api->sets->sets;
        bool one = true;

        for (size_t i = 1; i < api->sets->count; i++)
                one = one && streq(sets[i].name, sets[0].name);
        _cleanup_free_ char *path = string_printf("/zones/%s/dns_records?per_page=%d&page=%u%s%s",
                                                  api->zone_id, PAGE_SIZE, api->page,
                                                  one ? "&name.exact=" : "", one ? sets[0].name : "");
        api->step = STEP_RECORDS;
        return path ? api_ask(a, path, NULL) : -ENOMEM;
}

static int ask_batch(Action *a)
{
        Api *api = api_of(a);
        _cleanup_free_ char *path = string_printf("/zones/%s/dns_records/batch", api->zone_id), *body = NULL;

        api->step = STEP_BATCH;
        int r = path ? json_print(api->plan.body, &body) : -ENOMEM;
        return r < 0 ? r : api_ask(a, path, body);
}

/* Answers */

/* Codes that are about the token, wherever they come. */
static bool is_about_token(unsigned status, json_int_t code)
{
        return status == 401 || status == 403 || code == 6003 || code == 6111 || code == 9103 ||
               code == 9106 || code == 9109 || code == 10000;
}

/* "An identical record already exists. (81058)"; what an answer says never holds the token that it was asked with. */
static void add_errors(Text *t, const json_t *answer, const char *token, json_int_t *ret_code)
{
        const json_t *error = json_array_get(json_object_get(answer, "errors"), 0);
        const char *said = json_string_value(json_object_get(error, "message"));
        const json_t *inner = json_array_get(json_object_get(error, "error_chain"), 0);
        const char *more = json_string_value(json_object_get(inner, "message"));

        *ret_code = json_integer_value(json_object_get(error, "code"));
        if (said && !strstr(said, token))
                text_add_plain(t, said, 160);
        if (more && !strstr(more, token)) {
                text_add_string(t, ": ");
                text_add_plain(t, more, 80);
        }
        if (*ret_code > 0)
                text_add(t, " (%lld)", (long long) *ret_code);
}

/* Nothing here is permanent: a token, a zone and its other records can be mended by somebody, and a newer change
 * supersedes. */
static void report_errors(Action *a, const FetchResult *result, const json_t *answer)
{
        const DnsActionConf *c = a->conf;
        _cleanup_text_ Text t = {0};
        json_int_t code = 0;

        add_errors(&t, answer, api_of(a)->token, &code);
        const char *said = t.data ? t.data : "no reason given";
        action_take_retry_after(a, result);
        if (t.failed)
                report_errno(a, -ENOMEM);
        else if (result->status == 429)
                action_report(a, ACTION_RETRY, "Cloudflare asks to wait: HTTP 429: %s", said);
        else if (is_about_token(result->status, code))
                action_report(a, ACTION_RETRY,
                              "Cloudflare refuses the token in %s: %s; it needs Zone:Read and DNS:Edit of %s",
                              c->token_file, said, c->zone);
        else
                action_report(a, ACTION_RETRY, "Cloudflare refuses: HTTP %u: %s", result->status, said);
}

/* The answer when it is a good one; else it is reported, and NULL. */
static json_t *answer_take(Action *a, const FetchResult *result)
{
        _cleanup_json_ json_t *answer = NULL;

        if (result->error != FETCH_OK) {
                action_report(a, ACTION_RETRY, "%s", result->message);
                return NULL;
        }
        int r = json_parse(result->body, result->body_size, &answer, NULL);
        if (r == -ENOMEM)
                report_errno(a, r);
        else if (result->status / 100 != 2 || (r == 0 && !json_is_true(json_object_get(answer, "success"))))
                report_errors(a, result, answer);
        else if (r < 0)
                action_report(a, ACTION_RETRY, "HTTP %u, but the answer is not JSON: not Cloudflare's API",
                              result->status);
        else
                return TAKE_PTR(answer);
        return NULL;
}

/* Of several with that name, as when it moves between accounts, the active one. */
static const json_t *zone_choose(const json_t *result, const char *name)
{
        const json_t *zone, *found = NULL;
        size_t i;

        if (json_is_object(result))
                return result;
        json_array_foreach(result, i, zone)
        {
                const char *said = json_string_value(json_object_get(zone, "name"));
                const char *status = json_string_value(json_object_get(zone, "status"));

                if (said && streq(said, name) && (!found || (status && streq(status, "active"))))
                        found = zone;
        }
        return found;
}

/* false: reported. */
static bool take_zone(Action *a, const json_t *answer)
{
        const DnsActionConf *c = a->conf;
        const DnsState *s = a->state;
        const json_t *zone = zone_choose(json_object_get(answer, "result"), s->zone);
        const char *id = json_string_value(json_object_get(zone, "id"));
        const char *name = json_string_value(json_object_get(zone, "name"));
        Api *api = api_of(a);
        char plain[128];

        if (!zone || !name) {
                action_report(a, ACTION_RETRY,
                              "Cloudflare: the token sees no zone %s; it needs Zone:Read and DNS:Edit of it",
                              c->zone);
                return false;
        }
        if (!streq(name, s->zone)) {
                action_report(a, ACTION_RETRY, "zone_id is the id of %s, not of %s",
                              plain_copy(plain, sizeof(plain), name), c->zone);
                return false;
        }
        if (!id || !string_valid_name(id)) {
                action_report(a, ACTION_RETRY, "Cloudflare: the zone has no id that can be used");
                return false;
        }
        if (!api->zone_id)
                api->zone_id = strdup(id);
        if (!api->zone_id)
                report_errno(a, -ENOMEM);
        return api->zone_id;
}

static void act_on_plan(Action *a)
{
        const DnsActionConf *c = a->conf;
        Api *api = api_of(a);
        char text[DNS_SET_SIZE];

        int r = cloudflare_plan_make(api->sets, &api->records, (DnsProxied) c->proxied, &api->plan);
        if (r == 0 && !api->plan.body) {
                action_report(a, ACTION_DONE, "Cloudflare has %s as %s wants",
                              dns_count_format(text, api->sets->count), a->facts->mode);
                return;
        }
        if (r == 0 && api->query) {
                action_report(a, ACTION_MISSING, "Cloudflare has something else for %s",
                              dns_set_format(text, api->plan.first));
                return;
        }
        if (r == 0)
                r = ask_batch(a);
        if (r < 0)
                report_errno(a, r);
}

/* Is there another page? Not all that speak this API fill in every member. */
static bool has_more(const Api *api, const json_t *answer)
{
        const json_t *info = json_object_get(answer, "result_info");
        json_int_t pages = json_integer_value(json_object_get(info, "total_pages"));
        json_int_t total = json_integer_value(json_object_get(info, "total_count"));
        json_int_t size = json_integer_value(json_object_get(info, "per_page"));

        if (json_array_size(json_object_get(answer, "result")) == 0)
                return false;
        return pages > 0 ? api->page < pages : size > 0 && api->page * size < total;
}

static void take_records(Action *a, const json_t *answer)
{
        Api *api = api_of(a);

        int r = cloudflare_records_add(&api->records, json_object_get(answer, "result"), api->sets);
        if (r == 0 && has_more(api, answer)) {
                if (api->page >= PAGES_MAX) { /* what was not read must not look like what is not there */
                        action_report(a, ACTION_RETRY, "Cloudflare: the zone has more than %d records",
                                      PAGES_MAX * PAGE_SIZE);
                        return;
                }
                api->page++;
                r = ask_records(a);
        } else if (r == 0) {
                act_on_plan(a);
                return;
        }
        if (r == -EBADMSG)
                action_report(a, ACTION_RETRY, "Cloudflare: an answer that is no list of records");
        else if (r < 0)
                report_errno(a, r);
}

static void take_batch(Action *a)
{
        const CloudflarePlan *plan = &api_of(a)->plan;

        action_report(a, ACTION_DONE, "Cloudflare has what %s wants: %zu changed, %zu added, %zu removed",
                      a->facts->mode, plan->patches, plan->posts, plan->deletes);
}

static void on_answer(Fetch *fetch, const FetchResult *result, void *userdata)
{
        Action *a = userdata;
        const DnsActionConf *c = a->conf;
        Api *api = api_of(a);
        _cleanup_json_ json_t *answer = NULL;
        bool refused = result->error == FETCH_OK && (result->status == 401 || result->status == 403);

        /* A token that may not read the zone may still edit its DNS. */
        bool go_on = api->step == STEP_ZONE && c->zone_id && refused;
        if (!go_on) {
                answer = answer_take(a, result);
                if (!answer)
                        return;
        }
        if (api->step == STEP_RECORDS)
                take_records(a, answer);
        else if (api->step == STEP_BATCH)
                take_batch(a);
        else if (go_on || take_zone(a, answer)) {
                int r = ask_records(a);
                if (r < 0)
                        report_errno(a, r);
        }
}

/* The driver's side */

static int api_new(Action *a, const DnsSets *sets, bool query, Error *e)
{
        const DnsActionConf *c = a->conf;
        DnsState *s = a->state;
        const char *token, *nothing;
        Api *api = s->own = calloc(1, sizeof(*api));

        if (!api)
                return -ENOMEM;
        api->sets = sets;
        api->query = query;
        api->page = 1;
        int r = action_secret(a, c->token_file, &token, e);
        if (r == 0 && c->ca_file)
                r = action_secret(a, c->ca_file, &nothing, e);
        if (r < 0)
                return r;
        api->token = strdup(token);
        api->zone_id = c->zone_id ? strdup(c->zone_id) : NULL;
        return api->token && (!c->zone_id || api->zone_id) ? 0 : -ENOMEM;
}

static void cloudflare_start(Action *a, const DnsSets *sets, bool query)
{
        Error e = {0};

        int r = api_new(a, sets, query, &e);
        if (r == 0)
                r = ask_zone(a);
        if (r < 0)
                action_report(a, ACTION_RETRY, "not asked: %s", *e.text ? e.text : strerror(-r));
}

static void cloudflare_apply(Action *a, const DnsSets *sets)
{
        cloudflare_start(a, sets, false);
}

static void cloudflare_query(Action *a, const DnsSets *sets)
{
        cloudflare_start(a, sets, true);
}

static void cloudflare_stop(Action *a)
{
        DnsState *s = a->state;
        s->own = api_free(s->own);
}

/* Where the token would travel in the clear. */
static bool is_exposed(const char *url)
{
        static const char scheme[] = "http://";
        char host[300];

        if (strncasecmp(url, scheme, strlen(scheme)) != 0)
                return false;
        url += strlen(scheme);
        snprintf(host, sizeof(host), "%.*s", (int) strcspn(url, "/?#"), url);
        return !host_is_loopback(host);
}

static int check_ttl(const DnsActionConf *c, const ConfNode *node, Error *e)
{
        for (size_t i = 0; i < c->records.count; i++)
                for (size_t k = 0; k < c->records.modes[i].count; k++) {
                        uint32_t ttl = c->records.modes[i].records[k].ttl;

                        if (ttl != 1 && (ttl < 30 || ttl > 86400))
                                return conf_error(dns_record_node(node, &c->records.modes[i], k), e,
                                                  "Cloudflare takes a TTL of 60 to 86400 seconds (30 for "
                                                  "Enterprise zones), or 1 for automatic; here it is %u",
                                                  ttl);
                }
        return 0;
}

static int cloudflare_check(const DnsActionConf *c, const ConfNode *node, Error *e)
{
        if (c->zone_id && !string_valid_name(c->zone_id))
                return conf_error(conf_get(node, "zone_id"), e,
                                  "zone_id: \"%s\" is no id; it is on the zone's overview page", c->zone_id);
        if (is_exposed(c->url))
                return conf_error(conf_get(node, "url"), e,
                                  "url: the token would travel in the clear: https://…");
        return check_ttl(c, node, e);
}

static int cloudflare_verify(const DnsActionConf *c, const char *config_dir, Error *e)
{
        _cleanup_(secret_freep) char *token = NULL;

        int r = secret_read(c->token_file, config_dir, &token, NULL, e);
        if (r < 0)
                return error_prefix(e, r, "token_file");
        for (const char *t = token; *t; t++)
                if (*t <= ' ' || *t > '~')
                        return error_set(e, -EINVAL, "token_file: %s holds more than a token on one line",
                                         c->token_file);
        if (c->ca_file && access(c->ca_file, R_OK) < 0)
                return error_set(e, -errno, "ca_file %s: %s", c->ca_file, strerror(errno));
        return 0;
}

static int cloudflare_target(const DnsActionConf *c, char **ret)
{
        _cleanup_free_ char *url = NULL;

        int r = request_target(c->url, &url);
        if (r < 0)
                return r;
        *ret = string_printf("%s at %s", c->zone, strstr(url, "://") + 3);
        return *ret ? 0 : -ENOMEM;
}

static size_t cloudflare_files(const DnsActionConf *c, ReadingFile *ret)
{
        size_t n = 0;

        ret[n++] = (ReadingFile){.name = c->token_file};
        if (c->ca_file)
                ret[n++] = (ReadingFile){.name = c->ca_file, .plain = true};
        return n;
}

const DnsProvider dns_provider_cloudflare = {
                .keys = (const char *const[]){"token_file", "zone_id", "proxied", "url", "ca_file", NULL},
                .n_required = 1,
                .check = cloudflare_check,
                .verify = cloudflare_verify,
                .target = cloudflare_target,
                .files = cloudflare_files,
                .apply = cloudflare_apply,
                .query = cloudflare_query,
                .stop = cloudflare_stop,
};
