/* SPDX-License-Identifier: MIT */
/* The certificate authorities that HTTPS is checked against, one store a place. curl would read Debian's bundle for each
 * fresh connection (17 ms), and its own cache holds one file only and does not notice changes. The system's are taken
 * from the folder, where OpenSSL finds the few that are needed by their hash: the bundle would be 900 KiB in memory. */
#include "base/fetch_private.h"

#include <dirent.h>
#include <sys/stat.h>

#define STORES_MAX 16

typedef struct Store {
        char *file;
        struct stat seen;
        X509_STORE *store;
        TAILQ_ENTRY(Store) entry;
} Store;
TAILQ_HEAD(StoreList, Store);

struct FetchTrust {
        char *system_place;
        struct StoreList stores; /* last used first */
        size_t n_stores;
};

/* Whether `openssl rehash` or the like has been there. */
static bool is_hashed_folder(const char *path)
{
        DIR *d = path ? opendir(path) : NULL;
        struct dirent *entry;
        bool found = false;

        if (!d)
                return false;
        while (!found && (entry = readdir(d)))
                found = strlen(entry->d_name) == 10 && strspn(entry->d_name, "0123456789abcdef") == 8 &&
                        streq(entry->d_name + 8, ".0");
        closedir(d);
        return found;
}

static const char *system_place(void)
{
        const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
        const char *file = secure_getenv("SSL_CERT_FILE"), /* as OpenSSL's own programs do */
                        *folder = secure_getenv("SSL_CERT_DIR");

        if (file && *file)
                return file;
        if (is_hashed_folder(folder))
                return folder;
        if (is_hashed_folder(curl->capath))
                return curl->capath;
        return curl->cainfo ? curl->cainfo : "/etc/ssl/certs/ca-certificates.crt";
}

int fetch_trust_new(FetchTrust **ret)
{
        FetchTrust *trust = calloc(1, sizeof(*trust));

        if (!trust)
                return -ENOMEM;
        TAILQ_INIT(&trust->stores);
        trust->system_place = strdup(system_place());
        if (!trust->system_place) {
                free(trust);
                return -ENOMEM;
        }
        *ret = trust;
        return 0;
}

static void store_drop(FetchTrust *trust, Store *s)
{
        TAILQ_REMOVE(&trust->stores, s, entry);
        trust->n_stores--;
        X509_STORE_free(s->store);
        free(s->file);
        free(s);
}

FetchTrust *fetch_trust_free(FetchTrust *trust)
{
        if (!trust)
                return NULL;
        while (!TAILQ_EMPTY(&trust->stores))
                store_drop(trust, TAILQ_FIRST(&trust->stores));
        free(trust->system_place);
        free(trust);
        return NULL;
}

static int store_load(const char *file, bool folder, X509_STORE **ret)
{
        X509_STORE *store = X509_STORE_new();

        if (!store)
                return -ENOMEM;
        /* As curl sets them: a chain may end at any certificate in the file, not only at a root. */
        X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
        if ((folder ? X509_STORE_load_path(store, file) : X509_STORE_load_file(store, file)) != 1) {
                ERR_clear_error();
                X509_STORE_free(store);
                return -EBADMSG;
        }
        *ret = store;
        return 0;
}

static Store *store_find(FetchTrust *trust, const char *file)
{
        Store *s;

        TAILQ_FOREACH(s, &trust->stores, entry)
        if (streq(s->file, file))
                return s;
        return NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int store_add(FetchTrust *trust, const char *file, const struct stat *st, X509_STORE *store)
{
        Store *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->file = strdup(file);
        if (!s->file) {
                free(s);
                return -ENOMEM;
        }
        s->seen = *st;
        s->store = store;
        TAILQ_INSERT_HEAD(&trust->stores, s, entry);
        if (++trust->n_stores > STORES_MAX)
                store_drop(trust, TAILQ_LAST(&trust->stores, StoreList));
        return 0;
}

int fetch_trust_get(FetchTrust *trust, const char *file, X509_STORE **ret)
{
        X509_STORE *store;
        struct stat st;
        Store *s;
        int r;

        if (!file)
                file = trust->system_place;
        if (stat(file, &st) < 0)
                return -errno;
        s = store_find(trust, file);
        if (s && same_file(&s->seen, &st)) {
                TAILQ_REMOVE(&trust->stores, s, entry);
                TAILQ_INSERT_HEAD(&trust->stores, s, entry);
                *ret = s->store;
                return 0;
        }
        r = store_load(file, S_ISDIR(st.st_mode), &store);
        if (r < 0)
                return r;
        if (s)
                store_drop(trust, s);
        r = store_add(trust, file, &st, store);
        if (r < 0) {
                X509_STORE_free(store);
                return r;
        }
        *ret = store;
        return 0;
}
