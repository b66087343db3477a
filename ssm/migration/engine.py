# SPDX-License-Identifier: Apache-2.0

"""The loop that carries migrations forward (rules 1 to 3, decisions 1 to 22).

Each share manager has one engine, for the migrations *to* its back end. A sweep finds the rows
that are due; a message only makes it look sooner. Whoever gets a row's lease calls
:func:`ssm.migration.advance.advance` until the migration rests. Normal operation and recovery
after a crash are this same path: what is done stands in the journal, and what was begun is done
again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Any

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log as logging

from ssm.common import exceptions, loops
from ssm.common.context import RequestContext
from ssm.db import models
from ssm.migration import (
    capabilities,
    claims,
    inquiry,
)
from ssm.migration.advance import BACKOFF, advance, first_step
from ssm.migration.lease import Bell, Identity, Keeper, Lease
from ssm.migration.plan import begun
from ssm.migration.run import Run, Tools

LOG = logging.getLogger(__name__)


class Engine:
    """Carries forward the migrations to one back end.

    :param tools: driver, back end, network plug-ins, RPC client
    :param boot_id: random, makes the process an owner of its own
    """

    def __init__(self, tools: Tools, boot_id: str) -> None:
        conf = tools.backend
        self.tools = tools
        self.host = conf.host
        self._lease_seconds = conf.migration_lease_seconds
        self._identity = Identity(self.host, boot_id, cfg.CONF.state_path)
        self._keeper = Keeper(self._lease_seconds)
        self._sweeper = loops.Periodic(
            f'migration-sweep-{self.host}', self.sweep, conf.migration_sweep_interval
        )
        self._bells: dict[str, Bell] = {}
        self._runs: dict[str, Run] = {}
        self._stopping = False

    def start(self) -> None:
        """Begin to renew leases and to look for work."""
        self._keeper.start()
        self._sweeper.start()

    def stop(self) -> None:
        """Stop looking for work; what runs gives its lease back after the step it is in."""
        self._stopping = True
        self._sweeper.stop(timeout=1)
        for bell in list(self._bells.values()):
            bell.ring()
        self._keeper.stop()

    def check(self, context: RequestContext, **arguments: Any) -> dict[str, Any]:
        """Whether this back end can take a server; the other side of the RPC ``check_migration``.

        :returns: an :class:`ssm.migration.inquiry.Answer` as a dict
        """
        requested = capabilities.Requested(
            arguments['writable'], arguments['nondisruptive'], arguments['preserve_snapshots']
        )
        question = inquiry.Question(
            arguments['share_server_id'],
            arguments['new_share_network_id'],
            arguments['availability_zone_id'],
            requested,
        )
        return inquiry.answer(self.tools, context, question).to_dict()

    def wake(self, migration_id: str) -> None:
        """Look at a migration now: the row changed."""
        bell = self._bells.get(migration_id)
        if bell is not None:
            bell.ring()
        else:
            self._sweeper.wake()

    # Who carries what.

    def sweep(self) -> None:
        """Take up what is due and nobody alive carries; tell what is stuck."""
        if self._keeper.trouble:
            LOG.warning('%s could not renew its leases: %s', self.host, self._keeper.trouble)
        for run in list(self._runs.values()):
            self._tell_silence(run)
        dead = self._identity.dead(claims.owners(self.host))
        for migration_id in claims.due(self.host, dead):
            if self._stopping:
                return
            if migration_id not in self._bells:
                self._take_up(migration_id, dead)

    def _take_up(self, migration_id: str, dead: set[str]) -> None:
        """Claim a migration and let a thread carry it; a failure leaves it to the next sweep."""
        self._bells[migration_id] = Bell()
        run: Run | None = None
        try:
            run = self.claim(migration_id, dead)
        except Exception:
            LOG.exception('Migration %s could not be taken up', migration_id)
        if run is None:
            del self._bells[migration_id]
            return
        threading.Thread(target=self._carry, args=(run,), name=migration_id, daemon=True).start()

    def claim(self, migration_id: str, dead_owners: Collection[str] = ()) -> Run | None:
        """Become the owner of a migration; None if it is another's, over, or has to wait."""
        seconds = self._lease_seconds
        began = time.monotonic()
        row = claims.claim(
            migration_id,
            self._identity.owner,
            int(seconds),
            dead_owners,
            self.tools.backend.max_concurrent_migrations,
            self._announce,
        )
        if row is None:
            return None
        run = Run(row, Lease(row.id, row.epoch, seconds, began), self.tools)
        run.current = first_step(self.tools, row)
        self._keeper.hold(run.lease)
        self._runs[row.id] = run
        LOG.info('Migration %s in %s, epoch %s: taken up', row.id, row.state, row.epoch)
        return run

    def _announce(self, row: models.Migration) -> dict[str, Any]:
        """Intent before effect: the first step is written down with the claim."""
        return begun(row.journal, first_step(self.tools, row))

    def _carry(self, run: Run) -> None:
        """Own a migration until it rests; the edge of the loop."""
        # Lines of the log carry the id of the request that began the migration.
        run.context.update_store()
        try:
            self._advance_until_rest(run)
        except exceptions.LeaseLost as exc:
            LOG.warning('%s', exc.message)
        except Exception as exc:
            LOG.exception('Migration %s is taken up again later', run.row.id)
            self._leave(run, f'Tried again after an error: {exc}', BACKOFF)
        finally:
            self.drop(run)
            self._bells.pop(run.row.id, None)
            self._sweeper.wake()

    def drop(self, run: Run) -> None:
        """Forget a run that is over."""
        self._keeper.drop(run.lease)
        if self._runs.get(run.row.id) is run:
            del self._runs[run.row.id]

    def _advance_until_rest(self, run: Run) -> None:
        bell = self._bells.get(run.row.id) or Bell()
        while True:
            pause = advance(run)
            if pause is None:
                return
            if self._stopping:
                self._leave(run, None, 0)
                return
            if pause:
                bell.wait(pause)
                run.reread()

    def _leave(self, run: Run, waiting: str | None, seconds: float) -> None:
        """Give the lease back; a sweep takes the migration up again after so many seconds."""
        try:
            claims.release(run.row, waiting, int(seconds))
        except db_exc.DBError as exc:
            LOG.warning('Migration %s: the lease has to run out: %s', run.row.id, exc)

    def _tell_silence(self, run: Run) -> None:
        """A driver that does not answer can't be stopped, but it shall not go unnoticed."""
        asked = run.asked
        deadline = self.tools.backend.migration_step_deadline
        if asked is None or time.monotonic() - asked[1] < deadline:
            return
        waiting = f'The driver has not answered {asked[0]} for {time.monotonic() - asked[1]:.0f} s.'
        LOG.error('Migration %s: %s', run.row.id, waiting)
        claims.tell(run.row.id, run.lease.epoch, waiting)
