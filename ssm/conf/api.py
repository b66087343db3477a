# SPDX-License-Identifier: Apache-2.0

"""Options of the API, in [DEFAULT]."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'auth_strategy',
        default='keystone',
        choices=[
            ('keystone', 'tokens of the Identity service'),
            ('noauth', 'every caller is administrator, project in the path'),
            ('noauthv2', 'the same without the project in the path'),
        ],
        help='How callers are identified.',
    ),
    cfg.HostAddressOpt(
        'osapi_share_listen', default='::', help='Address ssm-api and ssm-all listen on.'
    ),
    cfg.PortOpt(
        'osapi_share_listen_port', default=8786, help='Port ssm-api and ssm-all listen on.'
    ),
    cfg.IntOpt(
        'osapi_share_workers', default=10, min=1, help='Threads of ssm-api that answer requests.'
    ),
    cfg.IntOpt(
        'osapi_max_limit',
        default=1000,
        min=1,
        help='Largest number of items in one page of a list.',
    ),
    cfg.StrOpt(
        'osapi_share_base_URL', help='Scheme and host of links in answers, instead of the request.'
    ),
    cfg.StrOpt(
        'project_id_regex',
        default=r'[0-9a-f\-]+',
        help='What a project id in a path looks like.',
    ),
]
