# SPDX-License-Identifier: Apache-2.0

"""The driver kit on two btrfs pools."""

from __future__ import annotations

from ssm.tests import base
from ssm.tests.btrfs.case import BtrfsPools
from ssm.tests.unit.drivers import kit
from ssm.tests.unit.drivers.linux.case import LinuxCase, LinuxHooks


@base.only_full
class BtrfsKitTest(BtrfsPools, LinuxHooks, kit.DriverKit, LinuxCase):
    """What every driver has to prove."""
