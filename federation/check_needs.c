/* SPDX-License-Identifier: MIT */
/* --check: what the system must give federationd for this configuration. `failoverctl setup --drop-ins` writes it down. */
#include "federation/check_private.h"

/* A file without a slash is a credential, which systemd hands over. */
static void add_file(json_t *credentials, json_t *reads, const char *file)
{
        if (file && !strchr(file, '/'))
                json_add(credentials, json_string(file));
        else if (file && file[0] == '/')
                json_add(reads, json_string(file));
}

json_t *check_needs(const Config *c)
{
        json_t *j = json_object(), *credentials = json_array(), *reads = json_array(), *users = json_array();

        add_file(credentials, reads, c->node.key_file);
        add_file(credentials, reads, c->tls.cert_file);
        add_file(credentials, reads, c->tls.key_file);
        if (c->failover_runtime_dir)
                json_add(reads, json_string(c->failover_runtime_dir));
        if (c->failover_status_dir)
                json_add(reads, json_string(c->failover_status_dir));
        for (size_t i = 0; c->network.orders_from && c->network.orders_from[i]; i++)
                json_add(users, json_string(c->network.orders_from[i]));
        json_put(j, "credentials", credentials);
        json_put(j, "writes", json_array());
        json_put(j, "reads", reads);
        json_put(j, "units", json_object());
        json_put(j, "users", users);
        return j;
}
