/* SPDX-License-Identifier: MIT */
/* What the probes' tests share: a network and mount namespace of their own with nothing but loopback, one probe run from
 * its YAML, and counterparts: processes and listening sockets. */
#pragma once

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "probes/probe.h"
#include "tests/scarce.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char bench_folder[64]; /* fresh, removed at exit */
static bool bench_isolated;   /* in namespaces of our own; else what needs them says so and is left out */
static bool bench_is_root;    /* outside of them, too */

static ProbeContext bench_context;

static bool bench_write(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);

        if (fd >= 0)
                close(fd);
        return good;
}

/* Path of a file in the test's folder; four at a time. */
_unused_ static const char *bench_path(const char *name)
{
        static char paths[4][128];
        static unsigned next;
        char *path = paths[next++ % 4];

        snprintf(path, sizeof paths[0], "%s/%s", bench_folder, name);
        return path;
}

_unused_ static const char *bench_file(const char *name, const char *text)
{
        const char *path = bench_path(name);

        CHECK(bench_write(path, text));
        return path;
}

static bool bench_unshare(void)
{
        uid_t uid = getuid();
        gid_t gid = getgid();
        char map[64];

        if (unshare(CLONE_NEWNET | CLONE_NEWNS) == 0)
                return true;
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0)
                return false;
        snprintf(map, sizeof map, "0 %u 1", uid);
        if (!bench_write("/proc/self/setgroups", "deny") || !bench_write("/proc/self/uid_map", map))
                return false;
        snprintf(map, sizeof map, "0 %u 1", gid);
        return bench_write("/proc/self/gid_map", map);
}

/* The system's resolver becomes 127.0.0.53, where nobody listens until a test does. */
static bool bench_resolver(void)
{
        char path[80], hosts[80];

        snprintf(path, sizeof path, "%s/resolv.conf", bench_folder);
        snprintf(hosts, sizeof hosts, "%s/hosts", bench_folder);
        return bench_write(path, "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n") &&
               bench_write(hosts, "127.0.0.1 localhost\n") &&
               mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0 &&
               mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
}

static void bench_isolate(void)
{
        struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
        int fd;

        if (!bench_unshare() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return;
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bench_isolated = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0 && bench_resolver();
        if (fd >= 0)
                close(fd);
}

/* Threads end with the process; so do the children (PR_SET_PDEATHSIG). */
static void bench_end(void)
{
        char command[96];

        snprintf(command, sizeof command, "rm -rf %s", bench_folder);
        if (system(command) != 0)
                fprintf(stderr, "cannot remove %s\n", bench_folder);
}

static pid_t bench_owner;

static void bench_end_in_owner(void)
{
        if (getpid() == bench_owner)
                bench_end();
}

/* Before any test and any thread. */
__attribute__((constructor)) static void bench_begin(void)
{
        signal(SIGPIPE, SIG_IGN);
        snprintf(bench_folder, sizeof bench_folder, "/tmp/probe-test-XXXXXX");
        CHECK(mkdtemp(bench_folder));
        bench_owner = getpid();
        bench_is_root = getuid() == 0;
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        atexit(bench_end_in_owner);
        bench_isolate();
}

_unused_ static bool bench_needs_isolation(const char *what)
{
        if (!bench_isolated)
                fprintf(stderr, "  left out without namespaces: %s\n", what);
        return bench_isolated;
}

_unused_ static bool bench_needs_root(const char *what)
{
        if (!bench_is_root)
                fprintf(stderr, "  left out without root: %s\n", what);
        return bench_is_root;
}

static void bench_open(void)
{
        CHECK_INT(sd_event_new(&bench_context.event), 0);
        CHECK_INT(resolver_new(bench_context.event, &bench_context.resolver), 0);
        CHECK_INT(fetch_client_new(bench_context.event, bench_context.resolver, &bench_context.fetch), 0);
        CHECK_INT(reader_new(bench_context.event, &bench_context.reader), 0);
        bench_context.config_dir = bench_folder;
        bench_context.program = BINARY_DIR "/failoverd";
        bench_context.node_id = "shop";
}

static void bench_close(void)
{
        reader_free(bench_context.reader);
        fetch_client_free(bench_context.fetch);
        resolver_free(bench_context.resolver);
        sd_event_unref(bench_context.event);
        bench_context = (ProbeContext){};
}

typedef struct Run {
        bool ended;
        Outcome outcome;
        char message[320];
        uint64_t usec;
        uint64_t late_usec;   /* how long anything else on the loop had to wait, at worst */
        uint64_t queued_usec; /* for a processor, until the last tick was set */
} Run;

static void bench_done(Attempt *a, const AttemptResult *result, void *userdata)
{
        Run *run = userdata;

        CHECK(!run->ended);
        run->ended = true;
        run->outcome = result->outcome;
        run->usec = result->ended_usec - result->began_usec;
        snprintf(run->message, sizeof run->message, "%s", result->message);
}

/* The probe's conf from YAML without `type:`; NULL with the text in e when it is refused. */
static void *bench_conf(const ProbeType *type, const char *yaml, Error *e)
{
        _cleanup_(conf_freep) Conf *file = NULL;
        void *conf = calloc(1, type->conf_size);

        CHECK(conf);
        if (conf_load_text("test.yaml", yaml, strlen(yaml), &file, e) < 0) {
                free(conf);
                return NULL;
        }
        if (conf_parse(conf_root(file), type->fields, NULL, conf, e) < 0) {
                free(conf);
                return NULL;
        }
        if (type->check && type->check(conf, conf_root(file), e) < 0) {
                conf_clear(type->fields, conf);
                free(conf);
                return NULL;
        }
        return conf;
}

static bool bench_starve; /* the next attempts get no new descriptor */

/* Lowers the limit to what is in use, or raises it again. */
static void bench_descriptors(bool none)
{
        static rlim_t usual;
        struct rlimit limit;
        int lowest = dup(STDIN_FILENO);

        CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
        if (none) {
                CHECK(lowest >= 0);
                usual = limit.rlim_cur;
                limit.rlim_cur = (rlim_t) lowest;
        } else
                limit.rlim_cur = usual;
        if (lowest >= 0)
                close(lowest);
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

#define BENCH_TICK_USEC (5 * USEC_PER_MSEC)

/* How long we have waited for a processor so far: that is a busy machine's doing, and no probe's. 0: the kernel does not say. */
static uint64_t bench_queued_usec(void)
{
        unsigned long long queued_nsec;
        FILE *f = fopen("/proc/thread-self/schedstat", "re");
        bool known = f && fscanf(f, "%*u %llu", &queued_nsec) == 1;

        if (f)
                fclose(f);
        return known ? queued_nsec / 1000 : 0;
}

static void bench_note_tick(sd_event_source *timer, Run *run)
{
        uint64_t now = clock_boot_usec(), due, queued = bench_queued_usec() - run->queued_usec;

        CHECK(sd_event_source_get_time(timer, &due) >= 0);
        due += MIN(queued, now);
        run->late_usec = MAX(run->late_usec, now - MIN(now, due));
}

static int bench_set_tick(sd_event_source *timer, Run *run)
{
        run->queued_usec = bench_queued_usec();
        return loop_timer_set_after(timer, BENCH_TICK_USEC);
}

/* Stands for the other probes of a daemon. */
static int bench_on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
        bench_note_tick(source, userdata);
        return bench_set_tick(source, userdata);
}

/* One attempt from start to its end. `memory` as attempt_start(); NULL: fresh. */
static Run bench_run_with(const char *type_name, const char *yaml, void *memory, uint64_t timeout_usec)
{
        const ProbeType *type = probe_type_find(type_name);
        _cleanup_(attempt_freep) Attempt *a = NULL;
        _cleanup_free_ void *fresh = NULL;
        sd_event_source *timer = NULL;
        void *conf;
        Run run = {};
        Error e = {};

        CHECK(type);
        conf = bench_conf(type, yaml, &e);
        if (!conf) {
                fprintf(stderr, "%s\nrefused: %s\n", yaml, e.text);
                exit(1);
        }
        if (!memory && type->memory_size > 0)
                CHECK(memory = fresh = calloc(1, type->memory_size));
        bench_open();
        CHECK(loop_timer_new(bench_context.event, "tick", bench_on_tick, &run, &timer) >= 0);
        CHECK(bench_set_tick(timer, &run) >= 0);
        if (bench_starve)
                bench_descriptors(true);
        CHECK_INT(attempt_start(&bench_context, type, conf, memory, timeout_usec, bench_done, &run, &a), 0);
        CHECK(!run.ended);
        while (!run.ended)
                CHECK(sd_event_run(bench_context.event, 60 * USEC_PER_SEC) > 0);
        bench_note_tick(timer, &run);
        a = attempt_free(a);
        if (bench_starve)
                bench_descriptors(false);
        loop_source_free(timer);
        bench_close();
        conf_clear(type->fields, conf);
        free(conf);
        fprintf(stderr, "  %s: %s (%.0f ms)\n", outcome_name(run.outcome), run.message,
                (double) run.usec / 1000);
        return run;
}

_unused_ static Run bench_run(const char *type, uint64_t timeout_usec, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
static Run bench_run(const char *type, uint64_t timeout_usec, const char *format, ...)
{
        _cleanup_free_ char *yaml = NULL;
        va_list ap;

        va_start(ap, format);
        CHECK(vasprintf(&yaml, format, ap) >= 0);
        va_end(ap);
        return bench_run_with(type, yaml, NULL, timeout_usec);
}

static bool bench_run_short(const ProbeType *type, const void *conf, void *memory, uint64_t timeout_usec,
                            Run *run)
{
        _cleanup_(attempt_freep) Attempt *a = NULL;
        int r = attempt_start(&bench_context, type, conf, memory, timeout_usec, bench_done, run, &a);

        if (r < 0)
                CHECK(!a && (r == -ENOMEM || r == -EMFILE || r == -EAGAIN));
        while (r >= 0 && !run->ended && sd_event_run(bench_context.event, 60 * USEC_PER_SEC) > 0)
                ;
        return r >= 0;
}

/* One attempt for each request for memory or a descriptor that it makes, which is refused. Each ends as it would have
 * without, or with no answer and the reason: our own shortage is never a counterpart's failure. */
_unused_ static void bench_run_scarce(const char *type_name, uint64_t timeout_usec, const char *yaml)
{
        const ProbeType *type = probe_type_find(type_name);
        Run usual = bench_run_with(type_name, yaml, NULL, timeout_usec);
        Error e = {};
        void *conf = bench_conf(type, yaml, &e);
        bool refused = true;

        for (unsigned long k = 1; refused; k++) {
                _cleanup_free_ void *memory = calloc(1, MAX(type->memory_size, (size_t) 1));
                Run run = {};

                CHECK(k < SCARCE_MOST);
                bench_open();
                scarce_refuse(k);
                bool started = bench_run_short(type, conf, memory, timeout_usec, &run);
                refused = scarce_end();
                if (started && (!run.ended || !*run.message ||
                                (run.outcome != usual.outcome && run.outcome != OUTCOME_INCONCLUSIVE))) {
                        fprintf(stderr, "%s\n%s: %s\n", yaml, outcome_name(run.outcome), run.message);
                        scarce_tell();
                        exit(1);
                }
                if (!refused)
                        fprintf(stderr, "  %lu requests\n", k - 1);
                bench_close();
        }
        conf_clear(type->fields, conf);
        free(conf);
}

/* CHECK_RUN(outcome, "message", run): a message that ends in an asterisk is a beginning. */
_unused_ static void check_run(const char *file, int line, Outcome outcome, const char *message, Run run)
{
        size_t n = strlen(message);
        bool begins = n > 0 && message[n - 1] == '*';

        if (run.outcome == outcome &&
            (begins ? strncmp(run.message, message, n - 1) == 0 : strcmp(run.message, message) == 0))
                return;
        fprintf(stderr, "%s:%d: %s \"%s\", not %s \"%s\"\n", file, line, outcome_name(run.outcome),
                run.message, outcome_name(outcome), message);
        exit(1);
}
#define CHECK_RUN(outcome, message, run) check_run(__FILE__, __LINE__, outcome, message, run)

/* The config is refused with a text that holds this one. */
_unused_ static void check_refused(const char *file, int line, const char *type, const char *text,
                                   const char *yaml)
{
        Error e = {};
        void *conf = bench_conf(probe_type_find(type), yaml, &e);

        if (!conf && strstr(e.text, text) && strncmp(e.text, "test.yaml:", 10) == 0)
                return;
        fprintf(stderr, "%s:%d: %s\nis %s: %s\nnot refused with: %s\n", file, line, yaml,
                conf ? "accepted" : "refused", e.text, text);
        exit(1);
}
#define CHECK_REFUSED(type, text, yaml) check_refused(__FILE__, __LINE__, type, text, yaml)

/* verify()'s text; "" when it is content. */
_unused_ static const char *bench_verify(const char *type_name, const char *yaml)
{
        const ProbeType *type = probe_type_find(type_name);
        static Error e;
        void *conf;

        e.text[0] = '\0';
        conf = bench_conf(type, yaml, &e);
        CHECK(conf);
        if (type->verify(conf, bench_folder, &e) >= 0)
                e.text[0] = '\0';
        conf_clear(type->fields, conf);
        free(conf);
        return e.text;
}

/* A listening or bound socket on address; port 0: any. */
_unused_ static int bench_socket(int type, const char *address, unsigned port, unsigned *ret_port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
        socklen_t size = sizeof a;
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

        CHECK(fd >= 0);
        CHECK(inet_pton(AF_INET, address, &a.sin_addr) == 1);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        CHECK(bind(fd, (struct sockaddr *) &a, sizeof a) == 0);
        if (type == SOCK_STREAM)
                CHECK(listen(fd, 16) == 0);
        CHECK(getsockname(fd, (struct sockaddr *) &a, &size) == 0);
        if (ret_port)
                *ret_port = ntohs(a.sin_port);
        return fd;
}

/* A port that refuses: it was ours a moment ago, and is nobody's now. */
_unused_ static unsigned bench_closed_port(void)
{
        unsigned port;

        close(bench_socket(SOCK_STREAM, "127.0.0.1", 0, &port));
        return port;
}

/* Connections to it are never answered: its queue of one is full. Returns the descriptors to close. */
typedef struct BlackHole {
        int fd, fillers[8];
        unsigned port;
} BlackHole;

_unused_ static BlackHole bench_black_hole(void)
{
        BlackHole hole = {};
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        hole.fd = bench_socket(SOCK_STREAM, "127.0.0.1", 0, &hole.port);
        CHECK(listen(hole.fd, 0) == 0);
        a.sin_port = htons((uint16_t) hole.port);
        for (size_t i = 0; i < ELEMENTSOF(hole.fillers); i++) {
                hole.fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                CHECK(hole.fillers[i] >= 0);
                (void) connect(hole.fillers[i], (struct sockaddr *) &a, sizeof a);
        }
        return hole;
}

_unused_ static void bench_black_hole_close(BlackHole *hole)
{
        close(hole->fd);
        for (size_t i = 0; i < ELEMENTSOF(hole->fillers); i++)
                close(hole->fillers[i]);
}

/* Starts a program with its output in a pipe; it dies with us. -1 when there is no such program. */
_unused_ static pid_t bench_process(const char *const *argv, FILE **ret_output)
{
        int pipes[2];
        pid_t pid;

        CHECK(pipe2(pipes, O_CLOEXEC) == 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(open("/dev/null", O_RDONLY), 0);
                dup2(pipes[1], 1);
                dup2(pipes[1], 2);
                execvp(argv[0], (char *const *) (uintptr_t) argv);
                _exit(127);
        }
        close(pipes[1]);
        CHECK(*ret_output = fdopen(pipes[0], "r"));
        return pid;
}

_unused_ static void bench_process_end(pid_t pid, FILE *output)
{
        kill(pid, SIGKILL);
        CHECK(waitpid(pid, NULL, 0) == pid);
        fclose(output);
}

/* A name server that gives every question the same answer. */
typedef struct NameServer {
        int rcode;                    /* 0 without addresses: no such record */
        const char *const *addresses; /* NULL-terminated, for A */
        bool rubbish;                 /* promises nine answers and sends none */
        /* its own */
        pthread_t thread;
        int fd;
} NameServer;

static size_t bench_name_server_answer(const NameServer *s, unsigned char *packet)
{
        static const unsigned char head[] = {0xc0, 12, 0, 1,  0, 1,
                                             0,    0,  0, 60, 0, 4}; /* its name, A, IN, 60 s */
        size_t end = 12;
        bool wants_a;

        while (packet[end] != 0)
                end += packet[end] + 1U;
        end += 5;
        wants_a = packet[end - 3] == 1;
        packet[2] |= 0x80;
        packet[3] = (unsigned char) (0x80 | s->rcode);
        memset(packet + 6, 0, 6);
        if (s->rubbish)
                packet[7] = 9;
        for (const char *const *a = s->addresses; wants_a && a && *a; a++) {
                memcpy(packet + end, head, sizeof head);
                CHECK(inet_pton(AF_INET, *a, packet + end + sizeof head) == 1);
                packet[7]++;
                end += sizeof head + 4;
        }
        return end;
}

static void *bench_name_server_run(void *userdata)
{
        NameServer *s = userdata;
        unsigned char packet[2048];
        struct sockaddr_in from;
        socklen_t size = sizeof from;

        while (recvfrom(s->fd, packet, 512, 0, (struct sockaddr *) &from, &size) > 12) {
                size_t n = bench_name_server_answer(s, packet);

                (void) !sendto(s->fd, packet, n, 0, (struct sockaddr *) &from, size);
                size = sizeof from;
        }
        return NULL;
}

_unused_ static void bench_name_server_begin(NameServer *s, const char *address, unsigned port)
{
        s->fd = bench_socket(SOCK_DGRAM, address, port, NULL);
        CHECK_INT(pthread_create(&s->thread, NULL, bench_name_server_run, s), 0);
}

_unused_ static void bench_name_server_end(NameServer *s)
{
        struct sockaddr_in own;
        socklen_t size = sizeof own;

        CHECK(getsockname(s->fd, (struct sockaddr *) &own, &size) == 0);
        CHECK(sendto(s->fd, "x", 1, 0, (struct sockaddr *) &own, size) == 1);
        CHECK_INT(pthread_join(s->thread, NULL), 0);
        close(s->fd);
}
