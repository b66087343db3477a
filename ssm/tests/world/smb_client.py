# SPDX-License-Identifier: Apache-2.0

"""An SMB client in a network namespace: a program run once for each request.

``nsenter --net=… python smb_client.py LOCATION USER PASSWORD PATH`` prints the content of a file,
and with a further argument makes that the content. Run as a file it starts in half the time.
"""

from __future__ import annotations

import subprocess
import sys

from ssm.drivers.linux import privileged

TIMEOUT = '6'
"""Seconds; a server that is cut off does not answer."""


class Refused(Exception):
    """The server, or the network, said no."""


class SmbClient:
    """One user at one place.

    :param namespace: where it lives
    """

    def __init__(self, namespace: str, user: str, password: str) -> None:
        self._namespace = namespace
        self._user = user
        self._password = password

    def _run(self, location: str, path: str, *text: str) -> str:
        argv = ['timeout', TIMEOUT, 'nsenter', f'--net={privileged.NAMESPACES / self._namespace}']
        argv += [sys.executable, '-P', '-W', 'ignore', __file__]
        argv += [location, self._user, self._password, path, *text]
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            raise Refused(done.stderr.strip().rpartition('\n')[2])
        return done.stdout

    def write(self, location: str, path: str, text: str) -> None:
        r"""Make a text the content of a file; the location is ``\\address\share``.

        :raises Refused: not possible
        """
        self._run(location, path, text)

    def read(self, location: str, path: str) -> str:
        """The content of a file.

        :raises Refused: not possible
        """
        return self._run(location, path)


def main() -> None:
    """Carry one request out."""
    import smbclient  # not on machines that run no tests of SMB

    location, user, password, path, *text = sys.argv[1:]
    login = {'username': user, 'password': password, 'auth_protocol': 'ntlm'}
    with smbclient.open_file(f'{location}\\{path}', 'w' if text else 'r', **login) as file:
        if text:
            file.write(text[0])
        else:
            print(file.read(), end='')


if __name__ == '__main__':
    main()
