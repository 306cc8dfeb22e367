/* SPDX-License-Identifier: MIT */
/* The two configurations that `setup` writes. */
#include "ctl/setup.h"

#include <ctype.h>

/* Could YAML take it for something else than these characters? */
static bool is_plain(const char *s)
{
        static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};

        for (size_t k = 0; k < ELEMENTSOF(words); k++)
                if (strcasecmp(s, words[k]) == 0)
                        return false;
        if (!isalpha((unsigned char) s[0]))
                return false;
        for (const char *c = s; *c; c++)
                if (!isalnum((unsigned char) *c) && !strchr("._/-", *c))
                        return false;
        return true;
}

static void add_scalar(Text *t, const char *s)
{
        if (is_plain(s)) {
                text_add_string(t, s);
                return;
        }
        text_add(t, "\"");
        for (const char *c = s; *c; c++)
                if (*c == '"' || *c == '\\')
                        text_add(t, "\\%c", *c);
                else if ((unsigned char) *c < ' ' || *c == 0x7f)
                        text_add(t, "\\x%02x", (unsigned char) *c);
                else
                        text_add_bytes(t, c, 1);
        text_add(t, "\"");
}

static void add_key(Text *t, const char *key, const char *value)
{
        if (!value || value[0] == '\0')
                return;
        text_add_string(t, key);
        add_scalar(t, value);
        text_add(t, "\n");
}

static void add_node(Text *t, const SetupAnswers *a)
{
        text_add(t, "node:\n");
        add_key(t, "  id: ", a->id);
        add_key(t, "  name: ", a->name);
        text_add(t, "  key_file: node.key                 # a credential: systemd hands it over\n");
}

void setup_print_supervisor(Text *t, const SetupAnswers *a)
{
        text_add(t, "# failoverd.yaml, made by `failoverctl setup`. All keys: `failoverctl help config`.\n"
                    "# After a change: `failoverctl check-config`, then `systemctl reload failoverd`.\n\n");
        add_node(t, a);
        text_add(t, "\nprobes:\n"
                    "  disk:\n"
                    "    type: disk\n"
                    "    path: /var/lib/failoverd         # its disk: usually that of all of /var\n"
                    "\n"
                    "modes:                               # a second one makes it possible to fail over\n"
                    "  - name: primary\n"
                    "    requires: [disk]\n"
                    "\n"
                    "actions:\n"
                    "  - type: payment-mode               # /run/failoverd/payment.env, for the shop\n"
                    "  - type: status-page                # /var/lib/failoverd/status/\n");
}

void setup_print_federation(Text *t, const SetupAnswers *a)
{
        text_add(t,
                 "# federationd.yaml, made by `failoverctl setup`. All keys: `federationd --help-config`.\n"
                 "# After a change: `failoverctl check-config /etc/failoverd/federationd.yaml`, then\n"
                 "# `systemctl reload federationd`.\n\n");
        add_node(t, a);
        text_add(t, "\nlisten: [\"127.0.0.1:8440\"]           # sockets that systemd passes win\n"
                    "\n"
                    "network:\n"
                    "  peers: []                          # other shops: - {id: other, url: "
                    "\"https://other.example\"}\n");
}
