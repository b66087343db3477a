# SPDX-License-Identifier: Apache-2.0

"""Share types, their extra specs, and who may use private ones (rest-api 4.5)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from oslo_config import cfg
from oslo_db import exception as db_exc
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models, rows
from ssm.db import share_types as db
from ssm.db.engine import reader, writer
from ssm.resources import extra_specs

P = ParamSpec('P')
R = TypeVar('R')


def specs_of(row: models.ShareType) -> dict[str, str]:
    """Extra specs of a type that was loaded with them, by key."""
    return {spec.spec_key: spec.spec_value for spec in row.extra_specs}


def _visible(context: RequestContext) -> list[db.Criterion]:
    return [] if context.is_admin else [db.offered_to(context.project_id)]


def _found(row: models.ShareType | None, name: str) -> models.ShareType:
    if row is None:
        raise exceptions.NotFound(resource='share type', id=name)
    return row


@reader
def find(
    session: orm.Session,
    context: RequestContext,
    *,
    is_public: bool | None = None,
    specs: Mapping[str, str],
) -> list[models.ShareType]:
    """Types the caller may use, by name.

    :param is_public: for administrators: True is what their own project is offered, False the
        private ones, None all
    :param specs: only types that have these extra specs
    """
    criteria = _visible(context)
    if context.is_admin and is_public is not None:
        private = models.ShareType.is_public.is_(False)
        criteria.append(db.offered_to(context.project_id) if is_public else private)
    found = db.find(session, *criteria)
    return [row for row in found if extra_specs.satisfies(specs_of(row), specs)]


@reader
def get(session: orm.Session, context: RequestContext, type_id: str) -> models.ShareType:
    """A type.

    :raises NotFound: there is none that the caller may use
    """
    return _found(db.get(session, type_id, *_visible(context)), type_id)


@reader
def get_by_id_or_name(session: orm.Session, context: RequestContext, text: str) -> models.ShareType:
    """A type as users name it.

    :raises NotFound: there is none that the caller may use
    """
    return _found(db.by_id_or_name(session, text, *_visible(context)), text)


@reader
def default(session: orm.Session, context: RequestContext) -> models.ShareType:
    """The type that ``default_share_type`` names.

    :raises NotFound: the option is not set, or there is no such type
    """
    name = cfg.CONF.default_share_type or ''
    return _found(db.by_name(session, name, *_visible(context)), name)


def _unique_name(function: Callable[P, R]) -> Callable[P, R]:
    """Answer a name that exists by Conflict; the table's unique key decides."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except db_exc.DBDuplicateEntry as error:
            raise exceptions.Conflict(reason='A share type of this name exists.') from error

    return run


@_unique_name
@writer
def create(
    session: orm.Session, values: Mapping[str, Any], specs: Mapping[str, str]
) -> models.ShareType:
    """A new type.

    :param values: name, description, is_public
    :raises Conflict: the name exists
    :raises Invalid: two keys of the specs are the same to the database
    """
    row = models.ShareType(**values)
    session.add(row)
    session.flush()
    _set_specs(session, row.id, specs)
    return _found(db.get(session, row.id), row.id)


@_unique_name
@writer
def update(session: orm.Session, type_id: str, values: Mapping[str, Any]) -> models.ShareType:
    """Change name, description or is_public.

    :raises NotFound: there is no such type
    :raises Conflict: the name exists
    """
    if not rows.update(session, models.ShareType, models.ShareType.id == type_id, **values):
        _found(None, type_id)
    return _found(db.get(session, type_id), type_id)


@writer
def delete(session: orm.Session, type_id: str) -> None:
    """Remove a type that no share has.

    :raises NotFound: there is no such type
    :raises Invalid: shares have it
    """
    _found(db.get(session, type_id), type_id)
    if db.in_use(session, type_id):
        raise exceptions.Invalid(reason=f'Shares have the share type {type_id}.')
    db.remove(session, type_id)


@writer
def set_specs(session: orm.Session, type_id: str, specs: Mapping[str, str]) -> None:
    """Add extra specs, or change those that are there.

    :raises NotFound: there is no such type
    :raises Invalid: two of the keys are the same to the database
    """
    _found(db.get(session, type_id), type_id)
    _set_specs(session, type_id, specs)


def _set_specs(session: orm.Session, type_id: str, specs: Mapping[str, str]) -> None:
    """Add or change; some databases hold keys equal that differ in case or accents only.

    :raises Invalid: this one does, and two of the keys are so
    """
    try:
        db.set_specs(session, type_id, specs)
    except db_exc.DBDuplicateEntry as error:
        raise exceptions.Invalid(reason='extra_specs has two keys that are too similar.') from error


@writer
def remove_spec(session: orm.Session, type_id: str, key: str, *, required: set[str]) -> None:
    """Remove an extra spec.

    :param required: those that may not be removed
    :raises NotFound: there is no such type, or it has no such spec
    :raises Forbidden: the spec is required
    """
    _found(db.get(session, type_id), type_id)
    if key in required:
        raise exceptions.Forbidden(reason=f'Extra spec {key} is required.')
    if not db.remove_specs(session, type_id, models.ShareTypeExtraSpec.spec_key == key):
        raise exceptions.NotFound(resource='extra spec', id=key)


@reader
def projects(session: orm.Session, type_id: str) -> list[str]:
    """Projects that have access to a private type.

    :raises NotFound: there is no such type, or it is public
    """
    row = _found(db.get(session, type_id), type_id)
    if row.is_public:
        raise exceptions.NotFound(f'Share type {type_id} is public: all projects have access.')
    return db.projects(session, type_id)


def _private(session: orm.Session, type_id: str) -> None:
    if _found(db.get(session, type_id), type_id).is_public:
        raise exceptions.Conflict(reason=f'Share type {type_id} is public.')


@writer
def add_project(session: orm.Session, type_id: str, project_id: str) -> None:
    """Give a project access to a private type.

    :raises NotFound: there is no such type
    :raises Conflict: it is public, or the project has access
    """
    _private(session, type_id)
    if project_id in db.projects(session, type_id):
        raise exceptions.Conflict(reason=f'Project {project_id} has access already.')
    session.add(models.ShareTypeProject(share_type_id=type_id, project_id=project_id))


@writer
def remove_project(session: orm.Session, type_id: str, project_id: str) -> None:
    """Take access to a private type from a project.

    :raises NotFound: there is no such type, or the project has no access
    :raises Conflict: it is public
    """
    _private(session, type_id)
    if not db.remove_projects(session, type_id, models.ShareTypeProject.project_id == project_id):
        raise exceptions.NotFound(f'Project {project_id} has no access to share type {type_id}.')
