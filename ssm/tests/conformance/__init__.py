# SPDX-License-Identifier: Apache-2.0

"""ssm before its outer judges: a real Keystone, and the tests published for this API.

Started by ``tools/conformance.sh``. Both judges come from the package registry, in an environment
of their own.
"""
