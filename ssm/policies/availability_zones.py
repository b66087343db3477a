# SPDX-License-Identifier: Apache-2.0

"""Who may look at availability zones."""

from ssm.policies import base

RULES = base.rules('availability_zone', base.READER, (('index', 'GET', '/availability-zones'),))
