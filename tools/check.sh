#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/check.sh [NAME...]: everything that is checked without running ssm. NAME is one of the
# checks below, or a group of them: style, docs. Without a name all are made.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

STYLE='ruff format flake8 mypy imports bandit shell'
DOCS='docs releasenotes genconfig genpolicy units'

check_ruff() { ruff check --quiet --output-format concise .; }
check_format() { ruff format --quiet --diff .; }
check_flake8() { flake8; }
check_mypy() { mypy; }
check_imports() { lint-imports --no-logo; }
check_bandit() { bandit --quiet --configfile pyproject.toml --recursive ssm; }
check_shell() {
    local script
    for script in tools/*.sh .ci/run; do bash -n "$script" || return; done
}

html() { sphinx-build -W --keep-going -q -b html "$1/source" "$1/build/html"; }
check_docs() { html doc; }
check_releasenotes() { reno lint && html releasenotes; }
check_genconfig() {
    oslo-config-generator --config-file etc/ssm/oslo-config-generator.conf &&
        oslo-config-validator --config-file etc/ssm/oslo-config-generator.conf \
            --input-file etc/ssm/ssm.conf.example
}
check_genpolicy() { oslopolicy-sample-generator --config-file etc/ssm/oslo-policy-generator.conf; }

# The units name /usr/bin, where packages put programs; here these are in the environment.
check_units() {
    local units status=0
    ssm_need systemd-analyze systemd
    units=$(mktemp -d)
    sed -i "s|/usr/bin/|$SSM_VENV/bin/|" $(cp -v etc/ssm/systemd/* "$units" | cut -d"'" -f4)
    systemd-analyze verify "$units"/*.service || status=$?
    rm -r "$units"
    return "$status"
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
