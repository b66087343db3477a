# SPDX-License-Identifier: Apache-2.0

"""Replicas, as far as they exist: the one active instance of a share of a replicated type
(rest-api 4.11)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models
from ssm.db import share_replicas as db
from ssm.db.engine import reader
from ssm.resources import shares

Replica = models.ShareInstance


def _own(context: RequestContext) -> list[sa.ColumnElement[bool]]:
    return [] if context.is_admin else [models.Share.project_id == context.project_id]


@reader
def find(
    session: orm.Session,
    context: RequestContext,
    share_id: str | None,
    *,
    limit: int,
    offset: int,
) -> list[Replica]:
    """Replicas of the caller's project, an administrator's are all.

    :param share_id: only those of this share; none if there is no such share
    """
    criteria = _own(context)
    if share_id is not None:
        criteria.append(models.ShareInstance.share_id == share_id)
    return db.find(session, *criteria, limit=limit, offset=offset)


@reader
def get(session: orm.Session, context: RequestContext, replica_id: str) -> Replica:
    """A replica with zone and share.

    :raises NotFound: there is none that the caller sees
    """
    found = db.find(session, models.ShareInstance.id == replica_id, *_own(context))
    if not found:
        raise exceptions.NotFound(resource='share replica', id=replica_id)
    return found[0]


def refuse_create(context: RequestContext, share_id: str) -> None:
    """Say why a share gets no further replica.

    :raises NotFound: there is no share that the caller sees
    :raises Invalid: always otherwise
    """
    share = shares.get(context, share_id)
    if not share.replication_type:
        raise exceptions.Invalid(reason=f'The type of share {share_id} has no replication_type.')
    raise exceptions.Invalid(reason='Further replicas are not supported.')


def refuse_delete(replica: Replica) -> None:
    """Say why a replica stays.

    :raises Invalid: always
    """
    raise exceptions.Invalid(
        reason=f'Replica {replica.id} is the only active one of its share; delete the share.'
    )
