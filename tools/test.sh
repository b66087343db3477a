#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/test.sh [--full] [REGEX]: on a fresh machine installs what is needed and runs the checks of
# style and documents, and all tests that need nothing but this machine.
#
#   --full   also what needs MariaDB, PostgreSQL, RabbitMQ, the published clients of the API, or
#            root (pools on loop files, NFS servers and hosts in network namespaces); fails where
#            one of them is missing
#   REGEX    only the tests whose name it finds, and no checks
#
# SSM_TEST_MYSQL_URL, SSM_TEST_POSTGRES_URL and SSM_TEST_RABBIT_URL name the servers; tests make and
# drop databases and virtual hosts of their own there. Ends with `N passed, M failed, K skipped`.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

full= regex=
for argument; do
    case $argument in
        --full) full=1 ;;
        -*) ssm_die "usage: ${0##*/} [--full] [REGEX]" ;;
        *) regex=$argument ;;
    esac
done

# suite NAME SECONDS TEST_SECONDS [MORE [OPTION...]]: the tests below ssm/tests/NAME, within that time for all of
# them and for each; MORE at a time than there are processors, where tests mostly wait.
suite() {
    local status=0 log jobs
    jobs=$(($(nproc) + ${4:-0}))
    log=$(mktemp)
    OS_TEST_TIMEOUT=$3 timeout --kill-after=10 "$2" \
        stestr --test-path "ssm/tests/$1" run --concurrency "$jobs" "${@:5}" ${regex:+"$regex"} \
        2>&1 | tee "$log" || status=$?
    awk '/^ - (Passed|Expected Fail): /{p += $NF} /^ - Skipped: /{s = $NF}
         /^ - (Failed|Unexpected Success): /{f += $NF}
         /^Ran: /{ran = 1} END {if (ran) printf "%d passed, %d failed, %d skipped\n", p, f, s}' "$log"
    if [ -n "$regex" ] && grep -q "regex doesn't match with anything" "$log"; then
        status=0
        printf '\n0 passed, 0 failed, 0 skipped\n'
    fi
    rm -f "$log"
    return "$status"
}

# stage SUITE ARGUMENTS: of those that have tests.
stage() {
    [ -z "$(find "ssm/tests/$1" -name 'test_*.py' -print -quit)" ] || ssm_stage "$1" suite "$@"
}

ssm_need rsync rsync
ssm_need git git
ssm_venv
# Fetched while the first stages run.
further() {
    ssm_clients
    ssm_nfs
    ssm_need sshd openssh-server
    ssm_need ssh openssh-client
    ssm_need zstd zstd
}
[ -z "$full" ] || further &
if [ -z "$regex" ]; then
    ssm_stage style tools/check.sh style
    ssm_stage docs tools/check.sh docs
fi
export SSM_TEST_FULL=$full
export OS_LOG_CAPTURE=1 OS_STDOUT_CAPTURE=1 OS_STDERR_CAPTURE=1  # shown with failures only
stage unit 450 120
stage functional 300 120
wait $! || ssm_die 'not all could be installed'
stage integration 600 300 1
if [ -n "$full" ]; then
    stage chaos 600 300 1
    SSM_CONCURRENCY=threading stage btrfs 240 120
    stage nfs 480 120 1
    stage ssh 300 120 1
    # the linux driver was on native threads in the stage btrfs; any history is one of one thread
    SSM_CONCURRENCY=threading ssm_stage unit-threading \
        suite unit 450 120 0 --exclude-regex 'drivers\.linux|test_any_history'
fi
ssm_summary
