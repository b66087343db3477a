# SPDX-License-Identifier: Apache-2.0

"""The linux driver: the driver kit, set-up, report, servers, shares, snapshots."""

from __future__ import annotations

from ssm.tests.unit.drivers import kit
from ssm.tests.unit.drivers.linux.case import LinuxCase, LinuxHooks


class LinuxKitTest(LinuxHooks, kit.DriverKit, LinuxCase):
    """The driver kit on the linux driver."""
