# SPDX-License-Identifier: Apache-2.0

"""Connections and transactions (decision 21).

There are two ways to the database, and no third: functions decorated with :func:`reader` or
:func:`writer`. Each gets a session as its first argument and is one whole transaction, tried
again from its start on deadlocks and lock errors. Transactions don't nest, and nothing that may
wait for others (an RPC, a driver, a sleep) happens inside one: see :func:`assert_outside`.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
import tenacity
from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_db import options as db_options
from oslo_db.sqlalchemy import enginefacade, exc_filters
from oslo_log import log as logging
from sqlalchemy import orm
from sqlalchemy.ext import compiler
from sqlalchemy.sql import expression

LOG = logging.getLogger(__name__)
P = ParamSpec('P')
R = TypeVar('R')

_inside: contextvars.ContextVar[str | None] = contextvars.ContextVar('transaction', default=None)
# SQLite has one writer per file: whoever writes waits here, not in the library, which would
# block every green thread of the process.
_sqlite_writer = threading.Semaphore()
_SQLITE_PRAGMAS = (
    'journal_mode=WAL',
    'synchronous=NORMAL',
    'busy_timeout=20000',
    'foreign_keys=ON',
)
_lock = threading.Lock()
_maker: orm.sessionmaker[orm.Session] | None = None

db_options.set_defaults(cfg.CONF)


def _with_charset(connection: str) -> str:
    """The URL of a MariaDB or MySQL with the character set of the tables.

    What oslo.db takes instead holds half of Unicode; a comparison with the rest is an error.
    """
    url = sa.make_url(connection)
    if url.get_backend_name() not in ('mysql', 'mariadb') or 'charset' in url.query:
        return connection
    return url.update_query_dict({'charset': 'utf8mb4'}).render_as_string(hide_password=False)


def create_engine(conf: cfg.ConfigOpts) -> sa.Engine:
    """An engine for ``[database] connection``, set up as all of ssm's are."""
    if conf.database.connection.startswith('sqlite'):
        return _create_sqlite_engine(conf.database.connection)
    facade = enginefacade.transaction_context()
    facade.configure(
        connection=_with_charset(conf.database.connection),
        max_pool_size=conf.database.max_pool_size or 30,
        max_overflow=50,
    )
    engine = facade.writer.get_engine()

    # Once a connection: as an option of the engine it would cost each transaction four statements.
    @sa.event.listens_for(engine, 'connect')
    def connect(connection: Any, _record: Any) -> None:
        engine.dialect.set_isolation_level(connection, 'READ COMMITTED')

    # There is a connection already, made before the listener.
    engine.dispose()
    return engine


def _create_sqlite_engine(connection: str) -> sa.Engine:
    """SQLite, of which oslo.db knows neither BEGIN IMMEDIATE nor connections that are kept."""
    engine = sa.create_engine(connection)
    exc_filters.register_engine(engine)

    @sa.event.listens_for(engine, 'connect')
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(f'PRAGMA {pragma}')

    @sa.event.listens_for(engine, 'begin')
    def begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get('ssm_writer')
        connection.exec_driver_sql('BEGIN IMMEDIATE' if immediate else 'BEGIN')

    return engine


def engine() -> sa.Engine:
    """The process's engine, made at first use."""
    return _sessions().kw['bind']


def _sessions() -> orm.sessionmaker[orm.Session]:
    global _maker
    if _maker is None:
        with _lock:
            if _maker is None:
                _maker = orm.sessionmaker(create_engine(cfg.CONF), expire_on_commit=False)
    return _maker


def dispose() -> None:
    """Close all connections and forget the engine; the next use makes a new one."""
    global _maker
    if _maker is not None:
        _maker.kw['bind'].dispose()
        _maker = None


def assert_outside(what: str) -> None:
    """Called by whatever may take long, before it begins.

    :raises RuntimeError: a transaction is open in this thread
    """
    inside = _inside.get()
    if inside:
        raise RuntimeError(f'{what} inside the transaction of {inside}')


@contextlib.contextmanager
def _transaction(name: str, *, write: bool) -> Iterator[orm.Session]:
    assert_outside(f'transaction of {name}')
    maker = _sessions()
    bind: sa.Engine = maker.kw['bind']
    sqlite = bind.dialect.name == 'sqlite'
    if sqlite and write:
        bind = bind.execution_options(ssm_writer=True)
    with _sqlite_writer if sqlite and write else contextlib.nullcontext():
        marker = _inside.set(name)
        try:
            with maker(bind=bind) as session, session.begin():
                yield session
        finally:
            _inside.reset(marker)


def _again(state: tenacity.RetryCallState) -> None:
    LOG.warning(
        'Transaction %s is tried again: %s', state.fn, state.outcome and state.outcome.exception()
    )


_retry = tenacity.retry(
    retry=tenacity.retry_if_exception_type(
        (db_exc.DBDeadlock, db_exc.DBConnectionError, db_exc.RetryRequest)
    ),
    wait=tenacity.wait_random_exponential(multiplier=0.05, max=2),
    stop=tenacity.stop_after_attempt(8),
    before_sleep=_again,
    reraise=True,
)


def _decorate(function: Callable[Concatenate[orm.Session, P], R], *, write: bool) -> Callable[P, R]:
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _transaction(function.__qualname__, write=write) as session:
            return function(session, *args, **kwargs)

    return _retry(run)


def reader(function: Callable[Concatenate[orm.Session, P], R]) -> Callable[P, R]:
    """Make a function of a session one transaction that only reads."""
    return _decorate(function, write=False)


def writer(function: Callable[Concatenate[orm.Session, P], R]) -> Callable[P, R]:
    """Make a function of a session one transaction that may write."""
    return _decorate(function, write=True)


class db_time(expression.FunctionElement):
    """Seconds since 1970 by the database's clock, compared in the same statement (decision 19)."""

    type = sa.BigInteger()
    inherit_cache = True


@compiler.compiles(db_time, 'sqlite')
def _sqlite_time(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "CAST(strftime('%s', 'now') AS INTEGER)"


@compiler.compiles(db_time, 'mysql')
@compiler.compiles(db_time, 'mariadb')
def _mysql_time(_element: Any, _compiler: Any, **_options: Any) -> str:
    return 'UNIX_TIMESTAMP()'


@compiler.compiles(db_time, 'postgresql')
def _postgresql_time(_element: Any, _compiler: Any, **_options: Any) -> str:
    return 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)'
