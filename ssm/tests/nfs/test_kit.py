# SPDX-License-Identifier: Apache-2.0

"""The driver kit on share servers of NFS, an NFS client being the judge."""

from __future__ import annotations

from ssm.tests.nfs.case import GaneshaHooks, NfsCase
from ssm.tests.unit.drivers import kit


class GaneshaKitTest(GaneshaHooks, kit.DriverKit, NfsCase):
    """The driver kit on the linux driver with isolation netns and export ganesha."""
