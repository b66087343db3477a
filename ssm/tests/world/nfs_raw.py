# SPDX-License-Identifier: Apache-2.0

"""What no client shows: the handle of a file, asked for by NFSv4.0 itself (RFC 7530)."""

from __future__ import annotations

import socket
import struct

PORT = 2049
_TIMEOUT = 5.0
_PUTFH, _PUTROOTFH, _LOOKUP, _GETFH, _GETATTR = 22, 24, 15, 10, 9
_SIZE = struct.pack('>2I', 1, 1 << 4)
"""The one attribute that is asked for."""

_LAST = 1 << 31


def _opaque(data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + data + b'\0' * (-len(data) % 4)


def _operations(*operations: tuple[int, bytes]) -> bytes:
    """A call of COMPOUND, minor version 0, with credentials of root."""
    credentials = struct.pack('>I', 0) + _opaque(b'test') + struct.pack('>3I', 0, 0, 0)
    header = struct.pack('>6I', 1, 0, 2, 100003, 4, 1)
    header += struct.pack('>I', 1) + _opaque(credentials) + struct.pack('>2I', 0, 0)
    body = _opaque(b'') + struct.pack('>2I', 0, len(operations))
    body += b''.join(struct.pack('>I', number) + rest for number, rest in operations)
    return header + body


def _ask(host: str, call: bytes) -> tuple[int, bytes]:
    """Status of the call, and what it answered after the tag."""
    with socket.create_connection((host, PORT), _TIMEOUT) as connection:
        connection.sendall(struct.pack('>I', _LAST | len(call)) + call)
        with connection.makefile('rb') as stream:
            (length,) = struct.unpack('>I', stream.read(4))
            answer = stream.read(length & ~_LAST)
    # xid, reply, accepted, no verifier, success
    if struct.unpack('>6I', answer[:24])[1:] != (1, 0, 0, 0, 0):
        raise OSError(f'not accepted: {answer.hex()}')
    status, tag = struct.unpack('>2I', answer[24:32])
    return status, answer[32 + tag + (-tag % 4) :]


def handle(location: str, path: str) -> str:
    """The handle of a file below a share, in hexadecimal."""
    host, _, share = location.rpartition(':')
    names = [name for name in f'{share}/{path}'.split('/') if name]
    lookups = [(_LOOKUP, _opaque(name.encode())) for name in names]
    status, results = _ask(host, _operations((_PUTROOTFH, b''), *lookups, (_GETFH, b'')))
    if status:
        raise OSError(status, f'{location}/{path} has no handle: status {status}')
    # the last result is operation, status, length and handle
    begin = 4 + 8 * (1 + len(names)) + 8
    (length,) = struct.unpack('>I', results[begin : begin + 4])
    return results[begin + 4 : begin + 4 + length].hex()


def knows(location: str, found: str) -> bool:
    """Whether the server of a share knows the file of a handle."""
    call = _operations((_PUTFH, _opaque(bytes.fromhex(found))), (_GETATTR, _SIZE))
    return _ask(location.rpartition(':')[0], call)[0] == 0
