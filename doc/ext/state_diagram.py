# SPDX-License-Identifier: Apache-2.0

"""Draws the states of a migration and what leads from one to the other, as SVG.

States are boxes below each other in the order of the enumeration. What leads from a state to the
one below it is an arrow between them. All else leaves its boxes to the right, is gathered on a
vertical line, and comes back to the box it leads to. Nothing here knows a state by name.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator

from ssm.migration.states import FINISHED, FORWARD, TRANSITIONS, Actor, Event, State, Transition

LEFT, TOP, WIDTH = 10, 40, 250
SLOT = 17
"""Height that one line needs where it meets a box."""
GAP = 30
LETTER = 7
"""Width of a letter of a label."""

COLOURS = {Actor.API: '#1f5fa8', Actor.ENGINE: '#4a4a4a'}
FILLS = {'works': '#ffffff', 'rests': '#dcebfa', 'ended': '#ececec'}


@dataclasses.dataclass
class Box:
    """The place of one state.

    :param arrivals: events whose lines come in from the right
    :param leaves: whether lines leave it to the right; these share the first slot
    """

    state: State
    arrivals: list[Event]
    leaves: bool
    top: float = 0

    @property
    def height(self) -> float:
        """Room for its name, or for all its lines."""
        return max(30, SLOT * (len(self.arrivals) + self.leaves) + 8)

    def slot(self, number: int) -> float:
        """Where the line with that number meets the box."""
        lines = len(self.arrivals) + self.leaves
        return self.top + self.height / 2 + (number - (lines - 1) / 2) * SLOT

    @property
    def leaving(self) -> float:
        """Where lines leave it."""
        return self.slot(0)

    def arriving(self, event: Event) -> float:
        """Where the line of an event comes in."""
        return self.slot(self.leaves + self.arrivals.index(event))


def _is_first(transition: Transition) -> bool:
    return not transition.before


def _is_step(transition: Transition) -> bool:
    """Whether it leads from one state to the one below it, and from nowhere else."""
    order = list(State)
    return len(transition.before) == 1 and (
        order.index(transition.after) - order.index(next(iter(transition.before))) == 1
    )


def _bent() -> dict[Event, Transition]:
    """The transitions whose lines go round on the right."""
    return {
        event: transition
        for event, transition in TRANSITIONS.items()
        if not _is_first(transition) and not _is_step(transition)
    }


def _boxes() -> dict[State, Box]:
    bent = _bent()
    boxes, top = {}, float(TOP)
    for state in State:
        box = Box(
            state,
            [event for event, transition in bent.items() if transition.after is state],
            any(state in transition.before for transition in bent.values()),
            top,
        )
        boxes[state] = box
        top += box.height + GAP
    return boxes


def _kind(state: State) -> str:
    if state in FINISHED:
        return 'ended'
    return 'works' if state in FORWARD else 'rests'


def _line(colour: str, *points: tuple[float, float], arrow: bool = False) -> str:
    path = ' '.join(f'{x:g},{y:g}' for x, y in points)
    end = f' marker-end="url(#arrow-{colour[1:]})"' if arrow else ''
    return f'<polyline points="{path}" fill="none" stroke="{colour}"{end}/>'


def _text(text: str, x: float, y: float, colour: str = '#000', anchor: str = 'start') -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}" stroke="#fff" '
        f'stroke-width="3" paint-order="stroke">{html.escape(text)}</text>'
    )


def _draw_box(box: Box) -> Iterator[str]:
    round_ = 14 if box.state in FINISHED else 3
    yield (
        f'<rect x="{LEFT}" y="{box.top:g}" width="{WIDTH}" height="{box.height:g}" '
        f'rx="{round_}" fill="{FILLS[_kind(box.state)]}" stroke="#000"/>'
    )
    yield (
        f'<text x="{LEFT + 12}" y="{box.top + box.height / 2 + 4:g}" font-weight="bold">'
        f'{box.state.value}</text>'
    )


def _draw_straight(boxes: dict[State, Box]) -> Iterator[str]:
    x = LEFT + 40
    for event, transition in TRANSITIONS.items():
        colour = COLOURS[transition.actor]
        box = boxes[transition.after]
        if _is_first(transition) or _is_step(transition):
            yield _line(colour, (x, box.top - GAP + 2), (x, box.top - 2), arrow=True)
            yield _text(event.value, x + 10, box.top - GAP / 2 + 4, colour)


def _draw_bent(boxes: dict[State, Box]) -> Iterator[str]:
    edge = x = LEFT + WIDTH
    for event, transition in _bent().items():
        colour = COLOURS[transition.actor]
        x += LETTER * len(event.value) + 22
        sources = [boxes[state] for state in State if state in transition.before]
        into = boxes[transition.after].arriving(event)
        ends = [*(box.leaving for box in sources), into]
        yield _line(colour, (x, min(ends)), (x, max(ends)))
        for box in sources:
            yield _line(colour, (edge, box.leaving), (x, box.leaving))
            yield f'<circle cx="{x}" cy="{box.leaving:g}" r="3" fill="{colour}"/>'
        yield _line(colour, (x, into), (edge + 2, into), arrow=True)
        yield _text(event.value, x - 6, into - 5, colour, 'end')


def _draw_legend(y: float) -> Iterator[str]:
    x = LEFT
    for kind, words in (
        ('works', 'the engine works'),
        ('rests', 'waits for a request'),
        ('ended', 'over'),
    ):
        yield (
            f'<rect x="{x}" y="{y - 11:g}" width="14" height="14" fill="{FILLS[kind]}" '
            'stroke="#000"/>'
        )
        yield _text(words, x + 20, y)
        x += 40 + LETTER * len(words)
    for actor, colour in COLOURS.items():
        words = f'{actor.value} causes it'
        yield _line(colour, (x, y - 4), (x + 20, y - 4), arrow=True)
        yield _text(words, x + 28, y, colour)
        x += 48 + LETTER * len(words)


def svg() -> str:
    """The drawing, made from the transition table."""
    boxes = _boxes()
    last = boxes[list(State)[-1]]
    height = last.top + last.height + 50
    width = max(700, LEFT + WIDTH + 20 + sum(LETTER * len(event.value) + 22 for event in _bent()))
    markers = ''.join(
        f'<marker id="arrow-{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{colour}"/></marker>'
        for colour in COLOURS.values()
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" '
        f'width="{width}" style="max-width: 100%; height: auto" role="img" '
        'font-family="monospace" font-size="12">',
        '<title>States of a share server migration</title>',
        f'<defs>{markers}</defs>',
        *_draw_bent(boxes),
        *_draw_straight(boxes),
        *(line for box in boxes.values() for line in _draw_box(box)),
        *_draw_legend(height - 16),
        '</svg>',
    ]
    return '\n'.join(parts)
