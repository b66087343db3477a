# SPDX-License-Identifier: Apache-2.0

"""Share servers that exist: taken over and let go by the manager of their back end."""

from __future__ import annotations

from typing import Any
from unittest import mock

from ssm.common import exceptions
from ssm.conf import CONF
from ssm.db import models
from ssm.drivers import base as drivers_base
from ssm.drivers import dummy
from ssm.share import backend, manager, servers
from ssm.tests.unit.share import base

NETWORKS = (
    base.NETWORK
    + """
[admin]
network_api_class = standalone
standalone_network_plugin_gateway = 10.9.0.1
standalone_network_plugin_mask = 24
"""
)


class ManagedTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.serve()
        self.network_id = self.network()

    def serve(self, *, network: str = base.NETWORK, **options: Any) -> None:
        """Load the back end anew; its storage stays."""
        self.configure(base.stanza('alpha', **options), network=network)
        self.back_end = backend.load(CONF, 'alpha', 'boot')
        engine = mock.Mock(spec=['check', 'wake', 'start', 'stop'])
        self.manager = manager.ShareManager(
            self.back_end, engine, self.zone_id, publish=lambda: None
        )

    def made(self) -> str:
        """A server that the service made, without shares; its id."""
        instance_id = self.instance(share_network_id=self.network_id)
        server_id = servers.place(self.context, self.back_end, instance_id, self.zone_id)
        base.change(models.ShareInstance, instance_id, deleted=instance_id)
        return server_id

    def row(self, server_id: str) -> models.ShareServer:
        return base.get(models.ShareServer, server_id)

    def unmanage(self, server_id: str, *, force: bool = False) -> None:
        base.change(models.ShareServer, server_id, status='unmanage_starting')
        self.manager.unmanage_share_server(self.context, server_id, force)

    def manage(self, identifier: str, **options: Any) -> str:
        """Ask for a server as the API does; the id of its row."""
        server_id = base.insert(
            models.ShareServer(
                host=self.back_end.host,
                status='manage_starting',
                identifier=identifier,
                is_auto_deletable=False,
            )
        )
        subnet_model = models.ShareNetworkSubnet
        (subnet,) = base.living(subnet_model, subnet_model.share_network_id == self.network_id)
        base.insert(
            models.SubnetMapping(share_server_id=server_id, share_network_subnet_id=subnet.id)
        )
        self.manager.manage_share_server(self.context, server_id, options)
        return server_id

    def addresses(self, server_id: str) -> dict[str, tuple[str, str | None]]:
        """Label and network of the living addresses of a server."""
        found = base.living(
            models.NetworkAllocation, models.NetworkAllocation.share_server_id == server_id
        )
        return {item.ip_address: (item.label, item.cidr) for item in found}

    def test_server_let_go_is_taken_over(self) -> None:
        old = self.made()
        self.unmanage(old)
        for model in (
            models.ShareServer,
            models.SubnetMapping,
            models.BackendDetail,
            models.NetworkAllocation,
        ):
            self.assertEqual([], base.living(model), model)
        new = self.manage(old)
        row = self.row(new)
        self.assertEqual(('active', old), (row.status, row.identifier))
        self.assertTrue(row.security_service_update_support)
        self.assertTrue(row.network_allocation_update_support)
        self.assertTrue(row.share_replicas_migration_support)
        details = {item.key: item.value for item in base.living(models.BackendDetail)}
        self.assertEqual(
            {'server_id', 'service_ip', 'username', 'subnet_allocations'}, set(details)
        )

    def test_its_addresses_are_given_to_nobody_else(self) -> None:
        old = self.made()
        taken = self.addresses(old)
        self.unmanage(old)
        new = self.manage(old)
        self.assertEqual(taken, self.addresses(new))
        self.assertEqual(('user', '10.0.0.0/24'), taken['10.0.0.2'])
        other = self.made_on_another_network()
        self.assertEqual({'10.0.0.4', '10.0.0.5'}, set(self.addresses(other)))

    def made_on_another_network(self) -> str:
        instance_id = self.instance(share_network_id=self.network())
        return servers.place(self.context, self.back_end, instance_id, self.zone_id)

    def test_addresses_given_away_meanwhile_are_not_taken(self) -> None:
        old = self.made()
        self.unmanage(old)
        other = self.made_on_another_network()
        wanted = set(self.addresses(other))
        new = self.manage(old)
        self.assertEqual('manage_error', self.row(new).status)
        self.assertEqual({}, self.addresses(new))
        self.assertEqual(wanted, set(self.addresses(other)))

    def test_addresses_of_the_administrative_network(self) -> None:
        self.serve(network=NETWORKS, admin_network_config_group='admin')
        old = self.made()
        self.unmanage(old)
        self.assertEqual(
            {
                '10.0.0.2': ('user', '10.0.0.0/24'),
                '10.0.0.3': ('user', '10.0.0.0/24'),
                '10.9.0.2': ('admin', '10.9.0.0/24'),
            },
            self.addresses(self.manage(old)),
        )

    def driver(self, **behaviour: Any) -> Any:
        """The driver takes servers over like this, for the time of a ``with``."""
        return mock.patch.object(dummy.DummyDriver, 'manage_server', **behaviour)

    def answered(self, *answer: Any) -> str:
        """A server that the driver answered this about."""
        with self.driver(return_value=answer):
            return self.manage('anything')

    def test_addresses_of_a_foreign_network(self) -> None:
        server_id = self.answered(None, {'addresses': ' fd00::1,192.0.2.7 , 192.0.2.7', 'k': 'v'})
        self.assertEqual(('active', server_id), self.seen(server_id))
        self.assertEqual(
            {'fd00::1': ('user', None), '192.0.2.7': ('user', None)}, self.addresses(server_id)
        )
        self.assertEqual(['k'], [item.key for item in base.living(models.BackendDetail)])

    def seen(self, server_id: str) -> tuple[str, str | None]:
        row = self.row(server_id)
        return row.status, row.identifier

    def test_addresses_that_are_none(self) -> None:
        server_id = self.answered('x', {'addresses': '10.0.0.2,nonsense', 'k': 'v'})
        self.assertEqual(('manage_error', 'anything'), self.seen(server_id))
        self.assertEqual([], base.living(models.BackendDetail))
        self.assertEqual({}, self.addresses(server_id))

    def test_server_that_is_not_on_the_storage(self) -> None:
        self.assertEqual('manage_error', self.row(self.manage('nobody')).status)

    def test_driver_that_fails_to_manage(self) -> None:
        old = self.made()
        self.unmanage(old)
        self.serve(dummy_driver_failures='manage_server:error:1')
        first = self.manage(old)
        self.assertEqual('manage_error', self.row(first).status)
        self.unmanage(first)
        self.assertEqual('active', self.row(self.manage(old)).status)

    def test_back_end_without_share_servers(self) -> None:
        with mock.patch.object(backend.BackEnd, 'handles_servers', False):
            server_id = self.manage(self.made())
        self.assertEqual('manage_error', self.row(server_id).status)

    def test_driver_that_does_not_let_go(self) -> None:
        server_id = self.made()
        for failure in ('refused', 'busy', 'error'):
            self.serve(dummy_driver_failures=f'unmanage_server:{failure}')
            self.unmanage(server_id)
            self.assertEqual('unmanage_error', self.row(server_id).status)
            self.assertEqual(2, len(self.addresses(server_id)))
        self.unmanage(server_id, force=True)
        self.assertEqual([], base.living(models.ShareServer))
        self.assertEqual({}, self.addresses(server_id))

    def test_message_that_comes_too_late(self) -> None:
        server_id = self.made()
        for status in ('active', 'error', 'server_migrating'):
            base.change(models.ShareServer, server_id, status=status)
            self.manager.unmanage_share_server(self.context, server_id, False)
            self.manager.manage_share_server(self.context, server_id, {})
            self.assertEqual(status, self.row(server_id).status)
        self.manager.manage_share_server(self.context, 'nobody', {})
        self.manager.unmanage_share_server(self.context, 'nobody', True)

    def test_status_set_by_hand_meanwhile_stays(self) -> None:
        old = self.made()
        self.unmanage(old)

        def manage(*_arguments: Any) -> tuple[str, dict[str, str]]:
            (row,) = base.living(models.ShareServer)
            base.change(models.ShareServer, row.id, status='error')
            return 'x', {'addresses': '10.0.0.2'}

        with self.driver(side_effect=manage):
            server_id = self.manage(old)
        self.assertEqual(('error', old), self.seen(server_id))
        self.assertEqual({}, self.addresses(server_id))

    def test_driver_without_it_says_so(self) -> None:
        driver = self.back_end.driver
        for method, code in (
            ('manage_server', 'manage_not_supported'),
            ('unmanage_server', 'unmanage_not_supported'),
        ):
            given = (driver, self.context, {}, 'x', {})[: 5 if method == 'manage_server' else 4]
            refusal = self.assertRaises(
                exceptions.DriverRefused, getattr(drivers_base.ShareDriver, method), *given
            )
            self.assertEqual([code], [finding.code for finding in refusal.findings])
