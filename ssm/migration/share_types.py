# SPDX-License-Identifier: Apache-2.0

"""Extra specs of the share types in use against what the destination reports. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ssm.common import extra_specs
from ssm.common.findings import Finding, Severity
from ssm.common.pools import merged_pools
from ssm.drivers import base

_BACKEND_NAME = 'share_backend_name'


def findings(
    host: str, shares: Iterable[base.Share], report: Mapping[str, Any]
) -> Iterator[Finding]:
    """What the types of these shares ask for and no pool of the back end offers.

    A type bound to a back end by name only warns: whoever empties a box has such types.

    :param report: the capability report of the back end (rest-api 5.3)
    """
    pools = merged_pools(report)
    types = {
        (share['share_type']['id'], share['share_proto']): share['share_type']
        for share in shares
        if share['share_type']
    }
    for (_type_id, protocol), share_type in sorted(types.items()):
        specs = extra_specs.rewrite(share_type['extra_specs'], protocol)
        for item in _closest(specs, pools):
            yield _finding(host, share_type, item)


def _closest(
    specs: Mapping[str, str], pools: Iterable[Mapping[str, Any]]
) -> list[extra_specs.Unmet]:
    """What the pool that satisfies most does not satisfy; a back end without pools offers nothing.

    The name of the back end counts least, as it refuses nothing.
    """
    every = [extra_specs.unmet(specs, pool) for pool in pools] or [extra_specs.unmet(specs, {})]
    return min(every, key=lambda items: len([i for i in items if i.key != _BACKEND_NAME]))


def _finding(host: str, share_type: Mapping[str, Any], item: extra_specs.Unmet) -> Finding:
    bound = item.key == _BACKEND_NAME
    return Finding(
        'extra_spec_unmet',
        f'Share type {share_type["name"]} wants {item.key} {item.wanted!r}, {host} offers '
        f'{item.offered!r}.',
        'Further shares of this type go to the back end it names, not to this one.'
        if bound
        else 'Change the share type, or choose another destination.',
        Severity.WARNING if bound else Severity.ERROR,
        object_type='share_type',
        object_id=share_type['id'],
    )
