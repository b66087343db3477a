# SPDX-License-Identifier: Apache-2.0

"""Migrations between machines: two namespaces with an sshd in one of them. Needs root."""
