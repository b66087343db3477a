# SPDX-License-Identifier: Apache-2.0

"""Tests. They run under the same concurrency as the services, switched before all else."""

from ssm.common import concurrency

concurrency.setup()
