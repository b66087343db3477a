# SPDX-License-Identifier: Apache-2.0

"""The linux driver on real btrfs pools; needs root, loop devices and btrfs-progs.

What one test makes lies in a directory that bears the name of this process. Pools are mounted
with loop devices that the kernel gives back when they are unmounted. A run that was killed is
cleaned up by the next one (:mod:`ssm.tests.world.leftovers`).
"""
