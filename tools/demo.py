#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""The main job, shown: a share server full of files moves from alpha to beta under a writer.

Started by ``tools/demo.sh``; ends with status 0 only if every byte is there afterwards.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from ssm.tests.world import data, writer
from ssm.tests.world.deployment import Deployment, Failed

SHARES = ('projects', 'home', 'media')
RULES = (('ip', '10.20.1.0/24', 'rw'), ('ip', '10.20.2.7', 'ro'))
MIGRATE = ('--nondisruptive', 'False', '--writable', 'True', '--preserve_snapshots', 'True')
WRITTEN = SHARES[0]


def say(text: str) -> None:
    """A heading of the story."""
    print(f'\n\033[1m== {text}\033[0m' if sys.stdout.isatty() else f'\n== {text}', flush=True)


class Demo:
    """One run of the story."""

    def __init__(self, deployment: Deployment) -> None:
        self.world = deployment
        self.shares: dict[str, str] = {}
        self.before: dict[str, dict[bytes, data.Entry]] = {}
        self.snapshots: dict[str, dict[bytes, data.Entry]] = {}
        self.acknowledged = deployment.path / 'acknowledged'
        self.writer: subprocess.Popen[bytes] | None = None

    def show(self, *arguments: str) -> None:
        """Run a command of the shell before the reader's eyes."""
        print(f'$ ssm {" ".join(arguments)}', flush=True)
        program = str(pathlib.Path(sys.executable).parent / 'ssm')
        if subprocess.run([program, *self.world.shell_arguments, *arguments]).returncode:
            raise Failed(f'ssm {arguments[0]} failed')

    def directory(self, share: str) -> pathlib.Path:
        """Where a share is now, by the API."""
        path = writer.location(self.world.url, self.shares[share])
        if path is None:
            raise Failed(f'Share {share} has no export location')
        return path

    def make(self) -> None:
        """A network, a type, three shares on one server, files, rules, snapshots."""
        say('A share network, a share type, three shares')
        self.world.ssm('share-network-create', '--name', 'tenant')
        self.world.ssm('type-create', 'default', 'True', '--extra-specs', 'snapshot_support=True')
        for name in SHARES:
            made = self.world.ssm_json(
                'create',
                'NFS',
                '2',
                '--name',
                name,
                '--share-type',
                'default',
                '--share-network',
                'tenant',
                '--availability-zone',
                'zone-alpha',
                '--wait',
            )
            self.shares[name] = made['id']
        self.show('list')
        say('Real files, access rules, two snapshots a share')
        started = time.monotonic()
        with ThreadPoolExecutor(len(SHARES)) as pool:
            list(pool.map(self._fill, range(len(SHARES))))
        files = sum(len(found) for found in self.before.values())
        print(f'{files} files and directories in {time.monotonic() - started:.1f} s')

    def _fill(self, number: int) -> None:
        name = SHARES[number]
        directory = self.directory(name)
        data.fill(directory, number, len(SHARES))
        for kind, target, level in RULES:
            self.world.ssm('access-allow', name, kind, target, '--access-level', level)
        for round_ in (1, 2):
            data.change(directory, round_)
            snapshot = f'{name}-{round_}'
            self.world.ssm('snapshot-create', name, '--name', snapshot, '--wait')
            self.snapshots[snapshot] = data.manifest(directory)
        data.change(directory, 3)
        self.before[name] = data.manifest(directory)

    def start_writer(self) -> None:
        """A client that appends checksummed, fsynced records."""
        self.writer = subprocess.Popen(
            [
                sys.executable,
                '-m',
                'ssm.tests.world.writer',
                self.world.url,
                self.shares[WRITTEN],
                str(self.acknowledged),
            ]
        )

    def stop_writer(self) -> None:
        """End the client, if it runs."""
        if self.writer is not None:
            self.writer.send_signal(signal.SIGTERM)
            self.writer.wait()
            self.writer = None

    def migrate(self) -> None:
        """The commands of the user guide."""
        server = self.world.ssm_json('share-server-list')[0]['Id']
        destination = 'node1@beta'
        say('May it move?')
        self.show('share-server-migration-check', server, destination, *MIGRATE)
        say('Start: the copy, while the client goes on writing')
        self.show('share-server-migration-start', server, destination, *MIGRATE)
        self.show('share-server-migration-watch', server, '--interval', '0.5')
        self.show('share-server-migration-get-progress', server)
        say('Complete: the cut-over')
        self.show('share-server-migration-complete', server)
        watch = ('--until', 'migration_success', '--interval', '0.2')
        self.show('share-server-migration-watch', server, *watch)
        time.sleep(1)
        self.stop_writer()
        self.show('share-server-list')
        for name in SHARES:
            self.show('share-export-location-list', name)

    def verify(self) -> list[str]:
        """What is wrong with files, snapshots, rules and records; empty if nothing is."""
        say('Verify')
        wrong: list[str] = []
        for name in SHARES:
            directory = self.directory(name)
            if '/beta/' not in str(directory):
                wrong.append(f'{name} is still at {directory}')
            found = data.manifest(directory, without=(writer.FILE,))
            wrong += [f'{name}: {said}' for said in data.differences(self.before[name], found)]
            rules = self.world.get(f'/share-access-rules?share_id={self.shares[name]}')
            rules = rules['access_list']
            states = {(rule['access_to'], rule['access_level'], rule['state']) for rule in rules}
            if states != {(target, level, 'active') for _kind, target, level in RULES}:
                wrong.append(f'{name}: access rules are {states}')
        for name, manifest in self.snapshots.items():
            shown = self.world.ssm_json('snapshot-show', name)
            found = data.manifest(pathlib.Path(shown['provider_location']))
            wrong += [f'{name}: {said}' for said in data.differences(manifest, found)]
        wrong += writer.lost(self.directory(WRITTEN), self.acknowledged)
        return wrong

    def report(self) -> None:
        """What held, in figures."""
        files = sum(len(found) for found in self.before.values())
        inside = sum(len(found) for found in self.snapshots.values())
        records, gap = writer.longest_gap(self.acknowledged)
        print(f'{files} entries of {len(SHARES)} shares are equal')
        print(f'{inside} entries of {len(self.snapshots)} snapshots are equal')
        print(f'{records} acknowledged records are all there')
        print(f'the writer was held up for at most {gap:.2f} s')


def tell(demo: Demo) -> int:
    """The whole story; returns the exit status."""
    started = time.monotonic()
    say('Start the services')
    demo.world.start()
    print(f'ready in {time.monotonic() - started:.1f} s: {demo.world.url}')
    demo.make()
    demo.start_writer()
    demo.migrate()
    wrong = demo.verify()
    for line in wrong[:20]:
        print(f'WRONG: {line}')
    if wrong:
        return 1
    demo.report()
    print(f'\nAll of it held. {time.monotonic() - started:.0f} s.')
    return 0


def keep(world: Deployment) -> None:
    """Leave everything running until Ctrl-C."""
    arguments = ' '.join(world.shell_arguments)
    print(f'\nThe services go on at {world.url}; their files are in {world.path}.')
    print(
        f'Talk to them by:  {pathlib.Path(sys.executable).parent}/ssm {arguments} share-server-list'
    )
    print('End with Ctrl-C.')
    signal.pause()


def main() -> int:
    """Run the demonstration and clean up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--services', action='store_true', help='separate services on RabbitMQ and MariaDB'
    )
    parser.add_argument('--keep', action='store_true', help='leave the services running')
    chosen = parser.parse_args()
    path = tempfile.mkdtemp(prefix='ssm-demo-')
    demo = Demo(Deployment(path, services=chosen.services))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status = 1
    try:
        status = tell(demo)
        if chosen.keep:
            keep(demo.world)
    except Failed as exc:
        print(f'\nFAILED: {exc}')
        for name in demo.world.processes:
            print(f'\n-- log of {name}\n{demo.world.log(name)}')
    except KeyboardInterrupt:
        print('\nstopped')
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.stop_writer()
        demo.world.stop()
        shutil.rmtree(path, ignore_errors=True)
    return status


if __name__ == '__main__':
    sys.exit(main())
