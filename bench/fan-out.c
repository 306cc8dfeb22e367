/* SPDX-License-Identifier: MIT */
/* What asking many peers at once costs by our HTTP client, beside curl's multi interface with nothing around it. Both warm, with
 * connections kept alive.
 *
 * fan-out bare|ours ROUNDS < ports: prints the milliseconds of each round, one a line; the processor's on stderr. */
#include "base/clock.h"
#include "base/fetch.h"

#include <curl/curl.h>
#include <sys/resource.h>

#define PEERS_MAX 1024
#define PATH      "/api/search?q=history&query=history&limit=20"

static char urls[PEERS_MAX][96];
static size_t n_urls;

static double cpu_ms(void)
{
        struct rusage u;

        getrusage(RUSAGE_SELF, &u);
        return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
               (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static size_t on_data(char *data, size_t one, size_t size, void *userdata)
{
        *(size_t *) userdata += size;
        return size;
}

static void bare_round(CURLM *multi, CURL **easy, size_t *sizes)
{
        CURLMsg *m;
        int running, left;

        for (size_t i = 0; i < n_urls; i++) {
                sizes[i] = 0;
                curl_multi_add_handle(multi, easy[i]);
        }
        do {
                curl_multi_perform(multi, &running);
                if (running > 0)
                        curl_multi_poll(multi, NULL, 0, 1000, NULL);
        } while (running > 0);
        while ((m = curl_multi_info_read(multi, &left)))
                if (m->msg == CURLMSG_DONE && m->data.result != CURLE_OK)
                        exit(1);
        for (size_t i = 0; i < n_urls; i++)
                curl_multi_remove_handle(multi, easy[i]);
}

static void bare(unsigned rounds)
{
        CURLM *multi = curl_multi_init();
        static CURL *easy[PEERS_MAX];
        static size_t sizes[PEERS_MAX];
        double cpu = 0;

        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) PEERS_MAX);
        for (size_t i = 0; i < n_urls; i++) {
                easy[i] = curl_easy_init();
                curl_easy_setopt(easy[i], CURLOPT_URL, urls[i]);
                curl_easy_setopt(easy[i], CURLOPT_WRITEFUNCTION, on_data);
                curl_easy_setopt(easy[i], CURLOPT_WRITEDATA, &sizes[i]);
                curl_easy_setopt(easy[i], CURLOPT_NOSIGNAL, 1L);
        }
        for (unsigned round = 0; round < rounds + 5; round++) {
                uint64_t began = clock_boot_usec();

                if (round == 5)
                        cpu = cpu_ms();
                bare_round(multi, easy, sizes);
                if (round >= 5)
                        printf("%.3f\n", (double) (clock_boot_usec() - began) / 1e3);
        }
        fprintf(stderr, "%.1f us on the processor a peer\n",
                (cpu_ms() - cpu) * 1e3 / (double) rounds / (double) n_urls);
}

static size_t n_done;

static void on_done(Fetch *f, const FetchResult *result, void *userdata)
{
        if (result->error != FETCH_OK || result->status != 200) {
                fprintf(stderr, "%s\n", result->message);
                exit(1);
        }
        n_done++;
        fetch_free(f);
}

static void ours(unsigned rounds)
{
        static const char *const headers[] = {"X-Node-Id: bench", NULL};
        static const char *const networks[] = {"127.0.0.0/8", NULL};
        sd_event *event = NULL;
        Resolver *resolver = NULL;
        FetchClient *client = NULL;
        double cpu = 0;

        if (sd_event_new(&event) < 0 || resolver_new(event, &resolver) < 0 ||
            fetch_client_new(event, resolver, &client) < 0 || fetch_client_allow(client, networks, NULL) < 0)
                exit(1);
        fetch_client_keep(client, PEERS_MAX);
        for (unsigned round = 0; round < rounds + 5; round++) {
                uint64_t began = clock_boot_usec();

                if (round == 5)
                        cpu = cpu_ms();
                n_done = 0;
                for (size_t i = 0; i < n_urls; i++) {
                        Fetch *f;

                        if (fetch_start(client,
                                        &(FetchRequest){.url = urls[i],
                                                        .headers = headers,
                                                        .timeout_usec = 3 * USEC_PER_SEC,
                                                        .flags = FETCH_GUARD},
                                        on_done, NULL, &f) < 0)
                                exit(1);
                }
                while (n_done < n_urls)
                        sd_event_run(event, USEC_NEVER);
                if (round >= 5)
                        printf("%.3f\n", (double) (clock_boot_usec() - began) / 1e3);
        }
        fprintf(stderr, "%.1f us on the processor a peer\n",
                (cpu_ms() - cpu) * 1e3 / (double) rounds / (double) n_urls);
}

int main(int argc, char **argv)
{
        unsigned port, rounds = argc > 2 ? (unsigned) atoi(argv[2]) : 0;

        while (n_urls < PEERS_MAX && scanf("%u", &port) == 1)
                snprintf(urls[n_urls++], sizeof(urls[0]), "http://127.0.0.1:%u" PATH, port);
        if (rounds == 0 || n_urls == 0) {
                fprintf(stderr, "usage: fan-out bare|ours ROUNDS < ports\n");
                return 2;
        }
        if (streq(argv[1], "bare"))
                bare(rounds);
        else
                ours(rounds);
        return 0;
}
