# SPDX-License-Identifier: Apache-2.0

"""Start Keystone and ssm, run the tests, end everything; ends with the numbers of tests."""

from __future__ import annotations

import argparse
import pathlib
import signal
import sys

from ssm.tests.conformance import keystone, tempest
from ssm.tests.world.deployment import Deployment, free_port
from ssm.tests.world.servers import Failed

BACK_ENDS = ('alpha', 'beta', 'gamma')

_OPTIONS = """\
auth_strategy = keystone
enabled_share_protocols = NFS,CIFS
osapi_share_workers = 16
default_share_type = default
periodic_interval = 2
"""

# The tests want two zones, and a back end that makes no share servers. Pools have a type of
# replication because the tests of migrations ask for one; further replicas they are not asked for.
_BACK_END_OPTIONS = """\
admin_network_config_group = adminnet
dummy_driver_default_driver_method_delay = 0.05
replication_domain = dummy
migrated_share_server_retention = 2
backend_availability_zone = zone-0
"""

_SECTIONS = """
[beta]
backend_availability_zone = zone-1

[gamma]
driver_handles_share_servers = false

[adminnet]
network_api_class = standalone
standalone_network_plugin_gateway = 10.30.0.1
standalone_network_plugin_mask = 24

[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
user_domain_id = default
project_domain_id = default
project_name = service
username = ssm
password = {password}

[oslo_policy]
enforce_scope = true
enforce_new_defaults = true
"""

_DEFAULT_TYPE = {'name': 'default', 'extra_specs': {'driver_handles_share_servers': 'True'}}


def _judge(programs: pathlib.Path, regex: str | None, jobs: int, services: bool) -> bool:
    """Start everything and run the tests; returns whether some passed and none failed.

    :raises Failed: it did not come to the tests
    """
    url = f'http://127.0.0.1:{free_port()}/v3'
    world = Deployment(
        services=services,
        back_ends=BACK_ENDS,
        driver='dummy',
        options=_OPTIONS,
        backend_options=_BACK_END_OPTIONS,
        sections=_SECTIONS.format(url=url, password=keystone.PASSWORD),
    )
    identity = keystone.Keystone(url, world.path, programs, world.environment)
    try:
        identity.start()
        identity.register(world.url)
        world.token = identity.token()
        world.start()
        world.request('POST', '/types', {'share_type': _DEFAULT_TYPE})
        tests = tempest.Tempest(world.path, programs, world.environment)
        tests.configure(identity)
        counts = tests.run(regex, jobs)
        for name in world.processes if counts['Failed'] else ():
            print(f'\n-- log of {name}\n{world.log(name)}')
    finally:
        world.stop()
    print('{Passed} passed, {Failed} failed, {Skipped} skipped'.format_map(counts))
    return counts['Passed'] > 0 and not counts['Failed']


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog='conformance.sh', description=__doc__)
    parser.add_argument('--services', action='store_true', help='on RabbitMQ and MariaDB')
    parser.add_argument('--jobs', type=int, default=4, help='tests at the same time, default 4')
    parser.add_argument('regex', nargs='?', help='other tests than those of chosen.txt')
    chosen = parser.parse_args()
    # The environment of tools/clients.txt in which both judges are.
    programs = pathlib.Path(sys.prefix) / 'clients' / 'tempest' / 'bin'
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return 0 if _judge(programs, chosen.regex, chosen.jobs, chosen.services) else 1
    except Failed as exc:
        print(f'FAILED: {exc}')
        return 1


if __name__ == '__main__':
    sys.exit(main())
