# SPDX-License-Identifier: Apache-2.0

"""``ssm-all`` as a process: a share made by HTTP, a clean end, in both concurrency modes."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import fixtures

from ssm.common import concurrency
from ssm.tests import base
from ssm.tests.unit.share.base import NETWORK, stanza

_MAIN = 'from ssm.cmd.all import main; main()'


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Process(fixtures.Fixture):
    """A running ``ssm-all`` with two dummy back ends.

    :param mode: eventlet or threading
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode

    def _setUp(self) -> None:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        port = free_port()
        self.url = f'http://127.0.0.1:{port}'
        self.log = directory / 'ssm.log'
        (directory / 'ssm.conf').write_text(
            f"""
[DEFAULT]
host = node1
state_path = {directory}/state
log_file = {self.log}
enabled_share_backends = alpha, beta
auth_strategy = noauth
osapi_share_listen = 127.0.0.1
osapi_share_listen_port = {port}
"""
            + stanza('alpha')
            + stanza('beta')
            + NETWORK
        )
        self.process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _MAIN, '--config-file', directory / 'ssm.conf'],
            env=os.environ | {'SSM_CONCURRENCY': self.mode},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self._end)
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make a request as administrator; the body of the answer."""
        request = urllib.request.Request(
            self.url + '/v2' + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                'X-Auth-Token': 'admin:a1',
                'X-OpenStack-Manila-API-Version': '2.65',
                'X-OpenStack-Manila-API-Experimental': 'True',
                'Content-Type': 'application/json',
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None


class AllTest(base.TestCase):
    def test_eventlet(self) -> None:
        self.run_all(concurrency.EVENTLET)

    def test_threading(self) -> None:
        self.run_all(concurrency.THREADING)

    def run_all(self, mode: str) -> None:
        """A share is made and removed; SIGTERM ends the process in time."""
        ssm = self.useFixture(Process(mode))
        self.assertEqual(f'ssm-all is ready at {ssm.url}\n', ssm.first_line)
        share_id = self.make_share(ssm)
        share = self.wait_for(lambda: self.share_in(ssm, share_id, 'available'))
        self.assertEqual('100%', share['progress'])
        server_id = share['share_server_id']
        server = ssm.call('GET', f'/share-servers/{server_id}')['share_server']
        self.assertEqual('active', server['status'])
        locations = ssm.call('GET', f'/shares/{share_id}/export_locations')['export_locations']
        self.assertTrue(locations)
        access = ssm.call(
            'POST',
            f'/shares/{share_id}/action',
            {'allow_access': {'access_type': 'ip', 'access_to': '10.1.1.1'}},
        )['access']
        self.wait_for(
            lambda: (
                ssm.call('GET', f'/share-access-rules/{access["id"]}')['access']['state']
                == 'active'
            )
        )
        ssm.call('DELETE', f'/shares/{share_id}')
        self.wait_for(lambda: self.status_of(ssm, f'/shares/{share_id}') == 404)
        self.assert_ends(ssm)

    def make_share(self, ssm: Process) -> str:
        type_id = ssm.call(
            'POST',
            '/types',
            {
                'share_type': {
                    'name': 'default',
                    'extra_specs': {'driver_handles_share_servers': 'true'},
                }
            },
        )['share_type']['id']
        network = ssm.call('POST', '/share-networks', {'share_network': {'name': 'net'}})
        share = ssm.call(
            'POST',
            '/shares',
            {
                'share': {
                    'share_proto': 'NFS',
                    'size': 1,
                    'share_type': type_id,
                    'share_network_id': network['share_network']['id'],
                }
            },
        )
        return share['share']['id']

    def share_in(self, ssm: Process, share_id: str, status: str) -> Any:
        share = ssm.call('GET', f'/shares/{share_id}')['share']
        self.assertNotEqual('error', share['status'])
        return share if share['status'] == status else None

    def status_of(self, ssm: Process, path: str) -> int:
        try:
            ssm.call('GET', path)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        return 200

    def wait_for(self, what: Callable[[], Any], seconds: float = 30) -> Any:
        """What a function says once it says something true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = what()
            if found:
                return found
            time.sleep(0.1)
        raise self.failureException(f'waited {seconds} s in vain')

    def assert_ends(self, ssm: Process) -> None:
        """SIGTERM ends it within five seconds, without an error in the log."""
        ssm.process.send_signal(signal.SIGTERM)
        self.assertEqual(0, ssm.process.wait(timeout=5))
        errors = [line for line in ssm.log.read_text().splitlines() if ' ERROR ' in line]
        self.assertEqual([], errors)
