/* SPDX-License-Identifier: MIT */
/* How much of it all index.html shows: what was told lately and what is now come first, the rest is in history.html. */
#include "actions/status_page.h"

#define ALL SIZE_MAX

const PageLimits page_unlimited = {ALL, ALL, ALL, ALL, ALL, ALL, .in_full = true};

/* From each step to the next something goes that the fewest will miss. */
static const PageLimits steps[] = {
                {.past = ALL, .courses = ALL, .over = 10, .ahead = ALL, .updates = ALL},
                {.past = ALL, .courses = 3, .over = 3, .ahead = ALL, .updates = ALL},
                {.past = ALL, .courses = 3, .over = 3, .ahead = ALL, .updates = ALL, .no_words = true},
                {.past = 3, .courses = 1, .over = 1, .ahead = 10, .updates = 3, .no_words = true},
                {.past = 3, .over = 1, .ahead = 5, .updates = 1, .no_words = true, .no_overview = true},
};

/* With so many, one needs not try how much of the rest would fit. */
#define COMPONENTS_MANY 100

int page_fit(const Page *p, const json_t *view, char **ret)
{
        size_t i = json_array_size(p->components) > COMPONENTS_MANY ? ELEMENTSOF(steps) - 1 : 0;
        _cleanup_free_ char *text = NULL;

        int r = page_render(view, p, "status.html", &text);
        for (; r == 0 && strlen(text) >= PAGE_BUDGET && i < ELEMENTSOF(steps); i++) {
                _cleanup_json_ json_t *less = page_view(p, &steps[i]);
                char *shorter = NULL;
                r = less ? page_render(less, p, "status.html", &shorter) : -ENOMEM;
                if (r == 0) {
                        free(text);
                        text = shorter;
                }
        }
        if (r == 0)
                *ret = TAKE_PTR(text);
        return r;
}
