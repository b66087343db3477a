# SPDX-License-Identifier: Apache-2.0

"""Real services, real files and a writing client: what demo and integration tests run in."""
