/* SPDX-License-Identifier: MIT */
/* What stdout is: a terminal of how many columns, with colours or without. */
#include "ctl/ctl.h"

#include <sys/ioctl.h>
#include <unistd.h>

bool ctl_stdout_is_tty(void)
{
        return isatty(STDOUT_FILENO) > 0;
}

unsigned ctl_columns(void)
{
        const char *columns = getenv("COLUMNS");
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0)
                return size.ws_col;
        if (columns) {
                char *end;
                unsigned long n = strtoul(columns, &end, 10);

                if (end != columns && *end == '\0' && n >= 20 && n <= 10000)
                        return (unsigned) n;
        }
        return ctl_stdout_is_tty() ? 80 : 0;
}

bool ctl_stdout_is_screen(void)
{
        const char *term = getenv("TERM");

        return ctl_stdout_is_tty() && term && term[0] != '\0' && !streq(term, "dumb");
}

bool ctl_colour(void)
{
        const char *never = getenv("NO_COLOR"); /* https://no-color.org */

        return ctl_stdout_is_screen() && !(never && never[0] != '\0');
}
