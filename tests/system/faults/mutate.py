"""Documents of a real run, mutated at random: what no RunEngine should send, and some day one does."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

NAMES = ("start", "descriptor", "event", "event_page", "stream_resource", "stream_datum", "stop", "odd", "")


class _Hostile:
    """Raises whatever is done with it."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __hash__(self) -> int:
        raise RuntimeError("hashed")

    def __str__(self) -> str:
        raise RuntimeError("written")

    __repr__ = __float__ = __int__ = __bool__ = __str__

    def __deepcopy__(self, memo: object) -> Any:
        return self


def odd_values(chance: random.Random) -> list[Any]:
    """Return values of all kinds, fit for no field."""
    circle: list[Any] = []
    circle.append(circle)
    numbers = [float("nan"), float("inf"), -1, 0, 10**400, chance.random(), True, -0.0, 2**63, 1e308]
    arrays = [np.nan * np.ones(3), np.float64(5), np.array("x"), np.zeros((2, 0)), np.array([None])]
    texts = ["", "\ud800", "x" * 5000, "eiger4M", "primary", "mm", "\0"]
    return [
        None,
        *numbers,
        *arrays,
        *texts,
        b"\xff",
        [],
        {},
        [[[]]],
        {1: {}},
        circle,
        _Hostile(),
        {"a": circle},
    ]


def mutated(
    documents: list[tuple[str, Any]], number: int, chance: random.Random
) -> Iterator[tuple[str, Any]]:
    """Yield so many documents, most with one to three faults, under run uids that never repeat."""
    sent = 0
    while True:
        prefix = f"{chance.getrandbits(64):016x}"
        for name, doc in documents:
            if sent == number:
                return
            sent += 1
            said = name, renamed(copy.deepcopy(doc), prefix)
            for _ in range(chance.choice([0, 1, 1, 2, 3])):
                said = _one_fault(*said, chance)
            yield said


def renamed(value: Any, prefix: str) -> Any:
    """Return a document with all uids in it changed alike."""
    uids = {"uid", "run_start", "descriptor"}
    if not isinstance(value, dict):
        return value
    return {key: f"{prefix}-{each}" if key in uids else each for key, each in value.items()}


def _one_fault(name: str, doc: Any, chance: random.Random) -> tuple[str, Any]:
    kind = chance.randrange(12)
    if kind == 0:
        return chance.choice(NAMES), doc
    if kind == 1:
        return name, chance.choice(odd_values(chance))
    place = _place(doc, chance)
    if place is None:
        return name, doc
    container, key = place
    if kind <= 4:
        del container[key]
    elif kind <= 9:
        container[key] = chance.choice(odd_values(chance))
    else:
        container[f"{key}2"] = container[key]
    return name, doc


def _place(doc: Any, chance: random.Random) -> tuple[dict[Any, Any], Any] | None:
    """Return a random dictionary somewhere in a document, and one of its keys."""
    container: Any = doc
    while isinstance(container, dict) and container:
        key = chance.choice(list(container))
        inner = container[key]
        if not (isinstance(inner, dict) and inner) or chance.random() < 0.25:
            return container, key
        container = inner
    return None
