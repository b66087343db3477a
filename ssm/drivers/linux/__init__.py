# SPDX-License-Identifier: Apache-2.0

"""The linux driver: real shares on a Linux machine, and their migration.

Four parts are chosen by options, each a module of its package: what a share is (``storage``),
how clients reach it (``export``), what separates servers (``isolation``) and how the other pool
of a migration is reached (``transport``); :mod:`ssm.drivers.linux.parts` lists them.

The driver (:mod:`~ssm.drivers.linux.driver`) runs in the service. What takes time during a
migration is done by a process of its own (:mod:`~ssm.drivers.linux.worker`), which the service
starts and asks (:mod:`~ssm.drivers.linux.control`). What happens inside the source's pool is done
by an agent (:mod:`~ssm.drivers.linux.agent`), started by the transport where that pool is. Both
have to start fast: nothing they import needs more than the standard library.
"""
