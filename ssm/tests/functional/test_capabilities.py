# SPDX-License-Identifier: Apache-2.0

"""What is asked, what the driver offers, and what comes of it (contract 5.4): every row.

Each is asked by check, then started and carried to the end of the first phase.
"""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from ssm.db import models
from ssm.tests.functional.migration import BODY, ApiCase

MOVED, RE_ADDRESSED, NEW = 'moved', 'moved_new_network', 'new_server'
SAME_ADDRESS = 'same_address'


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table.

    :param offered: what the driver offers, other than its usual answer
    :param snapshots: whether the shares have some
    :param new_network: whether the network parameters change
    :param keep: whether the destination is told to keep addresses
    :param refused: code of the reason, None if the migration goes on
    :param mode: how the server gets there
    :param read_only: whether the shares are read-only in the first phase
    """

    writable: bool = False
    nondisruptive: bool = False
    preserve_snapshots: bool = False
    offered: tuple[tuple[str, bool], ...] = ()
    snapshots: bool = True
    new_network: bool = False
    keep: bool = False
    refused: str | None = None
    mode: str = NEW
    read_only: bool = False

    @property
    def wish(self) -> dict[str, object]:
        """The parameters of check and start."""
        wanted = {name: str(getattr(self, name)) for name in WISHES}
        return BODY | wanted | ({'new_share_network_id': 'n2'} if self.new_network else {})


WISHES = ('writable', 'nondisruptive', 'preserve_snapshots')
_WRITABLE = (('writable', True),)
_NOT_WRITABLE = (('writable', False),)
_MOVES = (('nondisruptive', True),)
_KEEPS_NONE = (('preserve_snapshots', False),)

ROWS = (
    Row(offered=(('compatible', False),), refused='incompatible_back_ends'),
    Row(writable=True, offered=_WRITABLE),
    Row(writable=True, offered=_NOT_WRITABLE, refused='writable_unsupported'),
    Row(writable=False, offered=_WRITABLE),
    Row(writable=False, offered=_NOT_WRITABLE, read_only=True),
    Row(nondisruptive=True, offered=_MOVES, mode=MOVED),
    Row(nondisruptive=True, offered=_MOVES, new_network=True, refused='network_changes'),
    Row(nondisruptive=True, refused='nondisruptive_unsupported'),
    Row(nondisruptive=False, offered=_MOVES, mode=MOVED),
    Row(nondisruptive=False, offered=_MOVES, new_network=True, mode=RE_ADDRESSED),
    Row(nondisruptive=False),
    Row(nondisruptive=False, new_network=True),
    Row(keep=True, mode=SAME_ADDRESS),
    Row(keep=True, offered=_MOVES, mode=MOVED),
    Row(keep=True, new_network=True),
    Row(preserve_snapshots=True),
    Row(preserve_snapshots=False),
    Row(preserve_snapshots=True, offered=_KEEPS_NONE, refused='preserve_snapshots_unsupported'),
    # Snapshots that would be lost refuse, even if nobody asked to preserve them (S47).
    Row(preserve_snapshots=False, offered=_KEEPS_NONE, refused='snapshots_would_be_lost'),
    Row(
        preserve_snapshots=True,
        offered=_KEEPS_NONE,
        snapshots=False,
        refused='preserve_snapshots_unsupported',
    ),
    Row(preserve_snapshots=False, offered=_KEEPS_NONE, snapshots=False),
)


class TableTest(ApiCase):
    def prepare(self, row: Row) -> None:
        self.stanza(
            'beta',
            dummy_driver_capabilities=dict(row.offered),
            migration_keep_addresses=row.keep,
        )
        self.fresh()
        if not row.snapshots:
            self.remove_snapshots()
        self.add(
            models.ShareNetwork(id='n2', project_id='p1'),
            models.ShareNetworkSubnet(share_network_id='n2', neutron_net_id='another'),
        )

    def test_check(self) -> None:
        for row in ROWS:
            self.prepare(row)
            answer = self.act(200, 'migration_check', row.wish)
            reasons = [reason['code'] for reason in answer.get('reasons', [])]
            self.assertEqual(row.refused, reasons[0] if reasons else None, row)
            self.assertIs(row.refused is None, answer['compatible'], row)
            self.assertEqual({None}, set(self.query(sa.select(models.ShareServer.task_state))))
            self.assert_shown(row, answer['supported_capabilities'])

    def assert_shown(self, row: Row, shown: dict[str, object]) -> None:
        """What the driver said comes back, also where it is the reason to refuse."""
        contradiction = row.refused == 'network_changes'
        usual = {'writable': True, 'nondisruptive': False, 'preserve_snapshots': True}
        for name, value in (usual | dict(row.offered)).items():
            if name == 'nondisruptive' and row.new_network or contradiction:
                value = False
            if name != 'compatible':
                self.assertIs(value, shown[name], f'{name} {row}')
        for name in ('migration_cancel', 'migration_get_progress'):
            self.assertIs(not contradiction, shown[name], f'{name} {row}')

    def test_start(self) -> None:
        for row in ROWS:
            self.prepare(row)
            if row.refused:
                status = 400 if row.refused == 'network_changes' else 409
                (error,) = self.act(status, 'migration_start', row.wish).values()
                self.assertEqual(row.refused, error['reasons'][0]['code'], row)
                self.assertEqual([], self.query(sa.select(models.Migration)))
                continue
            self.begin(**row.wish)
            migration = self.migration()
            self.assertEqual('migration_driver_phase1_done', migration.state, row)
            self.assertEqual(row.mode, migration.mode, row)
            self.assertEqual({row.read_only}, self.statuses()['read_only'], row)
            self.assert_snapshots_went_along(row)

    def assert_snapshots_went_along(self, row: Row) -> None:
        self.act(200, 'migration_complete')
        self.carry()
        self.assertEqual({'available'}, {share['status'] for share in self.shares()}, row)
        shown = self.snapshots()
        self.assertEqual(2 if row.snapshots else 0, len(shown), row)
        self.assertLessEqual({snapshot['status'] for snapshot in shown}, {'available'}, row)
