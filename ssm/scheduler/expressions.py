# SPDX-License-Identifier: Apache-2.0

"""The language of ``filter_function`` and ``goodness_function`` (rest-api 5.1).

Numbers, texts in quotes, ``+ - * / ^``, comparisons, ``and or not && || !``, ``?:``, the functions
``abs max min sum``, and variables ``stats.x capabilities.x extra.x share.x``. From loose to tight
bind ``?:``, ``or``, ``and``, ``not``, comparisons (which do not chain), ``+ -``, ``* /``, the
signs and ``!``, ``^`` (from the right). Texts that read as a number are one, since extra specs
are always texts; booleans count as 0 and 1 in arithmetic.

The parser makes a tree of closures; nothing of an expression reaches Python's own evaluation.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ssm.common import exceptions

Value = float | bool | str
Scopes = Mapping[str, Mapping[str, Any]]
_Node = Callable[[Scopes], Value]
_Join = Callable[[_Node, _Node], _Node]

SCOPES = ('stats', 'capabilities', 'extra', 'share')
_MAX_TOKENS = 200
"""Bounds the depth of the tree, and by it the recursion."""

_NUMBER = r'(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?'
_TOKEN = re.compile(
    rf"""(?P<number>{_NUMBER})
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)
    | (?P<sign>&&|\|\||[=!<>]=|[-+*/^<>!?:(),])""",
    re.VERBOSE,
)
_NUMERAL = re.compile(rf'\s*[+-]?{_NUMBER}\s*')


class ExpressionError(exceptions.SsmError):
    """An expression can't be read, or has no value for this pool and request."""

    code = 'bad_expression'
    template = 'Expression {expression!r}: {reason}.'


@dataclasses.dataclass(frozen=True)
class Expression:
    """A parsed expression; made by :func:`parse`.

    :param variables: the names it mentions, e.g. ``share.size``
    """

    text: str
    variables: frozenset[str]
    _root: _Node = dataclasses.field(repr=False)

    def evaluate(self, scopes: Scopes) -> float | bool:
        """The value, a finite number or a boolean.

        :param scopes: values of the variables, by scope and name
        :raises ExpressionError: a variable is missing, types do not fit, division by zero …
        """
        try:
            value = self._root(scopes)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ExpressionError(expression=self.text, reason=error) from error
        if isinstance(value, str) or not math.isfinite(value):
            raise ExpressionError(expression=self.text, reason=f'the result is {value!r}')
        return value


@functools.lru_cache(maxsize=256)
def parse(text: str) -> Expression:
    """Read an expression.

    :raises ExpressionError: it breaks the grammar or is too long
    """
    try:
        parser = _Parser(text)
        root = parser.whole()
    except ValueError as error:
        raise ExpressionError(expression=text, reason=error) from error
    return Expression(text, frozenset(parser.variables), root)


def _number(value: Value) -> float:
    if isinstance(value, str):
        raise TypeError(f'{value!r} is no number')
    return float(value)


def _truth(value: Value) -> bool:
    if isinstance(value, str):
        raise TypeError(f'{value!r} is neither a number nor a boolean')
    return bool(value)


def _read(value: Any) -> Value:
    """A literal or the value of a variable, as the language sees it."""
    if isinstance(value, str):
        return float(value) if _NUMERAL.fullmatch(value) else value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    raise TypeError(f'{value!r} is neither a number, a text nor a boolean')


def _calculate(function: Callable[..., float]) -> _Join:
    return lambda a, b: lambda scopes: function(_number(a(scopes)), _number(b(scopes)))


def _compare(function: Callable[[Any, Any], bool]) -> _Join:
    return lambda a, b: lambda scopes: function(a(scopes), b(scopes))


def _and(a: _Node, b: _Node) -> _Node:
    return lambda scopes: _truth(a(scopes)) and _truth(b(scopes))


def _or(a: _Node, b: _Node) -> _Node:
    return lambda scopes: _truth(a(scopes)) or _truth(b(scopes))


class _Infix(NamedTuple):
    """An operator between two operands; a higher power binds tighter."""

    power: int
    join: _Join
    from_right: bool = False


_CONDITION, _NOT, _COMPARISON, _SIGN = 1, 4, 5, 8

_INFIX = {
    'or': _Infix(2, _or),
    '||': _Infix(2, _or),
    'and': _Infix(3, _and),
    '&&': _Infix(3, _and),
    '==': _Infix(_COMPARISON, _compare(operator.eq)),
    '!=': _Infix(_COMPARISON, _compare(operator.ne)),
    '<': _Infix(_COMPARISON, _compare(operator.lt)),
    '<=': _Infix(_COMPARISON, _compare(operator.le)),
    '>': _Infix(_COMPARISON, _compare(operator.gt)),
    '>=': _Infix(_COMPARISON, _compare(operator.ge)),
    '+': _Infix(6, _calculate(operator.add)),
    '-': _Infix(6, _calculate(operator.sub)),
    '*': _Infix(7, _calculate(operator.mul)),
    '/': _Infix(7, _calculate(operator.truediv)),
    '^': _Infix(9, _calculate(math.pow), from_right=True),
}

_PREFIX: dict[str, tuple[int, Callable[[Value], Value]]] = {
    'not': (_NOT, lambda value: not _truth(value)),
    '!': (_SIGN, lambda value: not _truth(value)),
    '-': (_SIGN, lambda value: -_number(value)),
    '+': (_SIGN, _number),
}

_FUNCTIONS: dict[str, Callable[..., float]] = {
    'abs': abs,
    'max': lambda *values: max(values),
    'min': lambda *values: min(values),
    'sum': lambda *values: sum(values),
}


class _Parser:
    """Operator precedence parser over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        if len(self.tokens) > _MAX_TOKENS:
            raise ValueError(f'longer than {_MAX_TOKENS} words and signs')
        self.variables: set[str] = set()
        self._at = 0

    def whole(self) -> _Node:
        """The tree of all tokens."""
        node = self._expression(0)
        if self._next:
            raise ValueError(f'unexpected {self._next!r}')
        return node

    @property
    def _next(self) -> str:
        """The token in front, empty at the end."""
        return self.tokens[self._at][1] if self._at < len(self.tokens) else ''

    def _take(self, wanted: str) -> None:
        if self._next != wanted:
            raise ValueError(f'{wanted!r} expected, not {self._next or "the end"!r}')
        self._at += 1

    def _expression(self, floor: int) -> _Node:
        """As far as operators bind tighter than ``floor``."""
        node = self._operand()
        while (infix := _INFIX.get(self._next)) and infix.power > floor:
            self._at += 1
            node = infix.join(node, self._expression(infix.power - infix.from_right))
            following = _INFIX.get(self._next)
            if following and infix.power == following.power == _COMPARISON:
                raise ValueError('comparisons do not chain, join them by and')
        return self._condition(node) if self._next == '?' and floor < _CONDITION else node

    def _condition(self, test: _Node) -> _Node:
        self._take('?')
        yes = self._expression(0)
        self._take(':')
        no = self._expression(0)
        return lambda scopes: yes(scopes) if _truth(test(scopes)) else no(scopes)

    def _operand(self) -> _Node:
        if not self._next:
            raise ValueError('something is missing at the end')
        kind, token = self.tokens[self._at]
        self._at += 1
        if token in _PREFIX:
            power, function = _PREFIX[token]
            operand = self._expression(power)
            return lambda scopes: function(operand(scopes))
        if token == '(':
            node = self._expression(0)
            self._take(')')
            return node
        if kind == 'name':
            return self._variable(token) if '.' in token else self._call(token)
        if kind == 'sign':
            raise ValueError(f'unexpected {token!r}')
        value = _read(token[1:-1] if kind == 'text' else token)
        return lambda _scopes: value

    def _variable(self, token: str) -> _Node:
        scope, _dot, name = token.partition('.')
        if scope not in SCOPES:
            raise ValueError(f'{token} is no variable, they begin with one of {", ".join(SCOPES)}')
        self.variables.add(token)

        def look_up(scopes: Scopes) -> Value:
            if name not in scopes.get(scope, {}):
                raise ValueError(f'{token} is not known')
            return _read(scopes[scope][name])

        return look_up

    def _call(self, name: str) -> _Node:
        if name not in _FUNCTIONS:
            raise ValueError(f'there is no function {name!r}')
        self._take('(')
        arguments = [self._expression(0)]
        while self._next == ',':
            self._at += 1
            arguments.append(self._expression(0))
        self._take(')')
        function = _FUNCTIONS[name]
        return lambda scopes: function(*(_number(argument(scopes)) for argument in arguments))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each word and sign."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f'{text[at]!r} is not part of the language')
        yield str(match.lastgroup), match.group()
        at = match.end()
