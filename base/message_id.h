/* SPDX-License-Identifier: MIT */
/* Journal messages that are known by an id: `journalctl -x` explains them, as units/failoverd.catalog says, and
 * `journalctl MESSAGE_ID=…` finds them. An id is for ever: a message that says something else gets a new one
 * (systemd-id128 new). A lint holds this list and the catalog together. */
#pragma once

/* Changes of mode, by what decided them. Fields: FAILOVER_CHANGE, FAILOVER_MODE, FAILOVER_FROM, FAILOVER_CAUSE. */
#define MESSAGE_FIRST_START "11ce7d1891ad4887932f99c58ea4c74c"
#define MESSAGE_FAILOVER    "88290a9883db485a80fba2c7784fce6f"
#define MESSAGE_LAST_RESORT "77edac031508455d81c191b21219590d"
#define MESSAGE_RETURN      "df1fd00779974831bf2cb56c7828b44c"
#define MESSAGE_OPERATOR    "5bf678f8fc524fe9805c424189a1abd4"
#define MESSAGE_MODE_GONE   "6783800544c146d4bbe84f9a911d8ff3"

/* Alerts that are raised. Fields: FAILOVER_ALERT, FAILOVER_SUBJECT, FAILOVER_REASON. */
#define MESSAGE_ALERT_NO_MODE     "57282094373f4b03b3dad0b8959cda5e"
#define MESSAGE_ALERT_FALLBACK    "944ef45ae1224bae8b3a60ef7fe03e90"
#define MESSAGE_ALERT_ACTION      "cff8899a834a4edd9cf6d8907ed976f0"
#define MESSAGE_ALERT_FAILING     "78f69096f3b14817b7f4ffbe728c228c"
#define MESSAGE_ALERT_NOT_DURABLE "dfbe2f1114fc4a7db5bd60607f57d03d"
#define MESSAGE_ALERT_RETURNS     "e8fe9ba3980544df8f309ba8e7d9cc13"
#define MESSAGE_ALERT_BLIND       "aca9366b87ee427989a976d0ae694b70"
#define MESSAGE_ALERT_PIN         "bcffa4ed466649259ce6d86d3218550f"
#define MESSAGE_ALERT_WARN        "1d6c955a5e16428cab2d47769d8fd943"
#define MESSAGE_ALERT_MODE_GONE   "2922cc69b9864146bf6601cdce24ac78"
#define MESSAGE_ALERT_MAINTENANCE "064227b60d654892b1fa60c20115a306"
#define MESSAGE_ALERT_CHAIN       "f3de9e9132ca4fe3918f627bd1e940fd"
/* The end of any of them. */
#define MESSAGE_ALERT_ENDED "1920723d0c164e04be82e0e3502cfbd6"

/* Of both daemons. */
#define MESSAGE_CONFIG_BAD     "f07eed07b7f04734b705953188a25b6a"
#define MESSAGE_RELOAD_REFUSED "40804d95573d48da918ff97c20b502c1"

/* Of federationd. FAILOVER_PEER names the peer. */
#define MESSAGE_MODE_NOT_TOLD "5c7298c6da744ad68a3181524ab2b3f0"
#define MESSAGE_PEER_FAILED   "39b7491f6f4b4b6988cd4223d37ccc73"
#define MESSAGE_PEER_BACK     "dfdc29ff2c9c42ecacac63bef574adc8"
