#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""The main job, shown: a share server full of files moves from alpha to beta under a writer.

Started by ``tools/demo.sh``; ends with status 0 only if every byte is there afterwards.
"""

from __future__ import annotations

import argparse
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ssm.tests.world.deployment import Deployment
from ssm.tests.world.nfs_deployment import NfsDeployment, lacking
from ssm.tests.world.nfs_tenant import NfsTenant
from ssm.tests.world.servers import Failed
from ssm.tests.world.tenant import LARGE, Tenant

MIGRATE = ('--nondisruptive', 'False', '--writable', 'True', '--preserve_snapshots', 'True')


class Kind(NamedTuple):
    """What the demonstrations differ in.

    :param missing: what this machine lacks, in words
    """

    deployment: type[Deployment]
    tenant: Callable[[Deployment], Tenant]
    missing: Callable[[], list[str]]


DIRECTORIES = Kind(Deployment, lambda world: Tenant(world, size=LARGE), list)
NFS = Kind(
    NfsDeployment,
    lambda world: NfsTenant(world, world.namespaces, size=LARGE),  # type: ignore[attr-defined]
    lacking,
)


def say(text: str) -> None:
    """A heading of the story."""
    print(f'\n\033[1m== {text}\033[0m' if sys.stdout.isatty() else f'\n== {text}', flush=True)


class Demo:
    """One run of the story."""

    tenant: Tenant

    def __init__(self, kind: Kind, *, services: bool) -> None:
        self.kind = kind
        self.world = kind.deployment(services=services)

    def show(self, *arguments: str) -> None:
        """Run a command of the shell before the reader's eyes."""
        print(f'$ ssm {" ".join(arguments)}', flush=True)
        program = str(pathlib.Path(sys.executable).parent / 'ssm')
        if subprocess.run([program, *self.world.shell_arguments, *arguments]).returncode:
            raise Failed(f'ssm {arguments[0]} failed')

    def make(self) -> None:
        """A network, a type, three shares on one server, files, rules, snapshots."""
        say('A share network, a share type, three shares')
        self.tenant = self.kind.tenant(self.world)
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
        print(f'{self.entries(shares)} entries of {len(shares)} shares are equal')
        print(f'{self.entries(snapshots)} entries of {len(snapshots)} snapshots are equal')
        for way, (records, gap) in self.tenant.gaps().items():
            print(
                f'{records} acknowledged records of the writer by {way} are all there; it was held '
                f'up for at most {gap:.2f} s'
            )


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


def choose() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--services', action='store_true', help='separate services on RabbitMQ and MariaDB'
    )
    parser.add_argument(
        '--nfs', action='store_true', help='NFS servers on btrfs pools, clients of NFS; as root'
    )
    parser.add_argument('--keep', action='store_true', help='leave the services running')
    return parser.parse_args()


def main() -> int:
    """Run the demonstration and clean up."""
    chosen = choose()
    kind = NFS if chosen.nfs else DIRECTORIES
    if missing := kind.missing():
        print(f'This demonstration needs: {", ".join(missing)}.', file=sys.stderr)
        return 1
    demo = Demo(kind, services=chosen.services)
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
        demo.world.stop()
    return status


if __name__ == '__main__':
    sys.exit(main())
