/* SPDX-License-Identifier: MIT */
/* What merge.c and merge_cluster.c share. */
#pragma once

#include "federation/merge.h"

/* items[order[0 … *n-1]] are sorted by source and rank. Takes listings out of order (and *n) that were there before.
 * ret_cluster[i]: the work of items[order[i]], numbered from 0 in order of appearance. */
int cluster_items(const MergeItem *items, uint32_t *order, size_t *n, uint32_t *ret_cluster,
                  size_t *ret_clusters);
