/* SPDX-License-Identifier: MIT */
/* What a node says of itself to marketplace software: `store` objects and AAN/1.0 nodes. */
#pragma once

#include "base/json.h"
#include "federation/catalog.h"
#include "federation/config.h"

/* {id, name, url, api, type, status, verified, joined, tagline, specialties[], features[], owner, contact}. NULL: no memory. */
json_t *store_of_node(const Config *config);
/* An entry of a registry: {id, name, url, fallbackUrl, onionUrl, api, type, status, paymentMethods[], catalog{totalBooks,
 * totalCategories}, revenueShare{accepts, percentage}, verified, operator, location, joined}. */
json_t *node_of_node(const Config *config, const CatalogFacts *facts);
json_t *json_strings(char *const *list); /* an array; NULL is an empty one */
