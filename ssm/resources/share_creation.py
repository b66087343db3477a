# SPDX-License-Identifier: Apache-2.0

"""New shares: the rows, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import orm

from ssm.common.context import RequestContext
from ssm.db import models
from ssm.db import shares as db
from ssm.db.engine import writer
from ssm.resources import derived, extra_specs, share_plan
from ssm.resources.share_plan import Plan, Wish
from ssm.rpc.scheduler import SchedulerClient
from ssm.rpc.share import ShareClient


def create(context: RequestContext, wish: Wish) -> models.Share:
    """Insert a share that is being created; a scheduler, or for a clone the host, goes on.

    :raises SsmError: by the first check that fails, before anything is written
    """
    share, instance, plan = _create(context, wish)
    if instance.host:
        host = derived.service_host(instance.host)
        ShareClient().create_share_instance(context, host, instance.id)
    else:
        request = _request(context, share, instance, plan)
        SchedulerClient().create_share_instance(context, request)
    return share


@writer
def _create(
    session: orm.Session, context: RequestContext, wish: Wish
) -> tuple[models.Share, models.ShareInstance, Plan]:
    plan = share_plan.make(session, context, wish)
    share, instance = _rows(context, plan)
    db.add(session, share, instance, plan.metadata)
    loaded = db.get(session, share.id, with_export_locations=True)
    assert loaded is not None  # nosec: it was inserted in this transaction
    return loaded, loaded.instances[0], plan


def _rows(context: RequestContext, plan: Plan) -> tuple[models.Share, models.ShareInstance]:
    wish, source = plan.wish, plan.source
    share = models.Share(
        user_id=context.user_id,
        project_id=context.project_id,
        size=plan.size,
        display_name=wish.name,
        display_description=wish.description,
        snapshot_id=wish.snapshot_id,
        share_proto=plan.share_proto,
        is_public=wish.is_public,
        replication_type=plan.specs.get('replication_type'),
        **{key: plan.offers(key) for key in extra_specs.INFERRED},
    )
    instance = models.ShareInstance(
        status='creating',
        progress='0%',
        host=source.instance.host if source else None,
        share_type_id=plan.share_type and plan.share_type.id,
        share_network_id=plan.network and plan.network.id,
        availability_zone_id=source.instance.availability_zone_id
        if source
        else plan.zone and plan.zone.id,
    )
    return share, instance


def asked_type(share_type: models.ShareType | None, specs: Mapping[str, str]) -> dict[str, Any]:
    """A share type as schedulers are told of it."""
    if share_type is None:
        return {}
    return {'id': share_type.id, 'name': share_type.name, 'extra_specs': dict(specs)}


def _request(
    context: RequestContext,
    share: models.Share,
    instance: models.ShareInstance,
    plan: Plan,
) -> dict[str, Any]:
    """What the scheduler is asked; the form is ``ssm.scheduler.request.Request``."""
    names = plan.zone_names
    placed = [s.availability_zone for s in plan.network.subnets] if plan.network else []
    zones = [zone.name for zone in placed if zone]
    return {
        'share_instance_id': instance.id,
        'share_id': share.id,
        'share': {
            'id': share.id,
            'size': share.size,
            'project_id': share.project_id,
            'user_id': share.user_id,
            'display_name': share.display_name,
            'share_proto': share.share_proto,
            'is_public': share.is_public,
            'share_network_id': instance.share_network_id,
            'availability_zone_id': instance.availability_zone_id,
            'metadata': plan.metadata,
        },
        'share_proto': share.share_proto,
        'share_type': asked_type(plan.share_type, plan.specs),
        'size': share.size,
        'availability_zone_id': instance.availability_zone_id,
        'availability_zones': None if names is None else sorted(names),
        'subnets_by_zone': {name: zones.count(name) for name in sorted(set(zones))},
        'default_subnets': len(placed) - len(zones),
        'is_host_admin': plan.wish.is_host_admin,
        'only_host': plan.wish.hints.get('only_host') or None,
        'same_host': plan.hosts_of.get('same_host'),
        'different_host': plan.hosts_of.get('different_host'),
    }
