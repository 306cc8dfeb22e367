/* SPDX-License-Identifier: MIT */
/* What a node says of itself to marketplace software: `store` objects and AAN/1.0 nodes. */
#include "federation/store_document.h"

#include "base/text.h"

json_t *json_strings(char *const *list)
{
        json_t *a = json_array();

        for (; list && *list; list++)
                json_add(a, json_string_or_null(*list));
        return a;
}

static json_t *text_or_empty(const char *s)
{
        return json_string_or_null(s ?: "");
}

static json_t *api_of(const char *url)
{
        _cleanup_free_ char *api = string_printf("%s/api", url);

        return api ? json_string_or_null(api) : NULL;
}

/* What both kinds of document begin with. */
static json_t *head_of_node(const NodeConfig *n)
{
        json_t *d = json_object();

        json_put(d, "id", json_string_or_null(n->id));
        json_put(d, "name", json_string_or_null(n->name));
        json_put(d, "url", json_string_or_null(n->url));
        json_put(d, "api", api_of(n->url));
        json_put(d, "type", json_string(node_type_name((NodeType) n->type)));
        json_put(d, "status", json_string("active"));
        json_put(d, "verified", json_true());
        json_put(d, "joined", json_null());
        return d;
}

json_t *store_of_node(const Config *config)
{
        const NodeConfig *n = &config->node;
        json_t *d = head_of_node(n);

        json_put(d, "tagline", text_or_empty(n->tagline));
        json_put(d, "specialties", json_strings(n->specialties));
        json_put(d, "features", json_strings(n->features));
        json_put(d, "owner", text_or_empty(n->operator_name));
        json_put(d, "contact", text_or_empty(n->contact));
        return json_whole(d);
}

static json_t *share_of(unsigned percentage)
{
        return json_pack("{s:b, s:I}", "accepts", percentage > 0, "percentage", (json_int_t) percentage);
}

json_t *node_of_node(const Config *config, const CatalogFacts *facts)
{
        const NodeConfig *n = &config->node;
        json_t *d = head_of_node(n);

        json_put(d, "fallbackUrl", json_null());
        json_put(d, "onionUrl", json_null());
        json_put(d, "paymentMethods", json_strings(n->payment_methods));
        json_put(d, "catalog",
                 json_pack("{s:I, s:I}", "totalBooks", (json_int_t) facts->books, "totalCategories",
                           (json_int_t) facts->categories));
        json_put(d, "revenueShare", share_of(n->revenue_share));
        json_put(d, "operator", text_or_empty(n->operator_name));
        json_put(d, "location", text_or_empty(n->location));
        return json_whole(d);
}
