/* SPDX-License-Identifier: MIT */
/* The files of web/ that the status page is made from, in the program itself: however sick the disk is, they are there. */
#include "actions/status_page.h"

/* WEB_FOLDER is web/, as CMake tells; it also says that this depends on them. */
#define EMBED(symbol, path)                                                                                \
        __asm__(".section .rodata\n" #symbol ": .incbin \"" WEB_FOLDER "/" path "\"\n.byte 0\n.previous"); \
        extern const char symbol[] __attribute__((visibility("hidden")));

EMBED(status_html, "status.html")
EMBED(status_history, "status.history.html")
EMBED(status_course, "status.course.html")
EMBED(status_work, "status.work.html")
EMBED(status_css, "status.css")
EMBED(status_js, "status.js")
EMBED(status_atom, "status.atom")
EMBED(status_svg, "status.svg")
EMBED(status_en, "status/en.json")
EMBED(status_de, "status/de.json")

static const struct {
        const char *name, *text;
} files[] = {
                {"status.html", status_html},
                {"status.history.html", status_history},
                {"course", status_course},
                {"work", status_work},
                {"status.css", status_css},
                {"status.js", status_js},
                {"status.atom", status_atom},
                {"status.svg", status_svg},
                {"en", status_en},
                {"de", status_de},
};

const char *page_file(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (streq(files[i].name, name))
                        return files[i].text;
        return NULL;
}
