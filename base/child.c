/* SPDX-License-Identifier: MIT */
/* Child processes on the loop. A Child is the caller's view and may go at any time; the Process behind it stays on the
 * loop until the kernel lets it be reaped, so that a process stuck in the kernel blocks nobody. A function is run by the
 * Process itself; a program by a child of it, which keeps what the program leaves behind (keeper.h). */
#include "base/child.h"

#include "base/clock.h"
#include "base/keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_DEFAULT (64 * 1024)
#define ERRORS_MAX     (4 * 1024)
#define GRACE_USEC     (1 * USEC_PER_SEC)
#define LEFTOVER_MAX   (1024 * 1024) /* read after the end of the process; somebody else may go on writing */
#define STATUS_FD      3
#define DEFAULT_PATH   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Until it is reaped. Referenced by its two event sources, which float: they belong to the loop. */
typedef struct Process {
        unsigned n_ref;
        pid_t pid; /* also the process group */
        bool keeper;
        int pidfd;
        int output_fd, errors_fd; /* kept open while it may clean up: no SIGPIPE in its last second */
        Child *child;             /* NULL once nobody waits for it */
        sd_event_source *ended, *grace;
} Process;

typedef struct Stream {
        int fd;
        sd_event_source *source;
        char *data; /* terminated once finished */
        size_t size, capacity, max;
} Stream;

struct Child {
        sd_event *event;
        Process *process; /* NULL once it has ended or been handed to the loop */
        Stream output, errors;
        int status_fd; /* what the keeper reports */
        int error;     /* why the program could not be executed */
        bool ended;    /* the program has … */
        KeeperReport end;
        sd_event_source *reports, *settle, *deadline;
        ChildDone done;
        void *userdata;
};

static unsigned n_lingering; /* child_lingering() is asked without an object */

unsigned child_lingering(void)
{
        return n_lingering;
}

static void process_unref(Process *p)
{
        if (--p->n_ref > 0)
                return;
        /* The loop itself ends: no second chance to kill it. */
        if (p->pidfd >= 0 && p->pid > 0)
                (void) kill(p->keeper ? p->pid : -p->pid, p->keeper ? KEEPER_KILL : SIGKILL);
        if (!p->child)
                n_lingering--;
        fd_closep(&p->output_fd);
        fd_closep(&p->errors_fd);
        fd_closep(&p->pidfd);
        free(p);
}

static void on_source_destroy(void *userdata)
{
        process_unref(userdata);
}

static sd_event_source *floating_source_free(sd_event_source *s)
{
        if (s)
                (void) sd_event_source_set_floating(s, false); /* drops the loop's reference, the only one */
        return NULL;
}

static void process_end(Process *p)
{
        p->pid = 0;
        p->n_ref++;
        p->ended = floating_source_free(p->ended);
        p->grace = floating_source_free(p->grace);
        process_unref(p);
}

static void process_kill(const Process *p, int signal)
{
        /* The pid cannot have been used again: it is ours until it is reaped. */
        if (p->keeper)
                (void) kill(p->pid, signal == SIGKILL ? KEEPER_KILL : KEEPER_ASK);
        else if (kill(-p->pid, signal) < 0)
                (void) kill(p->pid, signal); /* it has not got so far as setpgid() */
}

/* Nobody waits for it any more. */
static void process_leave(Process *p)
{
        p->child = NULL;
        n_lingering++;
}

static int on_grace(sd_event_source *s, uint64_t usec, void *userdata)
{
        process_kill(userdata, SIGKILL);
        return 0;
}

static void child_ended(Child *c, int error, const siginfo_t *info);

static int on_process_ended(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        Process *p = userdata;
        Child *c = p->child;
        siginfo_t info = {};
        int r = 0;

        if (waitid(P_PIDFD, (id_t) p->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                r = -errno; /* ECHILD: SIGCHLD is ignored, and the kernel reaped it */
        else if (info.si_pid == 0)
                return 0;
        else {
                /* While the leader is a zombie, its number cannot name a stranger's group. */
                (void) kill(-p->pid, SIGKILL);
                (void) waitid(P_PIDFD, (id_t) p->pidfd, &info, WEXITED | WNOHANG);
        }
        if (c) {
                c->process = NULL;
                process_leave(p);
        }
        process_end(p);
        if (c)
                child_ended(c, r, &info);
        return 0;
}

/* What the new process needs until it becomes the program. There, until then, async-signal-safe calls only. */
typedef struct Start {
        const ChildSpec *spec;
        char *const *environment;
        int input_fd, output_fd, errors_fd, status_fd;
        pid_t parent;
} Start;

static void reset_signals(void)
{
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                (void) sigaction(i, &action, NULL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static int place_descriptors(const Start *s)
{
        /* All sources are above 2 (see above_stdio), so that none is overwritten before it is used. */
        if (dup2(s->input_fd, STDIN_FILENO) < 0 || dup2(s->output_fd, STDOUT_FILENO) < 0 ||
            dup2(s->errors_fd, STDERR_FILENO) < 0)
                return -errno;
        if (s->status_fd != STATUS_FD && dup3(s->status_fd, STATUS_FD, O_CLOEXEC) < 0)
                return -errno;
        if (close_range(STATUS_FD + 1, ~0U, 0) < 0)
                return -errno;
        return 0;
}

/* In the process of the program or function itself. */
_Noreturn static void run_child(void *data, pid_t parent)
{
        const Start *s = data;
        KeeperReport report = {0};

        (void) setpgid(0, 0);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) /* it died before the call above */
                _exit(127);
        report.error = place_descriptors(s);
        if (report.error < 0) {
                (void) !write(s->status_fd, &report, sizeof(report));
                _exit(127);
        }
        reset_signals();
        if (s->spec->function) {
                (void) close(STATUS_FD);
                _exit(s->spec->function(s->spec->data, STDOUT_FILENO) & 0xff);
        }
        (void) execvpe(s->spec->argv[0], (char *const *) (uintptr_t) s->spec->argv, s->environment);
        report.error = -errno;
        (void) !write(STATUS_FD, &report, sizeof(report));
        _exit(127);
}

/* Standard descriptors of ours may be closed; then a new one could be 0 to 2. */
static int above_stdio(int *fd)
{
        int r;

        if (*fd > STDERR_FILENO)
                return 0;
        r = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (r < 0)
                return -errno;
        fd_closep(fd);
        *fd = r;
        return 0;
}

static int pipe_new(int *ret_read, int *ret_write)
{
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        *ret_read = fds[0];
        *ret_write = fds[1];
        if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = above_stdio(ret_read);
        return r < 0 ? r : above_stdio(ret_write);
}

static int input_open(const char *text)
{
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = text ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = above_stdio(&fd);
        if (r < 0)
                return r;
        for (size_t done = 0, size = text ? strlen(text) : 0; done < size;) {
                ssize_t n = pwrite(fd, text + done, size - done, (off_t) done);

                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        return TAKE_FD(fd);
}

static const char *search_path(void)
{
        const char *path = getenv("PATH");
        return path && *path ? path : DEFAULT_PATH;
}

static int file_check(const char *path)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EACCES;
        return access(path, X_OK) < 0 ? -errno : 0;
}

int child_find(const char *program)
{
        int r = -ENOENT;

        if (strchr(program, '/'))
                return file_check(program);
        for (const char *path = search_path(); *path;) {
                size_t n = strcspn(path, ":");
                _cleanup_free_ char *file = NULL;

                if (asprintf(&file, "%.*s/%s", (int) n, path, program) < 0) {
                        file = NULL;
                        return -ENOMEM;
                }
                int found = file_check(file);
                if (found == 0)
                        return 0;
                if (found != -ENOENT && found != -ENOTDIR)
                        r = found;
                path += n + (path[n] == ':');
        }
        return r;
}

static bool environment_has(const char *const *environment, const char *name, size_t size)
{
        for (; environment && *environment; environment++)
                if (strncmp(*environment, name, size) == 0)
                        return true;
        return false;
}

/* The caller's variables, and the three defaults that it does not set. Only the array is allocated, and *ret_path. */
static int environment_new(const char *const *extra, const char ***ret, char **ret_path)
{
        _cleanup_free_ const char **list = NULL;
        _cleanup_free_ char *entry = NULL;
        size_t n = 0;

        while (extra && extra[n])
                n++;
        list = calloc(n + 4, sizeof(*list));
        if (!list || asprintf(&entry, "PATH=%s", search_path()) < 0) {
                entry = NULL;
                return -ENOMEM;
        }
        if (n > 0)
                memcpy(list, extra, n * sizeof(*list));
        if (!environment_has(extra, "PATH=", 5))
                list[n++] = entry;
        if (!environment_has(extra, "LANG=", 5))
                list[n++] = "LANG=C.UTF-8";
        if (!environment_has(extra, "HOME=", 5))
                list[n++] = "HOME=/";
        *ret = TAKE_PTR(list);
        *ret_path = TAKE_PTR(entry);
        return 0;
}

/* Between fork() and the child's own signal set-up no handler of ours may run in it. */
static int fork_blocked(Start *start, pid_t *ret)
{
        sigset_t all, old;
        pid_t pid;
        int r;

        sigfillset(&all);
        r = pthread_sigmask(SIG_SETMASK, &all, &old);
        if (r != 0)
                return -r;
        pid = fork();
        if (pid == 0 && start->spec->function)
                run_child(start, start->parent);
        if (pid == 0)
                keeper_run(start->parent, start->status_fd, run_child, start);
        r = pid < 0 ? -errno : 0;
        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (r < 0)
                return r;
        (void) setpgid(pid, pid); /* whoever is first: it must be so before anyone kills the group */
        *ret = pid;
        return 0;
}

static int process_watch(Process *p, sd_event *event)
{
        int r;

        r = loop_add_io(event, "child-ended", p->pidfd, EPOLLIN, on_process_ended, p, &p->ended);
        if (r < 0)
                return r;
        r = loop_timer_new(event, "child-grace", on_grace, p, &p->grace);
        if (r < 0) {
                p->ended = loop_source_free(p->ended);
                return r;
        }
        (void) sd_event_source_set_destroy_callback(p->ended, on_source_destroy);
        (void) sd_event_source_set_destroy_callback(p->grace, on_source_destroy);
        (void) sd_event_source_set_floating(p->ended, true);
        (void) sd_event_source_set_floating(p->grace, true);
        sd_event_source_unref(p->ended); /* from here the loop's reference keeps them */
        sd_event_source_unref(p->grace);
        p->n_ref = 2;
        return 0;
}

/* Takes over a child that runs. On failure it is killed and reaped here: it has hardly begun. */
static int process_adopt(Child *c, pid_t pid, bool keeper)
{
        Process *p = calloc(1, sizeof(*p));
        int r = -ENOMEM;

        if (p) {
                *p = (Process){.pid = pid,
                               .keeper = keeper,
                               .output_fd = -EBADF,
                               .errors_fd = -EBADF,
                               .child = c};
                p->pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
                r = p->pidfd < 0 ? -errno : process_watch(p, c->event);
        }
        if (r < 0) {
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                if (p)
                        fd_closep(&p->pidfd);
                free(p);
                return r;
        }
        c->process = p;
        return 0;
}

static int stream_keep(Stream *s, const char *data, size_t size)
{
        size_t keep = MIN(size, s->max - s->size);

        if (s->size + keep + 1 > s->capacity) {
                size_t capacity = MIN(MAX(s->capacity * 2, s->size + keep + 1), s->max + 1);
                char *bigger = realloc(s->data, capacity);

                if (!bigger)
                        return -ENOMEM;
                s->data = bigger;
                s->capacity = capacity;
        }
        memcpy(s->data + s->size, data, keep);
        s->size += keep;
        s->data[s->size] = '\0';
        return 0;
}

/* Reads once. > 0: there may be more; 0: nothing now; -EPIPE: never again. */
static int stream_read(Stream *s)
{
        char buffer[8192];
        ssize_t n;

        n = read(s->fd, buffer, sizeof(buffer));
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
        if (n == 0)
                return -EPIPE;
        (void) stream_keep(s, buffer,
                           (size_t) n); /* without memory the rest is dropped, as past the maximum */
        return 1;
}

static void stream_close(Stream *s)
{
        s->source = loop_source_free(s->source);
        fd_closep(&s->fd);
}

static int on_stream(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Stream *s = userdata;

        if (stream_read(s) == -EPIPE)
                stream_close(s);
        return 0;
}

static void stream_drain(Stream *s)
{
        for (size_t n = 0; s->fd >= 0 && n < LEFTOVER_MAX / 8192; n++)
                if (stream_read(s) <= 0)
                        break;
}

static const char *stream_text(const Stream *s)
{
        return s->data ? s->data : "";
}

const char *child_output(const Child *c)
{
        return c ? stream_text(&c->output) : "";
}

pid_t child_pid(const Child *c)
{
        return c && c->process ? c->process->pid : 0;
}

static void child_report(Child *c, ChildResult *result)
{
        c->reports = loop_source_free(c->reports);
        c->settle = loop_source_free(c->settle);
        c->deadline = loop_source_free(c->deadline);
        result->output = stream_text(&c->output);
        result->output_size = c->output.size;
        result->errors = stream_text(&c->errors);
        c->done(c, result, c->userdata); /* may free c */
}

/* False: no more will come. */
static bool read_reports(Child *c)
{
        KeeperReport report;
        ssize_t n;

        while ((n = read(c->status_fd, &report, sizeof(report))) == sizeof(report)) {
                if (report.error < 0)
                        c->error = report.error;
                else {
                        c->ended = true;
                        c->end = report;
                }
        }
        return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* info: of the process itself; where there is a keeper, what it reported counts. */
static void child_ended(Child *c, int error, const siginfo_t *info)
{
        ChildResult result = {.error = error, .code = info->si_code, .status = info->si_status};

        (void) read_reports(c);
        if (c->ended) {
                result.code = c->end.code;
                result.status = c->end.status;
        }
        if (c->error < 0)
                result.error = c->error;
        stream_drain(&c->output);
        stream_drain(&c->errors);
        stream_close(&c->output);
        stream_close(&c->errors);
        child_report(c, &result);
}

/* The program has ended; what it has left behind is being killed. That is worth a moment's waiting, and no more: some of it
 * may be stuck in the kernel. */
static int on_report(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
        Child *c = userdata;

        if (!read_reports(c))
                c->reports = loop_source_free(c->reports);
        if (c->ended)
                (void) loop_timer_set_after(c->settle, GRACE_USEC);
        return 0;
}

static int on_settle(sd_event_source *s, uint64_t usec, void *userdata)
{
        Child *c = userdata;

        process_leave(TAKE_PTR(c->process));
        child_ended(c, 0, &(siginfo_t){0});
        return 0;
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
        Child *c = userdata;

        if (c->ended)
                return on_settle(s, usec, c);
        Process *p = TAKE_PTR(c->process);
        ChildResult result = {.timed_out = true};

        process_kill(p, SIGTERM);
        if (!p->keeper)
                process_kill(p, SIGCONT); /* a stopped one could not obey */
        if (loop_timer_set_after(p->grace, GRACE_USEC) < 0)
                process_kill(p, SIGKILL);
        process_leave(p);
        stream_drain(&c->output);
        stream_drain(&c->errors);
        p->output_fd = TAKE_FD(c->output.fd);
        p->errors_fd = TAKE_FD(c->errors.fd);
        stream_close(&c->output);
        stream_close(&c->errors);
        child_report(c, &result);
        return 0;
}

static int child_new(sd_event *event, const ChildSpec *spec, ChildDone done, void *userdata, Child **ret)
{
        Child *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        *c = (Child){
                        .event = sd_event_ref(event),
                        .output = {.fd = -EBADF,
                                   .max = spec->output_max > 0 ? spec->output_max : OUTPUT_DEFAULT},
                        .errors = {.fd = -EBADF, .max = ERRORS_MAX},
                        .status_fd = -EBADF,
                        .done = done,
                        .userdata = userdata,
        };
        *ret = c;
        return 0;
}

static int child_spawn(Child *c, const ChildSpec *spec)
{
        _cleanup_close_ int input = -EBADF, output = -EBADF, errors = -EBADF, status = -EBADF;
        _cleanup_free_ const char **environment = NULL;
        _cleanup_free_ char *path = NULL;
        pid_t pid;
        int r;

        input = input_open(spec->input);
        if (input < 0)
                return input;
        r = pipe_new(&c->output.fd, &output);
        if (r >= 0)
                r = pipe_new(&c->errors.fd, &errors);
        if (r >= 0)
                r = pipe_new(&c->status_fd, &status);
        if (r >= 0)
                r = environment_new(spec->environment, &environment, &path);
        if (r < 0)
                return r;
        Start start = {
                        .spec = spec,
                        .environment = (char *const *) (uintptr_t) environment,
                        .input_fd = input,
                        .output_fd = output,
                        .errors_fd = errors,
                        .status_fd = status,
                        .parent = getpid(),
        };
        r = fork_blocked(&start, &pid);
        return r < 0 ? r : process_adopt(c, pid, !spec->function);
}

int child_start(sd_event *event, const ChildSpec *spec, ChildDone done, void *userdata, Child **ret)
{
        _cleanup_(child_freep) Child *c = NULL;
        int r;

        assert(event);
        assert(spec);
        assert(spec->function || (spec->argv && spec->argv[0]));
        assert(done);
        assert(ret);

        r = child_new(event, spec, done, userdata, &c);
        if (r >= 0)
                r = child_spawn(c, spec);
        if (r >= 0)
                r = loop_add_io(event, "child-output", c->output.fd, EPOLLIN, on_stream, &c->output,
                                &c->output.source);
        if (r >= 0)
                r = loop_add_io(event, "child-errors", c->errors.fd, EPOLLIN, on_stream, &c->errors,
                                &c->errors.source);
        if (r >= 0 && !spec->function) {
                r = loop_add_io(event, "child-reports", c->status_fd, EPOLLIN, on_report, c, &c->reports);
                if (r >= 0)
                        r = loop_timer_new(event, "child-settle", on_settle, c, &c->settle);
        }
        if (r >= 0 && spec->timeout_usec > 0) {
                r = loop_timer_new(event, "child-deadline", on_deadline, c, &c->deadline);
                if (r >= 0)
                        r = loop_timer_set_after(c->deadline, spec->timeout_usec);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Child *child_free(Child *c)
{
        if (!c)
                return NULL;
        if (c->process) {
                process_kill(c->process, SIGKILL);
                process_leave(c->process);
        }
        stream_close(&c->output);
        stream_close(&c->errors);
        loop_source_free(c->reports);
        loop_source_free(c->settle);
        fd_closep(&c->status_fd);
        loop_source_free(c->deadline);
        free(c->output.data);
        free(c->errors.data);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}
