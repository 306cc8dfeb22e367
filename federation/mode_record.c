/* SPDX-License-Identifier: MIT */
/* mode.json as a struct: read, checked, printed. */
#include "federation/mode_record.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Member {
        const char *key;
        size_t offset;
        bool required;
} Member;

static const Member members[] = {
                {"mode", offsetof(ModeRecord, mode), true},
                {"payment", offsetof(ModeRecord, payment), true},
                {"checkout", offsetof(ModeRecord, checkout), true},
                {"message", offsetof(ModeRecord, message), false},
                {"since", offsetof(ModeRecord, since), false},
                {"change", offsetof(ModeRecord, change), false},
                {"selling", offsetof(ModeRecord, selling), false},
};

static char **member_of(ModeRecord *m, size_t i)
{
        return (char **) (void *) ((char *) m + members[i].offset);
}

static const char *member_text(const ModeRecord *m, size_t i)
{
        const char *text;

        memcpy(&text, (const char *) m + members[i].offset, sizeof(text));
        return text;
}

void mode_record_clear(ModeRecord *m)
{
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                free(*member_of(m, i));
        *m = (ModeRecord){0};
}

bool mode_record_same(const ModeRecord *a, const ModeRecord *b)
{
        if (a->first != b->first || a->blind != b->blind)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (!streq(member_text(a, i) ?: "", member_text(b, i) ?: ""))
                        return false;
        return true;
}

static int members_take(ModeRecord *m, const json_t *j, Error *e)
{
        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                const json_t *value = json_object_get(j, members[i].key);
                const char *text = json_string_value(value);
                if ((value && !json_is_null(value) && !text) || (members[i].required && (!text || !*text)))
                        return error_set(e, -EBADMSG, "`%s` is no text", members[i].key);
                *member_of(m, i) = strdup(text ?: "");
                if (!*member_of(m, i))
                        return error_set(e, -ENOMEM, "out of memory");
        }
        return 0;
}

static int record_take(ModeRecord *m, const json_t *j, Error *e)
{
        const json_t *first = json_object_get(j, "first");
        const char *updated = json_string_value(json_object_get(j, "updated"));

        if (!json_is_object(j))
                return error_set(e, -EBADMSG, "no object");
        int r = members_take(m, j, e);
        if (r < 0)
                return r;
        assert(m->payment); /* it is required */
        if (!streq(m->payment, "primary") && !streq(m->payment, "crypto") && !streq(m->payment, "federated"))
                return error_set(e, -EBADMSG, "`payment` is none of primary, crypto and federated");
        if (!json_is_boolean(first))
                return error_set(e, -EBADMSG, "`first` is neither true nor false");
        m->first = json_is_true(first);
        m->blind = json_is_true(json_object_get(j, "blind"));
        if (!updated || timestamp_parse(updated, &m->updated_usec) < 0)
                return error_set(e, -EBADMSG, "`updated` is no time stamp");
        return 0;
}

int mode_record_parse(const char *data, size_t size, ModeRecord *ret, Error *e)
{
        _cleanup_json_ json_t *j = NULL;
        _cleanup_mode_record_ ModeRecord m = {0};

        assert(data && ret);

        int r = json_parse(data, size, &j, e);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        r = record_take(&m, j, e);
        if (r < 0)
                return r;
        *ret = m;
        m = (ModeRecord){0};
        return 0;
}

int mode_record_read(const char *path, ModeRecord *ret, Error *e)
{
        _cleanup_free_ char *data = NULL;
        struct stat st;
        size_t size;

        assert(path && ret);

        /* Whatever stands there: neither a FIFO nor a device behind a link is waited for. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
                int r = -errno;
                if (r == -ENOENT)
                        return error_set(e, r, "there is no %s", path);
                return error_set(e, r, "cannot read %s: %s", path,
                                 r == -ELOOP ? "it is a symbolic link" : error_words(-r));
        }
        if (!S_ISREG(st.st_mode))
                return error_set(e, -EINVAL, "%s is no regular file", path);
        int r = fd_read_all(fd, MODE_RECORD_SIZE_MAX, &data, &size);
        if (r < 0)
                return error_set(e, r, "cannot read %s: %s", path, error_words(-r));
        r = mode_record_parse(data, size, ret, e);
        return r < 0 ? error_prefix(e, r, "cannot use %s", path) : 0;
}

int mode_record_print(const ModeRecord *m, char **ret)
{
        _cleanup_json_ json_t *j = json_object();

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                json_put(j, members[i].key, json_string(member_text(m, i)));
        json_put(j, "first", json_boolean(m->first));
        json_put(j, "blind", json_boolean(m->blind));
        json_put(j, "updated", json_timestamp(m->updated_usec));
        return json_failed() ? -ENOMEM : json_print(j, ret);
}
