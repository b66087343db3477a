# SPDX-License-Identifier: Apache-2.0

"""A server in an image is half open at its destination when all ends: it goes on, or goes."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any, ClassVar

from ssm.common import exceptions
from ssm.drivers.linux import image, privileged
from ssm.drivers.linux.export.ganesha_daemon import RUN
from ssm.drivers.linux.isolation.netns import NetnsIsolation
from ssm.tests.nfs.test_bars import TroubleCase
from ssm.tests.nfs.test_image import ImageCase
from ssm.tests.unit.drivers import harness

_ATTEMPTS = 10
"""That may end before the worker comes to what holds it; a busy machine needs some."""


class HalfOpenTest(ImageCase, TroubleCase):
    # clients wait until those that had files open have them back
    options: ClassVar[dict[str, Any]] = ImageCase.options | {'linux_nfs_lease': 6}

    def setUp(self) -> None:
        super().setUp()
        source = self.migration.source
        self.arrived: image.Image = self.image(harness.DESTINATION, source)
        self.name = NetnsIsolation(self.arrived.server).name
        self.addCleanup(shutil.rmtree, RUN / self.name, ignore_errors=True)

    def open_half(self) -> pathlib.Path:
        """Complete, up to where the NFS server is started; returns what it is held by."""
        self.judge.write(self.location(self.migration.shares[0]), 'data', 'written')
        self.run_to(self.migration, 'fence')
        (RUN / self.name).mkdir(parents=True, mode=0o700)
        pipe = RUN / self.name / 'bus.conf'
        os.mkfifo(pipe)  # who writes to it waits
        patient = self.drivers[harness.DESTINATION]
        self.drivers[harness.DESTINATION] = self.make_driver(
            harness.DESTINATION, linux_step_timeout=2
        )
        self.deadline = 0
        for _ in range(_ATTEMPTS):
            # its worker is killed
            self.assertRaises(exceptions.DriverBusy, self.step, self.migration, 'complete')
            if self.arrived.is_open() and privileged.is_namespace(self.name):
                break
        del self.deadline
        self.drivers[harness.DESTINATION] = patient
        self.assertTrue(self.arrived.is_open())
        self.assertEqual([], privileged.inhabitants(self.name))
        self.assert_served(self.migration)
        return pipe

    def test_complete_again(self) -> None:
        pipe = self.open_half()
        self.crash(self.migration)
        pipe.unlink()
        answer = self.finish(self.migration, 'complete')
        for share in self.migration.shares:
            update = answer['share_updates'][share['id']]
            self.assertEqual(share['export_locations'], update['export_locations'])
        location = self.location(self.migration.shares[0])
        self.assertEqual('written', self.judge.read(location, 'data'))
        self.judge.write(location, 'data', 'and written on')
        self.assertEqual([], self.left(self.namespace(self.migration.source)))
        self.assertEqual([], list(self.pools[harness.SOURCE].servers.iterdir()))

    def test_torn_down(self) -> None:
        """By its id, as long as its row does not say what it is called on the storage."""
        self.open_half()
        self.crash(self.migration)
        self._teardown(harness.DESTINATION, self.migration.destination)
        place = self.pools[harness.DESTINATION]
        left = [*place.servers.iterdir(), *place.migrations.iterdir(), *place.guards.iterdir()]
        self.assertEqual([], [*left, *place.private.glob('removed-*')])
        self.assertEqual([], self.left(self.name))
        # all there is of the data is at the source
        source = self.place(self.migration.source)
        self.assertEqual(self.migration.id, (source.fence() or {})['migration_id'])
        self.assertTrue(self.image(harness.SOURCE, self.migration.source).file.exists())
        self._teardown(harness.SOURCE, self.migration.source)
        self.assertEqual(self.empty, self.footprint.look())
