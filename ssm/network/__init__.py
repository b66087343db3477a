# SPDX-License-Identifier: Apache-2.0

"""Network plug-ins: which addresses share servers get. They are pure; ``resources`` writes."""

from ssm.network.loading import for_backend, load

__all__ = ['for_backend', 'load']
