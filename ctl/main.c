/* SPDX-License-Identifier: MIT */
/* failoverctl: a table of verbs, a table of options, and what puts a command line into them. */
#include "ctl/ctl.h"
#include "ctl/help.h"

#include <getopt.h>
#include <locale.h>
#include <unistd.h>

#define BIT CTL_BIT

static const OptionInfo option_table[_OPTION_MAX] = {
                [OPTION_JSON] = {"json", NULL, "Print the daemon's answer as JSON."},
                [OPTION_SOCKET] = {"socket", "PATH",
                                   "The control socket of the daemon that the verb asks: failoverd's "
                                   "(" CTL_SOCKET
                                   ", or what $FAILOVERD_SOCKET says), or federationd's (" CTL_NETWORK_SOCKET
                                   ", or what $FEDERATIOND_SOCKET says)."},
                [OPTION_HELP] = {"help", NULL, "Help, for the verb if there is one."},
                [OPTION_VERSION] = {"version", NULL, "Print the version."},
                [OPTION_WATCH] = {"watch", NULL,
                                  "A live screen; q leaves it. Off a terminal: news as they come."},
                [OPTION_NAGIOS] = {"nagios", NULL, "One line with perfdata, as a Nagios plug-in prints it."},
                [OPTION_MODE] = {"mode", "MODE",
                                 "This mode, instead of the first ready one after the first."},
                [OPTION_FOR] = {"for", "DURATION", "End by itself after 30m, 2h, 1d."},
                [OPTION_REASON] = {"reason", "TEXT",
                                   "Why; it is stored with the change and shown to others."},
                [OPTION_LIMIT] = {"limit", "N", "At most so many (20)."},
                [OPTION_TEST] = {"test", NULL, "Send a test message to every alert action."},
                [OPTION_CONFIG] = {"config", "FILE", "The configuration to try."},
                [OPTION_SEED] = {"seed", "N", "Where chance begins; the same seed gives the same run."},
                [OPTION_ONLINE] = {"online", NULL,
                                   "Look names up, too; without it nothing goes over the network."},
                [OPTION_PROBES] = {"probes", NULL, "Run every probe once, now, and say what came of it."},
                [OPTION_CATEGORY] = {"category", "NAME", "Books of this category only."},
                [OPTION_MAX_PRICE] = {"max-price", "PRICE",
                                      "Books that cost at most 12.99, say, in whatever currency."},
                [OPTION_FORMAT] = {"format", "FORMAT", "csv or jsonl; without it, what the file looks like."},
                [OPTION_FORCE] = {"force", NULL, "Do it all the same."},
                [OPTION_ROTATE] = {"rotate", NULL,
                                   "Announce the next key; run again later: put it into force."},
                [OPTION_REVOKE] = {"revoke", NULL,
                                   "The key was stolen: nothing that it signed counts any more."},
                [OPTION_SHOW] = {"show", NULL, "Show the keys of the file: their public halves."},
                [OPTION_REGISTRY] = {"registry", "URL", "The base URL of the node whose registry it is."},
                [OPTION_TIMEOUT] = {"timeout", "DURATION", "Wait so long for its answer (15s)."},
                [OPTION_FORGET] = {"forget", NULL, "Tell it nothing any more."},
                [OPTION_KEY] = {"key", "BASE64", "The key that is its own from now on."},
                [OPTION_CHECK] = {"check", NULL, "See whether the log is as it was written."},
                [OPTION_ID] = {"id", "ID", "The key's id; made from the key itself when it is left out."},
                [OPTION_MONTH] = {"month", "YYYY-MM", "Referrals of this month (UTC); without it, all."},
                [OPTION_CSV] = {"csv", NULL, "Every referral, as CSV for accounts."},
                [OPTION_UNATTENDED] = {"unattended", NULL,
                                       "Ask nothing, and make only what is not there yet."},
                [OPTION_ROOT] = {"root", "DIR", "Below this folder, instead of /."},
                [OPTION_DROP_INS] = {"drop-ins", NULL,
                                     "Only what the configurations need of the system, anew."},
                [OPTION_NAME] = {"name", "NAME", "What readers of the status page see as its title."},
                [OPTION_IMPACT] = {"impact", "IMPACT", "none, minor, major, critical or maintenance."},
                [OPTION_STATE] = {"state", "STATE", "investigating, identified or monitoring."},
                [OPTION_COMPONENTS] = {"components", "ID,ID",
                                       "These components; a maintenance without any is of the whole shop."},
                [OPTION_FROM] = {"from", "TIME",
                                 "When it begins: \"2026-11-21 22:00\", 22:00, or 2h from now."},
                [OPTION_UNTIL] = {"until", "TIME", "When it ends; without it and --for, an hour later."},
                [OPTION_TRIAL] = {"trial", NULL,
                                  "Only run every probe once, as failoverd and in its sandbox."},
                [OPTION_DRY_RUN] = {"dry-run", NULL, "Show what would be written, and write nothing."},
};

static const Verb verb_table[] = {
                {"status", "", 0, 0, BIT(OPTION_WATCH) | BIT(OPTION_NAGIOS), CTL_UNKNOWN, "how all is",
                 "Shows the mode that runs, since when and why, what the operator has pinned, what "
                 "automation "
                 "would do, which modes are ready, every probe, what has not succeeded, and what can be "
                 "done.\n"
                 "\n"
                 "Exit code: 0 the first mode and all its probes up; 1 the first mode and something to look "
                 "at; 2 "
                 "another mode, or none is healthy; 3 no answer, or a wrong command line.",
                 verb_status},
                {"force-fallback", "", 0, 0, BIT(OPTION_MODE) | BIT(OPTION_FOR) | BIT(OPTION_REASON),
                 CTL_REFUSED, "pin a fallback mode, whatever the probes say",
                 "Switches at once and holds that mode until `failoverctl auto`, or for as long as --for "
                 "says. "
                 "The pin survives restart and reboot. Without --mode it takes the first ready mode after "
                 "the "
                 "first, and is refused when none is ready.",
                 verb_force_fallback},
                {"force-primary", "", 0, 0, BIT(OPTION_FOR) | BIT(OPTION_REASON), CTL_REFUSED,
                 "pin the first mode, whatever the probes say",
                 "Switches to the first mode at once and holds it until `failoverctl auto`, or for as long "
                 "as "
                 "--for says. A pin on a mode that is broken holds, loudly.",
                 verb_force_primary},
                {"auto", "", 0, 0, 0, CTL_REFUSED, "end the pin: the probes decide again",
                 "Takes the pin away. The rule is applied at once.", verb_auto},
                {"pause", "", 0, 0, 0, CTL_REFUSED, "watch, but switch nothing",
                 "Probes go on and nothing is switched until `failoverctl resume`. Actions that are under "
                 "way go "
                 "on. The pause survives restart and reboot.",
                 verb_pause},
                {"resume", "", 0, 0, 0, CTL_REFUSED, "end the pause", "Lets automation switch again.",
                 verb_resume},
                {"ack", "", 0, 0, 0, CTL_REFUSED, "allow automatic returns again",
                 "After max_changes_per_day automatic changes returns stop until somebody has looked. This "
                 "says "
                 "that somebody has.",
                 verb_ack},
                {"plan", "[MODE]", 0, 1, 0, CTL_REFUSED, "what a change of mode would do",
                 "Lists the actions that a change to MODE would run (without MODE: to the mode that would be "
                 "next), "
                 "and changes nothing.",
                 verb_plan},
                {"explain", "[CHANGE]", 0, 1, 0, CTL_REFUSED, "why the mode was changed, in words",
                 "Tells the rule and the evidence of one change; of the latest when none is named.",
                 verb_explain},
                {"history", "", 0, 0, BIT(OPTION_LIMIT), CTL_REFUSED, "the changes of mode, newest first",
                 "Lists changes of mode with their causes, and the actions of each that are not done.",
                 verb_history},
                {"probe", "[NAME]", 0, 1, 0, CTL_REFUSED, "run a probe now, or all of them",
                 "Runs it at once, beside its schedule. The outcome counts like any other.", verb_probe},
                {"alert", "", 0, 0, BIT(OPTION_TEST), CTL_REFUSED, "try the alert channels",
                 "With --test: sends a test message to every alert action, and says of each to whom it was "
                 "delivered, or why it was not, so that you know before an outage.",
                 verb_alert},
                {"incident", "[list | update | resolve | postmortem | begin] [ID] [TEXT]", 0, 3,
                 BIT(OPTION_NAME) | BIT(OPTION_IMPACT) | BIT(OPTION_STATE) | BIT(OPTION_COMPONENTS),
                 CTL_REFUSED, "what the status page tells of outages, and your words to it",
                 "An incident is written by itself when the shop leaves its first mode, and resolved when it "
                 "is "
                 "back. "
                 "Without more, or with list: those of the last 90 days.\n"
                 "\n"
                 "update adds TEXT to its timeline, as --state says (as before without it), and gives it a "
                 "--name or "
                 "another --impact. resolve ends one that you began; one that was written by itself ends "
                 "when "
                 "the shop "
                 "is back. postmortem adds what was learned, after the end. begin makes one that no probe "
                 "sees, "
                 "with "
                 "--name. Without ID: the newest that is open, else the newest. A TEXT of - is read from "
                 "standard "
                 "input. What you write here is public, word for word.",
                 verb_incident},
                {"maintenance", "[list | schedule | start | end | cancel | update] [ID] [TEXT]", 0, 3,
                 BIT(OPTION_NAME) | BIT(OPTION_FROM) | BIT(OPTION_UNTIL) | BIT(OPTION_FOR) |
                                 BIT(OPTION_COMPONENTS),
                 CTL_REFUSED, "announce work; no alerts while it goes on",
                 "schedule --name NAME --from TIME shows it ahead on the status page; it begins and ends by "
                 "itself. "
                 "start --name NAME begins one now, start ID one that was planned, before its time. end and "
                 "cancel do "
                 "what they say; update adds TEXT, or another --until.\n"
                 "\n"
                 "While it goes on its components are shown as under maintenance, which is never counted as "
                 "downtime, "
                 "and alerts are held; of a maintenance with --components, those that the probes of these "
                 "components "
                 "explain. What is still wrong at its end is told then. The rule goes on: modes are switched "
                 "as "
                 "ever "
                 "(`failoverctl pause` stops that). It ends after an hour unless --for or --until says else, "
                 "at "
                 "most "
                 "30 days.",
                 verb_maintenance},
                {"simulate", "TRACE", 1, 1, BIT(OPTION_CONFIG) | BIT(OPTION_SEED), CTL_REFUSED,
                 "try a configuration on an outage that a trace describes",
                 "Runs failoverd's own decisions under a virtual clock against the world that TRACE (JSON "
                 "Lines) "
                 "describes, and prints every change and alert. Nothing is opened, nothing is switched.",
                 verb_simulate},
                {"check-config", "[FILE]", 0, 1, BIT(OPTION_ONLINE) | BIT(OPTION_PROBES), CTL_REFUSED,
                 "what can be known of a configuration before an outage",
                 "Reads FILE (" CTL_CONFIG ") as its daemon would, failoverd or federationd: its keys tell "
                 "whose it is. Says what is wrong with file, line and column, "
                 "what that means in an outage, and what to write instead; and for each probe that a mode "
                 "requires where the shop goes when it fails, how long that takes, and how long the way back "
                 "takes. Run it as root: files are then looked at with the rights of the daemon's user.\n"
                 "\n"
                 "Exit code: 0 good, warnings included; 1 bad, or a probe did not pass.",
                 verb_check_config},
                {"keygen", "[FILE]", 0, 1,
                 BIT(OPTION_ID) | BIT(OPTION_ROTATE) | BIT(OPTION_REVOKE) | BIT(OPTION_SHOW) |
                                 BIT(OPTION_FORCE),
                 CTL_REFUSED, "make this node's key, change it, revoke it",
                 "Makes an Ed25519 key, writes it to FILE (" CTL_KEY
                 "), readable for its owner alone, and prints its public half. A key that exists is never "
                 "overwritten. With - the key goes to standard output.\n"
                 "\n"
                 "--rotate changes it so that nobody loses sight of this node: the first time it announces a "
                 "next key, and a day or more later it puts that one into force. It says each time what to "
                 "do "
                 "then. --revoke is for a key that was stolen. --show tells how far it is.",
                 verb_keygen},
                {"setup", "[SETTING=VALUE...]", 0, 32,
                 BIT(OPTION_UNATTENDED) | BIT(OPTION_DROP_INS) | BIT(OPTION_TRIAL) | BIT(OPTION_DRY_RUN) |
                                 BIT(OPTION_ROOT) | BIT(OPTION_FORCE),
                 CTL_REFUSED, "make what both daemons need to run on this machine",
                 "Asks about the shop, and makes the node's key, files for secrets that only root reads, "
                 "failoverd.yaml and federationd.yaml, and what they need of the system; checks all of it, "
                 "runs every "
                 "probe once, and tells the next step. Run it again to change an answer. A configuration "
                 "that was "
                 "changed by hand is never replaced without your word, and then kept beside it.\n"
                 "\n"
                 "Settings answer a question beforehand: id, name, url, fallback-url, payment (stripe, or a "
                 "URL), "
                 "payment-key, crypto (URL of a BTCPay Server, or yes), domain, database, database-password, "
                 "disk, "
                 "checkout (a user), restart (units), alert (mail address or URL), alert-format, smtp, "
                 "smtp-user, "
                 "smtp-password, peers (URLs, or yes). A secret's value is the name of a file that holds it, "
                 "or - for a "
                 "line of standard input; alert=@FILE and alert=- do the same with a URL that is a secret.\n"
                 "\n"
                 "--unattended asks nothing. Without settings it makes a key and two configurations with "
                 "which both "
                 "daemons run and nothing is switched, where there are none; that is what the package does.\n"
                 "\n"
                 "--drop-ins, after you have edited a configuration: only what it needs of the system. "
                 "Drop-ins for "
                 "the units (credentials, paths of others that probes write to), polkit's rule for just the "
                 "units "
                 "that actions name, and the group failover for users who report.\n"
                 "\n"
                 "Exit code: 0 done; 1 not, or with --trial a probe that did not pass.",
                 verb_setup},
                {"search", "WORD...", 1, 64, BIT(OPTION_LIMIT) | BIT(OPTION_CATEGORY) | BIT(OPTION_MAX_PRICE),
                 CTL_REFUSED, "search every shop of the network for a book",
                 "Asks federationd, as a shop's front end does: this shop's catalog and all peers. Lists "
                 "each work "
                 "with who sells it, and names the peers that have not answered.",
                 verb_search, true},
                {"peers", "", 0, 0, 0, CTL_REFUSED, "the other shops, and how they are",
                 "One line a peer: its URL, how it is, how many books it has, when it last answered, how "
                 "quickly, "
                 "and whether its breaker lets searches through. What is wrong stands below.",
                 verb_peers, true},
                {"nodes", "[accept|ban|forget|rekey ID]", 0, 2, BIT(OPTION_KEY), CTL_REFUSED,
                 "who belongs to the network, and your word on it",
                 "Without more: every node that is configured or has registered. proven: its document was "
                 "found at its url, signed by its key, or you gave the key.\n"
                 "\n"
                 "accept: it is searched, told of failures, and sent buyers, at once. ban: never that, and "
                 "its "
                 "id and url cannot register again. forget: as if it had never been here. rekey: its key is "
                 "lost or stolen; the next that is found in the document at its own url is taken, or the one "
                 "that --key gives.",
                 verb_nodes, true},
                {"audit", "", 0, 0, BIT(OPTION_LIMIT) | BIT(OPTION_CHECK), CTL_REFUSED,
                 "what happened to the registry, to keys and to money",
                 "The last lines of federationd's log of who registered, was accepted or banned, whose key "
                 "changed, and what is owed. Each line's hash covers the one before; --check goes through "
                 "all "
                 "of them, exits with 1 when one was changed or is missing, and prints number and hash of "
                 "the last, to "
                 "be kept elsewhere.",
                 verb_audit, true},
                {"register", "", 0, 0, BIT(OPTION_REGISTRY) | BIT(OPTION_TIMEOUT) | BIT(OPTION_FORGET),
                 CTL_REFUSED, "put this node into another node's registry",
                 "With --registry URL: federationd posts this node's signed document there, says what came "
                 "of "
                 "it, remembers the registry, and tells it of changes from then on (at least once a day). "
                 "What "
                 "network.registries names is told without this. Most registries keep a new node pending "
                 "until "
                 "their operator accepts it.\n"
                 "\n"
                 "Without --registry: lists the registries, and how this node stands there.",
                 verb_register, true},
                {"revenue", "[settle REFERRAL paid|refunded]", 0, 5, BIT(OPTION_MONTH) | BIT(OPTION_CSV),
                 CTL_REFUSED, "what other shops owe for buyers sent to them, and are owed",
                 "Per shop and currency: the share of what was paid and not refunded, and how many buyers "
                 "have "
                 "not paid yet. A referral belongs to the month in which the buyer went, in UTC, on both "
                 "sides.\n"
                 "\n"
                 "`revenue settle REFERRAL paid` records by hand what the shop's own software else says: a "
                 "buyer whom another shop has sent (its address names the referral) has paid, or "
                 "got the money back. Behind it may stand the price in minor units and its currency, for a "
                 "book whose price was not known.",
                 verb_revenue, true},
                {"sync", "[ID]", 0, 1, BIT(OPTION_FORCE) | BIT(OPTION_TIMEOUT), CTL_REFUSED,
                 "fetch other shops' catalogs",
                 "Each catalog becomes a copy here, in place of the one before, and is searched while the "
                 "shop itself "
                 "does not answer. What has not changed there since is not sent again, unless --force is "
                 "given. One "
                 "line for each shop as it ends.\n"
                 "\n"
                 "Exit code: 1 when one of them failed; its copy from before stays. Interrupted, or after "
                 "--timeout "
                 "(1h), it goes on without being watched.",
                 verb_sync, true},
                {"catalog", "import FILE", 2, 2, BIT(OPTION_FORMAT), CTL_REFUSED,
                 "put books into this shop's catalog",
                 "`catalog import FILE` reads CSV with a header line, or JSON Lines; - is standard input. "
                 "Columns: id, "
                 "title, author, isbn, description, category, tags, price (12.99) or price_minor (1299), "
                 "currency, "
                 "language, year, url, rating, popularity; only title is required. A book that is there "
                 "already (by "
                 "id, else ISBN, else title and author) is updated.\n"
                 "\n"
                 "Rows that cannot be used are named by line and reason, and left out. Exit code: 0 when "
                 "rows were "
                 "taken, 1 when none was or the file cannot be read. Interrupted, it keeps what was "
                 "committed: "
                 "import the file again.",
                 verb_catalog, true},
                {"stats", "", 0, 0, 0, CTL_REFUSED, "how much this shop has, and how it is searched",
                 "Shows the catalog, its categories, the searches since federationd started, and the "
                 "network.",
                 verb_stats, true},
                {"help", "[VERB | config]", 0, 1, 0, CTL_REFUSED,
                 "help on a verb, or on every key of the configuration",
                 "Without an argument: the verbs. With config: every key of failoverd.yaml.", verb_help},
                {NULL},
};

/* The command line as it stands; the first mistake in it, if any, into mistake. */
static void parse(int argc, char **argv, Invocation *i, Text *mistake)
{
        struct option options[_OPTION_MAX + 1] = {};
        int c;

        for (int k = 0; k < _OPTION_MAX; k++)
                options[k] = (struct option){.name = option_table[k].name,
                                             .has_arg = option_table[k].value ? required_argument
                                                                              : no_argument,
                                             .val = k + 256};
        opterr = 0;
        while ((c = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
                if (c == 'h') {
                        i->given[OPTION_HELP] = true;
                } else if (c >= 256) {
                        i->given[c - 256] = true;
                        i->value[c - 256] = optarg;
                } else if (mistake->size > 0) {
                        continue;
                } else if (c == ':') {
                        text_add(mistake, "%s needs a value", argv[optind - 1]);
                } else if (optopt >= 256) {
                        text_add(mistake, "--%s takes no value", option_table[optopt - 256].name);
                } else if (optopt != 0) {
                        text_add(mistake, "no option -%c", optopt);
                } else
                        text_add(mistake, "no option %s, or not one alone", argv[optind - 1]);
        }
        i->arguments = argv + optind;
}

/* 0, or the exit code for usage. */
static int check(const Invocation *i)
{
        uint64_t allowed = i->verb->options | BIT(OPTION_JSON) | BIT(OPTION_SOCKET);
        int n = 0;

        for (int k = 0; k < _OPTION_MAX; k++)
                if (i->given[k] && !(allowed & BIT(k)))
                        return ctl_usage(i, "--%s is no option of this verb", option_table[k].name);
        while (i->arguments[n])
                n++;
        if (n < i->verb->min)
                return ctl_usage(i, "say which %s", i->verb->arguments);
        if (n > i->verb->max)
                return ctl_usage(i, "one argument too many: %s", i->arguments[i->verb->max]);
        for (int k = 0; k < n; k++)
                if (i->arguments[k][0] == '\0')
                        return ctl_usage(i, "an argument is empty");
        return 0;
}

static const char *socket_of(const Verb *verb)
{
        const char *given = getenv(verb->network ? "FEDERATIOND_SOCKET" : "FAILOVERD_SOCKET");

        return given && given[0] != '\0' ? given : verb->network ? CTL_NETWORK_SOCKET : CTL_SOCKET;
}

static int run(int argc, char **argv)
{
        Invocation i = {.verbs = verb_table, .options = option_table};
        _cleanup_text_ Text mistake = {};
        const Verb *near;
        int r;

        parse(argc, argv, &i, &mistake);
        if (i.arguments[0])
                i.verb = help_find(&i, i.arguments[0], &near);
        if (mistake.size > 0)
                return ctl_usage(&i, "%s", mistake.data);
        if (i.given[OPTION_VERSION]) {
                puts("failoverctl " PROJECT_VERSION);
                return CTL_DONE;
        }
        if (i.given[OPTION_HELP]) {
                if (i.verb)
                        help_verb(&i, i.verb);
                else
                        help_all(&i, stdout);
                return CTL_DONE;
        }
        if (!i.arguments[0]) {
                help_all(&i, stderr);
                return CTL_USAGE;
        }
        if (!i.verb && near)
                return ctl_usage(&i, "no verb %s; did you mean %s?", i.arguments[0], near->name);
        if (!i.verb)
                return ctl_usage(&i, "no verb %s", i.arguments[0]);
        i.arguments++;
        i.socket = i.given[OPTION_SOCKET] ? i.value[OPTION_SOCKET] : socket_of(i.verb);
        if (i.socket[0] == '\0')
                return ctl_usage(&i, "--socket takes the path of a socket");
        r = check(&i);
        if (r != 0)
                return r;
        r = i.verb->run(&i);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                fprintf(stderr, "failoverctl: %s: cannot write: %m\n", i.verb->name);
                return i.verb->failure;
        }
        return r;
}

int main(int argc, char **argv)
{
        /* Widths of characters are those of UTF-8, whatever the terminal's language. */
        (void) setlocale(LC_CTYPE, "C.UTF-8");
        return run(argc, argv);
}
