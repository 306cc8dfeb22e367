/* SPDX-License-Identifier: MIT */
/* How much of it all index.html shows: what was told lately and what is now come first, the rest is in history.html. */
#include "actions/status_page.h"

const PageLimits page_unlimited = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, false, false};

/* From each step to the next something goes that the fewest will miss. */
static const PageLimits steps[] = {
                {0, SIZE_MAX, SIZE_MAX, 10, SIZE_MAX, SIZE_MAX, false, false},
                {0, SIZE_MAX, 3, 3, SIZE_MAX, SIZE_MAX, false, false},
                {0, SIZE_MAX, 3, 3, SIZE_MAX, SIZE_MAX, true, false},
                {0, 3, 1, 1, 10, 3, true, false},
                {0, 3, 0, 1, 5, 1, true, true},
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
