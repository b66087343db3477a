# SPDX-License-Identifier: Apache-2.0

"""The language of filter_function and goodness_function."""

import builtins
import math
from typing import Any
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssm.scheduler import expressions
from ssm.tests.base import TestCase

SCOPES: dict[str, dict[str, Any]] = {
    'stats': {'free': 40, 'total': 100.0, 'name': 'gold', 'lost': None, 'state': 'unknown'},
    'capabilities': {'dedupe': True, 'qos': False, 'speeds': [1, 2]},
    'extra': {'iops': '500', 'tier': 'gold', 'thin': 'True'},
    'share': {'size': 3},
}


def value(text: str) -> float | bool:
    return expressions.parse(text).evaluate(SCOPES)


class ValueTest(TestCase):
    def test_values(self) -> None:
        for text, expected in [
            ('1', 1),
            ('1.5', 1.5),
            ('.5', 0.5),
            ('2.', 2),
            ('1e3', 1000),
            ('1.5E-1', 0.15),
            (' 1\t+\n2 ', 3),
            ('1 + 2 * 3', 7),
            ('(1 + 2) * 3', 9),
            ('7 - 4 - 1', 2),
            ('12 / 3 / 2', 2),
            ('2 ^ 3 ^ 2', 512),
            ('2 * 3 ^ 2', 18),
            ('-2 ^ 2', -4),
            ('2 ^ -1', 0.5),
            ('- - 2', 2),
            ('+2 - +3', -1),
            ('3 - -2', 5),
            ('-2 * -3', 6),
            ('1 < 2', True),
            ('2 <= 2', True),
            ('1 > 2', False),
            ('1 >= 2', False),
            ('1 == 1.0', True),
            ('1 != 1', False),
            ('1 + 1 == 4 / 2', True),
            ("'a' == 'a'", True),
            ('"a" == \'a\'', True),
            ("'a' != 'b'", True),
            ("'a' < 'b'", True),
            ("'5' == 5", True),
            ("'5' + 1", 6),
            ("'a' == 1", False),
            ("'it\"s' == 'it\"s'", True),
            ("'a and b' == 'a and b'", True),
            ('1 < 2 and 2 < 3', True),
            ('1 < 2 && 2 > 3', False),
            ('1 > 2 or 2 < 3', True),
            ('1 > 2 || 2 > 3', False),
            ('1 == 1 or 1 == 1 and 1 == 2', True),
            ('1 == 1 || 1 == 1 && 1 == 2', True),
            ('(1 == 1 or 1 == 1) and 1 == 2', False),
            ('not 1 > 2', True),
            ('not not 1', True),
            ('not 1 == 2 and 1 == 1', True),
            ('!0', True),
            ('!0 == 1', True),
            ('!(1 > 2)', True),
            ('1 and 0', False),
            ('2 or 0', True),
            ('1 < 2 ? 10 : 20', 10),
            ('1 > 2 ? 10 : 20', 20),
            ('0 ? 1 : 0 ? 2 : 3', 3),
            ('1 ? 0 ? 1 : 2 : 3', 2),
            ('(0 ? 1 : 2) + 1', 3),
            ('0 ? 1 : 2 + 1', 3),
            ('0 or 1 ? 5 : 6', 5),
            ('abs(-3)', 3),
            ('abs(2 - 5) * 2', 6),
            ('max(1, 5, 3)', 5),
            ('min(1, 5, 3)', 1),
            ('sum(1, 5, 3)', 9),
            ('sum(2)', 2),
            ('max(min(1, 2), abs(-7))', 7),
            ('stats.free', 40),
            ('stats.free / stats.total * 100', 40),
            ("stats.name == 'gold'", True),
            ('stats.name == extra.tier', True),
            ('stats.free > 10 * share.size', True),
            ('extra.iops >= 500', True),
            ("extra.thin == 'True'", True),
            ('capabilities.dedupe', True),
            ('!capabilities.dedupe', False),
            ('capabilities.dedupe * 50 + 1', 51),
            ('capabilities.qos == 0', True),
            ('stats.free == 0 ? 0 : 1 / stats.free', 0.025),
            ('0 and stats.lost', False),
            ('1 or 1 / 0', True),
        ]:
            got = value(text)
            self.assertEqual(expected, got, text)
            self.assertIs(isinstance(expected, bool), isinstance(got, bool), text)

    def test_what_has_no_value(self) -> None:
        for text, reason in [
            ('1 / 0', 'zero'),
            ('0 ^ -1', ''),
            ('(0 - 8) ^ 0.5', ''),
            ('9 ^ 9 ^ 9', 'range'),
            ('1e999', 'inf'),
            ('1e308 * 10', 'inf'),
            ('1e999 - 1e999', 'nan'),
            ("'a'", "'a'"),
            ('stats.name', 'gold'),
            ("'a' + 1", "'a' is no number"),
            ("-'a'", "'a' is no number"),
            ("abs('a')", "'a' is no number"),
            ('abs(1, 2)', 'argument'),
            ("'a' < 1", 'not supported'),
            ('stats.state > 5', 'not supported'),
            ("'a' and 1", "'a' is neither"),
            ("not 'a'", "'a' is neither"),
            ("'a' ? 1 : 2", "'a' is neither"),
            ('stats.lost > 1', 'None'),
            ('capabilities.speeds', '[1, 2]'),
            ('stats.missing', 'stats.missing is not known'),
        ]:
            error = self.assertRaises(expressions.ExpressionError, value, text)
            self.assertIn(repr(text), error.message)
            self.assertIn(reason, error.message, text)
            self.assertEqual('bad_expression', error.code)

    def test_missing_scope(self) -> None:
        expression = expressions.parse('share.size > 1')
        self.assertRaises(expressions.ExpressionError, expression.evaluate, {})


class GrammarTest(TestCase):
    def test_refused(self) -> None:
        for text, reason in [
            ('', 'missing at the end'),
            ('  ', 'missing at the end'),
            ('1 +', 'missing at the end'),
            ('not', 'missing at the end'),
            ('* 2', "unexpected '*'"),
            ('1 2', "unexpected '2'"),
            ('1 = 1', "'=' is not part"),
            ('(1', "')' expected"),
            ('1)', "unexpected ')'"),
            ('()', "unexpected ')'"),
            ('1 ? 2', "':' expected"),
            ('1 : 2', "unexpected ':'"),
            ('1 < 2 < 3', 'do not chain'),
            ('1 == 2 != 3', 'do not chain'),
            ('max()', "unexpected ')'"),
            ('max(1,)', "unexpected ')'"),
            ('max(1', "')' expected"),
            ('max', "'(' expected"),
            ('open(1)', "no function 'open'"),
            ('True', "no function 'True'"),
            ('other.size', 'other.size is no variable'),
            ('stats.a.b', "'.' is not part"),
            ('stats', "no function 'stats'"),
            ('stats.free(1)', "unexpected '('"),
            ("'open", '"\'" is not part'),
            ('5 % 2', "'%' is not part"),
            ('5 & 2', "'&' is not part"),
            ('[1]', "'[' is not part"),
            ('lambda: 1', "no function 'lambda'"),
            ('__import__("os")', "no function '__import__'"),
            ('stats.__class__.x', "'.' is not part"),
            ('1 + ' * 200 + '1', 'longer than 200'),
        ]:
            error = self.assertRaises(expressions.ExpressionError, expressions.parse, text)
            self.assertIn(reason, error.message, text)
            self.assertIn(repr(text), error.message)

    def test_variables(self) -> None:
        for text, expected in [
            ('1 + 1', set()),
            ("'share.size' == 'x'", set()),
            ('share.size > 1 ? stats.a : max(1, extra.b)', {'share.size', 'stats.a', 'extra.b'}),
        ]:
            self.assertEqual(expected, expressions.parse(text).variables, text)

    def test_variables_are_keys_never_attributes(self) -> None:
        error = self.assertRaises(expressions.ExpressionError, value, 'stats.__class__')
        self.assertIn('not known', error.message)

    def test_deepest_allowed_nesting(self) -> None:
        for text, expected in [
            ('(' * 99 + '1' + ')' * 99, 1),
            ('!' * 198 + '1', True),
            ('-' * 199 + '1', -1),
            ('1' + ' + 1' * 99, 100),
            ('1' + ' ^ 1' * 99, 1),
            ('abs(' * 66 + '1' + ')' * 66, 1),
            ('1 ? ' * 49 + '7' + ' : 0' * 49, 7),
        ]:
            self.assertEqual(expected, value(text), text)


_SIGNS = '+ - * / ^ < <= > >= == != and or && ||'
_VOCABULARY = f"""
    {_SIGNS} not ! ? : , ( ) 1 0 2.5 1e9 "a" '5' abs max min sum
    stats.free stats.lost stats.state share.size extra.iops capabilities.dedupe stats.gone
    eval exec __import__ stats.__class__ ; . _
"""
_WORDS = st.sampled_from(_VOCABULARY.split())
_ATOMS = st.sampled_from(
    ['1', '0', '2.5', '-3', '"a"', 'stats.free', 'share.size', 'extra.iops', 'capabilities.dedupe']
)


def _deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        ['+', '-', '*', '/', '^', '<', '<=', '>', '>=', '==', '!=', 'and', 'or', '&&', '||']
    )
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda t: f'({t[0]}) {t[1]} ({t[2]})'),
        st.tuples(inner, inner, inner).map(lambda t: f'({t[0]}) ? ({t[1]}) : ({t[2]})'),
        st.tuples(st.sampled_from(['!', 'not ', '-', 'abs', 'max', 'sum']), inner).map(
            lambda t: f'{t[0]}({t[1]})'
        ),
    )


_TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(_WORDS, max_size=30).map(' '.join),
    st.recursive(_ATOMS, _deeper, max_leaves=12),
)


class ExpressionProperties(TestCase):
    @settings(max_examples=400, deadline=None)
    @example('(' * 5000)
    @example('-' * 5000)
    @example('1' * 5000)
    @example('1 ^ ' * 60 + '1')
    @example('९ + 1')
    @given(_TEXTS)
    def test_a_finite_value_or_the_typed_error_and_nothing_is_run(self, text: str) -> None:
        forbidden = AssertionError('run by an expression')
        with (
            mock.patch.object(builtins, 'eval', side_effect=forbidden),
            mock.patch.object(builtins, 'exec', side_effect=forbidden),
            mock.patch.object(builtins, 'compile', side_effect=forbidden),
            mock.patch.object(builtins, '__import__', side_effect=forbidden),
        ):
            try:
                got = expressions.parse(text).evaluate(SCOPES)
            except expressions.ExpressionError:
                return
        self.assertIn(type(got), (float, bool))
        self.assertTrue(math.isfinite(got))

    @settings(max_examples=150, deadline=None)
    @given(
        st.floats(0, 1e6),
        st.floats(0, 1e6),
        st.floats(0.001, 1e6),
        st.sampled_from(['+', '-', '*']),
    )
    def test_arithmetic_is_pythons(self, a: float, b: float, c: float, sign: str) -> None:
        expected = {'+': a + b / c, '-': a - b / c, '*': a * b / c}[sign]
        self.assertEqual(expected, value(f'{a!r} {sign} {b!r} / {c!r}'))
