/* SPDX-License-Identifier: MIT */
/* The catalog as one document, in a file without a name. */
#include "federation/export_file.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "federation/catalog_db.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define PIECE_SIZE  (512 * 1024)
#define LOOK_PIECES 16 /* between two looks at how much is left */

typedef struct Maker {
        const ExportWish *wish;
        int fd;
        Text text; /* not yet written */
        Hash *hash;
        uint64_t size, listings;
        unsigned pieces;
        char at[TIMESTAMP_SIZE];
        ListingFrame frame;
} Maker;

static int refuse(Error *e, int error)
{
        return error_set(e, error, "no room to make the export in: %s", error_words(error));
}

/* The disk is also where the catalog and the network's own database lie. */
static int check_space(const Maker *m, Error *e)
{
        int r = directory_is_tight(m->wish->directory);

        return r > 0 ? refuse(e, -ENOSPC) : r < 0 ? refuse(e, r) : 0;
}

static int write_all(int fd, const char *data, size_t size, off_t at)
{
        while (size > 0) {
                ssize_t n = pwrite(fd, data, size, at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                at += n;
                size -= (size_t) n;
        }
        return 0;
}

/* hashed: it is of the listings. */
static int flush(Maker *m, bool hashed, Error *e)
{
        int r = 0;

        if (m->text.failed)
                return error_set(e, -ENOMEM, "%s", error_words(-ENOMEM));
        if (m->pieces++ % LOOK_PIECES == 0)
                r = check_space(m, e);
        if (r < 0)
                return r;
        if (hashed)
                hash_add(m->hash, m->text.data, m->text.size);
        r = write_all(m->fd, m->text.data, m->text.size, (off_t) m->size);
        if (r < 0)
                return refuse(e, r);
        m->size += m->text.size;
        text_truncate(&m->text, 0);
        return 0;
}

static int on_listing(const Listing *l, void *userdata, Error *e)
{
        Maker *m = userdata;

        if (m->listings++ > 0)
                text_add_bytes(&m->text, ",\n", 2);
        listing_print_export(&m->text, l, &m->frame);
        if (m->text.size < PIECE_SIZE && !m->text.failed)
                return 0;
        if (atomic_load(m->wish->cancelled))
                return error_set(e, -ECANCELED, "stopping");
        return flush(m, true, e);
}

/* Everything before the listings; where the hash belongs goes to ret_hash_at. */
static void add_head(Maker *m, uint64_t generation, off_t *ret_hash_at)
{
        Text *t = &m->text;
        char zeros[EXPORT_HASH_SIZE];

        memset(zeros, '0', sizeof(zeros) - 1);
        zeros[sizeof(zeros) - 1] = '\0';
        text_add_string(t, "{\"schema\":\"" EXPORT_SCHEMA "\",\"node\":");
        text_add_json(t, m->wish->node);
        text_add_string(t, ",\"name\":");
        text_add_json(t, m->wish->name);
        text_add_string(t, ",\"url\":");
        text_add_json(t, m->wish->url);
        text_add(t, ",\"exportedAt\":\"%s\",\"generation\":%" PRIu64 ",\"hash\":\"", m->at, generation);
        *ret_hash_at = (off_t) t->size;
        text_add(t, "%s\",\"listings\":", zeros);
}

static int make(Maker *m, CatalogDb *db, ExportFile *ret, Error *e)
{
        CatalogDbFacts facts;
        off_t hash_at;
        int r = catalog_db_facts(db, &facts, e);

        if (r < 0)
                return r;
        timestamp_format(m->at, facts.imported_usec);
        add_head(m, facts.generation, &hash_at);
        r = listing_export_frame(m->wish->node, m->wish->location, m->at, &m->frame);
        r = r < 0 ? error_set(e, r, "%s", error_words(r)) : flush(m, false, e);
        text_add_string(&m->text, "[");
        if (r >= 0)
                r = catalog_db_each(db, on_listing, m, e);
        text_add_string(&m->text, "]");
        if (r >= 0)
                r = flush(m, true, e);
        hash_end(m->hash, ret->hash);
        if (r >= 0 && !*ret->hash)
                r = error_set(e, -ENOMEM, "%s", error_words(-ENOMEM));
        text_add_string(&m->text, ",\"transactions\":[],\"users\":[]}\n");
        if (r >= 0)
                r = flush(m, false, e);
        if (r >= 0 && (r = write_all(m->fd, ret->hash, EXPORT_HASH_SIZE - 1, hash_at)) < 0)
                refuse(e, r);
        ret->size = m->size;
        ret->generation = facts.generation;
        ret->listings = m->listings;
        return r;
}

/* Without a name; where that cannot be, its name is gone at once. */
static int open_nameless(const char *directory, int *ret, Error *e)
{
        _cleanup_free_ char *path = string_printf("%s/export.tmp", directory);
        int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        if (fd < 0 && path && errno != ENOSPC && errno != EACCES) {
                fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
                if (fd >= 0)
                        (void) unlink(path);
        }
        if (fd < 0)
                return refuse(e, -errno);
        *ret = fd;
        return 0;
}

int export_file_make(const ExportWish *wish, ExportFile *ret, Error *e)
{
        _cleanup_catalog_db_ CatalogDb db = {0};
        Maker m = {.wish = wish, .fd = -1};
        ExportFile file = {.fd = -1};

        assert(wish && ret);

        int r = hash_new(&m.hash);
        r = r < 0 ? error_set(e, r, "%s", error_words(r)) : catalog_db_open(wish->catalog, true, &db, e);
        if (r >= 0)
                r = open_nameless(wish->directory, &m.fd, e);
        if (r >= 0)
                r = db_exec(db.db, "BEGIN", e); /* all of it is of one moment */
        if (r >= 0) {
                r = make(&m, &db, &file, e);
                db_rollback(db.db);
        }
        text_clear(&m.text);
        hash_free(m.hash);
        listing_frame_clear(&m.frame);
        if (r < 0) {
                if (m.fd >= 0)
                        close(m.fd);
                return r;
        }
        file.fd = m.fd;
        *ret = file;
        return 0;
}
