# SPDX-License-Identifier: Apache-2.0

"""What is printed: the table format of the user guide, and cells that read well.

In a table, objects are Python text on one line, as in the guide's transcripts; lists of objects
that have an entry in ``SECTIONS`` become a table of their own below. The other formats get the
answer of the API as it is.
"""

import argparse
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TextIO

import stevedore
from cliff import columns as cliff_columns
from cliff.formatters import base, json_format, value, yaml_format
from stevedore import extension

Item = Mapping[str, Any]
Column = tuple[str, str | Callable[[Item], Any]]
"""A heading, and the key of an item or what computes the cell from the item."""

WRAP_SECTION_CELL = 50
"""Characters after which a cell of a section is wrapped."""


def _object(finding: Item) -> str:
    """The object of a finding, type above id."""
    return '\n'.join(filter(None, (finding.get('object_type'), finding.get('object_id'))))


SECTIONS: dict[str, tuple[Column, ...]] = {
    'reasons': (
        ('Severity', 'severity'),
        ('Code', 'code'),
        ('Object', _object),
        ('Message', 'message'),
        ('Hint', 'hint'),
    ),
    'steps': (
        ('Step', 'name'),
        ('Attempts', 'attempts'),
        ('Begun At', 'begun_at'),
        ('Done At', 'done_at'),
        ('Reason', 'reason'),
    ),
    'share_network_subnets': (
        ('Subnet', 'id'),
        ('Availability Zone', 'availability_zone'),
        ('Neutron Net', 'neutron_net_id'),
        ('Neutron Subnet', 'neutron_subnet_id'),
        ('CIDR', 'cidr'),
        ('Gateway', 'gateway'),
    ),
}


class Pairs(cliff_columns.FormattableColumn[Item]):
    """An object that is shown as lines ``key = value``."""

    def human_readable(self) -> str:
        return '\n'.join(f'{key} = {item}' for key, item in sorted(self._value.items()))


def rows(columns: Sequence[Column], items: Iterable[Item]) -> list[tuple[Any, ...]]:
    """The cells of a list of items; a key that an item lacks is None."""
    return [
        tuple(
            source(item) if callable(source) else item.get(source) for _heading, source in columns
        )
        for item in items
    ]


def section(key: str, items: Sequence[Item]) -> str:
    """The table of a list of objects, by the columns of ``SECTIONS[key]``."""
    columns = SECTIONS[key]
    headings = [heading for heading, _source in columns]
    return _table(headings, rows(columns, items), max_width=WRAP_SECTION_CELL)


def ordered(item: Item, first: Sequence[str], hidden: Sequence[str] = ()) -> dict[str, Any]:
    """The item with the keys of ``first`` (those it has) in front and ``hidden`` left out."""
    keys = [key for key in first if key in item] + [key for key in item if key not in first]
    return {key: item[key] for key in keys if key not in hidden}


def _cell(cell: Any) -> str:
    if isinstance(cell, cliff_columns.FormattableColumn):
        return cell.human_readable()
    if isinstance(cell, list) and not any(isinstance(entry, dict | list) for entry in cell):
        return '\n'.join(str(entry) for entry in cell)
    return str(cell)


def _table(headings: Sequence[str], cells: Iterable[Sequence[Any]], **widths: int) -> str:
    import prettytable  # only commands that print a table load it

    table = prettytable.PrettyTable(list(headings), **widths)
    table.align = 'l'
    table.add_rows([[_cell(cell) for cell in row] for row in cells])
    return table.get_string()


class TableFormatter(base.ListFormatter, base.SingleFormatter):
    """Tables as the legacy shell prints them: left aligned, as wide as the content is."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group('table format')
        group.add_argument(
            '--max-width',
            type=int,
            default=0,
            metavar='<characters>',
            help='Wrap cells so that a table is at most this wide; 0, the default, never wraps.',
        )
        group.add_argument(
            '--fit-width', action='store_true', help='Wrap cells to the width of the terminal.'
        )

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        width = parsed_args.max_width
        if parsed_args.fit_width:
            width = shutil.get_terminal_size().columns
        limits = {'max_table_width': width} if width > 0 else {}
        stdout.write(_table(column_names, data, **limits) + '\n')

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Sequence[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        properties = list(zip(column_names, data, strict=True))
        own = [(name, cell) for name, cell in properties if name not in SECTIONS]
        if own:
            self.emit_list(('Property', 'Value'), own, stdout, parsed_args)
        for name, items in properties:
            if name in SECTIONS and items:
                stdout.write(section(name, items) + '\n')


FORMATS: dict[str, type[base.Formatter]] = {
    'json': json_format.JSONFormatter,
    'table': TableFormatter,
    'value': value.ValueFormatter,
    'yaml': yaml_format.YAMLFormatter,
}


def formatters() -> stevedore.ExtensionManager:
    """The formats as cliff wants them, made without a search for entry points."""
    return stevedore.ExtensionManager.make_test_instance(
        [
            extension.Extension(name, None, formatter, formatter())  # type: ignore[arg-type]
            for name, formatter in FORMATS.items()
        ],
        namespace='ssm.shell',
    )
