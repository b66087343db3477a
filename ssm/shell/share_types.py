# SPDX-License-Identifier: Apache-2.0

"""Commands about share types and their extra specs (rest-api 4.5)."""

import argparse
import urllib.parse
from typing import Any

from ssm.shell import base, output, resources

_SHOWN_FIRST = ('id', 'name', 'visibility', 'is_default', 'required_extra_specs')


def _visibility(item: output.Item) -> str:
    return 'public' if item.get('share_type_access:is_public') else 'private'


def _optional_specs(item: output.Item) -> output.Pairs:
    """The extra specs without those that every type has to have."""
    required = item.get('required_extra_specs', {})
    specs = item.get('extra_specs', {})
    return output.Pairs({key: specs[key] for key in specs if key not in required})


_COLUMNS: tuple[output.Column, ...] = (
    ('ID', 'id'),
    ('Name', 'name'),
    ('visibility', _visibility),
    ('is_default', 'is_default'),
    ('required_extra_specs', lambda item: output.Pairs(item.get('required_extra_specs', {}))),
    ('optional_extra_specs', _optional_specs),
    ('Description', 'description'),
)


class Create(base.Show):
    """Create a share type."""

    arguments = (
        base.arg('name', metavar='<name>', help='Name of the share type.'),
        base.arg(
            'dhss',
            metavar='<driver_handles_share_servers>',
            type=base.boolean,
            help='True if back ends have to make share servers for shares of this type.',
        ),
        base.arg(
            '--extra-specs',
            nargs='+',
            type=base.pair,
            default=[],
            metavar='<key=value>',
            help='Extra specs that back ends have to meet.',
        ),
        base.arg(
            '--is-public',
            type=base.boolean,
            default=True,
            metavar='<True|False>',
            help='Whether all projects may use it, default True.',
        ),
        base.arg('--description', metavar='<text>', help='Description of the share type.'),
    )

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        specs = {'driver_handles_share_servers': str(parsed_args.dhss)}
        body: dict[str, Any] = {
            'name': parsed_args.name,
            'share_type_access:is_public': parsed_args.is_public,
            'extra_specs': specs | dict(parsed_args.extra_specs),
        } | base.given(description=parsed_args.description)
        created = self.client.post('/types', {'share_type': body})['share_type']
        cells = output.rows(_COLUMNS, [created])[0]
        return {heading: cell for (heading, _source), cell in zip(_COLUMNS, cells, strict=True)}


class List(base.List):
    """List share types."""

    path = '/types'
    key = 'share_types'
    columns = _COLUMNS
    arguments = (
        base.arg(
            '--all',
            action='store_const',
            const='all',
            dest='is_public',
            help='Private types too (administrators).',
        ),
    )

    def query(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return {'is_public': parsed_args.is_public}


class Key(base.Command):
    """Set or unset extra specs of a share type."""

    arguments = (
        base.arg('share_type', metavar='<share-type>', help='Share type, by name or id.'),
        base.arg('verb', choices=('set', 'unset'), help='What to do.'),
        base.arg(
            'specs', nargs='+', metavar='<key=value>', help='Extra specs; for unset the keys only.'
        ),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        type_id = self.find_id(resources.SHARE_TYPE, parsed_args.share_type)
        path = f'/types/{type_id}/extra_specs'
        if parsed_args.verb == 'set':
            specs = dict(base.pair(spec) for spec in parsed_args.specs)
            self.client.post(path, {'extra_specs': specs})
            return
        for key in parsed_args.specs:
            self.client.delete(f'{path}/{urllib.parse.quote(key, safe="")}')


class Delete(base.Delete):
    """Delete share types that no share uses."""

    kind = resources.SHARE_TYPE
