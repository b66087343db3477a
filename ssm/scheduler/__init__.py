# SPDX-License-Identifier: Apache-2.0

"""Where a share goes: decisions over the pools that back ends report (rest-api 5)."""
