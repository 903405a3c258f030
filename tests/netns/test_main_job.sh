#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The demo's claims as tests.

export CPNS_CLAIMS=tap
exec "$(dirname "$0")/demo"
