/* SPDX-License-Identifier: MIT */
/* The action types, in the order in which they are documented. No include guard: included with ACTION() defined. */
ACTION(payment_mode)
ACTION(status_page)
ACTION(notify_peers)
ACTION(alert)
ACTION(unit)
ACTION(dns)
ACTION(exec)
ACTION(http)
