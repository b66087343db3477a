# SPDX-License-Identifier: Apache-2.0

"""Sizes of shares: how they grow and shrink (rest-api 4.6.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models, rows, share_types
from ssm.db import shares as db
from ssm.db.engine import writer
from ssm.resources import derived, share_creation, shares
from ssm.resources.share_plan import LARGEST
from ssm.rpc.scheduler import SchedulerClient
from ssm.rpc.share import ShareClient

_SHRINKABLE = frozenset({'available', 'shrinking_possible_data_loss_error'})


def extend(
    context: RequestContext,
    share_id: str,
    new_size: int,
    *,
    force: bool = False,
    beyond_type: bool = False,
) -> None:
    """Begin to make a share larger; a scheduler looks first whether its pool has the room.

    :param new_size: GiB
    :param force: leave the scheduler out
    :param beyond_type: ``provisioning:max_share_extend_size`` counts, where the type has it,
        instead of ``provisioning:max_share_size``
    :raises NotFound: there is no such share that the caller sees
    :raises Forbidden: it is in the recycle bin
    :raises Invalid: its status, its server's migration or the size is in the way
    """
    request = _begin_extension(context, share_id, new_size, beyond_type)
    if force:
        host = derived.service_host(request['host'])
        ShareClient().extend_share(context, host, request['share_instance_id'], new_size)
    else:
        SchedulerClient().extend_share(context, request, new_size)


@writer
def _begin_extension(
    session: orm.Session,
    context: RequestContext,
    share_id: str,
    new_size: int,
    beyond_type: bool,
) -> dict[str, Any]:
    """Returns what the scheduler is to be asked."""
    share, instance = _ready(session, context, share_id, {'available'})
    if new_size <= share.size:
        raise exceptions.Invalid(
            reason=f'new_size is {new_size} GiB, has to be larger than the {share.size} GiB of '
            f'share {share_id}.'
        )
    share_type = _type(session, instance)
    specs = _specs(share_type)
    largest = specs.get('provisioning:max_share_size')
    if beyond_type:
        largest = specs.get('provisioning:max_share_extend_size', largest)
    if new_size > int(largest or LARGEST):
        raise exceptions.Invalid(
            reason=f'new_size is {new_size} GiB, the share type allows {largest or LARGEST} GiB '
            'at most.'
        )
    _move(session, instance, 'extending', new_size)
    return _request(share, instance, share_type, new_size)


def shrink(context: RequestContext, share_id: str, new_size: int) -> None:
    """Begin to make a share smaller; its back end refuses if the data does not fit.

    :param new_size: GiB
    :raises NotFound: there is no such share that the caller sees
    :raises Forbidden: it is in the recycle bin
    :raises Invalid: its status, its server's migration or the size is in the way
    """
    instance = _begin_shrinking(context, share_id, new_size)
    ShareClient().shrink_share(context, derived.service_host(instance.host), instance.id, new_size)


@writer
def _begin_shrinking(
    session: orm.Session, context: RequestContext, share_id: str, new_size: int
) -> models.ShareInstance:
    share, instance = _ready(session, context, share_id, _SHRINKABLE)
    if not 0 < new_size < share.size:
        raise exceptions.Invalid(
            reason=f'new_size is {new_size} GiB, has to be above 0 and below the {share.size} GiB '
            f'of share {share_id}.'
        )
    smallest = int(_specs(_type(session, instance)).get('provisioning:min_share_size', 1))
    if new_size < smallest:
        raise exceptions.Invalid(
            reason=f'new_size is {new_size} GiB, the share type needs at least {smallest} GiB.'
        )
    _move(session, instance, 'shrinking', new_size)
    return instance


def _ready(
    session: orm.Session, context: RequestContext, share_id: str, statuses: Collection[str]
) -> tuple[models.Share, models.ShareInstance]:
    """A share whose size may be changed now, and the instance to do it on."""
    share = shares.found(context, db.get_locked(session, share_id), share_id)
    shares.check_not_in_bin(share)
    instance = derived.representative(share.instances)
    if instance is None or instance.status not in statuses:
        status = instance and instance.status
        raise exceptions.Invalid(
            reason=f'Share {share_id} is {status}, has to be {" or ".join(sorted(statuses))}.'
        )
    if shares.on_migrating_server(session, share.instances):
        raise exceptions.Invalid(reason=f'The share server of share {share_id} is migrating.')
    shares.check_not_busy(share)
    return share, instance


def _type(session: orm.Session, instance: models.ShareInstance) -> models.ShareType | None:
    return share_types.get(session, instance.share_type_id) if instance.share_type_id else None


def _specs(share_type: models.ShareType | None) -> Mapping[str, str]:
    return {s.spec_key: s.spec_value for s in share_type.extra_specs} if share_type else {}


def _move(session: orm.Session, instance: models.ShareInstance, status: str, new_size: int) -> None:
    """From the status it was found in; the message may be lost, the size stays.

    :raises Invalid: another request was faster
    """
    row = models.ShareInstance
    if not rows.update(
        session,
        row,
        row.id == instance.id,
        row.status == instance.status,
        status=status,
        wanted_size=new_size,
    ):
        raise exceptions.Invalid(reason=f'Share {instance.share_id} was changed meanwhile.')


def _request(
    share: models.Share,
    instance: models.ShareInstance,
    share_type: models.ShareType | None,
    new_size: int,
) -> dict[str, Any]:
    """What the scheduler is asked; the form is ``ssm.scheduler.request.Request``."""
    return {
        'share_instance_id': instance.id,
        'share_id': share.id,
        'share': {
            'id': share.id,
            'size': share.size,
            'project_id': share.project_id,
            'user_id': share.user_id,
            'share_proto': share.share_proto,
        },
        'share_proto': share.share_proto,
        'share_type': share_creation.asked_type(share_type, _specs(share_type)),
        'size': new_size - share.size,
        'extend': True,
        'host': instance.host,
    }
