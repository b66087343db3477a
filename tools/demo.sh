#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/demo.sh [--nfs] [--services] [--keep]: on a fresh machine installs what is needed, then
# moves a share server full of real files from one back end to another while a client writes, and
# proves that every byte is there. Everything happens in a scratch directory.
#
#   --nfs        as root: pools of btrfs in files, NFS servers and clients in network namespaces
#   --services   separate services on RabbitMQ and MariaDB instead of one process
#   --keep       leave the services running at the end

set -euo pipefail
. "$(dirname "$0")/lib.sh"

ssm_need rsync rsync
case " $* " in *' --nfs '*) ssm_nfs ;; esac
ssm_venv
exec python tools/demo.py "$@"
