/* SPDX-License-Identifier: MIT */
/* One ranked list from many: the ranking. What is one work is told in merge_cluster.c. */
#include "federation/merge.h"

#include "federation/merge_private.h"

/* Scores are sums of fractions of this: integers add up to the same in any order. */
#define SCORE_ONE (UINT64_C(1) << 40)

/* By source and rank; the rest only so that what should not be there twice does no harm. */
static int compare_items(const void *pa, const void *pb, void *userdata)
{
        const MergeItem *items = userdata, *a = items + *(const uint32_t *) pa,
                        *b = items + *(const uint32_t *) pb;
        int c;

        if (a->source != b->source)
                return a->source < b->source ? -1 : 1;
        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;
        c = strcmp(a->id, b->id);
        if (c == 0)
                c = strcmp(a->work, b->work);
        if (c == 0)
                c = strcmp(a->isbn13, b->isbn13);
        return c != 0 ? c : (int) a->fit - (int) b->fit;
}

static void sort_items(const MergeItem *items, uint32_t *order, size_t n)
{
        bool sorted = true;

        for (size_t i = 0; i < n; i++)
                order[i] = (uint32_t) i;
        for (size_t i = 1; i < n && sorted; i++)
                sorted = items[i - 1].source < items[i].source ||
                         (items[i - 1].source == items[i].source && items[i - 1].rank < items[i].rank);
        if (!sorted)
                qsort_r(order, n, sizeof *order, compare_items, (void *) (uintptr_t) items);
}

/* A work while it is ranked. */
typedef struct Rank {
        uint64_t score;
        size_t first, n;       /* its listings in order, by source and rank */
        const MergeItem *best; /* what stands for it: our own, or the best ranked */
        unsigned fit;          /* of its best listing */
        bool shared;           /* more than one source has it */
} Rank;

/* The best source counts whole, each other one a sixteenth. */
static void rank_work(Rank *work, const MergeItem *items, const uint32_t *order)
{
        const MergeItem *before = NULL;
        uint64_t sum = 0, most = 0;

        for (size_t i = 0; i < work->n; i++) {
                const MergeItem *item = items + order[work->first + i];
                work->fit = MAX(work->fit, item->fit);
                if (before && before->source == item->source)
                        continue;
                uint64_t score = SCORE_ONE / (MERGE_K + 1 + (uint64_t) item->rank);
                sum += score;
                most = MAX(most, score);
                work->shared |= before != NULL;
                if (!before || (work->best->source != 0 && item->rank < work->best->rank))
                        work->best = item;
                before = item;
        }
        work->score = most + (sum - most) / MERGE_OTHERS;
}

static int compare_ranks(const void *pa, const void *pb)
{
        const Rank *a = pa, *b = pb;

        if (a->fit != b->fit)
                return a->fit > b->fit ? -1 : 1;
        if (a->score != b->score)
                return a->score > b->score ? -1 : 1;
        if ((a->best->source == 0) != (b->best->source == 0))
                return a->best->source == 0 ? -1 : 1;
        if (a->best->rank != b->best->rank)
                return a->best->rank < b->best->rank ? -1 : 1;
        if (a->best->source != b->best->source)
                return a->best->source < b->best->source ? -1 : 1;
        return a->first < b->first ? -1 : a->first > b->first;
}

/* Our own first, then by rank, then by source. */
static int compare_sellers(const void *pa, const void *pb, void *userdata)
{
        const MergeItem *items = userdata, *a = items + *(const size_t *) pa,
                        *b = items + *(const size_t *) pb;

        if ((a->source == 0) != (b->source == 0))
                return a->source == 0 ? -1 : 1;
        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;
        if (a->source != b->source)
                return a->source < b->source ? -1 : 1;
        return strcmp(a->id, b->id);
}

/* Those of one source side by side are few: how many of the page's works, so far, that source alone has. */
static unsigned count_alone(const Rank *page, size_t n, unsigned source)
{
        unsigned count = 0;

        for (size_t i = 0; i < n; i++)
                count += !page[i].shared && page[i].best->source == source;
        return count;
}

/* What a peer alone has, beyond its share of the first page, stands back until others have had their say. */
static int share_page(Rank *ranks, size_t n)
{
        Rank page[MERGE_PAGE];
        size_t n_page = 0, behind = n;
        _cleanup_free_ bool *taken = calloc(MAX(n, (size_t) 1), sizeof *taken);

        if (!taken)
                return -ENOMEM;
        for (size_t i = 0; i < n && n_page < MERGE_PAGE; i++) {
                const Rank *r = ranks + i;
                taken[i] = r->shared || r->best->source == 0 ||
                           count_alone(page, n_page, r->best->source) < MERGE_PAGE / MERGE_SHARE;
                if (taken[i])
                        page[n_page++] = *r;
        }
        for (size_t i = n; i-- > 0;)
                if (!taken[i])
                        ranks[--behind] = ranks[i];
        memcpy(ranks, page, n_page * sizeof *page);
        return 0;
}

/* Counts, then fills: listings of a work come to stand side by side, in the order in which they were. */
static void gather(const uint32_t *order, const uint32_t *cluster, size_t n, Rank *ranks, size_t n_works,
                   uint32_t *ret)
{
        size_t first = 0;

        for (size_t i = 0; i < n; i++)
                ranks[cluster[i]].n++;
        for (size_t w = 0; w < n_works; w++) {
                ranks[w].first = first;
                first += ranks[w].n;
                ranks[w].n = 0;
        }
        for (size_t i = 0; i < n; i++) {
                Rank *r = ranks + cluster[i];
                ret[r->first + r->n++] = order[i];
        }
}

static void hand_over(const MergeItem *items, const Rank *ranks, const uint32_t *order, size_t n_works,
                      Merge *ret)
{
        size_t at = 0;

        for (size_t w = 0; w < n_works; w++) {
                const Rank *r = ranks + w;
                for (size_t i = 0; i < r->n; i++)
                        ret->order[at + i] = order[r->first + i];
                if (r->n > 1)
                        qsort_r(ret->order + at, r->n, sizeof *ret->order, compare_sellers,
                                (void *) (uintptr_t) items);
                ret->works[w] = (MergeWork){at, r->n, (double) r->score / (double) SCORE_ONE};
                at += r->n;
        }
        ret->n_works = n_works;
}

int merge_items(const MergeItem *items, size_t n, Merge *ret)
{
        _cleanup_merge_ Merge merge = {0};
        size_t most = MAX(n, (size_t) 1), n_works = 0;
        _cleanup_free_ uint32_t *order = calloc(3 * most, sizeof *order);
        _cleanup_free_ Rank *ranks = calloc(most, sizeof *ranks);

        assert(items || n == 0);
        assert(n < UINT32_MAX / 4);
        assert(ret);

        merge.works = calloc(most, sizeof *merge.works);
        merge.order = calloc(most, sizeof *merge.order);
        if (!order || !ranks || !merge.works || !merge.order)
                return -ENOMEM;
        uint32_t *cluster = order + most, *gathered = cluster + most;
        sort_items(items, order, n);
        int r = cluster_items(items, order, &n, cluster, &n_works);
        if (r < 0)
                return r;
        gather(order, cluster, n, ranks, n_works, gathered);
        for (size_t w = 0; w < n_works; w++)
                rank_work(ranks + w, items, gathered);
        qsort(ranks, n_works, sizeof *ranks, compare_ranks);
        r = share_page(ranks, n_works);
        if (r < 0)
                return r;
        hand_over(items, ranks, gathered, n_works, &merge);
        *ret = merge;
        merge = (Merge){0};
        return 0;
}

void merge_clear(Merge *m)
{
        assert(m);

        free(m->works);
        free(m->order);
        *m = (Merge){0};
}
