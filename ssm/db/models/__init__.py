# SPDX-License-Identifier: Apache-2.0

"""The tables (rest-api section 6, as far as used), and share server migrations."""

from ssm.db.models.base import NOT_DELETED, Base, now
from ssm.db.models.networks import (
    DriverPrivateData,
    NetworkAllocation,
    ShareNetwork,
    ShareNetworkSubnet,
    SubnetMapping,
)
from ssm.db.models.servers import BackendDetail, Migration, ShareServer
from ssm.db.models.services import AvailabilityZone, Lock, Service
from ssm.db.models.shares import (
    AccessMapping,
    AccessRule,
    AccessRuleMetadata,
    ExportLocation,
    ExportLocationMetadata,
    Share,
    ShareInstance,
    ShareMetadata,
    Snapshot,
    SnapshotExportLocation,
    SnapshotInstance,
)
from ssm.db.models.types import ShareType, ShareTypeExtraSpec, ShareTypeProject

__all__ = [
    'NOT_DELETED',
    'AccessMapping',
    'AccessRule',
    'AccessRuleMetadata',
    'AvailabilityZone',
    'BackendDetail',
    'Base',
    'DriverPrivateData',
    'ExportLocation',
    'ExportLocationMetadata',
    'Lock',
    'Migration',
    'NetworkAllocation',
    'Service',
    'Share',
    'ShareInstance',
    'ShareMetadata',
    'ShareNetwork',
    'ShareNetworkSubnet',
    'ShareServer',
    'ShareType',
    'ShareTypeExtraSpec',
    'ShareTypeProject',
    'Snapshot',
    'SnapshotExportLocation',
    'SnapshotInstance',
    'SubnetMapping',
    'now',
]
