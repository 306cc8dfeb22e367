/* SPDX-License-Identifier: MIT */
/* The files that the configuration names: certificate, its key, the node's key. */
#include "base/file.h"
#include "base/key_ring.h"
#include "base/text.h"
#include "federation/config_private.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <time.h>

#define CERTIFICATE_MAX (256 * 1024)

static void bio_freep(BIO **b)
{
        BIO_free(*b);
}

static void x509_freep(X509 **x)
{
        X509_free(*x);
}

static void key_freep(EVP_PKEY **k)
{
        EVP_PKEY_free(*k);
}

/* Nobody is asked for a password. */
static int no_password(char *buffer, int size, int rwflag, void *userdata)
{
        return -1;
}

static int check_pair(const TlsConfig *names, const char *certificate, const char *key, X509 **ret, Error *e)
{
        _cleanup_(bio_freep) BIO *c = BIO_new_mem_buf(certificate, -1), *k = BIO_new_mem_buf(key, -1);
        _cleanup_(x509_freep) X509 *x = NULL;
        _cleanup_(key_freep) EVP_PKEY *pkey = NULL;
        int r = 0;

        if (!c || !k)
                return error_set(e, -ENOMEM, "out of memory");
        x = PEM_read_bio_X509(c, NULL, no_password, NULL);
        pkey = PEM_read_bio_PrivateKey(k, NULL, no_password, NULL);
        if (!x)
                r = error_set(e, -EINVAL, "tls.cert_file: %s: no certificate in PEM form", names->cert_file);
        else if (!pkey)
                r = error_set(e, -EINVAL, "tls.key_file: %s: no key in PEM form without a password",
                              names->key_file);
        else if (X509_check_private_key(x, pkey) != 1)
                r = error_set(e, -EINVAL, "tls: %s is not the key of %s", names->key_file, names->cert_file);
        ERR_clear_error();
        if (r >= 0)
                *ret = TAKE_PTR(x);
        return r;
}

static int read_pair(const Config *c, char **ret_certificate, char **ret_key, X509 **ret, Error *e)
{
        _cleanup_free_ char *path = NULL, *certificate = NULL;
        _cleanup_(secret_freep) char *key = NULL;
        int r;

        if (secret_path(c->tls.cert_file, c->directory, &path) < 0)
                return error_set(e, -ENOMEM, "out of memory");
        r = file_read(path, CERTIFICATE_MAX, &certificate, NULL);
        if (r < 0)
                return error_set(e, r, "tls.cert_file: %s: %s", path, error_words(-r));
        r = secret_read(c->tls.key_file, c->directory, &key, NULL, e);
        if (r < 0)
                return error_prefix(e, r, "tls.key_file");
        r = check_pair(&c->tls, certificate, key, ret, e);
        if (r < 0)
                return r;
        *ret_certificate = TAKE_PTR(certificate);
        *ret_key = TAKE_PTR(key);
        return 0;
}

static bool fits_host(X509 *x, const char *url)
{
        const char *host = strstr(url, "://") + 3;
        size_t n = strcspn(host, "/");
        _cleanup_free_ char *name = NULL;
        bool literal = host[0] == '[';

        if (literal) {
                host++;
                n = strcspn(host, "]");
        } else
                n = MIN(n, strcspn(host, ":"));
        name = strndup(host, n);
        if (!name)
                return true; /* not worth an alarm */
        return X509_check_host(x, name, 0, 0, NULL) == 1 || X509_check_ip_asc(x, name, 0) == 1;
}

int config_verify_tls(const Config *c, TlsFacts *ret, Error *e)
{
        _cleanup_free_ char *certificate = NULL;
        _cleanup_(secret_freep) char *key = NULL;
        _cleanup_(x509_freep) X509 *x = NULL;
        struct tm tm;
        int r = c->tls.cert_file ? read_pair(c, &certificate, &key, &x, e) : 0;

        if (r < 0 || !x)
                return r;
        *ret = (TlsFacts){.fits = fits_host(x, c->node.url)};
        if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
                ret->expires_usec = (uint64_t) MAX(timegm(&tm), (time_t) 1) * USEC_PER_SEC;
        ERR_clear_error();
        return 0;
}

static int read_ring(const Config *c, KeyRing **ret, Error *e)
{
        _cleanup_(secret_freep) char *text = NULL;
        Error why;
        int r;

        r = secret_read(c->node.key_file, c->directory, &text, NULL, &why);
        if (r < 0)
                return error_set(e, r, "node.key_file: %s", why.text);
        r = key_ring_parse(text, ret, &why);
        return r < 0 ? error_set(e, r, "node.key_file: %s: %s", c->node.key_file, why.text) : 0;
}

int config_verify_key(const Config *c, Error *e)
{
        _cleanup_(key_ring_freep) KeyRing *ring = NULL;

        return c->node.key_file ? read_ring(c, &ring, e) : 0;
}

/* This may ask LDAP, say. */
static int find_users(NetworkConfig *n)
{
        size_t count = 0;

        while (n->orders_from && n->orders_from[count])
                count++;
        free(n->order_uids);
        n->n_order_uids = 0;
        n->order_uids = calloc(count + 1, sizeof(*n->order_uids));
        if (!n->order_uids)
                return -ENOMEM;
        for (size_t i = 0; i < count; i++) {
                const struct passwd *user = getpwnam(n->orders_from[i]);

                if (user)
                        n->order_uids[n->n_order_uids++] = user->pw_uid;
        }
        return 0;
}

int config_read_files(Config *c, Error *e)
{
        _cleanup_(x509_freep) X509 *x = NULL;
        int r = find_users(&c->network);

        if (r < 0)
                return error_set(e, r, "out of memory");
        r = c->node.key_file ? read_ring(c, &c->ring, e) : 0;

        if (r == -EPERM || r == -ENOMEM)
                return r;
        if (r < 0)
                snprintf(c->key_trouble, sizeof(c->key_trouble), "%.*s",
                         UTF8_CUT(e->text, sizeof(c->key_trouble) - 1));
        return c->tls.cert_file ? read_pair(c, &c->tls.certificate, &c->tls.key, &x, e) : 0;
}
