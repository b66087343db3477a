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
from collections.abc import Iterable

from ssm.tests.world.deployment import Deployment
from ssm.tests.world.servers import Failed
from ssm.tests.world.tenant import LARGE, Tenant

MIGRATE = ('--nondisruptive', 'False', '--writable', 'True', '--preserve_snapshots', 'True')


def say(text: str) -> None:
    """A heading of the story."""
    print(f'\n\033[1m== {text}\033[0m' if sys.stdout.isatty() else f'\n== {text}', flush=True)


class Demo:
    """One run of the story."""

    def __init__(self, deployment: Deployment) -> None:
        self.world = deployment
        self.tenant = Tenant(deployment, size=LARGE)

    def show(self, *arguments: str) -> None:
        """Run a command of the shell before the reader's eyes."""
        print(f'$ ssm {" ".join(arguments)}', flush=True)
        program = str(pathlib.Path(sys.executable).parent / 'ssm')
        if subprocess.run([program, *self.world.shell_arguments, *arguments]).returncode:
            raise Failed(f'ssm {arguments[0]} failed')

    def make(self) -> None:
        """A network, a type, three shares on one server, files, rules, snapshots."""
        say('A share network, a share type, three shares')
        self.tenant.make_shares()
        self.show('list')
        say('Real files, access rules, two snapshots a share')
        started = time.monotonic()
        self.tenant.fill()
        files = self.entries(self.tenant.shares)
        print(f'{files} files and directories in {time.monotonic() - started:.1f} s')

    def entries(self, names: Iterable[str]) -> int:
        """How much is in shares, or snapshots."""
        return sum(len(self.tenant.manifests[name]) for name in names)

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
        self.tenant.wait_for_records()
        self.tenant.stop_writer()
        self.show('share-server-list')
        for name in self.tenant.shares:
            self.show('share-export-location-list', name)

    def report(self) -> None:
        """What held, in figures."""
        shares, snapshots = self.tenant.shares, self.tenant.snapshots
        records, gap = self.tenant.gap()
        print(f'{self.entries(shares)} entries of {len(shares)} shares are equal')
        print(f'{self.entries(snapshots)} entries of {len(snapshots)} snapshots are equal')
        print(f'{records} acknowledged records are all there')
        print(f'the writer was held up for at most {gap:.2f} s')


def tell(demo: Demo) -> int:
    """The whole story; returns the exit status."""
    started = time.monotonic()
    say('Start the services')
    demo.world.start()
    print(f'ready in {time.monotonic() - started:.1f} s: {demo.world.url}')
    demo.make()
    demo.tenant.start_writer()
    demo.migrate()
    say('Verify')
    wrong = demo.tenant.wrong('beta')
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
        demo.tenant.stop_writer()
        demo.world.stop()
        shutil.rmtree(path, ignore_errors=True)
    return status


if __name__ == '__main__':
    sys.exit(main())
