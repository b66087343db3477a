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
        'the program btrfs, and root or the helper of [ssm_linux_privileged]. image: all shares of '
        'a server lie in one file with a btrfs of its own, on a mounted btrfs, by which a server '
        'can be moved with its file handles; else as btrfs, also needs the programs losetup and '
        'mkfs.btrfs. Both ends of a migration need the same.',
    ),
    cfg.IntOpt(
        'linux_image_size',
        default=100,
        min=1,
        help='GiB that the shares of a server may have together, with linux_storage = image, for '
        'servers made from then on. Snapshots take their space from the same file, which takes '
        'space of the pool as it is written, and gives none back.',
    ),
    cfg.StrOpt(
        'linux_export',
        default='local',
        help='How clients reach a share. local: by its path on this host; access rules are '
        'kept beside the share and not enforced. ganesha: by NFSv4 at <address>:/<name of the '
        'share>, from an nfs-ganesha per share server; access rules of type ip are enforced; '
        'needs linux_isolation = netns. samba: the same, and shares of the protocol CIFS by SMB, '
        'from an smbd per share server; their access rules are of type user, whose passwords the '
        'driver makes.',
    ),
    cfg.IntOpt(
        'linux_nfs_lease',
        default=10,
        min=5,
        max=120,
        help='Seconds for which an NFS server keeps the state of a client that gives no sign of '
        'life, for servers made or migrated from then on. After a start of an NFS server clients '
        'get their open files back for half as long again, in which others can open none. '
        'A server can be moved with its file handles if it is away for half of this at most.',
    ),
    cfg.StrOpt(
        'linux_isolation',
        default='none',
        help='What separates share servers from each other on the network. none: nothing; the '
        'addresses of a server are only recorded. netns: each server has a network namespace with '
        'its addresses, connected to linux_bridge; needs the programs ip, bridge, nsenter and '
        'arping, and root or the helper of [ssm_linux_privileged].',
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
        help='How this back end, as the destination of a migration, reaches the pool of the '
        'source. local: both pools are mounted on this host. ssh: the source is on another host, '
        'and its stanza, as it stands in the configuration of this node, says how that is reached '
        '(linux_ssh_*); needs the program ssh. Sources on this host are reached as with local.',
    ),
    cfg.IntOpt(
        'linux_compression',
        default=0,
        min=0,
        max=19,
        help='Level of zstd by which this back end, as the destination of a migration with '
        'linux_transport = ssh, has data compressed on the way; 0: not at all. Needs the program '
        'zstd on both hosts. 1 is worth it below some 2 Gbit/s.',
    ),
    cfg.IntOpt(
        'linux_rate_limit',
        default=0,
        min=0,
        help='MiB a second that one migration into this back end copies at most, counted before '
        'compression; 0: no limit. Shares that are copied by rsync at the same time get an equal '
        'part each. It also holds for the last pass, while the source is closed.',
    ),
    cfg.StrOpt(
        'linux_ssh_host',
        help='Name or address at which other nodes reach the host of this back end by ssh, when '
        'it is the source of a migration. Like all linux_ssh_* options it is read by the '
        'destination. Default: none.',
    ),
    cfg.PortOpt('linux_ssh_port', default=22, help='Port of sshd at linux_ssh_host.'),
    cfg.StrOpt(
        'linux_ssh_user',
        help='User to log in as at linux_ssh_host. Default: the user of the service, or what the '
        'configuration of ssh says.',
    ),
    cfg.StrOpt(
        'linux_ssh_key',
        help='File with the private key, without a passphrase, on the node of the destination. '
        'Default: what ssh finds.',
    ),
    cfg.StrOpt(
        'linux_ssh_known_hosts',
        help='File with the host keys of linux_ssh_host, on the node of the destination; a host '
        'that is not in it is refused. Default: what ssh finds.',
    ),
    cfg.StrOpt(
        'linux_ssh_command',
        default='ssm-linux-agent',
        help='How the agent is started at linux_ssh_host, e.g. "sudo -n ssm-linux-agent" for a '
        'user who is not root. Nothing else is run there.',
    ),
    cfg.IntOpt(
        'linux_ssh_timeout',
        default=15,
        min=3,
        max=120,
        help='Seconds without a sign of life after which a connection to linux_ssh_host counts '
        'as broken, and for which a new one is waited for.',
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
        'linux_fence_lease',
        default=30,
        min=2,
        max=600,
        help='Seconds for which the source of a migration into this back end stays closed during '
        'the cut-over without a sign of life of the destination. Past them its own host opens it '
        'again, and the cut-over is tried anew. Once everything is copied and proved the source '
        'is told to stay closed; then this limit ends.',
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
