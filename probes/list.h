/* SPDX-License-Identifier: MIT */
/* The probe types, in the order in which they are documented. No include guard: included with PROBE() defined. */
PROBE(http)
PROBE(dns)
PROBE(tcp)
PROBE(postgresql)
PROBE(sqlite)
PROBE(disk)
PROBE(peers)
PROBE(exec)
PROBE(unit)
PROBE(passive)
