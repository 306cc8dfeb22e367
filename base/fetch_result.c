/* SPDX-License-Identifier: MIT */
/* How a request ended, in our words: curl's codes, the kernel's and OpenSSL's become one FetchError and a message. */
#include "base/clock.h"
#include "base/fetch_private.h"

#include <arpa/inet.h>

#include <openssl/x509_vfy.h>

const char *fetch_error_name(FetchError error)
{
        static const char *const names[] = {
                        [FETCH_OK] = "ok",
                        [FETCH_NAME_UNKNOWN] = "no such name",
                        [FETCH_NAME_FAILED] = "name not resolved",
                        [FETCH_REFUSED] = "refused",
                        [FETCH_RESET] = "connection reset",
                        [FETCH_TIMEOUT] = "timeout",
                        [FETCH_CERT_EXPIRED] = "certificate expired",
                        [FETCH_CERT_NOT_YET] = "certificate not yet valid",
                        [FETCH_CERT_NAME] = "certificate for another host",
                        [FETCH_CERT_UNTRUSTED] = "certificate not trusted",
                        [FETCH_TLS] = "TLS failure",
                        [FETCH_TOO_LARGE] = "answer too large",
                        [FETCH_BLOCKED] = "address not allowed",
                        [FETCH_REDIRECTS] = "too many redirects",
                        [FETCH_PROTOCOL] = "not HTTP",
                        [FETCH_LOCAL] = "trouble on this machine",
        };

        assert((size_t) error < ELEMENTSOF(names));
        return names[error];
}

bool fetch_errno_is_local(int error)
{
        switch (error) {
        case ECONNREFUSED:
        case ECONNRESET:
        case EHOSTUNREACH:
        case ETIMEDOUT:
        case ENOENT: /* a Unix socket */
        case EPIPE:
                return false;
        default: /* ENETUNREACH, EMFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, EPERM by a firewall of ours, … */
                return true;
        }
}

static const char *peer(const Fetch *f, char buffer[static ADDRESS_SIZE])
{
        if (f->unix_socket)
                return "the Unix socket";
        if (f->last_address.ss_family == AF_UNSPEC)
                return f->host;
        return address_format(buffer, &f->last_address);
}

#define SAY(error, ...)                                             \
        ({                                                          \
                snprintf(message, FETCH_MESSAGE_SIZE, __VA_ARGS__); \
                (error);                                            \
        })

FetchError fetch_result_unresolved(const Fetch *f, const ResolveResult *result,
                                   char message[static FETCH_MESSAGE_SIZE])
{
        const char *why = result->message && *result->message ? result->message : strerror(-result->error);

        switch (result->error) {
        case -ENOENT:
        case -EINVAL:
                return SAY(FETCH_NAME_UNKNOWN, "%.255s: %s", f->host, why);
        case -EAGAIN:
        case -ETIMEDOUT:
                return SAY(FETCH_NAME_FAILED, "%.255s cannot be resolved: %s", f->host, why);
        default:
                return SAY(FETCH_LOCAL, "%.255s cannot be resolved: %s", f->host, why);
        }
}

FetchError fetch_result_timeout(const Fetch *f, char message[static FETCH_MESSAGE_SIZE])
{
        char address[ADDRESS_SIZE], duration[DURATION_SIZE];

        duration_format(duration, f->timeout_usec);
        if (f->state == FETCH_STATE_RESOLVING)
                return SAY(FETCH_NAME_FAILED, "%.255s cannot be resolved: no answer in %s", f->host,
                           duration);
        return SAY(FETCH_TIMEOUT, "no answer from %.255s in %s (%s)", peer(f, address), duration,
                   fetch_phase(f));
}

static FetchError judge_errno(const Fetch *f, int error, char message[static FETCH_MESSAGE_SIZE])
{
        char address[ADDRESS_SIZE];

        switch (error) {
        case ECONNREFUSED:
                return SAY(FETCH_REFUSED, "refused by %.255s", peer(f, address));
        case EHOSTUNREACH:
                return SAY(FETCH_REFUSED, "%.255s is unreachable", peer(f, address));
        case ENOENT:
                return SAY(FETCH_REFUSED, "the Unix socket does not exist");
        case ECONNRESET:
        case EPIPE:
                return SAY(FETCH_RESET, "reset by %.255s", peer(f, address));
        case ETIMEDOUT:
                return SAY(FETCH_TIMEOUT, "no answer from %.255s (connecting)", peer(f, address));
        default:
                return SAY(FETCH_LOCAL, "cannot connect to %.255s: %s", peer(f, address),
                           error > 0 ? strerror(error) : "the connection failed");
        }
}

static FetchError judge_connect(Fetch *f, char message[static FETCH_MESSAGE_SIZE])
{
        char address[ADDRESS_SIZE];

        fetch_note_errno(f);
        if (f->connect_errno > 0 && f->n_opened > 0)
                return judge_errno(f, f->connect_errno, message);
        if (f->local_error < 0)
                return SAY(FETCH_LOCAL, "cannot connect to %.255s: %s", peer(f, address),
                           strerror(-f->local_error));
        if (f->n_blocked > 0)
                return SAY(FETCH_BLOCKED, "%.255s is not a public address", peer(f, address));
        return judge_errno(f, f->connect_errno, message);
}

/* A name that does not match is found by curl itself, with its own words only. */
static FetchError judge_certificate(Fetch *f, char message[static FETCH_MESSAGE_SIZE])
{
        long verify = 0;

        (void) curl_easy_getinfo(f->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
        switch (verify) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
                return SAY(FETCH_CERT_EXPIRED, "the certificate of %.255s has expired", f->host);
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return SAY(FETCH_CERT_NOT_YET,
                           "the certificate of %.200s is not yet valid: is our clock right?", f->host);
        case X509_V_OK:
        case X509_V_ERR_UNSPECIFIED: /* where curl starts from */
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return SAY(FETCH_CERT_NAME, "the certificate is not for %.255s", f->host);
        default:
                return SAY(FETCH_CERT_UNTRUSTED, "the certificate of %.255s is not trusted: %s", f->host,
                           X509_verify_cert_error_string(verify));
        }
}

static FetchError judge_handshake(Fetch *f, char message[static FETCH_MESSAGE_SIZE])
{
        static const char *const closed[] = {"unexpected eof", "SSL_ERROR_SYSCALL", "Connection reset",
                                             "SSL_ERROR_ZERO"};
        char address[ADDRESS_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(closed); i++)
                if (strstr(f->curl_message, closed[i]))
                        return SAY(FETCH_RESET, "closed by %.255s in the TLS handshake", peer(f, address));
        return SAY(FETCH_TLS, "TLS failure with %.255s: %s", peer(f, address), f->curl_message);
}

/* A callback of ours stopped it. */
static FetchError judge_write(Fetch *f, char message[static FETCH_MESSAGE_SIZE])
{
        if (f->local_error < 0)
                return SAY(FETCH_LOCAL, "the answer cannot be kept: %s", strerror(-f->local_error));
        if (f->refused)
                return SAY(FETCH_LOCAL, "no more of the answer was wanted");
        if (f->over_budget)
                return SAY(FETCH_LOCAL, "no room for the answer: those under way hold %zu bytes together",
                           f->client->held);
        if (f->bad_encoding)
                return SAY(FETCH_PROTOCOL, "an encoding that was not asked for");
        if (f->session)
                return SAY(FETCH_TOO_LARGE, "answers of more than %d bytes", FETCH_HEADERS_MAX);
        if (f->too_large && !f->body_too_large)
                return SAY(FETCH_TOO_LARGE, "headers of more than %d bytes", FETCH_HEADERS_MAX);
        return SAY(FETCH_TOO_LARGE, "an answer of more than %zu bytes", f->response_max);
}

FetchError fetch_result_judge(Fetch *f, char message[static FETCH_MESSAGE_SIZE])
{
        const char *text = *f->curl_message ? f->curl_message : curl_easy_strerror(f->code);
        char address[ADDRESS_SIZE];
        long status = 0;

        switch (f->code) {
        case CURLE_OK:
                (void) curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
                return SAY(FETCH_OK, "HTTP %ld", status);
        case CURLE_COULDNT_CONNECT:
                return judge_connect(f, message);
        case CURLE_OPERATION_TIMEDOUT:
                return SAY(FETCH_TIMEOUT, "no answer from %.255s (%s)", peer(f, address), fetch_phase(f));
        case CURLE_COULDNT_RESOLVE_HOST:
                return SAY(FETCH_NAME_FAILED, "%.255s cannot be resolved", f->host);
        case CURLE_GOT_NOTHING:
                return SAY(FETCH_RESET, "closed by %.255s without an answer", peer(f, address));
        case CURLE_PARTIAL_FILE:
                return SAY(FETCH_RESET, "closed by %.255s in the middle of its answer", peer(f, address));
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
                return f->session ? SAY(FETCH_RESET, "the connection to %.255s broke", peer(f, address))
                                  : SAY(FETCH_RESET, "reset by %.255s", peer(f, address));
        case CURLE_PEER_FAILED_VERIFICATION:
                return judge_certificate(f, message);
        case CURLE_SSL_CONNECT_ERROR:
                return judge_handshake(f, message);
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
                return SAY(FETCH_CERT_UNTRUSTED, "the certificate of %.255s is not trusted: %s", f->host,
                           text);
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CLIENTCERT:
        case CURLE_USE_SSL_FAILED:
                return SAY(FETCH_TLS, "TLS failure with %.255s: %s", peer(f, address), text);
        case CURLE_WRITE_ERROR:
                return judge_write(f, message);
        case CURLE_OUT_OF_MEMORY:
        case CURLE_FAILED_INIT:
        case CURLE_INTERFACE_FAILED:
        case CURLE_ABORTED_BY_CALLBACK:
        case CURLE_SSL_CACERT_BADFILE:
                return SAY(FETCH_LOCAL, "%s", text);
        default:
                return SAY(FETCH_PROTOCOL, "no proper %s from %.255s: %s", f->session ? "answer" : "HTTP",
                           peer(f, address), text);
        }
}

int fetch_host(const char *url, char **ret)
{
        CURLU *parts = curl_url();
        char *host = NULL, *copy = NULL;
        struct in6_addr address;
        int r = -EINVAL;

        assert(url && ret);

        if (!parts)
                return -ENOMEM;
        if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(parts, CURLUPART_HOST, &host, CURLU_PUNYCODE) == CURLUE_OK && host[0] != '[' &&
            inet_pton(AF_INET, host, &address) != 1) {
                copy = strdup(host);
                r = copy ? 0 : -ENOMEM;
        }
        curl_free(host);
        curl_url_cleanup(parts);
        if (r >= 0)
                *ret = copy;
        return r;
}
