/* SPDX-License-Identifier: MIT */
/* status-page: publishes the status page and its companions as files, in one job of the writer thread, so that a frozen
 * disk holds up nobody. */
#include "actions/status_page.h"

#define FILE_MAX (16 * 1024 * 1024)

/* A thread that has been busy for so long may be stuck: no more work is put behind it, so that memory stays bounded. */
#define STUCK_USEC (2 * USEC_PER_SEC)

typedef struct Job {
        Action *action; /* NULL: abandoned */
        bool ask;       /* query(): is it so already? */
        bool matches;   /* the answer */
        char *directory, *texts;
        const char *language; /* constant */
        Page page;
        char trouble[160]; /* what failed, for people */
} Job;

typedef struct PageState {
        Job *job;
} PageState;

typedef struct PageConf {
        char *registry, *language, *texts, *url;
} PageConf;

static const ConfField page_fields[] = {
                {"registry", &conf_string, offsetof(PageConf, registry), CONF_PATH, NULL,
                 "The registry's file: the page shows how the other shops are, and where they sell.", NULL},
                {"language", &conf_string, offsetof(PageConf, language), 0, "en",
                 "The page's language: en or de.", NULL},
                {"texts", &conf_string, offsetof(PageConf, texts), CONF_PATH, NULL,
                 "A JSON file with texts of your own, some or all of those in web/status/en.json.", NULL},
                {"url", &conf_string, offsetof(PageConf, url), 0, NULL,
                 "The status page's own public address, with a final slash: the feed's links are absolute "
                 "then.",
                 NULL},
                {NULL},
};

/* More rows help nobody. */
#define SHOPS_MAX           100
#define REGISTRY_FRESH_USEC (10 * USEC_PER_MIN)

static Job *job_free(Job *job)
{
        if (!job)
                return NULL;
        free(job->directory);
        free(job->texts);
        page_clear(&job->page);
        free(job);
        return NULL;
}
DEFINE_CLEANUP(Job, job_free)

static int take_shop(PageShop *shop, const RegistryNode *n, bool fresh)
{
        bool fallback = n->status == REGISTRY_FALLBACK;

        shop->name = request_clean(*n->name ? n->name : n->id, false);
        shop->url = strdup(request_link(fallback ? n->fallback_url : n->url));
        shop->status = fresh ? n->status : REGISTRY_SUSPECT;
        return shop->name && shop->url ? 0 : -ENOMEM;
}

/* As the probe `peers` has it: who keeps the file writes it anew much more often, and one from the future says nothing, either. */
static bool is_fresh(uint64_t modified_usec)
{
        uint64_t now = clock_wall_usec();
        return (modified_usec > now ? modified_usec - now : now - modified_usec) <= REGISTRY_FRESH_USEC;
}

static bool sells(const RegistryNode *n)
{
        return n->type == REGISTRY_FULL &&
               (n->status == REGISTRY_ACTIVE || (n->status == REGISTRY_FALLBACK && n->fallback_url[0]));
}

/* Those that the operator of federationd has accepted. While they are not known, none. */
static int take_shops(const Action *a, Page *p)
{
        const PageConf *c = a->conf;
        const Registry *registry = NULL;
        const char *why;

        if (!c->registry || registries_get(a->context->registries, c->registry, &registry, &why) < 0)
                return 0;
        p->shops = calloc(MIN(registry->n_nodes, (size_t) SHOPS_MAX) + 1, sizeof(*p->shops));
        if (!p->shops)
                return -ENOMEM;
        p->shops_known = is_fresh(registries_modified(a->context->registries, c->registry));
        for (size_t i = 0; i < registry->n_nodes; i++) {
                const RegistryNode *n = &registry->nodes[i];

                if (streq(n->id, a->context->node_id))
                        continue;
                p->shop_open |= sells(n);
                if (p->n_shops == SHOPS_MAX)
                        p->more_shops++;
                else if (take_shop(&p->shops[p->n_shops++], n, p->shops_known) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* The thread gets copies of the facts, which are the loop's, and a share of what the public may know, which nobody changes. */
static int page_from_facts(const ActionFacts *f, Page *p)
{
        p->node_id = request_clean(f->node_id, false);
        p->node_name = request_clean(f->node_name, false);
        p->node_url = request_clean(f->node_url, false);
        p->mode = request_clean(f->mode, false);
        p->payment = request_clean(f->payment, false);
        p->message = request_clean(f->message, false);
        p->change = request_clean(f->change, false);
        p->first = f->first;
        p->durable = f->durable;
        p->at_usec = f->at_usec;
        p->updated_usec = clock_wall_usec();
        /* Its parts are never changed, and shared: copying 500 components would hold up the loop. */
        p->known = json_is_object(f->public_status) ? json_copy(f->public_status) : json_object();
        if (!p->known || json_object_size(p->known) != json_object_size(f->public_status))
                return -ENOMEM;
        return p->node_id && p->node_name && p->node_url && p->mode && p->payment && p->message && p->change
                               ? 0
                               : -ENOMEM;
}

static int job_new(Action *a, bool ask, Job **ret)
{
        const PageConf *c = a->conf;
        _cleanup_(job_freep) Job *job = calloc(1, sizeof(Job));

        if (!job)
                return -ENOMEM;
        job->action = a;
        job->ask = ask;
        job->directory = strdup(a->context->status_dir);
        if (!job->directory || (c->texts && !(job->texts = strdup(c->texts))))
                return -ENOMEM;
        job->language = words_language(c->language);
        if (c->url && !(job->page.page_url = strdup(c->url)))
                return -ENOMEM;
        int r = page_from_facts(a->facts, &job->page);
        if (r == 0)
                r = take_shops(a, &job->page);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(job);
        return 0;
}

/* A missing or broken file is none: NULL. One that we had no memory or descriptor to read is an error. */
static int read_document(const Job *job, const char *name, json_t **ret)
{
        _cleanup_free_ char *path = string_printf("%s/%s", job->directory, name), *text = NULL;
        size_t size;

        *ret = NULL;
        if (!path)
                return -ENOMEM;
        int r = file_read(path, FILE_MAX, &text, &size);
        if (r == 0)
                r = json_parse(text, size, ret, NULL);
        return error_is_shortage(r) ? r : 0;
}

/* What is there already is not written again. */
static int publish(Job *job, const char *name, const char *text)
{
        _cleanup_free_ char *path = string_printf("%s/%s", job->directory, name), *old = NULL;
        size_t old_size, size = strlen(text);

        if (!path)
                return -ENOMEM;
        if (file_read(path, FILE_MAX, &old, &old_size) == 0 && old_size == size &&
            memcmp(old, text, size) == 0)
                return 0;
        int r = file_publish(path, text, size, 0644);
        if (r < 0)
                snprintf(job->trouble, sizeof(job->trouble), "%s cannot be written: %s", name,
                         error_words(-r));
        return r;
}

static int publish_text(Job *job, const json_t *view, const char *name, const char *template)
{
        _cleanup_free_ char *text = NULL;

        int r = page_render(view, &job->page, template, &text);
        return r < 0 ? r : publish(job, name, text);
}

static int publish_index(Job *job, const json_t *view)
{
        _cleanup_free_ char *text = NULL;

        int r = page_fit(&job->page, view, &text);
        return r < 0 ? r : publish(job, "index.html", text);
}

static int publish_document(Job *job, const char *name, const json_t *document)
{
        _cleanup_free_ char *text = NULL;

        int r = json_print(document, &text);
        return r < 0 ? r : publish(job, name, text);
}

/* status.json comes last: it is what query() reads, and so says that all the others were written. */
static int publish_documents(Job *job)
{
        _cleanup_json_ json_t *before = NULL;
        PageDocuments d;

        int r = read_document(job, "api/v2/summary.json", &before);
        if (r == 0)
                r = page_documents(&job->page, before, &d);
        if (r < 0)
                return r;
        const struct {
                const char *name;
                const json_t *document;
        } all[] = {
                        {"ninety-days.json", d.days},
                        {"api/v2/components.json", d.components},
                        {"api/v2/incidents.json", d.incidents},
                        {"api/v2/incidents/unresolved.json", d.unresolved},
                        {"api/v2/scheduled-maintenances.json", d.maintenances},
                        {"api/v2/scheduled-maintenances/upcoming.json", d.upcoming},
                        {"api/v2/scheduled-maintenances/active.json", d.active},
                        {"api/v2/summary.json", d.summary},
                        {"api/v2/status.json", d.status},
        };
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(all); i++)
                r = publish_document(job, all[i].name, all[i].document);
        page_documents_clear(&d);
        return r;
}

static int make_folders(const Job *job)
{
        static const char *const below[] = {"", "/api", "/api/v2", "/api/v2/incidents",
                                            "/api/v2/scheduled-maintenances"};

        for (size_t i = 0; i < ELEMENTSOF(below); i++) {
                _cleanup_free_ char *path = string_printf("%s%s", job->directory, below[i]);
                int r = path ? directory_make(path, 0755) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The operator's own texts are no reason to be without a page. */
static int take_words(Job *job)
{
        Error e = {0};

        int r = words_load(&job->page.words, job->language);
        if (r < 0 || !job->texts)
                return r;
        r = words_load_own(job->texts, &job->page.words.own, &e);
        if (error_is_shortage(r))
                return r;
        if (r < 0)
                plain_copy(job->trouble, sizeof(job->trouble), e.text);
        return 0;
}

static int job_publish(Job *job)
{
        _cleanup_json_ json_t *view = NULL;

        int r = make_folders(job);
        if (r == 0)
                r = take_words(job);
        if (r == 0)
                r = page_judge(&job->page);
        if (r == 0 && !(view = page_view(&job->page, &page_unlimited)))
                r = -ENOMEM;
        if (r == 0)
                r = publish_text(job, view, "history.html", "status.history.html");
        if (r == 0)
                r = publish_index(job, view);
        if (r == 0)
                r = publish_text(job, view, "badge.svg", "status.svg");
        if (r == 0)
                r = publish_text(job, view, "history.atom", "status.atom");
        return r < 0 ? r : publish_documents(job);
}

static int job_ask(Job *job)
{
        _cleanup_json_ json_t *status = NULL;

        int r = read_document(job, "api/v2/status.json", &status);
        if (r < 0)
                return r;
        const json_t *failover = json_object_get(status, "failover");
        job->matches = streq(item_string(failover, "change"), job->page.change) &&
                       streq(item_string(failover, "mode"), job->page.mode);
        return 0;
}

static int job_run(void *data)
{
        Job *job = data;
        return job->ask ? job_ask(job) : job_publish(job);
}

static void on_job(int r, void *data)
{
        _cleanup_(job_freep) Job *job = data;
        Action *a = job->action;

        if (!a)
                return;
        ((PageState *) a->state)->job = NULL;
        if (r < 0)
                action_report(a, ACTION_RETRY, "%s", *job->trouble ? job->trouble : error_words(-r));
        else if (!job->ask)
                action_report(a, ACTION_DONE, "status page written%s%s",
                              *job->trouble ? ", without its texts: " : "", job->trouble);
        else
                action_report(a, job->matches ? ACTION_DONE : ACTION_MISSING, "the status page shows %s",
                              job->matches ? "this change" : "something else");
}

static void page_submit(Action *a, bool ask)
{
        PageState *s = a->state;
        Worker *disk = a->context->disk;
        uint64_t since = worker_busy_since(disk), now = clock_boot_usec();
        char duration[DURATION_SIZE];
        Job *job;

        if (since > 0 && now > since && now - since >= STUCK_USEC) {
                action_report(a, ACTION_RETRY, "the disk has not answered for %s",
                              duration_format(duration, now - since));
                return;
        }
        int r = job_new(a, ask, &job);
        if (r == 0) {
                r = worker_submit(disk, job_run, on_job, job);
                if (r < 0)
                        job_free(job);
        }
        if (r < 0) {
                action_report(a, ACTION_RETRY, "status page not written: %s", error_words(-r));
                return;
        }
        s->job = job;
}

static void page_apply(Action *a)
{
        page_submit(a, false);
}

static void page_query(Action *a)
{
        page_submit(a, true);
}

static void page_stop(Action *a)
{
        PageState *s = a->state;

        if (s->job)
                s->job->action = NULL;
        s->job = NULL;
}

static int page_check(const void *conf, const ConfNode *node, Error *e)
{
        const PageConf *c = conf;

        if (c->registry && c->registry[0] != '/')
                return conf_error(conf_get(node, "registry"), e, "registry: \"%s\" is not absolute",
                                  c->registry);
        if (c->texts && c->texts[0] != '/')
                return conf_error(conf_get(node, "texts"), e, "texts: \"%s\" is not absolute", c->texts);
        if (c->url && (!*request_link(c->url) || c->url[strlen(c->url) - 1] != '/'))
                return conf_error(conf_get(node, "url"), e,
                                  "url: \"%s\" is no web address with a slash at its end", c->url);
        if (c->language && !words_language(c->language))
                return conf_error(conf_get(node, "language"), e,
                                  "language: \"%s\" is not there. Known: en, de. Another one: its texts by "
                                  "`texts`",
                                  c->language);
        return 0;
}

static int page_verify(const void *conf, const char *config_dir, Error *e)
{
        const PageConf *c = conf;
        _cleanup_(registry_freep) Registry *registry = NULL;

        if (c->texts) {
                _cleanup_json_ json_t *own = NULL;
                int x = words_load_own(c->texts, &own, e);
                if (x < 0)
                        return error_prefix(e, x == -EPERM ? -EACCES : x, "texts");
        }
        if (!c->registry)
                return 0;
        int r = registry_load(c->registry, &registry, e);
        return r < 0 ? error_prefix(e, r == -EPERM ? -EACCES : r, "registry") : 0;
}

static const char *page_registry(const void *conf)
{
        const PageConf *c = conf;

        return c->registry;
}

static int page_target(const void *conf, char **ret)
{
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

const ActionType action_status_page = {
                .name = "status-page",
                .help = "Publishes the status page: index.html, history.html, api/v2/, history.atom, "
                        "badge.svg and "
                        "ninety-days.json.",
                .conf_size = sizeof(PageConf),
                .fields = page_fields,
                .size = sizeof(PageState),
                .refresh = true,
                .check = page_check,
                .verify = page_verify,
                .target = page_target,
                .registry = page_registry,
                .apply = page_apply,
                .query = page_query,
                .stop = page_stop,
};
