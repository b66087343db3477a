# SPDX-License-Identifier: Apache-2.0

"""Export locations of shares (rest-api 4.8)."""

from __future__ import annotations

from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import export_locations as db
from ssm.db import models
from ssm.db import shares as shares_db
from ssm.db.engine import reader


@reader
def share_of(session: orm.Session, share_id: str) -> models.Share:
    """The share, whoever asks: one of another project is refused by policy, not hidden.

    :raises NotFound: there is none
    """
    share = shares_db.get(session, share_id)
    if share is None:
        raise exceptions.NotFound(resource='share', id=share_id)
    return share


@reader
def find(
    session: orm.Session, context: RequestContext, share_id: str, *, with_secondary: bool
) -> list[models.ExportLocation]:
    """Locations of a share, without those only administrators may see for anybody else.

    :param with_secondary: whether those of replicas that are not active are meant too
    """
    found = db.find(session, share_id, with_secondary=with_secondary)
    return [location for location in found if context.is_admin or not location.is_admin_only]


@reader
def get(
    session: orm.Session,
    context: RequestContext,
    share_id: str,
    location_id: str,
    *,
    with_secondary: bool,
) -> models.ExportLocation:
    """One location of a share.

    :raises NotFound: there is none
    :raises Forbidden: only administrators may see it
    """
    found = db.find(session, share_id, uuid=location_id, with_secondary=with_secondary)
    if not found:
        raise exceptions.NotFound(resource='export location', id=location_id)
    if found[0].is_admin_only and not context.is_admin:
        raise exceptions.Forbidden(reason='This export location is for administrators only.')
    return found[0]
