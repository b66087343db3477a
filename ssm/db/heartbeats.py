# SPDX-License-Identifier: Apache-2.0

"""Rows of services as the services themselves write and read them (rest-api 4.14, 5.4)."""

from __future__ import annotations

import dataclasses
import datetime

import sqlalchemy as sa
from oslo_db import exception as db_exc
from sqlalchemy import orm

from ssm.db import engine, models, rows

_Service = models.Service

UP = 'up'
DOWN = 'down'
STOPPED = 'stopped'


@dataclasses.dataclass(frozen=True)
class Identity:
    """A service as clients see it.

    :param host: node, for share managers ``host@backend``
    :param binary: the name the API shows, e.g. ``manila-share``
    :param topic: the topic it listens to
    :param zone: name of its availability zone
    :param enabled: whether it may be given work when it shows up for the first time
    """

    host: str
    binary: str
    topic: str
    zone: str
    enabled: bool = True


@engine.writer
def register(session: orm.Session, service: Identity) -> str:
    """Make or renew the row of a service that starts; returns the id of its zone."""
    zone_id = _zone_id(session, service.zone)
    if not _beat(session, service, topic=service.topic, availability_zone_id=zone_id):
        row = _Service(
            host=service.host,
            binary=service.binary,
            topic=service.topic,
            state=UP,
            disabled=not service.enabled,
            availability_zone_id=zone_id,
        )
        _insert(session, row)
    return zone_id


@engine.writer
def beat(session: orm.Session, service: Identity) -> bool:
    """One heartbeat, one statement; False if the row is gone."""
    return _beat(session, service)


def keep_alive(service: Identity) -> None:
    """What a service does again and again: a heartbeat, or registration if its row is gone."""
    if not beat(service):
        register(service)


@engine.writer
def leave(session: orm.Session, service: Identity, state: str) -> None:
    """Say that a service stopped, or could not start; that is no sign of life."""
    rows.update(session, _Service, *_of(service), state=state, updated_at=_Service.updated_at)


@engine.writer
def mark_down(session: orm.Session, silent_for: int) -> int:
    """Call all services down that said nothing for so many seconds; returns how many."""
    return rows.update(
        session,
        _Service,
        _Service.state == UP,
        _last_sign() < _before(silent_for),
        state=DOWN,
        updated_at=_Service.updated_at,
    )


@engine.reader
def live(
    session: orm.Session, binary: str, silent_for: int, *, with_disabled: bool = False
) -> list[_Service]:
    """Services that may be given work, with their zones.

    :param silent_for: seconds without a sign of life after which a service is down
    """
    query = (
        sa.select(_Service)
        .where(
            _Service.deleted == models.NOT_DELETED,
            _Service.binary == binary,
            _last_sign() >= _before(silent_for),
        )
        .options(orm.joinedload(_Service.availability_zone))
    )
    if not with_disabled:
        query = query.where(_Service.disabled.is_(False))
    return list(session.scalars(query))


def _of(service: Identity) -> tuple[sa.ColumnElement[bool], ...]:
    return _Service.host == service.host, _Service.binary == service.binary


def _last_sign() -> sa.ColumnElement[datetime.datetime]:
    return sa.func.coalesce(_Service.updated_at, _Service.created_at)


def _before(seconds: int) -> datetime.datetime:
    return models.now() - datetime.timedelta(seconds=seconds)


def _beat(session: orm.Session, service: Identity, **values: object) -> bool:
    return bool(
        rows.update(
            session,
            _Service,
            *_of(service),
            state=UP,
            report_count=_Service.report_count + 1,
            **values,
        )
    )


def _zone_id(session: orm.Session, name: str) -> str:
    zone = models.AvailabilityZone
    found = session.scalar(
        sa.select(zone.id).where(zone.name == name, zone.deleted == models.NOT_DELETED)
    )
    if found:
        return found
    row = zone(name=name)
    _insert(session, row)
    return row.id


def _insert(session: orm.Session, row: models.Base) -> None:
    session.add(row)
    try:
        session.flush()
    except db_exc.DBDuplicateEntry as error:
        # Another process made it just now: the transaction is run again and finds it.
        raise db_exc.RetryRequest(error) from error
