# SPDX-License-Identifier: Apache-2.0

"""The project's own style checks, run by flake8 (``tools/check.sh flake8``).

A check is a function over one node of the syntax tree: it yields the nodes it objects to. Numbers
stay with their check and are never used again. Who may import whom in general stands in the
contracts of import-linter (``pyproject.toml``); here is what these cannot say.
"""

import ast
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import ClassVar, TypeGuard

Located = ast.expr | ast.stmt | ast.excepthandler
Check = Callable[[ast.AST], Iterator[Located]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A check with the files it holds for; paths are relative to the top of the checkout."""

    code: str
    message: str
    check: Check
    within: tuple[str, ...] = ('ssm/',)
    outside: tuple[str, ...] = ()

    def holds_for(self, path: str) -> bool:
        """Whether a file has to keep this rule."""
        return path.startswith(self.within) and not path.startswith(self.outside)


RULES: list[Rule] = []


def rule(
    code: str, message: str, *, within: tuple[str, ...] = ('ssm/',), outside: tuple[str, ...] = ()
) -> Callable[[Check], Check]:
    """Register a check under a code of its own."""

    def register(check: Check) -> Check:
        RULES.append(Rule(code, message, check, within, outside))
        return check

    return register


def _imports(node: ast.AST, *packages: str) -> TypeGuard[ast.stmt]:
    """Whether the node imports one of the packages, or something of it."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        names = [f'{node.module}.{alias.name}' for alias in node.names]
    return any(f'{name}.'.startswith(f'{package}.') for name in names for package in packages)


def _dotted(node: ast.AST | None) -> str:
    """``a.b.c`` for a chain of attributes of a name, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)):
        return f'{head}.{node.attr}'
    return ''


@rule(
    'S101',
    'only ssm.common.concurrency imports eventlet or greenlet',
    outside=('ssm/common/concurrency.py',),
)
def eventlet(node: ast.AST) -> Iterator[Located]:
    """All else must run on native threads as well."""
    if _imports(node, 'eventlet', 'greenlet'):
        yield node


@rule('S102', 'nothing imports ssm.cmd', outside=('ssm/cmd/', 'ssm/tests/'))
def entry_points(node: ast.AST) -> Iterator[Located]:
    """Entry points switch the concurrency when they are imported."""
    if _imports(node, 'ssm.cmd'):
        yield node


@rule('S103', 'handlers do not import ssm.db', within=('ssm/api/handlers/',))
def database_in_handler(node: ast.AST) -> Iterator[Located]:
    """A handler asks ssm.resources; queries have one home."""
    if _imports(node, 'ssm.db', 'sqlalchemy', 'oslo_db'):
        yield node


@rule('S104', 'the database layer sends no messages and does not sleep', within=('ssm/db/',))
def waiting_in_transaction(node: ast.AST) -> Iterator[Located]:
    """What waits inside a transaction holds its locks for that long (decision 21)."""
    if _imports(node, 'ssm.rpc', 'ssm.common.rpc', 'oslo_messaging', 'time.sleep') or (
        isinstance(node, ast.Call) and _dotted(node.func) == 'time.sleep'
    ):
        yield node


def _is_broad(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(k is None or _dotted(k) in ('Exception', 'BaseException') for k in kinds)


@rule('S201', 'a broad except calls LOG.exception or ends in raise', outside=('ssm/tests/',))
def silent_broad_except(node: ast.AST) -> Iterator[Located]:
    """An error that nobody expected must leave its traceback somewhere."""
    if not isinstance(node, ast.ExceptHandler) or not _is_broad(node.type):
        return
    logged = any(
        isinstance(inner, ast.Call) and _dotted(inner.func) == 'LOG.exception'
        for statement in node.body
        for inner in ast.walk(statement)
    )
    if not logged and not isinstance(node.body[-1], ast.Raise):
        yield node


class Checker:
    """The flake8 plug-in that applies all rules to one file."""

    name: ClassVar[str] = 'ssm-checks'
    version: ClassVar[str] = '1'

    def __init__(self, tree: ast.AST, filename: str) -> None:
        self.tree = tree
        path = pathlib.Path(filename)
        top = pathlib.Path.cwd()
        self.path = (path.relative_to(top) if path.is_relative_to(top) else path).as_posix()

    def run(self) -> Iterator[tuple[int, int, str, type]]:
        """Line, column and text of each objection."""
        rules = [r for r in RULES if r.holds_for(self.path)]
        for node in ast.walk(self.tree):
            for r in rules:
                for bad in r.check(node):
                    yield bad.lineno, bad.col_offset, f'{r.code} {r.message}', type(self)
