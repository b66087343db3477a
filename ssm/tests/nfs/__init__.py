# SPDX-License-Identifier: Apache-2.0

"""Share servers on the network: real namespaces, real NFS servers, real NFS clients. Needs root."""
