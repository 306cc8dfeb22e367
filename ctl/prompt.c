/* SPDX-License-Identifier: MIT */
/* Asking somebody at the terminal; a secret is not shown, whatever ends the program meanwhile. */
#include "ctl/prompt.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/page.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#define WIDTH_MAX 80u

bool prompt_possible(void)
{
        return isatty(STDIN_FILENO) > 0 && isatty(STDOUT_FILENO) > 0;
}

void prompt_say(const char *text)
{
        unsigned columns = ctl_columns();
        Page p = {.width = columns > 0 ? MIN(columns, WIDTH_MAX) : WIDTH_MAX};

        page_end(&p);
        page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN, text);
        if (!p.text.failed)
                fputs(p.text.data, stdout);
        text_clear(&p.text);
}

/* The line without blanks around it, in its own memory. */
static int read_line(char **ret)
{
        _cleanup_(secret_freep) char *line = NULL;
        size_t capacity = 0, n;
        const char *begin;

        fflush(stdout);
        if (getline(&line, &capacity, stdin) < 0)
                return feof(stdin) ? -ECANCELED : -errno;
        n = strlen(line);
        while (n > 0 && strchr(" \t\r\n", line[n - 1]))
                line[--n] = '\0';
        begin = line + strspn(line, " \t");
        *ret = strdup(begin);
        return *ret ? 0 : -ENOMEM;
}

int prompt_line(const char *what, const char *fallback, char **ret)
{
        _cleanup_free_ char *answer = NULL;
        bool any = fallback && fallback[0] != '\0';
        int r;

        if (any)
                printf("%s [%s]: ", what, fallback);
        else
                printf("%s: ", what);
        r = read_line(&answer);
        if (r >= 0 && answer[0] == '\0' && any) {
                free(answer);
                answer = strdup(fallback);
                r = answer ? 0 : -ENOMEM;
        }
        if (r >= 0)
                *ret = TAKE_PTR(answer);
        return r;
}

static struct termios terminal_before;

static void on_end(int signal_number)
{
        (void) tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
        (void) signal(signal_number, SIG_DFL);
        (void) raise(signal_number);
}

int prompt_secret(const char *what, char **ret)
{
        static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
        struct sigaction before[ELEMENTSOF(ends)], ours = {.sa_handler = on_end, .sa_flags = SA_RESETHAND};
        void (*stops)(int) = SIG_DFL;
        struct termios quiet;
        bool silenced;
        int r;

        silenced = tcgetattr(STDIN_FILENO, &terminal_before) >= 0;
        if (silenced) {
                for (size_t k = 0; k < ELEMENTSOF(ends); k++)
                        (void) sigaction(ends[k], &ours, &before[k]);
                stops = signal(SIGTSTP, SIG_IGN); /* who comes back would be shown what he types */
                quiet = terminal_before;
                quiet.c_lflag &= ~(tcflag_t) ECHO;
                if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
                        return -errno;
        }
        printf("%s (not shown): ", what);
        r = read_line(ret);
        if (silenced) {
                (void) tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
                for (size_t k = 0; k < ELEMENTSOF(ends); k++)
                        (void) sigaction(ends[k], &before[k], NULL);
                (void) signal(SIGTSTP, stops);
                putchar('\n');
        }
        return r;
}

int prompt_yes(const char *what, bool fallback, bool *ret)
{
        for (;;) {
                _cleanup_free_ char *answer = NULL;
                int r;

                printf("\n%s [%s]: ", what, fallback ? "Y/n" : "y/N");
                r = read_line(&answer);
                if (r < 0)
                        return r;
                assert(answer);
                if (answer[0] == '\0' || strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0 ||
                    strcasecmp(answer, "n") == 0 || strcasecmp(answer, "no") == 0) {
                        *ret = answer[0] == '\0' ? fallback : strchr("yY", answer[0]) != NULL;
                        return 0;
                }
                puts("y or n, please.");
        }
}
