/* SPDX-License-Identifier: MIT */
/* Makes an authority and the certificates of a payment API in good and bad days, into a folder: ca.crt, and NAME.crt
 * with NAME.key for each row of `kinds`.
 *
 * certificates FOLDER HOST */
#include "tests/parts/server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
        const char *name;
        const char *host; /* NULL: the one asked for */
        int from_days, to_days;
        bool self_signed;
} kinds[] = {
                {"valid", NULL, -1, 90, false},
                {"ends-soon", NULL, -80, 5, false},
                {"expired", NULL, -90, -1, false},
                {"not-yet", NULL, 1, 90, false},
                {"wrong-name", "other.example", -1, 90, false},
                {"self-signed", NULL, -1, 90, true},
};

static void extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX context;

        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);

        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);

        if (!e || X509_add_ext(certificate, e, -1) != 1)
                die("cannot add extension %s", value);
        X509_EXTENSION_free(e);
}

static X509 *certificate_new(const char *subject, EVP_PKEY *key, int from_days, int to_days)
{
        static long serial = 1;
        X509 *c = X509_new();
        X509_NAME *name = X509_NAME_new();

        if (!c || !name ||
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *) subject, -1, -1,
                                       0) != 1 ||
            X509_set_version(c, X509_VERSION_3) != 1 ||
            ASN1_INTEGER_set(X509_get_serialNumber(c), serial++) != 1 ||
            !X509_gmtime_adj(X509_getm_notBefore(c), from_days * 86400L) ||
            !X509_gmtime_adj(X509_getm_notAfter(c), to_days * 86400L) ||
            X509_set_subject_name(c, name) != 1 || X509_set_pubkey(c, key) != 1)
                die("cannot make a certificate for %s", subject);
        X509_NAME_free(name);
        return c;
}

static void certificate_sign(X509 *c, X509 *issuer, EVP_PKEY *issuer_key)
{
        if (X509_set_issuer_name(c, X509_get_subject_name(issuer)) != 1 ||
            X509_sign(c, issuer_key, EVP_sha256()) <= 0)
                die("cannot sign a certificate");
}

static FILE *file_new(const char *folder, const char *name, const char *ending)
{
        char *path = text("%s/%s.%s", folder, name, ending);
        FILE *f = fopen(path, "we");

        if (!f)
                die("%s: %m", path);
        free(path);
        return f;
}

static void pair_write(const char *folder, const char *name, X509 *c, EVP_PKEY *key)
{
        FILE *f = file_new(folder, name, "crt");

        if (PEM_write_X509(f, c) != 1 || fclose(f) != 0)
                die("cannot write %s/%s.crt", folder, name);
        f = file_new(folder, name, "key");
        if (PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1 || fclose(f) != 0)
                die("cannot write %s/%s.key", folder, name);
}

static EVP_PKEY *key_new(void)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");

        if (!key)
                die("cannot make a key");
        return key;
}

int main(int argc, char **argv)
{
        if (argc != 3)
                die("usage: certificates FOLDER HOST");

        EVP_PKEY *ca_key = key_new();
        X509 *ca = certificate_new("Authority of the tests", ca_key, -365, 365);

        extension_add(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
        extension_add(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
        certificate_sign(ca, ca, ca_key);
        pair_write(argv[1], "ca", ca, ca_key);

        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                const char *host = kinds[i].host ? kinds[i].host : argv[2];
                EVP_PKEY *key = key_new();
                X509 *c = certificate_new(host, key, kinds[i].from_days, kinds[i].to_days);
                char *alternative = text("%s:%s", host[strspn(host, "0123456789.")] ? "DNS" : "IP", host);

                extension_add(c, ca, NID_subject_alt_name, alternative);
                certificate_sign(c, kinds[i].self_signed ? c : ca, kinds[i].self_signed ? key : ca_key);
                pair_write(argv[1], kinds[i].name, c, key);
                free(alternative);
                X509_free(c);
                EVP_PKEY_free(key);
        }
        X509_free(ca);
        EVP_PKEY_free(ca_key);
        return 0;
}
