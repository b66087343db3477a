# SPDX-License-Identifier: Apache-2.0

"""Tests. They run under the same concurrency as the services, switched before all else."""

import warnings

from ssm.common import concurrency

warnings.filterwarnings('ignore', message='\nEventlet is deprecated')
concurrency.setup()
