# SPDX-License-Identifier: Apache-2.0

"""What decides on images, as far as no image is needed."""

from __future__ import annotations

import os
import pathlib
import types
from typing import Any

from ssm.common import exceptions
from ssm.drivers.linux import moving, tree
from ssm.tests.base import TestCase

_MIB = 1 << 20


class FingerprintTest(TestCase):
    """Two large files are told apart by their content, and by nothing else."""

    def setUp(self) -> None:
        super().setUp()
        self.file = self.make('file', {1: b'x', 5: os.urandom(_MIB)})

    def make(self, name: str, pieces: dict[int, bytes], size: int = 64) -> pathlib.Path:
        """A file with holes, and a piece at each of some offsets; all in MiB."""
        path = pathlib.Path(self.state_path, name)
        with path.open('wb') as file:
            file.truncate(size * _MIB)
            for offset, piece in pieces.items():
                file.seek(offset * _MIB)
                file.write(piece)
        return path

    def test_zeros_are_holes(self) -> None:
        whole = pathlib.Path(self.state_path, 'whole')
        whole.write_bytes(self.file.read_bytes())
        found = tree.fingerprint(str(whole), None)
        self.assertEqual(found, tree.fingerprint(str(self.file), None))
        self.assertEqual([1 * _MIB, 5 * _MIB], [offset for offset, _ in found['pieces']])

    def test_what_differs(self) -> None:
        found = tree.fingerprint(str(self.file), None)
        content = self.file.read_bytes()[5 * _MIB : 6 * _MIB]
        for pieces, size in (
            ({1: b'y', 5: content}, 64),
            ({1: b'x'}, 64),
            ({1: b'x', 5: content, 63: b'x'}, 64),
            ({1: b'x', 5: content}, 65),
        ):
            other = self.make('other', pieces, size)
            self.assertNotEqual(found, tree.fingerprint(str(other), None))

    def test_sample_is_spread_and_looked_for_elsewhere(self) -> None:
        pieces = {number: bytes([number + 1]) for number in range(60)}
        file = self.make('many', pieces)
        found = tree.fingerprint(str(file), 6 * _MIB)
        offsets = [offset for offset, _ in found['pieces']]
        self.assertEqual([0, 10, 20, 30, 40, 50], [offset // _MIB for offset in offsets])
        self.assertEqual(found, tree.fingerprint(str(file), None, offsets))
        lacking = self.make('lacking', pieces | {20: b'\0'})
        self.assertNotEqual(found, tree.fingerprint(str(lacking), None, offsets))


class MovingTest(TestCase):
    """Why clients would be disrupted."""

    side = types.SimpleNamespace(
        name='alpha',
        linux_isolation='netns',
        linux_export='ganesha',
        linux_verify_all=False,
        linux_nfs_lease=10,
    )
    versions: dict[str, Any] = {'nfs': 'V4.3', 'kernel': [6, 1], 'lease': 10, 'minors': '0'}

    def reasons(self, *, source: Any = None, there: Any = (), here: Any = ()) -> list[str]:
        return list(
            moving.reasons(
                source or self.side,
                self.side,  # type: ignore[arg-type]
                self.versions | dict(there),
                self.versions | dict(here),
                {},
            )
        )

    def test_nothing_is_in_the_way(self) -> None:
        self.assertEqual([], self.reasons())
        self.assertEqual([], self.reasons(here={'kernel': [6, 12], 'lease': None}))

    def test_hosts_differ(self) -> None:
        for there, here, words in (
            ({'nfs': 'V5.0'}, {}, 'V5.0 and V4.3'),
            ({'nfs': ''}, {}, 'none and V4.3'),
            ({'kernel': [6, 12]}, {}, 'Linux 6.12, the destination only 6.1'),
            ({'lease': 11}, {}, 'linux_nfs_lease is 10 s there'),
            ({'lease': 4}, {}, 'a lease of 4 s'),
            ({'lease': None}, {}, 'a lease of 0 s'),
        ):
            (reason,) = self.reasons(there=there, here=here)
            self.assertIn(words, reason)

    def test_parts_serve_no_nfs(self) -> None:
        for change in ({'linux_export': 'local'}, {'linux_isolation': 'none'}):
            other = types.SimpleNamespace(**vars(self.side) | change)
            self.assertEqual(['alpha serves no NFS'], self.reasons(source=other))

    def test_late(self) -> None:
        moving.refuse_late(5, 10)
        with self.assertRaises(exceptions.DriverRefused) as caught:
            moving.refuse_late(5.1, 10)
        self.assertEqual('pause_too_long', caught.exception.findings[0].code)
