# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts of this project, after which the working directory is the checkout:
#
#   set -euo pipefail
#   . "$(dirname "$0")/lib.sh"
#   ssm_venv        # makes or reuses .venv, installs what changed, puts it first in PATH
#
# SSM_VENV names another virtual environment than .venv; SSM_PYTHON another interpreter.

SSM_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SSM_VENV=${SSM_VENV:-$SSM_TOP/.venv}
cd "$SSM_TOP"

ssm_say() { printf '== %s\n' "$*" >&2; }
ssm_die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Run a command silently; its output is shown, and its status returned, when it fails.
ssm_quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    [ "$status" = 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

# ssm_apt PACKAGE...: install Debian packages as root, or say what has to be run.
ssm_apt() {
    local command="apt-get update && apt-get install -y --no-install-recommends $*"
    command -v apt-get >/dev/null || ssm_die "missing, and there is no apt-get: $*"
    [ "$(id -u)" = 0 ] || ssm_die "missing: $*. Run as root:  $command"
    ssm_say "installing $*"
    DEBIAN_FRONTEND=noninteractive ssm_quietly sh -c "$command" || ssm_die "failed: $command"
}

# ssm_need PROGRAM PACKAGE: PROGRAM is there afterwards (looked for in the system directories too).
ssm_need() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || ssm_apt "$2"
}

# What share servers of NFS and SMB on btrfs need is there afterwards; they need root in any case.
ssm_nfs() {
    [ "$(id -u)" = 0 ] || ssm_die 'share servers of NFS on btrfs need root'
    ssm_need mkfs.btrfs btrfs-progs
    ssm_need ip iproute2
    ssm_need arping iputils-arping
    ssm_need dbus-daemon dbus
    ssm_need ganesha.nfsd nfs-ganesha
    compgen -G '/usr/lib/*/ganesha/libfsalvfs.so' >/dev/null || ssm_apt nfs-ganesha-vfs
    ssm_need smbd samba
}

# Print an interpreter that can run ssm and make virtual environments.
_ssm_python() {
    local python
    for python in "${SSM_PYTHON:-python3}" python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
                2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

# What the installed packages were chosen from; a change of it means pip has to run again.
_ssm_stamp() { cat requirements.txt test-requirements.txt setup.cfg | sha256sum; }

# Make or reuse the virtual environment, install ssm (editable) and what it and its tests need.
ssm_venv() {
    local python stamp
    export PATH=$SSM_VENV/bin:$PATH
    stamp=$(_ssm_stamp)
    [ "$stamp" != "$(cat "$SSM_VENV/ssm.stamp" 2>/dev/null)" ] || return 0
    if [ ! -x "$SSM_VENV/bin/python" ]; then
        python=$(_ssm_python) || { ssm_apt python3 python3-venv; python=$(_ssm_python); } ||
            ssm_die 'Python 3.11 or newer with venv is needed; name it in SSM_PYTHON'
        ssm_say "making $SSM_VENV with $("$python" --version)"
        ssm_quietly "$python" -m venv "$SSM_VENV" || ssm_die 'no virtual environment'
    fi
    # A checkout without tags, or without git, gives pbr no version.
    git describe --tags >/dev/null 2>&1 || export PBR_VERSION=${PBR_VERSION:-0.0.0}
    ssm_say 'installing Python packages'
    ssm_quietly "$SSM_VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
        -r requirements.txt -r test-requirements.txt --editable . || ssm_die 'pip failed'
    echo "$stamp" >"$SSM_VENV/ssm.stamp"
}

# Make or reuse the environments of tools/clients.txt, in $SSM_VENV/clients; after ssm_venv.
ssm_clients() {
    local name packages directory
    while read -r name packages; do
        directory=$SSM_VENV/clients/$name
        [ "$packages" != "$(cat "$directory/ssm.stamp" 2>/dev/null)" ] || continue
        ssm_say "installing the client $name"
        ssm_quietly "$SSM_VENV/bin/python" -m venv --clear "$directory" &&
            ssm_quietly "$directory/bin/python" -m pip install --quiet \
                --disable-pip-version-check $packages </dev/null || ssm_die "no client $name"
        echo "$packages" >"$directory/ssm.stamp"
    done < <(grep -v '^#' tools/clients.txt)
}

# ssm_answers PORT: whether something listens on that port of this machine.
ssm_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Counting. A command that runs tests ends with the line `N passed, M failed, K skipped`; ssm_stage
# runs such a command and adds its numbers up, ssm_summary prints the sum in the same form.
SSM_COUNTS='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
ssm_passed=0 ssm_failed=0 ssm_skipped=0 ssm_stages=

# ssm_stage NAME COMMAND...: a command without that line counts as one test; one that fails
# without naming a failure, because it did not get to its tests, counts as one failure.
ssm_stage() {
    local name=$1 start=$SECONDS status=0 log passed failed skipped
    shift
    ssm_say "$name"
    log=$(mktemp)
    "$@" </dev/null 2>&1 | tee "$log" | { grep --line-buffered -vE "$SSM_COUNTS" || true; } ||
        status=$?
    read -r passed failed skipped <<<"$(grep -E "$SSM_COUNTS" "$log" | tail -n 1 | tr -dc '0-9 ')"
    rm -f "$log"
    if [ -z "$passed" ]; then passed=$((status == 0)) failed=0 skipped=0; fi
    if [ "$status" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    ssm_passed=$((ssm_passed + passed))
    ssm_failed=$((ssm_failed + failed))
    ssm_skipped=$((ssm_skipped + skipped))
    ssm_stages+=$(printf '%-20s %5d s  %5d passed %4d failed %4d skipped' \
        "$name" $((SECONDS - start)) "$passed" "$failed" "$skipped")$'\n'
}

# Print time and numbers of each stage and the sum; the status says whether all is well.
ssm_summary() {
    printf '\n%s%d passed, %d failed, %d skipped\n' \
        "$ssm_stages" "$ssm_passed" "$ssm_failed" "$ssm_skipped"
    [ "$ssm_failed" = 0 ] && [ "$ssm_passed" != 0 ]
}
