/* SPDX-License-Identifier: MIT */
/* Open addressing over entries that stand in the order of their coming; keys live in pages of their own. */
#include "federation/tally.h"

#define PAGE_SIZE_MIN 65536
#define SLOTS_MIN     1024

typedef struct Page {
        struct Page *next;
        size_t used, size;
        char data[];
} Page;

struct Tally {
        TallyEntry *entries;
        uint64_t *hashes;
        const TallyEntry **sorted;
        size_t n, capacity;
        uint32_t *slots; /* entry + 1 */
        size_t n_slots;
        Page *pages;
};

/* FNV-1a, 64 bits; the words come from the operator's own files */
static uint64_t hash_of(const char *key, size_t size)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (uint8_t) key[i]) * UINT64_C(0x100000001b3);
        return hash ^ hash >> 29;
}

Tally *tally_new(void)
{
        Tally *t = calloc(1, sizeof(*t));
        if (!t)
                return NULL;
        t->n_slots = SLOTS_MIN;
        t->slots = calloc(t->n_slots, sizeof(*t->slots));
        return t->slots ? t : tally_free(t);
}

static void entries_drop(Tally *t)
{
        for (size_t i = 0; i < t->n; i++)
                free(t->entries[i].label);
        t->n = 0;
}

static void pages_drop(Tally *t, Page *until)
{
        while (t->pages != until) {
                Page *p = t->pages;
                t->pages = p->next;
                free(p);
        }
}

void tally_clear(Tally *t)
{
        Page *last = t->pages;

        entries_drop(t);
        while (last && last->next)
                last = last->next;
        pages_drop(t, last);
        if (last)
                last->used = 0;
        memset(t->slots, 0, t->n_slots * sizeof(*t->slots));
}

Tally *tally_free(Tally *t)
{
        if (!t)
                return NULL;
        entries_drop(t);
        pages_drop(t, NULL);
        free(t->entries);
        free(t->hashes);
        free(t->sorted);
        free(t->slots);
        free(t);
        return NULL;
}

static char *key_copy(Tally *t, const char *key, size_t size)
{
        if (!t->pages || t->pages->size - t->pages->used < size) {
                size_t page_size = MAX(size, (size_t) PAGE_SIZE_MIN);
                Page *p = malloc(sizeof(*p) + page_size);
                if (!p)
                        return NULL;
                *p = (Page){.next = t->pages, .size = page_size};
                t->pages = p;
        }
        char *copy = t->pages->data + t->pages->used;
        memcpy(copy, key, size);
        t->pages->used += size;
        return copy;
}

static int slots_grow(Tally *t)
{
        size_t n = 2 * t->n_slots;
        uint32_t *slots = calloc(n, sizeof(*slots));
        if (!slots)
                return -ENOMEM;
        for (size_t i = 0; i < t->n; i++) {
                size_t k = t->hashes[i] & (n - 1);
                while (slots[k] > 0)
                        k = (k + 1) & (n - 1);
                slots[k] = (uint32_t) i + 1;
        }
        free(t->slots);
        t->slots = slots;
        t->n_slots = n;
        return 0;
}

static int entries_grow(Tally *t)
{
        if (t->n < t->capacity)
                return 0;
        size_t capacity = MAX(2 * t->capacity, (size_t) 512);
        TallyEntry *entries = reallocarray(t->entries, capacity, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        t->entries = entries;
        uint64_t *hashes = reallocarray(t->hashes, capacity, sizeof(*hashes));
        if (!hashes)
                return -ENOMEM;
        t->hashes = hashes;
        t->capacity = capacity;
        return 0;
}

static TallyEntry *entry_add(Tally *t, uint32_t *slot, const char *key, size_t size, uint64_t hash)
{
        char *copy = key_copy(t, key, size);
        if (!copy)
                return NULL;
        t->entries[t->n] = (TallyEntry){.key = copy, .size = size};
        t->hashes[t->n++] = hash;
        *slot = (uint32_t) t->n;
        return t->entries + t->n - 1;
}

static TallyEntry *entry_get(Tally *t, const char *key, size_t size)
{
        if (entries_grow(t) < 0 || (2 * t->n >= t->n_slots && slots_grow(t) < 0))
                return NULL;
        uint64_t hash = hash_of(key, size);
        size_t k = hash & (t->n_slots - 1);
        for (; t->slots[k] > 0; k = (k + 1) & (t->n_slots - 1)) {
                TallyEntry *entry = t->entries + t->slots[k] - 1;
                if (t->hashes[t->slots[k] - 1] == hash && entry->size == size &&
                    memcmp(entry->key, key, size) == 0)
                        return entry;
        }
        return entry_add(t, t->slots + k, key, size, hash);
}

int tally_add(Tally *t, const char *key, size_t size, const char *label, int by)
{
        assert(t);
        assert(key || size == 0);

        TallyEntry *entry = entry_get(t, key, size);
        if (!entry || (label && !entry->label && !(entry->label = strdup(label))))
                return -ENOMEM;
        entry->count += by;
        return 0;
}

int tally_add_once(Tally *t, const char *key, size_t size, uint64_t round, int by)
{
        assert(round > 0);

        TallyEntry *entry = entry_get(t, key, size);
        if (!entry)
                return -ENOMEM;
        if (entry->last == round)
                return 0;
        entry->last = round;
        entry->count += by;
        return 0;
}

static int compare(const void *a, const void *b)
{
        const TallyEntry *x = *(const TallyEntry *const *) a, *y = *(const TallyEntry *const *) b;
        int order = memcmp(x->key, y->key, MIN(x->size, y->size));

        return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

const TallyEntry *const *tally_sorted(Tally *t, size_t *ret_n)
{
        const TallyEntry **sorted = reallocarray(t->sorted, MAX(t->n, (size_t) 1), sizeof(*sorted));
        if (!sorted)
                return NULL;
        t->sorted = sorted;
        for (size_t i = 0; i < t->n; i++)
                sorted[i] = t->entries + i;
        qsort(sorted, t->n, sizeof(*sorted), compare);
        *ret_n = t->n;
        return sorted;
}
