/* SPDX-License-Identifier: MIT */
/* --check: certificate and keys, the state directory, what failoverd publishes, each looked at with a deadline (look.h). */
#include "base/clock.h"
#include "base/granted.h"
#include "base/look.h"
#include "base/text.h"
#include "federation/check_private.h"

#include <sys/stat.h>
#include <unistd.h>

#define JOBS_MAX    24
#define TLS_MARGIN  (14 * USEC_PER_DAY)
#define DAEMON_USER "federationd"

const char *check_host(char buffer[static CHECK_HOST_SIZE], const char *url)
{
        const char *host = strstr(url, "://") + 3;
        bool six = host[0] == '[';

        snprintf(buffer, CHECK_HOST_SIZE, "%.*s", (int) strcspn(host + six, six ? "]" : ":/"), host + six);
        return buffer;
}

unsigned check_port(const char *url)
{
        const char *host = strstr(url, "://") + 3, *port = host + strcspn(host, "]/");

        port = strchr(*port == ']' ? port : host, ':');
        if (port && port < host + strcspn(host, "/"))
                return (unsigned) strtoul(port + 1, NULL, 10);
        return strncmp(url, "https://", 8) == 0 ? 443 : 80;
}

/* --- the jobs --- */

typedef struct Job {
        Check *k;
        const char *path, *key, *what;
        void (*missing)(const struct Job *job, int error);
} Job;

static int run_tls(void *data, LookResult *ret)
{
        const Job *job = data;
        TlsFacts facts = {0};
        Error e = {""};
        int r = config_verify_tls(job->k->c, &facts, &e);

        ret->values[0] = facts.expires_usec;
        ret->values[1] = facts.fits;
        snprintf(ret->text, sizeof(ret->text), "%s", e.text);
        return r;
}

static int run_key(void *data, LookResult *ret)
{
        const Job *job = data;
        Error e = {""};
        int r = config_verify_key(job->k->c, &e);

        snprintf(ret->text, sizeof(ret->text), "%s", e.text);
        return r;
}

static int run_folder(void *data, LookResult *ret)
{
        const Job *job = data;
        struct stat st;

        if (stat(job->path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* 0 when it is not there yet: it is made then. */
static int run_writable(void *data, LookResult *ret)
{
        const Job *job = data;

        return access(job->path, W_OK | X_OK) < 0 && errno != ENOENT ? -errno : 0;
}

/* --- what they found --- */

static bool is_hung(const Job *job, const LookResult *result)
{
        Finding *x;

        if (result->error == -ECANCELED)
                return true;
        if (!result->hung)
                return false;
        x = findings_add(job->k->f, FINDING_WARNING, "no-answer", NULL, job->key,
                         "%s: the disk does not answer within 2 s", job->what);
        finding_advises(job->k->f, x, "look at that disk or mount");
        return true;
}

static void tell_expiry(const Job *job, uint64_t expires)
{
        uint64_t now = clock_wall_usec();
        char left[DURATION_SIZE];
        Finding *x;

        if (expires == 0 || expires > now + TLS_MARGIN)
                return;
        if (expires <= now)
                x = findings_add(job->k->f, FINDING_WARNING, "expired", NULL, "tls.cert_file",
                                 "the certificate has expired %s ago", duration_format(left, now - expires));
        else
                x = findings_add(job->k->f, FINDING_WARNING, "expires", NULL, "tls.cert_file",
                                 "the certificate expires in %s", duration_format(left, expires - now));
        finding_means(job->k->f, x, "buyers' browsers and other nodes refuse it then");
        finding_advises(job->k->f, x, "renew it, and reload (SIGHUP)");
}

static void told_tls(void *data, const LookResult *result, void *userdata)
{
        const Job *job = data;
        Finding *x;

        if (is_hung(job, result))
                return;
        if (result->error < 0) {
                x = findings_add(job->k->f, FINDING_ERROR, "tls", NULL, job->key, "%s", result->text);
                finding_means(job->k->f, x, "federationd does not start with it, and a reload is refused");
                return;
        }
        tell_expiry(job, result->values[0]);
        if (result->values[1])
                return;
        x = findings_add(job->k->f, FINDING_WARNING, "other-name", NULL, "tls.cert_file",
                         "the certificate is not for %s, which node.url names", job->k->host);
        finding_means(job->k->f, x, "who comes by that URL refuses it");
        finding_advises(job->k->f, x, "get one for that name, unless a proxy stands before it");
}

static void told_key(void *data, const LookResult *result, void *userdata)
{
        const Job *job = data;
        bool bad = result->error == -EPERM;
        Finding *x;

        if (is_hung(job, result) || result->error >= 0)
                return;
        if (granted_excuses(job->k->options->config, DAEMON_USER, job->k->c->node.key_file, result->error)) {
                if (!bad)
                        return;
                x = findings_add(job->k->f, FINDING_WARNING, "secret-exposed", NULL, job->key, "%s",
                                 result->text);
                finding_means(job->k->f, x, "whoever has an account here can sign in this shop's name");
                finding_advises(job->k->f, x, "chmod 600 it, and see `failoverctl keygen --revoke`");
                return;
        }
        x = findings_add(job->k->f, bad ? FINDING_ERROR : FINDING_WARNING, "not-there", NULL, job->key, "%s",
                         result->text);
        finding_means(job->k->f, x, "%s",
                      bad ? "federationd does not start with it" : "what must be signed is refused");
        finding_advises(job->k->f, x, "%s",
                        bad ? "set its owner and mode as is said, and check again"
                            : "make one with `failoverctl keygen`, or leave the key out");
}

static void told_folder(void *data, const LookResult *result, void *userdata)
{
        const Job *job = data;

        if (!is_hung(job, result) && result->error < 0)
                job->missing(job, result->error);
}

static void no_failoverd(const Job *job, int error)
{
        Finding *x = findings_add(job->k->f, FINDING_WARNING, "no-failoverd", NULL, job->key, "%s: %s",
                                  job->path, error_words(-error));

        finding_means(job->k->f, x,
                      "failoverd does not publish the mode there: /api/config says `primary`, and that it is "
                      "stale");
        finding_advises(job->k->f, x, "start failoverd, or name its --runtime-dir here");
}

static void no_status(const Job *job, int error)
{
        Finding *x = findings_add(job->k->f, FINDING_NOTE, "no-status-page", NULL, job->key, "%s: %s",
                                  job->path, error_words(-error));

        finding_means(job->k->f, x, "/status/ has nothing to show until failoverd writes its status page");
}

static void not_writable(const Job *job, int error)
{
        Finding *x = findings_add(job->k->f, FINDING_ERROR, "not-writable", NULL, NULL, "%s: %s: %s",
                                  job->what, job->path, error_words(-error));

        finding_means(job->k->f, x, "federationd does not start");
        finding_advises(job->k->f, x, "give it to the user that federationd runs as, or choose another");
}

static void no_folder(const Job *job, int error)
{
        Finding *x = findings_add(job->k->f, FINDING_ERROR, "no-folder", NULL, job->key, "%s: %s", job->path,
                                  error_words(-error));

        finding_means(job->k->f, x, "the socket cannot be made: federationd does not start");
        finding_advises(job->k->f, x, "make the folder, or name another path");
}

/* --- all of them --- */

typedef struct Jobs {
        Job jobs[JOBS_MAX];
        LookJob looks[JOBS_MAX];
        char folders[JOBS_MAX][CHECK_HOST_SIZE];
        char keys[JOBS_MAX][32];
        size_t n;
} Jobs;

static LookJob *add(Jobs *j, Job job, LookRun run, LookTold told)
{
        if (j->n == JOBS_MAX)
                return NULL;
        j->jobs[j->n] = job;
        j->looks[j->n] = (LookJob){.run = run, .told = told, .job = &j->jobs[j->n], .as_daemon = true};
        return &j->looks[j->n++];
}

/* Systemd, as root, hands it to the daemon. */
static bool is_credential(const char *name)
{
        return name && !strchr(name, '/');
}

/* Unix sockets: their folder must be there. */
static void add_sockets(Jobs *j, Check *k)
{
        for (size_t i = 0; k->c->listen.addresses[i] && j->n < JOBS_MAX; i++) {
                const char *path = k->c->listen.addresses[i] + strlen("unix:");
                char *folder = j->folders[j->n], *key = j->keys[j->n];

                if (strncmp(k->c->listen.addresses[i], "unix:", 5) != 0)
                        continue;
                snprintf(folder, CHECK_HOST_SIZE, "%.*s", (int) MAX(strrchr(path, '/') - path, (ptrdiff_t) 1),
                         path);
                snprintf(key, sizeof(j->keys[0]), "listen[%zu]", i);
                if (streq(folder, k->options->runtime_dir))
                        continue; /* it is made */
                add(j, (Job){.k = k, .path = folder, .key = key, .what = folder, .missing = no_folder},
                    run_folder, told_folder);
        }
}

int check_files(Check *k)
{
        const Config *c = k->c;
        Jobs *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return -ENOMEM;
        if (c->tls.cert_file)
                add(j, (Job){.k = k, .key = "tls", .what = "tls"}, run_tls, told_tls)->as_daemon =
                                !is_credential(c->tls.cert_file) && !is_credential(c->tls.key_file);
        if (c->node.key_file)
                add(j, (Job){.k = k, .key = "node.key_file", .what = "node.key_file"}, run_key, told_key)
                                ->as_daemon = !is_credential(c->node.key_file);
        add(j,
            (Job){.k = k,
                  .path = c->failover_runtime_dir,
                  .key = "failover.runtime_dir",
                  .what = "failover.runtime_dir",
                  .missing = no_failoverd},
            run_folder, told_folder);
        add(j,
            (Job){.k = k,
                  .path = c->failover_status_dir,
                  .key = "failover.status_dir",
                  .what = "failover.status_dir",
                  .missing = no_status},
            run_folder, told_folder);
        add(j,
            (Job){.k = k,
                  .path = k->options->state_dir,
                  .what = "the state directory",
                  .missing = not_writable},
            run_writable, told_folder);
        add_sockets(j, k);
        r = look(j->looks, j->n, DAEMON_USER, NULL);
        free(j);
        return r == -ENOMEM ? r : 0;
}
