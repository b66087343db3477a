# SPDX-License-Identifier: Apache-2.0

"""The released tests: their configuration, which of them are run, and what came of it."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
from collections.abc import Mapping

from ssm.tests.conformance import keystone
from ssm.tests.world.servers import Failed

MAXIMUM = '2.70'
"""The tests are not to speak a higher microversion than the API does."""

_HERE = pathlib.Path(__file__).parent

_CONFIGURATION = """\
[DEFAULT]
log_file = {path}/log/tempest.log
use_stderr = false

[oslo_concurrency]
lock_path = {path}/tempest/lock

[auth]
use_dynamic_credentials = true
create_isolated_networks = false
admin_username = admin
admin_password = {password}
admin_project_name = admin
admin_domain_name = Default
admin_system = all
tempest_roles = member

[identity]
auth_version = v3
uri = {url}
uri_v3 = {url}
region = {region}
v3_endpoint_type = public
default_domain_id = default
catalog_type = identity

[identity-feature-enabled]
api_v2 = false
api_v3 = true

[enforce_scope]
keystone = true
manila = true

[service_available]
manila = true
cinder = false
glance = false
neutron = false
nova = false
swift = false

[share]
catalog_type = {service_type}
endpoint_type = publicURL
max_api_microversion = {maximum}
multitenancy_enabled = true
create_networks_when_multitenancy_enabled = false
multi_backend = true
backend_names = alpha,beta
backend_replication_type = readable
build_interval = 1
build_timeout = 60
share_server_migration_timeout = 120
enable_protocols = nfs,cifs
enable_ip_rules_for_protocols = nfs
enable_user_rules_for_protocols = cifs
enable_ro_access_level_for_protocols = nfs,cifs
capability_storage_protocol = NFS_CIFS
capability_snapshot_support = true
capability_create_share_from_snapshot_support = true
run_share_group_tests = false
run_share_server_migration_tests = true
run_positive_migration_replica_tests = false
run_share_server_multiple_subnet_tests = true
"""

_COUNT = re.compile(r'^ - (Passed|Failed|Skipped): (\d+)$', re.MULTILINE)


class Tempest:
    """The tests, ready to run.

    :param path: directory for files of the run, with a subdirectory ``log``
    :param programs: directory of the command ``tempest``, which has the plug-in
    :param environment: of the process
    """

    def __init__(
        self, path: pathlib.Path, programs: pathlib.Path, environment: Mapping[str, str]
    ) -> None:
        self._path = path
        self._program = str(programs / 'tempest')
        self._work = path / 'tempest'
        self._environment = dict(environment) | {'PATH': f'{programs}:{environment["PATH"]}'}

    def configure(self, identity: keystone.Keystone) -> None:
        """Make the work directory of a run.

        :raises Failed: it could not be made
        """
        # Else it keeps a list in the user's home.
        register = ('--workspace-path', str(self._path / 'workspaces.yaml'))
        done = subprocess.run(
            [self._program, 'init', *register, str(self._work)],
            env=self._environment,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise Failed(f'tempest init:\n{(done.stdout + done.stderr).decode(errors="replace")}')
        (self._work / 'etc' / 'tempest.conf').write_text(
            _CONFIGURATION.format(
                path=self._path,
                url=identity.url,
                password=keystone.PASSWORD,
                region=keystone.REGION,
                service_type=keystone.SERVICE_TYPE,
                maximum=MAXIMUM,
            )
        )

    def run(self, regex: str | None, concurrency: int) -> dict[str, int]:
        """Run tests, printing what they say; returns how many Passed, Failed and Skipped.

        :param regex: which; None runs those of ``chosen.txt`` without those of ``not_built.txt``
        :raises Failed: none was run
        """
        lists = ('--include-list', 'chosen.txt'), ('--exclude-list', 'not_built.txt')
        chosen = [part for option, name in lists for part in (option, str(_HERE / name))]
        wanted = ['--regex', regex] if regex else chosen
        command = [self._program, 'run', '--concurrency', str(concurrency), *wanted]
        said = []
        with subprocess.Popen(
            command,
            cwd=self._work,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                sys.stdout.write(line)
        counts = {name: int(number) for name, number in _COUNT.findall(''.join(said))}
        if not counts:
            raise Failed('tempest ran no test')
        return counts
