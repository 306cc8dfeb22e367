/* SPDX-License-Identifier: MIT */
/* A DNS server on the test's own loop, on a free port of loopback, UDP and TCP. The first label of the name that is
 * asked for says how it behaves; the table below says what it answers. */
#pragma once

#include "base/loop.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct DnsAnswerBuffer {
        uint8_t data[65535];
        size_t size;
} DnsAnswerBuffer;

typedef struct DnsServer {
        sd_event *event;
        int udp, tcp;
        sd_event_source *on_udp, *on_tcp, *on_stream;
        uint16_t port;
        char address[32];
        unsigned n_udp, n_tcp; /* questions that came */
        bool silent;           /* answers nothing at all */
        int drop;              /* so many questions are lost first */
        unsigned rcode;        /* answered to everything when set */
        char last_name[256];
        /* Instead of the table: adds the records of name, and may set the rcode (b->data[3]). False: no answer. */
        bool (*answer)(struct DnsServer *s, const char *name, unsigned type, DnsAnswerBuffer *b);
} DnsServer;

static inline void dns_put(DnsAnswerBuffer *b, const void *data, size_t size)
{
        CHECK(b->size + size <= sizeof(b->data));
        memcpy(b->data + b->size, data, size);
        b->size += size;
}

static inline void dns_put16(DnsAnswerBuffer *b, unsigned n)
{
        dns_put(b, (uint8_t[]){(uint8_t) (n >> 8), (uint8_t) n}, 2);
}

static inline void dns_put_name(DnsAnswerBuffer *b, const char *name)
{
        while (*name) {
                size_t n = strcspn(name, ".");

                dns_put(b, (uint8_t[]){(uint8_t) n}, 1);
                dns_put(b, name, n);
                name += n + (name[n] == '.');
        }
        dns_put(b, "", 1);
}

/* owner NULL: the name of the question. */
static inline void dns_put_record(DnsAnswerBuffer *b, const char *owner, unsigned type, unsigned ttl,
                                  const void *data, size_t size)
{
        if (owner)
                dns_put_name(b, owner);
        else
                dns_put16(b, 0xc00c);
        dns_put16(b, type);
        dns_put16(b, 1);
        dns_put16(b, 0);
        dns_put16(b, ttl);
        dns_put16(b, (unsigned) size);
        dns_put(b, data, size);
        b->data[7]++; /* ANCOUNT; up to 255 */
}

static inline void dns_put_name_record(DnsAnswerBuffer *b, const char *owner, unsigned type,
                                       const void *before, size_t n_before, const char *name)
{
        DnsAnswerBuffer data = {.size = 0};

        dns_put(&data, before, n_before);
        dns_put_name(&data, name);
        dns_put_record(b, owner, type, 60, data.data, data.size);
}

enum {
        DNS_A = 1,
        DNS_NS = 2,
        DNS_CNAME = 5,
        DNS_SOA = 6,
        DNS_PTR = 12,
        DNS_MX = 15,
        DNS_TXT = 16,
        DNS_AAAA = 28,
        DNS_SRV = 33,
        DNS_CAA = 257
};

static inline void dns_answer_types(DnsAnswerBuffer *b, unsigned type)
{
        static const uint8_t v4[] = {127, 0, 0, 1}, second[] = {127, 0, 0, 2}, v6[16] = {[15] = 1};

        switch (type) {
        case DNS_A:
                dns_put_record(b, NULL, type, 300, v4, 4);
                dns_put_record(b, NULL, type, 30, second, 4);
                break;
        case DNS_AAAA:
                dns_put_record(b, NULL, type, 60, v6, 16);
                break;
        case DNS_NS:
                dns_put_name_record(b, NULL, type, "", 0, "NS1.Example.ORG");
                break;
        case DNS_PTR:
                dns_put_name_record(b, NULL, type, "", 0, "host.example.org");
                break;
        case DNS_MX:
                dns_put_name_record(b, NULL, type, "\x00\x0a", 2, "mail.example.org");
                dns_put_name_record(b, NULL, type, "\x00\x00", 2, ""); /* RFC 7505: no mail */
                break;
        case DNS_TXT:
                dns_put_record(b, NULL, type, 60, "\x07v=spf1 \x04-all", 13);
                dns_put_record(b, NULL, type, 60, "\x03x\0y", 4);
                break;
        case DNS_SRV:
                dns_put_name_record(b, NULL, type, "\x00\x01\x00\x02\x14\x66", 6, "sip.example.org");
                break;
        case DNS_CAA:
                dns_put_record(b, NULL, type, 60, "\x00\x05issueletsencrypt.org", 22);
                break;
        case DNS_SOA: {
                DnsAnswerBuffer data = {.size = 0};

                dns_put_name(&data, "ns1.example.org");
                dns_put_name(&data, "admin.example.org");
                for (unsigned i = 1; i <= 5; i++) {
                        dns_put16(&data, 0);
                        dns_put16(&data, i);
                }
                dns_put_record(b, NULL, type, 60, data.data, data.size);
                break;
        }
        }
}

/* Returns whether to answer. */
static inline bool dns_answer_label(DnsAnswerBuffer *b, const char *label, unsigned type, bool tcp)
{
        static const uint8_t v4[] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
        bool a = type == DNS_A;

        if (streq(label, "silent") || (streq(label, "mute6") && !a))
                return false;
        if (streq(label, "nx"))
                b->data[3] |= 3;
        else if (streq(label, "servfail") || (streq(label, "fail6") && !a))
                b->data[3] |= 2;
        else if (streq(label, "refused"))
                b->data[3] |= 5;
        else if (streq(label, "lame"))
                b->data[2] = 0x80, b->data[3] = 0;
        else if (streq(label, "all"))
                dns_answer_types(b, type);
        else if ((streq(label, "v4") || streq(label, "mute6") || streq(label, "fail6")) && a)
                dns_put_record(b, NULL, DNS_A, 60, v4, 4);
        else if (streq(label, "v6") && type == DNS_AAAA)
                dns_put_record(b, NULL, DNS_AAAA, 60, v6, 16);
        else if (streq(label, "dual"))
                dns_put_record(b, NULL, a ? DNS_A : DNS_AAAA, 60, a ? v4 : v6, a ? 4 : 16);
        else if (streq(label, "alias")) {
                dns_put_record(b, "other.example.org", DNS_A, 60, "\x09\x09\x09\x09", 4); /* nobody asked */
                dns_put_name_record(b, NULL, DNS_CNAME, "", 0, "Middle.example.org");
                if (a)
                        dns_put_record(b, "last.example.ORG", DNS_A, 5, v4, 4);
                dns_put_name_record(b, "middle.example.org", DNS_CNAME, "", 0, "last.example.org");
        } else if (streq(label, "dangling"))
                dns_put_name_record(b, NULL, DNS_CNAME, "", 0, "nowhere.example.org");
        else if (streq(label, "ring")) {
                dns_put_name_record(b, NULL, DNS_CNAME, "", 0, "b.example.org");
                dns_put_name_record(b, "b.example.org", DNS_CNAME, "", 0, "ring.example.org");
        } else if (streq(label, "broken"))
                dns_put_record(b, NULL, type, 60, "\x7f", 1);
        else if (streq(label, "torn")) {
                dns_put_record(b, NULL, type, 60, v4, 4);
                b->size -= 2;
        } else if (streq(label, "big")) {
                for (unsigned i = 0; i < 60; i++)
                        dns_put_record(b, NULL, DNS_A, 60, (uint8_t[]){127, 0, 1, (uint8_t) i}, 4);
                if (!tcp) {
                        b->data[2] |= 0x02;
                        b->size = 512;
                }
        }
        return true;
}

/* Parses the question and makes the answer. */
static inline bool dns_server_answer(DnsServer *s, const uint8_t *question, size_t size, bool tcp,
                                     DnsAnswerBuffer *b)
{
        char name[256] = "", label[64];
        size_t at = 12, n = 0;

        CHECK(size > 16);
        while (question[at]) {
                size_t length = question[at++];

                CHECK(at + length < size && n + length + 1 < sizeof(name));
                for (; length > 0; length--)
                        name[n++] = (char) tolower(question[at++]);
                name[n++] = '.';
        }
        name[n > 0 ? n - 1 : 0] = '\0';
        at += 5;
        strcpy(s->last_name, name);
        if (s->silent || s->drop-- > 0)
                return false;
        dns_put(b, question, at);
        memcpy(b->data + 2, (uint8_t[]){0x81, 0x80 | (uint8_t) s->rcode, 0, 1, 0, 0, 0, 0, 0, 0}, 10);
        if (s->answer)
                return s->answer(s, name, (unsigned) question[at - 4] << 8 | question[at - 3], b);
        snprintf(label, sizeof(label), "%.*s", (int) MIN(strcspn(name, "."), (size_t) 63), name);
        return s->rcode > 0 ||
               dns_answer_label(b, label, (unsigned) question[at - 4] << 8 | question[at - 3], tcp);
}

static inline int dns_on_udp(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        DnsServer *s = userdata;
        static DnsAnswerBuffer b;
        struct sockaddr_in from;
        socklen_t from_size = sizeof(from);
        uint8_t question[1500];
        ssize_t n = recvfrom(fd, question, sizeof(question), 0, (struct sockaddr *) &from, &from_size);

        if (n < 0)
                return 0;
        s->n_udp++;
        memset(&b, 0, 64);
        b.size = 0;
        if (dns_server_answer(s, question, (size_t) n, false, &b))
                (void) !sendto(fd, b.data, b.size, 0, (struct sockaddr *) &from, from_size);
        return 0;
}

static inline int dns_on_stream(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        DnsServer *s = userdata;
        static DnsAnswerBuffer b;
        uint8_t question[1500], length[2];
        ssize_t n = recv(fd, question, 2, MSG_WAITALL);

        if (n == 2)
                n = recv(fd, question, (size_t) question[0] << 8 | question[1], MSG_WAITALL);
        s->n_tcp++;
        memset(&b, 0, 64);
        b.size = 0;
        if (n > 0 && dns_server_answer(s, question, (size_t) n, true, &b)) {
                length[0] = (uint8_t) (b.size >> 8);
                length[1] = (uint8_t) b.size;
                (void) !send(fd, length, 2, MSG_NOSIGNAL);
                (void) !send(fd, b.data, b.size, MSG_NOSIGNAL);
        }
        s->on_stream = loop_source_free(s->on_stream);
        close(fd);
        return 0;
}

/* One connection at a time; the next one waits in the backlog. */
static inline int dns_on_tcp(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        DnsServer *s = userdata;
        int connection;

        if (s->on_stream)
                return 0;
        connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        CHECK(connection >= 0);
        CHECK_INT(loop_add_io(s->event, "dns-stream", connection, EPOLLIN, dns_on_stream, s, &s->on_stream),
                  0);
        return 0;
}

static inline void dns_server_start(DnsServer *s, sd_event *event)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(a);

        /* The same port for both; another process may hold one of them. */
        for (int i = 0;; i++) {
                CHECK(i < 100);
                a.sin_port = 0;
                s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                CHECK_INT(bind(s->tcp, (struct sockaddr *) &a, sizeof(a)), 0);
                CHECK_INT(getsockname(s->tcp, (struct sockaddr *) &a, &size), 0);
                s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                if (bind(s->udp, (struct sockaddr *) &a, sizeof(a)) == 0)
                        break;
                close(s->udp);
                close(s->tcp);
        }
        CHECK_INT(listen(s->tcp, 10), 0);
        s->event = event;
        s->port = ntohs(a.sin_port);
        snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", s->port);
        CHECK_INT(loop_add_io(event, "dns-udp", s->udp, EPOLLIN, dns_on_udp, s, &s->on_udp), 0);
        CHECK_INT(loop_add_io(event, "dns-tcp", s->tcp, EPOLLIN, dns_on_tcp, s, &s->on_tcp), 0);
}

static inline void dns_server_stop(DnsServer *s)
{
        s->on_udp = loop_source_free(s->on_udp);
        s->on_tcp = loop_source_free(s->on_tcp);
        s->on_stream = loop_source_free(s->on_stream);
        close(s->udp);
        close(s->tcp);
}
