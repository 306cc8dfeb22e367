/* SPDX-License-Identifier: MIT */
/* Mail, by the first byte: A what a mail server answers, B words of others that an alert is made of, C an address. */
#include "actions/alert.h"
#include "base/mime.h"
#include "tests/fuzz/fuzz.h"

#include <locale.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        FUZZ_CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
        return 0;
}

/* Whatever it says: the conversation ends, each recipient has a fate, and no word of it is more than a word. */
static void answers(const char *data, size_t size)
{
        MailRecipient recipients[3] = {
                        {.address = "a@x.example"}, {.address = "b@x.example"}, {.address = "c@x.example"}};
        MailTalk talk = {.from = "f@x.example",
                         .recipients = recipients,
                         .n_recipients = ELEMENTSOF(recipients)};
        MailReader reader = {0};
        const MailReply *reply;
        size_t taken;
        int r = 1;

        while (size > 0 && r >= 0 && talk.step != MAIL_STEP_ENDED) {
                _cleanup_text_ Text command = {0};
                mail_talk_command(&talk, &command);
                FUZZ_CHECK(talk.step == MAIL_STEP_TEXT || command.size > 2);
                r = mail_reader_feed(&reader, data, size, &taken, &reply);
                if (r < 0)
                        return;
                FUZZ_CHECK(taken > 0 && taken <= size);
                data += taken;
                size -= taken;
                if (r == 0)
                        continue;
                FUZZ_CHECK(reply->code >= 200 && reply->code < 600 && fuzz_is_plain(reply->text));
                mail_talk_answer(&talk, reply);
        }
        if (talk.step != MAIL_STEP_ENDED)
                return;
        FUZZ_CHECK(talk.fate != MAIL_OPEN);
        for (size_t i = 0; i < ELEMENTSOF(recipients); i++)
                FUZZ_CHECK(talk.fate != MAIL_ACCEPTED || recipients[i].fate != MAIL_OPEN);
}

static bool is_our_header(const char *line)
{
        static const char *const ours[] = {"From: ",
                                           "To: ",
                                           "Subject: ",
                                           "Date: ",
                                           "Message-ID: ",
                                           "In-Reply-To: ",
                                           "References: ",
                                           "Importance: ",
                                           "X-Priority: ",
                                           "X-Failoverd: ",
                                           "MIME-Version: 1.0\r\n",
                                           "Content-Type: text/plain; charset=utf-8\r\n",
                                           "Auto-Submitted: auto-generated\r\n",
                                           "X-Auto-Response-Suppress: All\r\n",
                                           "Content-Transfer-Encoding: "};

        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                if (strncmp(line, ours[i], strlen(ours[i])) == 0)
                        return true;
        return false;
}

/* Lines of printable ASCII, 78 characters at most, ended by CRLF; each header one of ours, once. */
static void check_mail(const char *mail)
{
        unsigned n = 0, headers = 0;

        for (bool head = true; *mail; n++) {
                size_t size = strcspn(mail, "\r\n");
                FUZZ_CHECK(size <= 78 && mail[size] == '\r' && mail[size + 1] == '\n');
                for (size_t i = 0; i < size; i++)
                        FUZZ_CHECK((mail[i] >= 0x20 && mail[i] < 0x7f) || (mail[i] == '\t' && !head));
                FUZZ_CHECK(!head || size == 0 || is_our_header(mail) || (*mail == ' ' && n > 0));
                headers += head && size > 0 && *mail != ' ';
                head = head && size > 0;
                mail += size + 2;
        }
        FUZZ_CHECK(headers >= 10 && headers <= 15);
}

static void words(char *text)
{
        static const ActionKind kinds[] = {ACTION_CHANGE, ACTION_RAISED, ACTION_CLEARED, ACTION_TEST};
        const MailAddress from = {text, (char *) "f@x.example"}, to[] = {{text, (char *) "o@x.example"}, {0}};
        ActionFacts facts = {.id = text,
                             .node_id = text,
                             .node_name = text,
                             .node_url = text,
                             .fallback_url = text,
                             .change = text,
                             .follows = text,
                             .mode = text,
                             .from = text,
                             .payment = text,
                             .checkout = text,
                             .message = text,
                             .cause = text,
                             .alert = text,
                             .summary = text,
                             .details = text,
                             .severity = text,
                             .automatic = true};

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_free_ char *mail = NULL;
                facts.kind = kinds[i];
                FUZZ_CHECK(alert_mail_make(&facts, &from, to, &mail) == 0);
                check_mail(mail);
        }
}

static void address(const char *text)
{
        MailAddress a;
        const char *problem = NULL;
        _cleanup_text_ Text t = {0};

        if (mail_address_parse(text, &a, &problem) < 0) {
                FUZZ_CHECK(problem);
                return;
        }
        FUZZ_CHECK(!problem && mail_domain_valid(mail_address_domain(&a), true));
        for (const char *c = a.address; *c; c++)
                FUZZ_CHECK(*c >= 0x20 && *c < 0x7f);
        if (a.address[0] != '"')
                FUZZ_CHECK(!strpbrk(a.address, " <>\"\\,;:()"));
        mime_add_addresses(&t, "To", (const MailAddress[]){a, {0}});
        mail_address_clear(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 1)
                return 0;
        char *text = calloc(1, size);
        FUZZ_CHECK(text);
        memcpy(text, data + 1, size - 1);
        if (data[0] == 'A')
                answers(text, size - 1);
        else if (data[0] == 'B')
                words(text);
        else
                address(text);
        free(text);
        return 0;
}
