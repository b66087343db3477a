# SPDX-License-Identifier: Apache-2.0

"""From command line, ``OS_*`` variables and clouds.yaml to a client that may talk.

Without an Identity service (``--os-auth-type none``) nothing of openstacksdk is loaded.
"""

import argparse
import os
from typing import Any

from keystoneauth1 import plugin, session

from ssm.shell import client, commands, errors

SERVICE_TYPE = 'shared-file-system'
"""Official name in the catalogue; keystoneauth1 takes ``sharev2`` for the same."""

NO_IDENTITY = 'none'

DEFAULT_TIMEOUT = 180.0
"""Seconds; longer than the service itself waits for a back end to answer a check."""


class NoIdentity(plugin.FixedEndpointPlugin):
    """Says who calls to a service that runs with ``auth_strategy = noauth`` (rest-api 1.10)."""

    def __init__(self, endpoint: str, user: str | None, project: str | None) -> None:
        super().__init__(endpoint)
        self._token = f'{user or "admin"}:{project or "admin"}'

    def get_token(self, session: session.Session) -> str:
        """``user:project``, each of them ``admin`` if not given."""
        return self._token


def connect(options: argparse.Namespace) -> client.Client:
    """A client for the endpoint that the options lead to.

    :param options: the global options of ``main``
    """
    cloud = options.os_cloud or os.environ.get('OS_CLOUD')
    auth_type = options.os_auth_type or os.environ.get('OS_AUTH_TYPE')
    if auth_type == NO_IDENTITY and not cloud:
        http, endpoint = _without_identity(options)
    else:
        http, endpoint = _from_cloud(options)
    http.timeout = options.timeout or http.timeout or DEFAULT_TIMEOUT
    version = _setting(options, 'os_share_api_version') or commands.API_VERSION
    return client.Client(http, endpoint, version)


def _setting(options: argparse.Namespace, name: str) -> Any:
    """An option, or the environment variable of the same name."""
    return getattr(options, name) or os.environ.get(name.upper()) or None


def _without_identity(options: argparse.Namespace) -> tuple[session.Session, str]:
    verify = False if options.insecure else _setting(options, 'os_cacert') or True
    certificate, key = _setting(options, 'os_cert'), _setting(options, 'os_key')
    return _no_identity(
        _setting(options, 'os_endpoint'),
        _setting(options, 'os_username'),
        _setting(options, 'os_project_id'),
        verify=verify,
        cert=(certificate, key) if certificate and key else certificate,
    )


def _no_identity(
    endpoint: str | None, user: str | None, project: str | None, **tls: Any
) -> tuple[session.Session, str]:
    if not endpoint:
        raise errors.ShellError(
            'Without an Identity service the URL of the API has to be given: '
            '--os-endpoint or OS_ENDPOINT.'
        )
    auth = NoIdentity(endpoint, user, project)
    return session.Session(auth=auth, app_name='ssm', **tls), endpoint


def _from_cloud(options: argparse.Namespace) -> tuple[session.Session, str]:
    from openstack.config import loader  # slow to import, and not needed without Identity

    given = {
        name: value
        for name, value in vars(options).items()
        if name.startswith('os_') and name not in ('os_endpoint', 'os_share_api_version')
    }
    named = argparse.Namespace(**given, insecure=options.insecure or None)
    config = loader.OpenStackConfig(app_name='ssm')
    region = config.get_one(argparse=named, validate=False)
    endpoint = options.os_endpoint or region.get_endpoint(SERVICE_TYPE)
    if region.config['auth_type'] == NO_IDENTITY:
        who = region.config['auth'] | region.config
        verify, cert = region.get_requests_verify_args()
        return _no_identity(
            endpoint, who.get('username'), who.get('project_id'), verify=verify, cert=cert
        )
    http = config.get_one(argparse=named).get_session()
    with client.readable_connection_errors():
        endpoint = endpoint or http.get_endpoint(
            service_type=SERVICE_TYPE,
            interface=region.get_interface(SERVICE_TYPE),
            region_name=region.get_region_name(SERVICE_TYPE),
        )
    if not endpoint:
        raise errors.ShellError(f'The catalogue has no endpoint of type {SERVICE_TYPE}.')
    return http, endpoint
