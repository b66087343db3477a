# SPDX-License-Identifier: Apache-2.0

"""The world in which a share server migrates, seen and changed through the API alone."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

import sqlalchemy as sa
import webob
from sqlalchemy import orm

from ssm.api import app
from ssm.db import engine as db
from ssm.db import models
from ssm.policies import enforcer
from ssm.tests.functional import database, fixtures
from ssm.tests.unit.migration import scenario

BODY = scenario.BODY


class ApiCase(scenario.ScenarioCase):
    """Requests of an administrator to the application; the engine carries on when told to."""

    def setUp(self) -> None:
        super().setUp()
        self.override(auth_strategy='noauthv2')
        self.rpc = self.useFixture(fixtures.Rpc())
        enforcer.reset()
        self.addCleanup(enforcer.reset)
        self.api = app.build()

    # Requests

    def call(self, method: str, path: str, body: Any = None) -> webob.Response:
        """One request below ``/v2``."""
        request = webob.Request.blank(f'/v2{path}', method=method)
        request.headers.update(
            {
                'X-Auth-Token': 'root:p1',
                'X-OpenStack-Manila-API-Version': '2.70',
                'X-OpenStack-Manila-API-Experimental': 'true',
                'Content-Type': 'application/json',
            }
        )
        if body is not None:
            request.body = json.dumps(body).encode()
        return request.get_response(self.api)

    def ask(self, status: int, method: str, path: str, body: Any = None) -> Any:
        """The same; the status has to be that, the decoded body comes back."""
        answer = self.call(method, path, body)
        self.assertEqual(status, answer.status_int, f'{method} {path} {body}: {answer.text}')
        return json.loads(answer.text) if answer.text else None

    def act(self, status: int, action: str, value: Any = None, server: str | None = None) -> Any:
        """An action on a share server, by default the one that migrates."""
        path = f'/share-servers/{server or self.source_id}/action'
        return self.ask(status, 'POST', path, {action: value})

    def begin(self, **body: Any) -> None:
        """Start a migration and carry it on to the end of its first phase."""
        self.act(202, 'migration_start', BODY | body)
        self.carry()

    # What the API shows

    def show(self, server: str | None = None) -> Any:
        """A share server, by default the one that migrates."""
        return self.ask(200, 'GET', f'/share-servers/{server or self.source_id}')['share_server']

    def shares(self) -> list[Any]:
        """All shares with all they have."""
        return self.ask(200, 'GET', '/shares/detail?all_tenants=1')['shares']

    def snapshots(self) -> list[Any]:
        """All snapshots with all they have."""
        return self.ask(200, 'GET', '/snapshots/detail?all_tenants=1')['snapshots']

    def destinations(self, **filters: str) -> list[Any]:
        """Servers that point to the one that migrates."""
        query = f'source_share_server_id={self.source_id}'
        query += ''.join(f'&{key}={value}' for key, value in filters.items())
        return self.ask(200, 'GET', f'/share-servers?{query}')['share_servers']

    # Behind the API

    def fresh(self, shares: int = 2) -> str:
        """Another world, in which nothing has happened; returns the server's id."""
        self.useFixture(database.Database())
        with contextlib.suppress(FileNotFoundError):
            os.remove(f'{self.state_path}/storage.json')
        self.drivers['alpha'] = self._make_driver('alpha')
        self.restart()
        return self.seed(shares)

    @db.writer
    def execute(session: orm.Session, self: ApiCase, *statements: Any) -> None:
        """Change rows as nobody could through the API."""
        for statement in statements:
            session.execute(statement)

    def remove_snapshots(self) -> None:
        """The shares have none."""
        self.execute(*(sa.delete(each) for each in (models.SnapshotInstance, models.Snapshot)))
