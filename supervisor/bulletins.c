/* SPDX-License-Identifier: MIT */
/* What the public was told and is told ahead: keeping, storing and showing it. */
#include "supervisor/bulletins_private.h"

#include "actions/public_status.h"
#include "base/clock.h"
#include "base/id.h"

const char *bulletin_text(const json_t *j, const char *key)
{
        const char *s = json_string_value(json_object_get(j, key));

        return s ? s : "";
}

uint64_t bulletin_time(const json_t *j, const char *key)
{
        uint64_t usec;

        return timestamp_parse(bulletin_text(j, key), &usec) < 0 ? 0 : usec;
}

json_t *bulletin_strings(const json_t *list)
{
        json_t *copy = json_array(), *item;
        size_t i;

        json_array_foreach((json_t *) (uintptr_t) list, i, item)
        {
                if (json_is_string(item))
                        json_add(copy, json_incref(item));
        }
        return copy;
}

bool bulletin_is_blank(const char *text)
{
        return text[strspn(text, " \t\r\n")] == '\0';
}

const char *bulletin_id(const Bulletin *b)
{
        return bulletin_text(b->j, "id");
}

const char *bulletin_state(const Bulletin *b)
{
        if (b->kind == BULLETIN_MAINTENANCE)
                return bulletin_text(b->j, "state");
        return bulletin_text(json_array_get(json_object_get(b->j, "updates"), 0), "state");
}

static uint64_t ended(const Bulletin *b)
{
        return bulletin_time(b->j, b->kind == BULLETIN_MAINTENANCE ? "ended" : "resolved");
}

bool bulletin_is_over(const Bulletin *b)
{
        return ended(b) > 0;
}

void bulletins_clear(Bulletins *b)
{
        for (size_t i = 0; i < b->n; i++)
                json_decref(b->items[i].j);
        free(b->items);
        *b = (Bulletins){0};
}

int bulletins_insert(Bulletins *b, BulletinKind kind, json_t *j, Bulletin **ret)
{
        size_t at = 0;

        if (b->n == b->capacity) {
                size_t capacity = b->capacity > 0 ? 2 * b->capacity : 16;
                Bulletin *larger = reallocarray(b->items, capacity, sizeof(*larger));

                if (!larger) {
                        json_decref(j);
                        return -ENOMEM;
                }
                b->items = larger;
                b->capacity = capacity;
        }
        while (at < b->n && strcmp(bulletin_id(&b->items[at]), bulletin_text(j, "id")) > 0)
                at++;
        memmove(&b->items[at + 1], &b->items[at], (b->n - at) * sizeof(*b->items));
        b->items[at] = (Bulletin){.kind = kind, .j = j, .dirty = true};
        b->n++;
        if (ret)
                *ret = &b->items[at];
        return 0;
}

Bulletin *bulletins_find(const Bulletins *b, BulletinKind kind, const char *id)
{
        for (size_t i = 0; i < b->n; i++)
                if (b->items[i].kind == kind && streq(bulletin_id(&b->items[i]), id))
                        return &b->items[i];
        return NULL;
}

bool bulletin_has_update(const Bulletin *b, const char *id)
{
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(b->j, "updates"), i, item)
        {
                if (streq(bulletin_text(item, "id"), id))
                        return true;
        }
        return false;
}

/* --- editing --- */

/* jansson's own copy may leave something out and say nothing. */
json_t *bulletin_edit(const Bulletin *b)
{
        json_t *copy = json_copy(b->j);

        if (json_object_size(copy) == json_object_size(b->j))
                return copy;
        json_decref(copy);
        return NULL;
}

int bulletin_replace(Bulletin *b, json_t *edited)
{
        edited = json_whole(edited);
        if (!edited)
                return -ENOMEM;
        json_decref(b->j);
        b->j = edited;
        b->dirty = true;
        b->added = false;
        return 0;
}

/* Where the timeline is too long, the oldest line but the first that nobody has written by hand goes. */
static void shorten(json_t *updates)
{
        size_t n = json_array_size(updates);

        if (n <= BULLETIN_UPDATES)
                return;
        for (size_t i = n - 1; i-- > 1;)
                if (json_is_true(json_object_get(json_array_get(updates, i), "automatic"))) {
                        json_array_remove(updates, i);
                        return;
                }
        json_array_remove(updates, n - 2);
}

void bulletin_tell(json_t *edited, const char *id, const Scene *scene, const char *state, const char *body,
                   bool automatic)
{
        json_t *update = json_object(), *updates = json_array(), *item;
        char own[ID_SIZE];
        size_t i;

        json_put(update, "id", json_string(id && id[0] ? id : id_make(own, scene->at)));
        json_put(update, "at", json_timestamp(scene->at));
        json_put(update, "state", json_string(state));
        json_put(update, "body", json_string_or_null(body));
        json_put(update, "mode", json_string_or_null(scene->mode));
        json_put(update, "payment", json_string_or_null(scene->payment));
        json_put(update, "message", json_string_or_null(scene->message));
        json_put(update, "selling", json_string(selling_name(scene->selling)));
        json_put(update, "automatic", json_boolean(automatic));
        json_add(updates, update);
        json_array_foreach(json_object_get(edited, "updates"), i, item)
        {
                json_add(updates, json_incref(item));
        }
        shorten(updates);
        json_put(edited, "updates", updates);
}

/* --- the database --- */

int bulletins_restore(Bulletins *b, const BulletinRecord *record)
{
        Bulletin *restored;
        json_t *j;
        int r;

        r = json_parse(record->value, strlen(record->value), &j, NULL);
        if (r < 0)
                return r;
        if (!streq(bulletin_text(j, "id"), record->id) || bulletins_find(b, record->kind, record->id)) {
                json_decref(j);
                return -EINVAL;
        }
        r = bulletins_insert(b, record->kind, j, &restored);
        if (r >= 0)
                restored->dirty = false;
        return r;
}

bool bulletins_dirty(const Bulletins *b)
{
        for (size_t i = 0; i < b->n; i++)
                if (b->items[i].dirty)
                        return true;
        return false;
}

void bulletins_add(Bulletins *b, StoreBatch *batch)
{
        for (size_t i = 0; i < b->n; i++) {
                Bulletin *item = &b->items[i];
                _cleanup_free_ char *text = NULL;

                if (!item->dirty || item->added || json_print(item->j, &text) < 0)
                        continue; /* out of memory: the next turn tries again */
                store_batch_bulletin(batch, &(BulletinRecord){.id = bulletin_id(item),
                                                              .kind = item->kind,
                                                              .ended_usec = ended(item),
                                                              .value = text});
                item->added = true;
        }
}

void bulletins_added(Bulletins *b, bool taken)
{
        for (size_t i = 0; i < b->n; i++) {
                Bulletin *item = &b->items[i];

                item->dirty = item->dirty && !(item->added && taken);
                item->added = false;
        }
}

static Bulletin *find_open(const Bulletins *b)
{
        const Bulletin *open = incidents_open(b);

        return open ? bulletins_find(b, BULLETIN_INCIDENT, bulletin_id(open)) : NULL;
}

/* The lines of ours in front of those of what was open before. */
static int join(Bulletin *before, const Bulletin *ours)
{
        json_t *edited = bulletin_edit(before), *updates = json_array(), *item;
        static const char *const newer[] = {"resolved", "mode", "payment"};
        size_t i;

        if (!edited)
                return -ENOMEM;
        json_array_foreach(json_object_get(ours->j, "updates"), i, item)
        {
                if (!bulletin_has_update(before, bulletin_text(item, "id")))
                        json_add(updates, json_incref(item));
        }
        json_array_foreach(json_object_get(before->j, "updates"), i, item)
        {
                json_add(updates, json_incref(item));
        }
        shorten(updates);
        json_put(edited, "updates", updates);
        for (i = 0; i < ELEMENTSOF(newer); i++)
                json_put(edited, newer[i], json_incref(json_object_get(ours->j, newer[i])));
        incident_outgrow(edited, ours);
        return bulletin_replace(before, edited);
}

int bulletins_absorb(Bulletins *b, Bulletins *stored)
{
        int r = 0;

        for (size_t i = b->n; i > 0 && r >= 0; i--) { /* oldest first */
                const Bulletin *ours = &b->items[i - 1];
                bool follows = ours->kind == BULLETIN_INCIDENT &&
                               json_is_true(json_object_get(ours->j, "automatic"));
                Bulletin *before = bulletins_find(stored, ours->kind, bulletin_id(ours));

                if (!before && follows)
                        before = find_open(stored);
                if (!before)
                        r = bulletins_insert(stored, ours->kind, json_incref(ours->j), NULL);
                else if (follows)
                        r = join(before, ours);
        }
        if (r < 0)
                return r;
        bulletins_clear(b);
        *b = *stored;
        *stored = (Bulletins){0};
        return 0;
}

void bulletins_forget(Bulletins *b, uint64_t now)
{
        size_t kept = 0, shown[] = {[BULLETIN_INCIDENT] = 0, [BULLETIN_MAINTENANCE] = 0};

        for (size_t i = 0; i < b->n; i++) {
                Bulletin *item = &b->items[i];
                uint64_t end = ended(item);

                if (end > 0 && !item->dirty &&
                    (end + BULLETIN_KEPT_USEC < now || shown[item->kind] >= PUBLIC_STATUS_BULLETINS)) {
                        json_decref(item->j);
                        continue;
                }
                shown[item->kind]++;
                b->items[kept++] = *item;
        }
        b->n = kept;
}

/* --- looking --- */

/* Soonest first while it is not over; then newest first. */
static int compare_maintenances(const void *a, const void *b)
{
        const Bulletin *x = *(const Bulletin *const *) a, *y = *(const Bulletin *const *) b;
        uint64_t end_x = ended(x), end_y = ended(y);

        if (end_x == 0 && end_y == 0) {
                uint64_t from_x = bulletin_time(x->j, "from"), from_y = bulletin_time(y->j, "from");

                return from_x < from_y ? -1 : from_x > from_y ? 1 : 0;
        }
        if (end_x == 0 || end_y == 0)
                return end_x == 0 ? -1 : 1;
        return end_x > end_y ? -1 : end_x < end_y ? 1 : 0;
}

json_t *bulletins_to_json(const Bulletins *b, BulletinKind kind)
{
        const Bulletin **order = calloc(b->n + 1, sizeof(const Bulletin *));
        json_t *list = order ? json_array() : NULL;
        size_t n = 0, over = 0;

        for (size_t i = 0; order && i < b->n; i++)
                if (b->items[i].kind == kind)
                        order[n++] = &b->items[i];
        if (order && kind == BULLETIN_MAINTENANCE)
                qsort(order, n, sizeof(*order), compare_maintenances);
        for (size_t i = 0; i < n; i++) {
                if (bulletin_is_over(order[i]) && over++ >= PUBLIC_STATUS_BULLETINS)
                        continue;
                json_add(list, json_incref(order[i]->j));
        }
        free(order);
        return list;
}
