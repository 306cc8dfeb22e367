/* SPDX-License-Identifier: MIT */
/* Keeps what a program starts, until nothing of it is left. */
#include "base/keeper.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_FD 3

/* Kills the children that there are now; those of theirs become ours, and are seen the next time. Some may belong to
 * others (a set-uid program's): they are waited for. */
static void kill_children(void)
{
        char buffer[4096];
        pid_t pid = 0;
        int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0) /* no such file in this kernel, or no /proc: the group is all that is known */
                return;
        while ((n = read(fd, buffer, sizeof(buffer))) > 0)
                for (ssize_t i = 0; i < n; i++)
                        if (buffer[i] >= '0' && buffer[i] <= '9')
                                pid = pid * 10 + (buffer[i] - '0');
                        else if (pid > 0) {
                                (void) kill(pid, SIGKILL);
                                pid = 0;
                        }
        (void) close(fd);
}

/* A process group, or its leader that has not got so far as setpgid(). Only while the leader is not reaped: so long its
 * number cannot name a stranger. */
static void kill_group(pid_t leader, int signal)
{
        if (kill(-leader, signal) < 0)
                (void) kill(leader, signal);
}

/* True: somebody was reaped. *leader is 0 once it was the program. */
static bool reap_one(pid_t *leader, int report_fd)
{
        siginfo_t info = {0};

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
                _exit(0); /* nobody is left */
        if (info.si_pid == 0)
                return false;
        if (info.si_pid == *leader) {
                KeeperReport report = {.code = info.si_code, .status = info.si_status};

                kill_group(*leader, SIGKILL);
                (void) !write(report_fd, &report, sizeof(report));
                *leader = 0;
        }
        (void) waitid(P_PID, (id_t) info.si_pid, &info, WEXITED | WNOHANG);
        return true;
}

_Noreturn static void keep(pid_t leader, int report_fd)
{
        bool ending = false;
        sigset_t signals;
        siginfo_t info;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        sigaddset(&signals, KEEPER_ASK);
        sigaddset(&signals, KEEPER_KILL);
        for (;;) {
                while (reap_one(&leader, report_fd))
                        ;
                if (ending || leader == 0)
                        kill_children();
                if (sigwaitinfo(&signals, &info) < 0)
                        continue;
                if (info.si_signo == KEEPER_KILL) {
                        ending = true;
                        if (leader > 0)
                                kill_group(leader, SIGKILL);
                } else if (info.si_signo == KEEPER_ASK && leader > 0) {
                        kill_group(leader, SIGTERM);
                        kill_group(leader, SIGCONT); /* a stopped one could not obey */
                }
        }
}

_Noreturn void keeper_run(pid_t parent, int report_fd, void (*program)(void *data, pid_t keeper), void *data)
{
        struct sigaction usual = {.sa_handler = SIG_DFL};
        pid_t leader, own = getpid();

        (void) setpgid(0, 0);
        /* For who looks at ps. Not prctl(): ASan takes a lock in it which a thread may have held at the fork. */
        (void) syscall(SYS_prctl, PR_SET_NAME, "keeper");
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
        (void) prctl(PR_SET_PDEATHSIG, KEEPER_KILL);
        (void) sigaction(SIGCHLD, &usual, NULL); /* ignored, it would reap by itself */
        if (getppid() != parent)                 /* it died before the calls above */
                _exit(127);
        leader = _Fork();
        if (leader == 0)
                program(data, own);
        if (leader < 0) {
                KeeperReport report = {.error = -errno};

                (void) !write(report_fd, &report, sizeof(report));
                _exit(127);
        }
        (void) setpgid(leader, leader); /* whoever is first: before anyone kills the group */
        if (report_fd != REPORT_FD && dup3(report_fd, REPORT_FD, O_CLOEXEC) < 0) {
                kill_group(leader, SIGKILL);
                _exit(127);
        }
        (void) close_range(0, REPORT_FD - 1, 0);
        (void) close_range(REPORT_FD + 1, ~0U, 0);
        keep(leader, REPORT_FD);
}
