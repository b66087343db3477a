# SPDX-License-Identifier: Apache-2.0

"""Commands about the access rules of shares (rest-api 4.7)."""

import argparse

from ssm.shell import base, output, resources
from ssm.shell.shares import SHARE

_SHOWN_FIRST = ('id', 'share_id', 'access_type', 'access_to', 'access_level', 'state')


class Allow(base.Show):
    """Let a client use a share."""

    arguments = (
        SHARE,
        base.arg('access_type', metavar='<type>', help='ip, user, cert or cephx.'),
        base.arg('access_to', metavar='<client>', help='Address, network or name of the client.'),
        base.arg(
            '--access-level', choices=('rw', 'ro'), help='Read and write (the default) or read.'
        ),
        base.WAIT,
    )

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        share_id = self.find_id(resources.SHARE, parsed_args.share)
        rule = {
            'access_type': parsed_args.access_type,
            'access_to': parsed_args.access_to,
        } | base.given(access_level=parsed_args.access_level)
        access = self.client.action(f'/shares/{share_id}', 'allow_access', rule)['access']
        if parsed_args.wait:
            access = resources.wait_ready(self.client, resources.ACCESS_RULE, access['id'])
        return output.ordered(access, _SHOWN_FIRST)


class Deny(base.Command):
    """Remove an access rule of a share."""

    arguments = (
        SHARE,
        base.arg('rule', metavar='<rule>', help='Id of the access rule.'),
        base.WAIT,
    )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        share_id = self.find_id(resources.SHARE, parsed_args.share)
        deny = {'access_id': parsed_args.rule}
        if not parsed_args.wait:
            self.client.action(f'/shares/{share_id}', 'deny_access', deny)
            return
        before = resources.fetch(self.client, resources.ACCESS_RULE, parsed_args.rule)
        self.client.action(f'/shares/{share_id}', 'deny_access', deny)
        resources.wait_gone(self.client, resources.ACCESS_RULE, before)


class List(base.List):
    """List the access rules of a share."""

    columns = (
        ('ID', 'id'),
        ('Access Type', 'access_type'),
        ('Access To', 'access_to'),
        ('Access Level', 'access_level'),
        ('State', 'state'),
        ('Created At', 'created_at'),
    )
    arguments = (SHARE,)

    def items(self, parsed_args: argparse.Namespace) -> list[output.Item]:
        share_id = self.find_id(resources.SHARE, parsed_args.share)
        return self.client.get('/share-access-rules', 'access_list', share_id=share_id)
