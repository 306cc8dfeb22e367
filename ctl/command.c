/* SPDX-License-Identifier: MIT */
/* Running another program to its end. */
#include "ctl/command.h"
#include "base/file.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int start(const char *const *argv, bool quiet, const int pipe_fds[2], pid_t *ret)
{
        posix_spawn_file_actions_t actions;
        int r = -posix_spawn_file_actions_init(&actions);

        if (r < 0)
                return r;
        if (pipe_fds)
                r = -posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        if (r >= 0 && quiet)
                r = -posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (r >= 0) /* exec takes them as char * and leaves them */
                r = -posix_spawnp(ret, argv[0], &actions, NULL, (char **) (uintptr_t) argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        return r;
}

int command_run(const char *const *argv, bool quiet, char **ret_output)
{
        _cleanup_free_ char *output = NULL;
        int fds[2] = {-EBADF, -EBADF}, r, status;
        pid_t pid;

        fflush(stdout);
        if (ret_output && pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        r = start(argv, quiet, ret_output ? fds : NULL, &pid);
        if (ret_output)
                close(fds[1]);
        if (r < 0) {
                if (ret_output)
                        close(fds[0]);
                return r;
        }
        if (ret_output) {
                r = fd_read_all(fds[0], COMMAND_OUTPUT_MAX, &output, NULL);
                close(fds[0]);
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (r < 0)
                return r;
        if (ret_output)
                *ret_output = TAKE_PTR(output);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
