# SPDX-License-Identifier: Apache-2.0

"""The driver kit on two btrfs pools."""

from __future__ import annotations

from typing import Any, ClassVar

from ssm.tests import base
from ssm.tests.btrfs.case import BtrfsPools
from ssm.tests.unit.drivers import kit
from ssm.tests.unit.drivers.linux.case import LinuxCase, LinuxHooks


@base.only_full
class BtrfsKitTest(BtrfsPools, LinuxHooks, kit.DriverKit, LinuxCase):
    """What every driver has to prove."""


@base.only_full
class ImageKitTest(BtrfsPools, LinuxHooks, kit.DriverKit, LinuxCase):
    """The same where all shares of a server lie in one image."""

    options: ClassVar[dict[str, Any]] = {'linux_storage': 'image', 'linux_image_size': 9}
