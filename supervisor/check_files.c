/* SPDX-License-Identifier: MIT */
/* check-config: what is looked at on this machine: secrets and commands as the daemon's user will find them, sockets,
 * units, and on which disk everything lies. Each look has a deadline (look.h). */
#include "base/granted.h"
#include "base/look.h"
#include "base/unit.h"
#include "supervisor/check_private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Job {
        Check *k;
        unsigned number;    /* of the probe or action */
        const Reach *reach; /* or what it reaches */
        const char *path;   /* or a path … */
        const char *what;   /* … and whose, for people */
        const char *key;    /* … and where it is configured; NULL: on the command line */
        uint64_t device;    /* on which it lies; 0: not known */
} Job;

typedef struct Files {
        Check *k;
        Job *jobs;
        LookJob *looks;
        size_t n, capacity;
        unsigned canceled;
} Files;

static Job *files_add(Files *f, LookRun run, LookTold told, bool as_daemon)
{
        assert(f->n < f->capacity);
        f->jobs[f->n] = (Job){.k = f->k};
        f->looks[f->n] = (LookJob){.run = run, .told = told, .job = &f->jobs[f->n], .as_daemon = as_daemon};
        return &f->jobs[f->n++];
}

/* True: there is nothing to say about what it found, since it found nothing. */
static bool not_looked(Files *f, const Job *job, const LookResult *result, const char *key, const char *what)
{
        Finding *x;

        if (result->error == -ECANCELED) {
                f->canceled++;
                return true;
        }
        if (!result->hung)
                return false;
        x = findings_add(job->k->f, FINDING_WARNING, "no-answer", NULL, key,
                         "%s: the disk does not answer within 2 s", what);
        finding_means(job->k->f, x, "what it needs from there is missing in an outage, too");
        finding_advises(job->k->f, x, "look at that disk or mount");
        return true;
}

/* --- probes, actions, the key --- */

static int note(LookResult *ret, int r, const Error *e)
{
        snprintf(ret->text, sizeof(ret->text), "%s", e->text);
        return r;
}

static int run_probe(void *data, LookResult *ret)
{
        const Job *job = data;
        Error e = {""};

        return note(ret, config_verify_probe(job->k->c, job->k->c->probes[job->number], &e), &e);
}

static int run_action(void *data, LookResult *ret)
{
        const Job *job = data;
        Error e = {""};

        return note(ret, config_verify_action(job->k->c, job->k->c->actions[job->number], &e), &e);
}

static int run_key(void *data, LookResult *ret)
{
        const Job *job = data;
        Error e = {""};

        return note(ret, config_verify_key(job->k->c, &e), &e);
}

/* "bearer_file: …", "ca_file …" name the key, in the table or in one below it that is there. */
static bool find_key(Text *t, const char *text, const ConfField *fields, const ConfNode *node)
{
        size_t before = t->size;

        for (const ConfField *f = fields; f && f->key; f++) {
                size_t n = strlen(f->key);
                const ConfNode *value = node ? conf_get(node, f->key) : NULL;

                if (strncmp(text, f->key, n) == 0 && (text[n] == ':' || text[n] == ' ')) {
                        text_add(t, ".%s", f->key);
                        return true;
                }
                if (f->type != &conf_table || !value)
                        continue;
                text_add(t, ".%s", f->key);
                if (find_key(t, text, f->data, value))
                        return true;
                t->size = before;
                t->data[before] = '\0';
        }
        return false;
}

#define KEY_FILE "node.key_file"

typedef struct Owner { /* of what was verified */
        char what[128], key[128];
        const ConfField *fields;
        const ConfNode *node; /* its part of the file */
        ReadingFile files[READING_FILES_MAX];
        size_t n_files;
} Owner;

/* The credential of which the text speaks; NULL: of another file. */
static const char *find_credential(const Job *job, const char *text, const Owner *o)
{
        for (size_t i = 0; i < o->n_files; i++) {
                const char *name = o->files[i].name;
                _cleanup_free_ char *path = NULL;

                if (!name || strchr(name, '/'))
                        continue;
                path = string_printf("%s/%s: ", job->k->c->directory, name);
                if (path && strstr(text, path))
                        return name;
        }
        return NULL;
}

/* For the daemon it is not as we have found it: systemd hands it over. True: all is said. */
static bool tell_credential(const Job *job, const LookResult *result, const Owner *o)
{
        const char *name = find_credential(job, result->text, o);
        Finding *x;

        if (!name || !granted_excuses(job->k->options->config, "failoverd", name, result->error))
                return false;
        if (result->error != -EPERM)
                return true;
        x = findings_add(job->k->f, FINDING_WARNING, "secret-exposed", NULL, o->key, "%s: %s", o->what,
                         result->text);
        finding_means(job->k->f, x,
                      "failoverd starts, since systemd hands it over, but whoever has an account here can "
                      "read it");
        finding_advises(job->k->f, x, "chmod 600 it, and think of replacing the secret");
        return true;
}

static void tell_verified(Files *f, const Job *job, const LookResult *result, const Owner *o,
                          const char *meaning)
{
        _cleanup_text_ Text key = {0};
        bool bad = result->error == -EPERM;
        Finding *x;

        if (not_looked(f, job, result, o->key, o->what) || result->error >= 0 ||
            tell_credential(job, result, o))
                return;
        text_add_string(&key, o->key);
        if (!key.failed)
                find_key(&key, result->text, o->fields, o->node);
        if (result->error == -EDOM) {
                x = findings_add(job->k->f, FINDING_WARNING, "hardly-meant", NULL,
                                 key.failed ? o->key : key.data, "%s: %s", o->what, result->text);
                finding_means(job->k->f, x, "it does what it says, which is hardly what is meant");
                return;
        }
        x = findings_add(job->k->f, bad ? FINDING_ERROR : FINDING_WARNING, "not-there", NULL,
                         key.failed ? o->key : key.data, "%s: %s", o->what, result->text);
        finding_means(job->k->f, x, "%s", bad ? "failoverd does not start with it" : meaning);
        finding_advises(job->k->f, x, "%s",
                        bad                       ? "set its owner and mode as is said, and check again"
                        : streq(o->key, KEY_FILE) ? "make one with `failoverctl keygen`, or leave the key out"
                                                  : "put it there, or mend what this key says");
}

static const ConfNode *part_of_file(const Job *job, const char *key)
{
        return conf_item(conf_get(conf_root(job->k->report->tree), key), job->number);
}

static void told_probe(void *data, const LookResult *result, void *userdata)
{
        const Job *job = data;
        const ProbeConfig *p = job->k->c->probes[job->number];
        Owner o = {.fields = p->type->fields, .node = part_of_file(job, "probes")};

        snprintf(o.what, sizeof(o.what), "probe `%s`", p->name);
        snprintf(o.key, sizeof(o.key), "probes.%s", p->name);
        if (p->type->files)
                o.n_files = p->type->files(p->conf, o.files);
        tell_verified(userdata, job, result, &o,
                      p->type->passive ? "nobody can report as that user"
                                       : "as long as it is so, the probe does not pass");
}

static void told_action(void *data, const LookResult *result, void *userdata)
{
        const Job *job = data;
        const ActionConfig *a = job->k->c->actions[job->number];
        Owner o = {.fields = a->type->fields, .node = part_of_file(job, "actions")};

        snprintf(o.what, sizeof(o.what), "action `%s`", a->name);
        snprintf(o.key, sizeof(o.key), "actions[%u]", job->number);
        if (a->type->files)
                o.n_files = a->type->files(a->conf, o.files);
        tell_verified(userdata, job, result, &o, "as long as it is so, the action fails, in an outage too");
}

static void told_key(void *data, const LookResult *result, void *userdata)
{
        const Job *job = data;
        Owner o = {.what = "this node",
                   .key = KEY_FILE,
                   .files = {{.name = job->k->c->node.key_file}},
                   .n_files = 1};

        tell_verified(userdata, job, result, &o,
                      "what must be signed is refused: notices to peers do not go out");
}

/* --- sockets and units --- */

static int run_exists(void *data, LookResult *ret)
{
        const Job *job = data;

        return access(job->reach->name, F_OK) < 0 ? -errno : 0;
}

static void told_socket(void *data, const LookResult *result, void *userdata)
{
        const Job *job = data;
        char owner[128];
        Finding *x;

        reach_owner(job->k->c, job->reach, owner, sizeof(owner));
        if (not_looked(userdata, job, result, job->reach->key, owner) || result->error >= 0)
                return;
        x = findings_add(job->k->f, FINDING_WARNING, "no-socket", NULL, job->reach->key, "%s: %s: %s", owner,
                         job->reach->name, error_words(-result->error));
        finding_means(job->k->f, x, "nobody answers there");
        finding_advises(job->k->f, x, "start the service, or name the folder of its socket");
}

/* Where systemd.unit(5) says that units lie. */
static const char *const unit_folders[] = {"/etc/systemd/system",         "/run/systemd/system",
                                           "/run/systemd/transient",      "/run/systemd/generator",
                                           "/run/systemd/generator.late", "/usr/local/lib/systemd/system",
                                           "/usr/lib/systemd/system",     "/lib/systemd/system"};

static bool unit_exists(const char *name)
{
        char path[512];

        for (size_t i = 0; i < ELEMENTSOF(unit_folders); i++) {
                snprintf(path, sizeof(path), "%s/%s", unit_folders[i], name);
                if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                        return true;
        }
        return false;
}

static int run_unit(void *data, LookResult *ret)
{
        const Job *job = data;
        char name[UNIT_NAME_SIZE], template[UNIT_NAME_SIZE];
        const char *at;

        if (access("/run/systemd/system", F_OK) < 0 || unit_name(job->reach->name, name, NULL) < 0)
                return 0; /* not run by systemd: nothing can be said */
        if (unit_exists(name))
                return 0;
        at = strchr(name, '@');
        if (!at)
                return -ENOENT;
        snprintf(template, sizeof(template), "%.*s%s", (int) (at + 1 - name), name, strrchr(name, '.'));
        return unit_exists(template) ? 0 : -ENOENT;
}

static void told_unit(void *data, const LookResult *result, void *userdata)
{
        const Job *job = data;
        char owner[128];
        Finding *x;

        reach_owner(job->k->c, job->reach, owner, sizeof(owner));
        if (not_looked(userdata, job, result, job->reach->key, owner) || result->error >= 0)
                return;
        x = findings_add(job->k->f, FINDING_WARNING, "no-unit", NULL, job->reach->key,
                         "%s: systemd has no unit `%s`", owner, job->reach->name);
        finding_means(job->k->f, x,
                      job->reach->probe != PROBE_NONE ? "the probe is down"
                                                      : "the action fails at every change");
        finding_advises(job->k->f, x, "`systemctl list-unit-files` knows how it is spelt");
}

/* --- which disk --- */

/* Of the path, or of what is there above it. */
static int run_device(void *data, LookResult *ret)
{
        const Job *job = data;
        _cleanup_free_ char *path = strdup(job->path);
        struct stat st, root;
        char *slash;

        while (path && stat(path, &st) < 0) {
                if (errno != ENOENT && errno != ENOTDIR)
                        return -errno;
                slash = strrchr(path, '/');
                if (!slash || streq(path, "/"))
                        return -ENOENT;
                slash[slash == path] = '\0'; /* "/" stays */
        }
        if (!path || stat("/", &root) < 0)
                return -ENOMEM;
        ret->values[0] = (uint64_t) st.st_dev;
        ret->values[1] = (uint64_t) root.st_dev;
        return 0;
}

/* What everything lies on is no finding: there is nowhere else to go. */
static void told_device(void *data, const LookResult *result, void *userdata)
{
        Job *job = data;

        if (result->error == 0 && result->values[0] != result->values[1])
                job->device = result->values[0];
}

static bool is_watched_disk(const Check *k, const Reach *r)
{
        return r->kind == REACH_PATH && r->probe != PROBE_NONE && k->required[r->probe] &&
               streq(k->c->probes[r->probe]->type->name, "disk");
}

static void tell_same_disk(Check *k, const Job *job, const Job *disk)
{
        const char *probe = k->c->probes[disk->reach->probe]->name;
        Finding *x;

        x = findings_add(k->f, FINDING_WARNING, "on-watched-disk", NULL,
                         job->key ? job->key : disk->reach->key,
                         "%s (%s) lies on the disk that probe `%s` watches", job->what, job->path, probe);
        finding_means(k->f, x, "when `%s` fails because that disk hangs or breaks, it is missing", probe);
        finding_advises(k->f, x, "put it on another disk");
}

static void check_disks(Files *f)
{
        for (size_t i = 0; i < f->n; i++) {
                const Job *disk = &f->jobs[i];

                if (disk->device == 0 || !disk->reach || !is_watched_disk(f->k, disk->reach))
                        continue;
                for (size_t n = 0; n < f->n; n++)
                        if (f->jobs[n].device == disk->device && f->jobs[n].what)
                                tell_same_disk(f->k, &f->jobs[n], disk);
        }
}

static void add_device(Files *f, const char *path, const char *what, const char *key)
{
        Job *job = files_add(f, run_device, told_device, true);

        job->path = path;
        job->what = what;
        job->key = key;
}

/* --- all of it --- */

/* Is a credential among them? Systemd, as root, hands it to the daemon. */
static bool has_credential(const ReadingFile *files, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (files[i].name && !strchr(files[i].name, '/'))
                        return true;
        return false;
}

static bool probe_has_credential(const ProbeConfig *p)
{
        ReadingFile files[READING_FILES_MAX] = {};

        return p->type->files && has_credential(files, p->type->files(p->conf, files));
}

static bool action_has_credential(const ActionConfig *a)
{
        ReadingFile files[READING_FILES_MAX] = {};

        return a->type->files && has_credential(files, a->type->files(a->conf, files));
}

static void add_verifications(Files *f)
{
        const Config *c = f->k->c;

        for (unsigned i = 0; i < c->n_probes; i++)
                if (c->probes[i]->type->verify)
                        files_add(f, run_probe, told_probe, !probe_has_credential(c->probes[i]))->number = i;
        for (unsigned i = 0; i < c->n_actions; i++)
                if (c->actions[i]->type->verify)
                        files_add(f, run_action, told_action, !action_has_credential(c->actions[i]))->number =
                                        i;
        if (c->node.key_file)
                files_add(f, run_key, told_key, strchr(c->node.key_file, '/') != NULL);
}

static void add_reaches(Files *f)
{
        for (size_t i = 0; i < f->k->reaches.count; i++) {
                const Reach *r = &f->k->reaches.items[i];

                if (r->kind == REACH_SOCKET)
                        files_add(f, run_exists, told_socket, true)->reach = r;
                if (r->kind == REACH_UNIT)
                        files_add(f, run_unit, told_unit, true)->reach = r;
                if (r->kind == REACH_PROGRAM && r->action != ACTION_NONE && r->name[0] == '/')
                        add_device(f, r->name, "the program of an action", r->key);
                if (is_watched_disk(f->k, r)) {
                        Job *job = files_add(f, run_device, told_device, true);

                        job->reach = r;
                        job->path = r->name;
                }
        }
        add_device(f, f->k->options->state_dir, "the state directory", NULL);
        add_device(f, f->k->options->runtime_dir, "the runtime directory, where the shop reads its mode",
                   NULL);
        add_device(f, f->k->options->status_dir, "the status page", NULL);
}

static void check_credentials(Check *k)
{
        const char *folder = getenv("CREDENTIALS_DIRECTORY");
        Finding *x;

        if (!folder || access(folder, F_OK) == 0) /* a tmpfs of systemd's */
                return;
        x = findings_add(k->f, FINDING_WARNING, "no-credentials", NULL, NULL,
                         "$CREDENTIALS_DIRECTORY is %s: %s", folder, error_words(errno));
        finding_means(k->f, x, "every secret that is named without a slash is missing");
        finding_advises(k->f, x, "unset it, or let systemd set it");
}

int check_files(Check *k)
{
        Files f = {.k = k, .capacity = k->c->n_probes + k->c->n_actions + 2 * k->reaches.count + 4};
        int r = -ENOMEM;

        f.jobs = calloc(f.capacity, sizeof(*f.jobs));
        f.looks = calloc(f.capacity, sizeof(*f.looks));
        if (f.jobs && f.looks) {
                add_verifications(&f);
                add_reaches(&f);
                check_credentials(k);
                r = look(f.looks, f.n, "failoverd", &f);
                if (r < 0 && r != -ENOMEM) { /* no process to be had: all else still counts */
                        findings_add(k->f, FINDING_WARNING, "not-looked-at", NULL, NULL,
                                     "files and commands were not looked at: %s", error_words(-r));
                        r = 0;
                }
        }
        if (r >= 0) {
                check_disks(&f);
                if (f.canceled > 0)
                        findings_add(k->f, FINDING_WARNING, "not-looked-at", NULL, NULL,
                                     "%u files and commands were not looked at: disks were too slow",
                                     f.canceled);
        }
        free(f.jobs);
        free(f.looks);
        return r;
}
