# SPDX-License-Identifier: Apache-2.0

"""All shares of a server lie in one file, which is moved as a whole, with its file handles."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Mapping
from typing import Any

from ssm.drivers.linux import btrfs, image, pool, privileged
from ssm.drivers.linux.command import CommandFailed, finish
from ssm.drivers.linux.refusal import refusal, says_full
from ssm.drivers.linux.storage.base import Measured, Paths, Task
from ssm.drivers.linux.storage.btrfs import BtrfsStorage
from ssm.drivers.linux.transport.base import Transport

_CLOSE_TIMEOUT = 10.0
"""Seconds to wait for who uses an image that nothing serves any more."""


class ImageStorage(BtrfsStorage):
    """As storage ``btrfs``, in a file system of each server's own (:mod:`ssm.drivers.linux.image`).

    It is copied by rounds of the subvolume it lies in, clients writing; the last one is sent when
    it is not mounted any more.
    """

    moves_servers = True
    large = (image.DISK,)
    opening = 1.5

    def prepare(self) -> None:
        self._check()
        if missing := privileged.missing(image.PROGRAMS):
            raise ValueError(f'storage image needs these programs: {", ".join(missing)}')
        if not privileged.LOOPS.exists():
            raise ValueError(
                f'storage image needs loop devices, and there is no {privileged.LOOPS}'
            )

    def make(self, server: pool.Server, size: int) -> None:
        image.Image(server).make(self.commands, size, quotas=self.quotas)

    def is_open(self, server: pool.Server) -> bool:
        return image.Image(server).is_open()

    def open(self, server: pool.Server) -> None:
        image.Image(server).open()

    def close(self, server: pool.Server, timeout: float = _CLOSE_TIMEOUT) -> dict[str, str]:
        found = image.Image(server)
        found.close(timeout)
        return {image.NAME: str(found.subvolume)}

    def admit(self, server: pool.Server, name: str, size: int) -> None:
        records = {file.stem: pool.read_json(file) for file in server.exports.glob('*.json')}
        sizes = {share: record['size'] for share, record in records.items()} | {name: size}
        whole = image.Image(server).size
        if (wanted := sum(sizes.values())) > whole:
            raise refusal(
                'image_too_small',
                f'The shares of the server would have {wanted} GiB, its image has {whole} GiB.',
                'Use another share network, or raise linux_image_size, for servers made from then '
                'on.',
            )

    def clone(self, source: pathlib.Path, target: pathlib.Path, size: int) -> None:
        if target.is_dir():
            return
        if not source.is_dir():
            raise refusal('snapshot_missing', f'There is no snapshot at {source}.')
        if btrfs.file_system(source) == btrfs.file_system(target.parent):
            super().clone(source, target, size)
            return
        between = pool.make_directory(target.with_name(f'.{target.name}.sent'), pool.PRIVATE)
        try:
            self._transfer(source, between)
            super().clone(between / source.name, target, size)
        finally:
            self.delete(between)

    def _transfer(self, source: pathlib.Path, directory: pathlib.Path) -> None:
        """Send a snapshot into another image of this pool."""
        self.delete(directory / source.name)
        reader, writer = os.pipe()
        try:
            sender = self.commands.start(
                btrfs.send(source, None),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=subprocess.DEVNULL,
            )
        finally:
            os.close(writer)
        argv = btrfs.receive(directory)
        try:
            pipe = subprocess.PIPE
            receiver = self.commands.start(argv, stdin=reader, stdout=pipe, stderr=pipe)
        finally:
            os.close(reader)
        try:
            finish(receiver, argv)
        except CommandFailed as error:
            if not says_full(error.errors):
                raise
            raise refusal(
                'image_too_small',
                f'The content of the snapshot does not fit the image of the other server: {error}',
                'Remove shares or snapshots of that server.',
            ) from None
        finally:
            sender.kill()
            sender.wait()
        if not btrfs.info(directory / source.name).received:
            raise refusal('snapshot_missing', f'The snapshot {source} could not be read whole.')

    # As the destination of a migration

    def units(self, shares: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{'id': image.NAME, 'share_id': image.NAME, 'name': image.NAME, 'size': 0}]

    def place(self, server: pool.Server, name: str) -> pathlib.Path:
        return image.Image(server).subvolume

    def trees(self, server: pool.Server, shares: Mapping[str, Any]) -> Paths:
        return {str(image.Image(server).subvolume): []}

    def look(self, transport: Transport, trees: Paths, timeout: float) -> Measured:
        measured = super().look(transport, trees, timeout)
        measured.shares.clear()  # what they use inside is not looked at
        return measured

    def flush(self, task: Task) -> None:
        # what the last round would have to send otherwise
        task.source.start('mark', path=str(image.Image(task.origin).mount)).result()

    def arrive(self, migration: pool.Migration, server: pool.Server) -> None:
        found = image.Image(server)
        pool.move(migration.copy_of_share(image.NAME), found.subvolume)
        found.open()

    def install(
        self, migration: pool.Migration, server: pool.Server, shares: list[str], snapshots: set[str]
    ) -> None:
        """Nothing: they came with the image."""
