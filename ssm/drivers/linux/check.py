# SPDX-License-Identifier: Apache-2.0

"""Whether the pool can take a share server: reasons, gathered without changing anything."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from ssm.common.exceptions import ConfigurationError
from ssm.common.findings import Finding, Severity
from ssm.conf.backend import BackendConfig
from ssm.drivers.linux import agent, pool
from ssm.drivers.linux.abilities import Abilities
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.export.base import Export
from ssm.drivers.linux.storage.base import Measured, Storage
from ssm.drivers.linux.transport.base import Transport

GIB = 1 << 30

DRIVER_NAMES = frozenset(
    {
        'linux',
        'ssm.drivers.linux.driver:LinuxDriver',
        'ssm.drivers.linux.driver.LinuxDriver',
    }
)
"""Spellings of this driver in the option share_driver."""

_MISSING = {
    'rsync': Finding(
        code='rsync_missing',
        message='The program rsync is not installed on the destination.',
        hint='Install rsync on this node.',
    ),
    'btrfs': Finding(
        code='btrfs_missing',
        message='The program btrfs is not installed on the destination.',
        hint='Install btrfs-progs on this node.',
    ),
}
"""What to say of a program that a storage copies with."""

SURVEY_TIMEOUT = 30.0
"""Seconds; a check is answered to a waiting caller."""

_DESCRIBE_TIMEOUT = 20.0
"""The same, for what needs no look at trees."""


def source_stanza(
    backend: BackendConfig, host: str, options: list[Any]
) -> tuple[BackendConfig | None, list[Finding]]:
    """The stanza of the source's back end, and what is wrong with it."""
    try:
        peer = backend.peer(host, options)
    except ConfigurationError as error:
        return None, [
            Finding(
                code='source_stanza_missing',
                message=f'The source back end can not be read: {error.message}.',
                hint='Put the stanzas of all back ends into the configuration of each node.',
            )
        ]
    if peer.share_driver not in DRIVER_NAMES:
        return None, [
            Finding(
                code='source_driver_differs',
                message=f'The source back end {peer.name} uses the driver {peer.share_driver}, '
                'the destination the linux driver.',
                hint='Choose a destination with the same driver.',
            )
        ]
    if not peer.linux_pool_path:
        return None, [
            Finding(
                code='source_stanza_missing',
                message=f'[{peer.name}] linux_pool_path is not set on this node.',
                hint='Put the whole stanza into the configuration of each node.',
            )
        ]
    return peer, []


def way(
    source: BackendConfig, destination: BackendConfig, host: str
) -> tuple[dict[str, Any] | None, list[Finding]]:
    """How the pool of a source is reached: plain data for transports; and what is wrong.

    :param host: ``host@backend`` of the source
    """
    found = {
        'transport': destination.linux_transport,
        'rate_limit': destination.linux_rate_limit,
    }
    if destination.linux_transport != 'ssh':
        return found, []
    if not source.linux_ssh_host:
        if host.rpartition('@')[0] == destination.conf.host:
            return found | {'transport': 'local'}, []
        return None, [
            Finding(
                code='source_stanza_missing',
                message=f'[{source.name}] linux_ssh_host is not set on this node.',
                hint='Set it to the address at which this node reaches the host of that back end.',
            )
        ]
    names = ('host', 'port', 'user', 'key', 'known_hosts', 'command', 'timeout')
    found |= {name: getattr(source, f'linux_ssh_{name}') for name in names}
    return found | {'compression': destination.linux_compression}, []


def describe(
    transport: Transport, side: dict[str, str], storage: Storage
) -> tuple[dict[str, Any], list[Finding]]:
    """What an agent says of the source, see :func:`ssm.drivers.linux.agent.describe`.

    Empty, with a finding, if none answers.
    """
    programs = [storage.program, *(['zstd'] if transport.compression else [])]
    try:
        call = transport.start('describe', side=side, programs=programs)
        found: dict[str, Any] = call.result(timeout=_DESCRIBE_TIMEOUT)
    except TimeoutError:
        return {}, [
            Finding(
                code='source_host_unreachable',
                message=f'{transport.place} did not answer within {_DESCRIBE_TIMEOUT:g} s.',
                hint='Look at the load and the log of sshd there.',
            )
        ]
    except CommandFailed as error:
        return {}, [transport.lost(error) or agent_failed(transport, error)]
    if found['protocol'] != agent.PROTOCOL:
        return {}, [
            Finding(
                code='source_agent_failed',
                message=f'The agent on {transport.place} speaks version {found["protocol"]}, '
                f'this node version {agent.PROTOCOL}.',
                hint='Install the same release of ssm on both hosts.',
            )
        ]
    return found, []


def agent_failed(transport: Transport, error: CommandFailed) -> Finding:
    """The finding that an agent does not do what it is asked."""
    last = error.errors.rpartition('\n')[2]
    return Finding(
        code='source_agent_failed',
        message=f'The agent on {transport.place} ended with {error.code}: {last}',
        hint='Try linux_ssh_command of the source there; it has to need no password.',
    )


def pools(
    found: Mapping[str, Any], destination: pool.Pool, place: pool.Server, server_id: str
) -> Iterator[Finding]:
    """What is wrong with the pools, or with the server in its place."""
    if found['pool'] is not None and found['pool'] == destination.id():
        yield Finding(
            code='same_pool',
            message=f'Source and destination are the same pool, {destination.path}.',
            hint='Choose another back end.',
        )
        return
    if not found['exists']:
        yield Finding(
            code='source_server_missing',
            message=f'The share server is not in its pool: {place.path} does not exist there.',
            hint='Check linux_pool_path of the source on this node, whether it is mounted, and '
            'with linux_transport = ssh also linux_ssh_host.',
            object_type='share_server',
            object_id=server_id,
        )
    elif fence := found['fence']:
        yield Finding(
            code='source_fenced',
            message=f'The share server is closed by migration {fence["migration_id"]}.',
            hint='End that migration first.',
            object_type='share_server',
            object_id=server_id,
        )


def protocols(export: type[Export], spec: Mapping[str, Any]) -> Iterator[Finding]:
    """Shares that the destination has nothing to serve with."""
    wanted = {item['share_properties']['share_proto'] for item in spec.get('shares_req_spec', [])}
    for proto in sorted(proto for proto in wanted if not export.serves(proto)):
        yield Finding(
            code='protocol_not_supported',
            message=f'There are {proto} shares on the server, which the destination can not serve.',
            hint='Set linux_export = samba on the destination, or choose another one.',
        )


def storages(
    source: BackendConfig, destination: BackendConfig, storage: Storage, found: Mapping[str, Any]
) -> Iterator[Finding]:
    """What keeps the storage of one pool from being copied to that of the other."""
    if source.linux_storage != destination.linux_storage:
        yield Finding(
            code='storage_differs',
            message=f'The source keeps shares in the storage {source.linux_storage}, the '
            f'destination in {destination.linux_storage}.',
            hint='Choose a destination with the same linux_storage.',
        )
    elif shutil.which(storage.program) is None:
        yield _MISSING[storage.program]
    elif found['missing']:
        yield Finding(
            code='source_program_missing',
            message=f'Not installed on the host of the source: {", ".join(found["missing"])}.',
            hint='Install it there.',
        )


def measure(storage: Storage, transport: Transport, found: dict[str, list[str]]) -> Measured | None:
    """How much there is of a server; None if it takes too long to find out.

    :param found: what there is of it
    """
    try:
        return storage.look(transport, found, SURVEY_TIMEOUT)
    except TimeoutError:
        return None


def content(
    measured: Measured | None,
    shares: Mapping[str, Any],
    storage: Storage,
    spec: Mapping[str, Any],
) -> Iterator[Finding]:
    """What is wrong with the amount or the kind of data."""
    yield from _space(measured, storage.pool.path, spec)
    if measured is None:
        return
    abilities = storage.abilities
    yield from _sizes(measured, shares, spec)
    if measured.uncopyable:
        yield Finding(
            code='source_unreadable',
            message=f'{measured.uncopyable} files can not be copied by this service, e.g. '
            f'{measured.first_uncopyable!a}.',
            hint='Run the service as root, or make the files readable for it.',
        )
    if measured.nested:
        yield Finding(
            code='nested_subvolumes',
            message=f'There are {len(measured.nested)} subvolumes inside of shares, which would '
            f'not be copied, e.g. {measured.nested[0]!a}.',
            hint='Make directories of them, on the host of the source.',
        )
    if measured.snapshots and not storage.atomic_snapshots:
        yield Finding(
            code='snapshot_not_atomic',
            message=f'{measured.snapshots} snapshots were made by copying; files changed '
            'meanwhile may be from different moments.',
            hint='They are migrated as they are.',
            severity=Severity.WARNING,
        )
    lost = ['access control lists'] if not abilities.acls else []
    lost += ['extended attributes'] if not abilities.xattrs else []
    lost += [f'owners of {measured.foreign} files'] if _loses_owners(measured, abilities) else []
    if lost:
        yield Finding(
            code='attributes_not_preserved',
            message=f'The destination can not keep {", ".join(lost)}.',
            hint='Run the service as root, on a file system that has them.',
            severity=Severity.WARNING,
        )


def _loses_owners(measured: Measured, abilities: Abilities) -> bool:
    return bool(measured.foreign and not abilities.owners)


def _space(
    measured: Measured | None, destination: pathlib.Path, spec: Mapping[str, Any]
) -> Iterator[Finding]:
    """Bytes and inodes needed against those free; sizes stand in for what was not measured."""
    space = os.statvfs(destination)
    free = space.f_bavail * space.f_frsize
    if measured is None:
        needed = (spec.get('shares_size', 0) + spec.get('snapshots_size', 0)) * GIB
        how = 'by the sizes of shares and snapshots'
    else:
        needed = measured.used
        how = 'measured'
    if needed > free:
        yield Finding(
            code='no_space',
            message=f'The server needs {needed / GIB:.2f} GiB ({how}), the destination has '
            f'{free / GIB:.2f} GiB free.',
            hint='Free space on the destination or choose another host.',
        )
    elif measured and space.f_files and measured.files > space.f_favail:
        yield Finding(
            code='no_space',
            message=f'The server has {measured.files} files, the destination has '
            f'{space.f_favail} inodes free.',
            hint='Choose a destination whose file system has more inodes.',
        )


def _sizes(
    measured: Measured, shares: Mapping[str, Any], spec: Mapping[str, Any]
) -> Iterator[Finding]:
    """Shares that use more than their size; nothing holds them to it (decision 29)."""
    sizes = {
        request['share_id']: request['share_properties']['size']
        for request in spec.get('shares_req_spec', [])
    }
    for name, used in measured.shares.items():
        record = shares[name]['record']
        if record is None:
            continue
        size = sizes.get(record['share_id'], record['size'])
        if used > size * GIB:
            yield Finding(
                code='over_size',
                message=f'Share {record["share_id"]} has a size of {size} GiB and uses '
                f'{used / GIB:.2f} GiB.',
                hint='It is migrated whole; extend it.',
                severity=Severity.WARNING,
                object_type='share',
                object_id=record['share_id'],
            )
