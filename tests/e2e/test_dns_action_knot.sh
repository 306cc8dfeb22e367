#!/bin/bash
# SPDX-License-Identifier: MIT
# The zone follows the mode by signed updates to Knot, through a server that is away, silent or refuses, and SIGKILL.
build=$(realpath "$1")
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/rfc2136.sh"
need curl knotd
rfc2136_story knot
