# SPDX-License-Identifier: Apache-2.0

"""Every finding code of the code is documented, and every documented one is in the code.

The codes are collected from the syntax trees: literals handed to ``Finding`` or to whatever has a
parameter or field ``code`` and makes findings of it, and class attributes ``code`` (of filters and
errors; those of the API itself are HTTP faults and no findings). A new way of making findings that
hides its codes from this is a failure too.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterator

from ssm.tests import base

PACKAGE = pathlib.Path(__file__).parents[2]
PAGE = PACKAGE.parent / 'doc' / 'source' / 'admin' / 'findings.rst'
LEFT_OUT = ('tests', 'hacking', 'shell')

_ROW = re.compile(r'^   \* - ``(\w+)``\n     - (\S.*)\n(?:       .*\n)*     - (\S.*)', re.MULTILINE)


@dataclasses.dataclass
class Module:
    """One parsed module; ``makers`` has the position of ``code`` by what is called."""

    name: str
    tree: ast.Module

    def __post_init__(self) -> None:
        self.makers = dict(makers(self.tree))


def modules() -> Iterator[Module]:
    for path in sorted(PACKAGE.rglob('*.py')):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] not in LEFT_OUT:
            yield Module(str(relative), ast.parse(path.read_text()))


def called(node: ast.Call) -> str:
    """The last part of the name of what is called."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ''


def is_text(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation) == 'str'


def makers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Functions with a parameter ``code: str``, and data classes with such a field."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args]
            if 'code' in names and is_text(node.args.args[names.index('code')].annotation):
                yield node.name, names.index('code')
        elif isinstance(node, ast.ClassDef) and node.decorator_list:
            fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            names = [ast.unparse(field.target) for field in fields]
            if 'code' in names and is_text(fields[names.index('code')].annotation):
                yield node.name, names.index('code')


def argument(call: ast.Call, position: int) -> ast.expr | None:
    """What a call hands over as ``code``."""
    for keyword in call.keywords:
        if keyword.arg == 'code':
            return keyword.value
    return call.args[position] if len(call.args) > position else None


def literal(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def class_codes(tree: ast.Module) -> Iterator[str]:
    """Class attributes ``code = '...'``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for item in node.body:
            targets: list[ast.expr] = []
            if isinstance(item, ast.Assign):
                targets = item.targets
            elif isinstance(item, ast.AnnAssign):
                targets = [item.target]
            if any(ast.unparse(target) == 'code' for target in targets):
                value = literal(item.value)  # type: ignore[union-attr]
                if value:
                    yield value


def passes_on(node: ast.expr | None) -> bool:
    """Whether the code comes from somewhere that is collected itself: ``code``, ``rule.code``."""
    if isinstance(node, ast.Name):
        return node.id == 'code'
    return isinstance(node, ast.Attribute) and node.attr == 'code'


@functools.cache
def collect() -> tuple[set[str], list[str]]:
    """All codes, and calls whose code could not be found out."""
    known = list(modules())
    public = {
        name: position
        for module in known
        for name, position in module.makers.items()
        if not name.startswith('_')
    }
    codes: set[str] = set()
    unclear = []
    for module in known:
        positions = public | module.makers
        if not module.name.startswith('api/'):
            codes |= set(class_codes(module.tree))
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call) or called(node) not in positions:
                continue
            given = argument(node, positions[called(node)])
            code = literal(given)
            if code:
                codes.add(code)
            elif given is not None and not passes_on(given):
                unclear.append(f'{module.name}:{node.lineno} {ast.unparse(given)}')
    return codes, unclear


def documented() -> list[str]:
    """Codes of the rows of the page's tables that have a meaning and a remedy, in their order."""
    return [row[1] for row in _ROW.finditer(PAGE.read_text())]


class FindingsTest(base.TestCase):
    def test_all_codes_can_be_collected(self) -> None:
        codes, unclear = collect()
        self.assertEqual([], unclear, 'a code has to be a literal, so that it can be looked up')
        for sure in ('host_unknown', 'share_busy', 'writable_unsupported', 'clients_hold_files'):
            self.assertIn(sure, codes)

    def test_every_code_is_documented(self) -> None:
        codes, _unclear = collect()
        missing = sorted(codes - set(documented()))
        self.assertEqual([], missing, f'each needs a row in {PAGE}')

    def test_every_documented_code_exists(self) -> None:
        codes, _unclear = collect()
        self.assertEqual([], sorted(set(documented()) - codes), f'rows of {PAGE}')

    def test_each_code_stands_once_on_the_page(self) -> None:
        found = documented()
        self.assertEqual(sorted(set(found)), sorted(found))
        written = re.findall(r'^   \* - ``(\w+)``', PAGE.read_text(), re.MULTILINE)
        self.assertEqual(found, written, 'a row lacks its meaning or its remedy')
