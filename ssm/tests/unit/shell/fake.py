# SPDX-License-Identifier: Apache-2.0

"""A real HTTP server that gives canned answers and writes down what it was asked."""

import dataclasses
import http.server
import json
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import fixtures


@dataclasses.dataclass(frozen=True)
class Request:
    """What came in; the body is decoded, None if there was none."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclasses.dataclass(frozen=True)
class Answer:
    """What goes out; a text is sent as it is, anything else as JSON, None as nothing."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class FakeApi(fixtures.Fixture):
    """Answers by method and path; of several answers each is given once, the last for ever.

    A path that was not prepared is answered with a 404 fault, as the API does.
    """

    def _setUp(self) -> None:
        self.requests: list[Request] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _handle(self) -> None:
                answer = api._receive(self)
                body = answer.body
                text = body if isinstance(body, str) else '' if body is None else json.dumps(body)
                self.send_response(answer.status)
                if text and not isinstance(body, str):
                    self.send_header('Content-Type', 'application/json')
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_DELETE = do_PUT = _handle

            def log_message(self, *args: Any) -> None:
                """Nothing on stderr."""

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.root = f'http://127.0.0.1:{server.server_port}'
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    def prepare(self, method: str, path: str, *answers: Any) -> None:
        """Set the answers of a path.

        :param path: without ``/v2``, unless it starts with ``//``: then the second slash on
        :param answers: bodies, or Answers where more than the body matters
        """
        full = path[1:] if path.startswith('//') else f'/v2{path}'
        self._answers[method, full] = [
            answer if isinstance(answer, Answer) else Answer(answer) for answer in answers
        ]

    def _receive(self, handler: http.server.BaseHTTPRequestHandler) -> Answer:
        url = urllib.parse.urlsplit(handler.path)
        length = int(handler.headers.get('Content-Length') or 0)
        body = handler.rfile.read(length)
        query = dict(urllib.parse.parse_qsl(url.query))
        method = handler.command
        self.requests.append(
            Request(method, url.path, query, handler.headers, json.loads(body) if body else None)
        )
        answers = self._answers.get((method, url.path))
        if not answers:
            return fault(404, 'itemNotFound', f'Nothing at {url.path}.')
        return answers.pop(0) if len(answers) > 1 else answers[0]


def fault(status: int, name: str, message: str, **extra: Any) -> Answer:
    """An answer as of rest-api 1.6."""
    headers = {'x-compute-request-id': 'req-4711'}
    return Answer({name: {'code': status, 'message': message, **extra}}, status, headers)
