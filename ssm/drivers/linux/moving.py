# SPDX-License-Identifier: Apache-2.0

"""Whether a server can be moved with its file handles, and what becomes of its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ssm.common.findings import Finding, Severity
from ssm.drivers.linux.refusal import refusal

if TYPE_CHECKING:
    from ssm.conf.backend import BackendConfig
    from ssm.drivers.linux import pool
    from ssm.drivers.linux.transport.base import Transport

PAUSE = 2.5
"""Seconds that clients wait at least: what was measured of a cut-over with nothing left to copy."""

OPENING = 1.0
"""Seconds of them until the destination serves, once all is copied."""

_PART = 2
"""Clients may need half of their lease to find that the server is back."""


def limit(lease: float) -> float:
    """Seconds a server may be away before clients could lose what they have open."""
    return lease / _PART


def reasons(
    source: BackendConfig,
    destination: BackendConfig,
    there: Mapping[str, Any],
    here: Mapping[str, Any],
    spec: Mapping[str, Any],
) -> Iterator[str]:
    """Why clients would be disrupted; none if they are not.

    :param there: what :func:`ssm.drivers.linux.agent.versions` says at the source
    :param here: the same on this host
    :param spec: ``shares_request_spec``
    """
    wanted = {item['share_properties']['share_proto'] for item in spec.get('shares_req_spec', [])}
    if others := sorted(wanted - {'NFS'}):
        yield f'it has shares of {", ".join(others)}'
    for stanza in (source, destination):
        if stanza.linux_isolation != 'netns' or stanza.linux_export == 'local':
            yield f'{stanza.name} serves no NFS'
    if there['nfs'] != here['nfs']:
        yield f'the NFS servers differ: {there["nfs"] or "none"} and {here["nfs"] or "none"}'
    if there['kernel'] > here['kernel']:
        kernels = ['.'.join(map(str, side['kernel'])) for side in (there, here)]
        yield f'its host has Linux {kernels[0]}, the destination only {kernels[1]}'
    if destination.linux_verify_all:
        yield 'linux_verify_all reads the whole image while clients wait'
    if there['minors'] != '0':
        yield 'its clients may use NFSv4.1 or later, whose sessions end'
    lease = there['lease'] or 0
    if lease > destination.linux_nfs_lease:
        yield (
            f'its clients renew by a lease of {lease:g} s, which they would lose at the '
            f'destination: linux_nfs_lease is {destination.linux_nfs_lease} s there'
        )
    if limit(lease) < PAUSE:
        yield (
            f'a move takes {PAUSE:g} s or more, and with a lease of {lease:g} s clients might lose '
            f'open files after {limit(lease):g} s'
        )


def findings(disruptive: list[str]) -> list[Finding]:
    """The same as a warning."""
    if not disruptive:
        return []
    return [
        Finding(
            code='clients_are_disrupted',
            message=f'The server can not be moved with its file handles: {"; ".join(disruptive)}.',
            hint='It can be migrated all the same; clients have to open their files again.',
            severity=Severity.WARNING,
        )
    ]


def refuse_late(away: float, lease: float) -> None:
    """Nothing, if clients get their server back in time.

    :param away: seconds for which they do not have it
    :raises DriverRefused: they could lose what they have open
    """
    if away > limit(lease):
        raise refusal(
            'pause_too_long',
            f'Clients would have to wait for {away:.1f} s; with a lease of {lease:g} s they might '
            f'lose their open files after {limit(lease):g} s. The source serves on.',
            'Complete when clients write less, or raise linux_nfs_lease, for servers made from '
            'then on.',
        )


def retire(source: Transport, side: dict[str, str], migration: pool.Migration) -> None:
    """Have the source of a server that moved put aside; the destination serves already.

    :raises CommandFailed: it does not answer
    """
    source.start('retire', side=side, migration=migration.id).result()
    migration.retire_file.unlink(missing_ok=True)
