#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/check.sh [NAME...]: everything that is checked without running ssm. NAME is one of the
# checks below, or a group of them: style, docs. Without a name all are made.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

STYLE='ruff format flake8 mypy imports bandit shell'
DOCS='html releasenotes genconfig genpolicy units'

check_ruff() { ruff check --quiet --output-format concise .; }
check_format() { ruff format --quiet --diff .; }
check_flake8() { flake8; }
check_mypy() { mypy; }
check_imports() { lint-imports --no-logo; }
check_bandit() { bandit --quiet --severity-level medium --configfile pyproject.toml --recursive ssm; }
check_shell() {
    local script
    for script in tools/*.sh .ci/run; do bash -n "$script" || return; done
}

build_html() { sphinx-build -W --keep-going -q -b html "$1/source" "$1/build/html"; }
check_html() { build_html doc; }
check_releasenotes() { reno lint && build_html releasenotes; }
check_genconfig() {
    oslo-config-generator --config-file etc/ssm/oslo-config-generator.conf &&
        oslo-config-validator --config-file etc/ssm/oslo-config-generator.conf \
            --input-file etc/ssm/ssm.conf.example \
            --exclude-group alpha --exclude-group beta --exclude-group tenant_network
}
check_genpolicy() { oslopolicy-sample-generator --config-file etc/ssm/oslo-policy-generator.conf; }

# The units name /usr/bin, where packages put programs; here these are in the environment. What
# systemd does not understand it only warns about.
check_units() {
    local units unit output status=0
    ssm_need systemd-analyze systemd
    units=$(mktemp -d)
    for unit in etc/ssm/systemd/*.service; do
        sed "s|/usr/bin/|$SSM_VENV/bin/|" "$unit" >"$units/${unit##*/}"
    done
    output=$(systemd-analyze verify "$units"/*.service 2>&1) || status=$?
    echo "$output"
    rm -r "$units"
    [ "$status" = 0 ] && ! grep -q "$units" <<<"$output"
}

names=()
for name in "${@:-all}"; do
    case $name in
        all) names+=($STYLE $DOCS) ;;
        style) names+=($STYLE) ;;
        docs) names+=($DOCS) ;;
        *) names+=("$name") ;;
    esac
done
ssm_venv
for name in "${names[@]}"; do
    ssm_stage "$name" ssm_quietly "check_$name"
done
ssm_summary
