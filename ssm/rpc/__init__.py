# SPDX-License-Identifier: Apache-2.0

"""Clients of the services' RPC interfaces, one module a service."""
