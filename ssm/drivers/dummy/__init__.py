# SPDX-License-Identifier: Apache-2.0

"""The driver named dummy: simulates a back end without storage (contract, section 8)."""

from ssm.drivers.dummy.driver import DummyDriver

__all__ = ['DummyDriver']
