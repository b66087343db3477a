#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/conformance.sh [--services] [--jobs N] [REGEX]: on a fresh machine installs what is needed,
# starts a real Keystone and ssm with three dummy back ends, and runs the tests published for the
# Shared File Systems API: those that ssm/tests/conformance/chosen.txt names, less those of
# not_built.txt. Ends with `N passed, M failed, K skipped`.
#
#   --services   separate services on RabbitMQ and MariaDB instead of one process
#   --jobs       tests that run at the same time
#   REGEX        these tests instead

set -euo pipefail
. "$(dirname "$0")/lib.sh"

ssm_venv
ssm_clients
exec python -m ssm.tests.conformance "$@"
