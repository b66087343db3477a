# SPDX-License-Identifier: Apache-2.0

"""ssm without root: real processes of an account that may do nothing, and a privileged helper.

What sudo does for an operator is done here by a thread of the test, which is root: it starts the
helper that a command of the account asks for.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import ClassVar

from testtools import content

from ssm.drivers.linux import process
from ssm.tests.base import TestCase
from ssm.tests.nfs import test_image
from ssm.tests.nfs.case import report
from ssm.tests.world import footprint, leftovers
from ssm.tests.world.migration import PHASE1_DONE, SUCCESS, Migration
from ssm.tests.world.nfs_deployment import NfsDeployment
from ssm.tests.world.nfs_tenant import NfsTenant
from ssm.tests.world.smb_client import Refused
from ssm.tests.world.smb_share import SmbShare
from ssm.tests.world.tenant import Size
from ssm.tests.world.wait import until

ACCOUNT = 64977
"""Uid and gid of the services; no account has it."""

_BIN = pathlib.Path(sys.executable).parent
_CONTEXT = 'ssm.drivers.linux.privsep.CONTEXT'

_ASK = """\
import json, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect(sys.argv[1])
    asked.sendall(json.dumps(sys.argv[2:]).encode() + b'\\n')
    sys.exit(int(asked.makefile().readline() or 1))
"""


class _Sudo:
    """Starts helpers for the account, and nothing else.

    :param configuration: the file that helpers read
    """

    def __init__(self, place: pathlib.Path, configuration: pathlib.Path, owned: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(place))
        os.chown(place, ACCOUNT, ACCOUNT)
        self._socket.listen()
        self._configuration = configuration
        self._environment = {'PATH': os.environ['PATH'], leftovers.MARK: owned}
        self._environment['PYTHONWARNINGS'] = 'ignore'
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                asked, _ = self._socket.accept()
            except OSError:
                return
            with asked, asked.makefile() as stream:
                code = self._start(json.loads(stream.readline()))
                asked.sendall(f'{code}\n'.encode())

    def _start(self, arguments: list[str]) -> int:
        context, path = arguments[1], arguments[3]
        assert arguments == ['--privsep_context', _CONTEXT, '--privsep_sock_path', path]
        argv = [str(_BIN / 'privsep-helper'), '--config-file', str(self._configuration)]
        return subprocess.run(
            [*argv, '--privsep_context', context, '--privsep_sock_path', path],
            env=self._environment,
            stdin=subprocess.DEVNULL,
        ).returncode

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class _World(NfsDeployment):
    """``ssm-all`` of the account; pools and configuration are root's."""

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        asked = f'{sys.executable} {self.path}/ask.py {self.path}/sudo'
        self._sections = f'\n[ssm_linux_privileged]\nhelper_command = {asked}\n'
        # a checkout may lie in a home directory; reading is all this lets the account do
        rights = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search']
        account = [f'--reuid={ACCOUNT}', f'--regid={ACCOUNT}', '--clear-groups']
        # access(2) counts such rights only so
        rights += ['--bounding-set=-all,+dac_read_search', '--securebits=+no_setuid_fixup']
        self.prefix = [str(shutil.which('setpriv')), *account, *rights, '--no-new-privs']

    def run(self, name: str, twin: str = '') -> subprocess.Popen[bytes]:
        if not (self.path / 'ask.py').exists():
            (self.path / 'ask.py').write_text(_ASK)
            os.chown(self.path / 'state', ACCOUNT, ACCOUNT)
            self.sudo = _Sudo(self.path / 'sudo', self._file(name), self.name)
        return super().run(name, twin)

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            if hasattr(self, 'sudo'):
                self.sudo.close()

    def accounts(self) -> set[str]:
        """Uids that the service has, of all kinds."""
        lines = pathlib.Path(f'/proc/{self.processes["all"].pid}/status').read_text().splitlines()
        (found,) = (line for line in lines if line.startswith('Uid:'))
        return set(found.split()[1:])

    def helper(self) -> int:
        """Pid of the privileged helper."""
        (found,) = (
            pid
            for pid in leftovers.processes(self.name)
            if b'privsep-helper' in pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
        )
        return found


class PrivsepTest(TestCase):
    """The whole life of a share server, of an unprivileged service."""

    def test_life_of_a_server(self) -> None:
        world = _World(
            options='enabled_share_protocols = NFS,CIFS\n', backend_options='linux_export = samba\n'
        )
        self.addCleanup(world.stop)
        self.addOnException(
            lambda _: self.addDetail('log', content.text_content(world.log('all', 60)))
        )
        world.start()
        self.assertEqual({str(ACCOUNT)}, world.accounts())
        self._look_at(world.helper())
        counted = footprint.Footprint(
            world.path,
            world.name,
            world._network.bridge,
            [world.path / name for name in world.back_ends],
        )
        begun = time.monotonic()
        small = Size({'one': 0, 'two': 3}, parts=12, large=2, sparse=8)
        tenant = NfsTenant(world, world.namespaces, size=small)
        tenant.make()
        report(f'server, two shares, four snapshots: {time.monotonic() - begun:.2f} s')
        smb = SmbShare(tenant, next(iter(world.namespaces.values())))
        alice, carol = smb.allow('alice', 'rw'), smb.allow('carol', 'ro')
        alice.write(smb.location(), 'file', 'before')
        self.assertEqual('before', carol.read(smb.location(), 'file'))
        counted.look()
        tenant.start_writer()
        self.addCleanup(tenant.stop_writer)
        # the helper goes, servers stay, the next call has another one
        known = process.status(world.helper())
        os.kill(world.helper(), signal.SIGKILL)
        tenant.wait_for_records()
        source = tenant.server()
        self.assertEqual(source, smb.show()['share_server_id'])
        migration = Migration(world, source, 'beta')
        self.assertEqual([], [f for f in migration.check().get('findings', [])])
        self.assertNotEqual(known, process.status(world.helper()))
        migration.start()
        migration.wait_for(PHASE1_DONE)
        alice.write(smb.location(), 'file', 'during')
        migration.complete()
        migration.wait_for(SUCCESS)
        tenant.wait_for_records()
        tenant.stop_writer()
        self.assertEqual([], tenant.wrong('beta'))
        self.assertEqual('during', carol.read(smb.location(), 'file'))
        smb.deny('carol')
        self.assertRaises(Refused, carol.read, smb.location(), 'file')
        alice.write(smb.location(), 'file', 'after')
        self.assertEqual('after', alice.read(smb.location(), 'file'))
        self._writes_nothing_open(world)
        for snapshot in tenant.snapshots.values():
            world.request('DELETE', f'/snapshots/{snapshot}')
        until(lambda: not world.get('/snapshots')['snapshots'], 'snapshots to be gone')
        for share in tenant.shares.values():
            world.request('DELETE', f'/shares/{share}')
        smb.delete()
        until(lambda: not world.get('/share-servers')['share_servers'], 'servers to be gone')
        left = counted.look()
        clients = {'ssmt'}
        self.assertEqual([], [port for port in left['ports'] if port[:4] not in clients])
        self.assertEqual([], left['namespaces'])

    def _look_at(self, helper: int) -> None:
        """It is root's, and has less than root."""
        lines = pathlib.Path(f'/proc/{helper}/status').read_text().splitlines()
        fields = dict(line.split(':\t', 1) for line in lines if ':\t' in line)
        self.assertEqual('0', fields['Uid'].split()[0])
        rights = int(fields['CapEff'], 16)
        self.assertEqual(14, rights.bit_count())
        module_loading, reboot = 1 << 16, 1 << 22
        self.assertEqual(0, rights & (module_loading | reboot))

    def _writes_nothing_open(self, world: _World) -> None:
        """Nothing of the pools but what tenants may write can be written by the account."""
        found = [
            path
            for name in world.back_ends
            for path in (world.path / name).rglob('*')
            if not {'shares', 'snapshots', 'closed'} & set(path.parts)
            and not path.is_symlink()
            and (path.stat().st_mode & 0o002 or path.stat().st_uid == ACCOUNT)
        ]
        self.assertEqual([], found)


class ImageTest(test_image.WholeTest):
    """A server that moves with its file handles, away and back, of an unprivileged service."""

    kind = _World
    world: ClassVar[_World]

    def setUp(self) -> None:
        super().setUp()
        self.assertEqual({str(ACCOUNT)}, self.world.accounts())
