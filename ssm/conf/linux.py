# SPDX-License-Identifier: Apache-2.0

"""Options of the linux driver, read from the stanza of each back end that uses it."""

from oslo_config import cfg

LINUX_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'linux_pool_path',
        help='Absolute path of the directory that holds the back end: share servers, shares, '
        'snapshots and the state of migrations into it. It must exist and be writable, and '
        'belongs to one back end only. Has to be set.',
    ),
    cfg.StrOpt(
        'linux_storage',
        default='directory',
        help='What a share is on the storage. directory: a directory of any file system; '
        'snapshots are reflinks where the file system has them, else copies that share '
        'unchanged files by hard links; sizes are not enforced. btrfs: a subvolume of a mounted '
        'btrfs; snapshots are read-only subvolumes, sizes are enforced with linux_quotas; needs '
        'root rights and the program btrfs. Both ends of a migration need the same.',
    ),
    cfg.StrOpt(
        'linux_export',
        default='local',
        help='How clients reach a share. local: by its path on this host; access rules are '
        'kept beside the share and not enforced. ganesha: by NFSv4 at <address>:/<name of the '
        'share>, from an nfs-ganesha per share server; access rules of type ip are enforced; '
        'needs linux_isolation = netns.',
    ),
    cfg.StrOpt(
        'linux_isolation',
        default='none',
        help='What separates share servers from each other on the network. none: nothing; the '
        'addresses of a server are only recorded. netns: each server has a network namespace with '
        'its addresses, connected to linux_bridge; needs root rights and the programs ip, bridge, '
        'nsenter and arping.',
    ),
    cfg.StrOpt(
        'linux_bridge',
        help='Bridge of this host that the namespaces of share servers are connected to, with '
        'linux_isolation = netns. It has to exist, and to lead to the networks whose addresses '
        'the network plug-in gives. Networks with a segmentation_id become VLANs of it, for which '
        'the bridge has to have vlan_filtering on. Default: none.',
    ),
    cfg.StrOpt(
        'linux_transport',
        default='local',
        help='How this back end reaches the pool of a migration source. local: both pools are '
        'mounted on this host.',
    ),
    cfg.BoolOpt(
        'linux_quotas',
        default=True,
        help='Hold shares to their sizes, where linux_storage can: clients get EDQUOT (disk quota '
        'exceeded). With btrfs this switches quota groups on in the pool, which makes the removal '
        'of snapshots and writing under many of them several times slower. False reports shares '
        'that outgrow their sizes in checks of migrations only.',
    ),
    cfg.IntOpt(
        'linux_parallel_copies',
        default=2,
        min=1,
        max=64,
        help='Shares of one migration that are copied at the same time. More than the disks '
        'can serve makes each slower. See max_concurrent_migrations.',
    ),
    cfg.IntOpt(
        'linux_fence_timeout',
        default=30,
        min=0,
        help='Seconds to wait, once the shares of a migration source are closed, for programs '
        'that still hold files of them open. Past it the source is opened again and the step is '
        'refused with the finding clients_hold_files.',
    ),
    cfg.IntOpt(
        'linux_step_timeout',
        default=600,
        min=1,
        help='Seconds one step of a migration may take while the service waits for it (refresh, '
        'fence, complete, cancel). Past it the worker is stopped and the step is tried again '
        'later. The first phase has no such limit.',
    ),
    cfg.BoolOpt(
        'linux_verify_all',
        default=False,
        help='Compare the content of all files, snapshots included, while the source is closed. '
        'Default: all attributes, and the content of files changed since the first phase '
        'compared everything. The closed time grows with the amount of data.',
    ),
]
"""Registered in the stanza by the driver, also in that of a migration's source."""
