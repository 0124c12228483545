"""Undo and redo over random sequences, beside a model that keeps every state as a plain list."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from xpcs_mask_bluesky import Circle, History, Pixels, Rectangle, evaluate

SHAPE = (12, 15)
DEFAULT = Pixels(pixels=((0, 0),))
LABELS = st.sampled_from("abc")
INDICES = st.integers(0, 5)

places = {"row": st.floats(0, 12), "column": st.floats(0, 15)}
operations = st.one_of(
    st.builds(Circle, **places, radius=st.floats(0.5, 4)),
    st.builds(Rectangle, **places, height=st.floats(0.5, 5), width=st.floats(0.5, 5), angle=st.floats(0, 90)),
)


class Session(RuleBasedStateMachine):
    """A person at the prompt; the model is lists of [operation, enabled], the pointer a number."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History(default=(DEFAULT,))
        self.states, self.pointer, self.labels = [[]], 0, {}
        self.log = []

    @property
    def current(self):
        return self.states[self.pointer]

    def does(self, action, **content):
        told = {"action": action, **content}
        self.history = self.history.act(told, lambda operation: operation)
        self.log.append(told)

    def pushes(self, state):
        self.states = [*self.states[: self.pointer + 1], state]
        self.pointer += 1

    @rule(operation=operations)
    def apply(self, operation):
        self.does("apply", operation=operation)
        self.pushes([*self.current, [operation, True]])
        with pytest.raises(LookupError, match="nothing to redo"):
            self.history.redo()

    @rule()
    def undo(self):
        if self.pointer == 0:
            with pytest.raises(LookupError, match="default layer"):
                self.history.undo()
            return
        before = self.history
        self.does("undo")
        self.pointer -= 1
        assert self.history.redo() == before

    @rule()
    def redo(self):
        if self.pointer == len(self.states) - 1:
            with pytest.raises(LookupError, match="nothing to redo"):
                self.history.redo()
            return
        before = self.history
        self.does("redo")
        self.pointer += 1
        assert self.history.undo() == before

    @rule()
    def reset(self):
        self.does("reset")
        self.pointer = 0
        assert self.history.operations == (DEFAULT,)

    @precondition(lambda self: self.current)
    @rule(data=st.data(), action=st.sampled_from(["enable", "disable"]))
    def switch(self, data, action):
        index = data.draw(st.integers(0, len(self.current) - 1))
        changed = [list(each) for each in self.current]
        changed[index][1] = action == "enable"
        self.does(action, index=index)
        self.pushes(changed)

    @precondition(lambda self: self.current)
    @rule(data=st.data(), operation=operations)
    def replace(self, data, operation):
        index = data.draw(st.integers(0, len(self.current) - 1))
        changed = [list(each) for each in self.current]
        changed[index][0] = operation
        self.does("replace", index=index, operation=operation)
        self.pushes(changed)

    @rule(name=LABELS)
    def label(self, name):
        if self.labels.setdefault(name, self.current) != self.current:
            with pytest.raises(ValueError, match="another state already"):
                self.history.label(name)
            return
        self.does("label", label=name)

    @rule(name=LABELS)
    def branch_from_a_label(self, name):
        if name not in self.labels:
            with pytest.raises(LookupError, match="no label"):
                self.history.branch(name)
            return
        self.does("branch", label=name)
        self.pushes(self.labels[name])

    @rule(data=st.data())
    def branch_from_a_state(self, data):
        number = data.draw(st.integers(0, len(self.states) - 1))
        self.does("branch", state=number)
        self.pushes(self.states[number])

    @invariant()
    def agrees_with_the_model(self):
        expected = [operation for operation, enabled in self.current if enabled]
        assert self.history.operations == (DEFAULT, *expected)
        assert (self.history.pointer, len(self.history.states)) == (self.pointer, len(self.states))

    @invariant()
    def a_log_replayed_gives_the_same_history(self):
        again = History.from_log(self.log, lambda operation: operation, default=(DEFAULT,))
        assert again == self.history

    @invariant()
    def the_strip_points_at_the_state_in_force(self):
        lines = repr(self.history).splitlines()
        assert len(lines) == len(self.states)
        assert [line.startswith("▸") for line in lines].index(True) == self.pointer
        assert sum("(undone)" in line for line in lines) == len(self.states) - self.pointer - 1


Session.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestSession = Session.TestCase


@given(st.lists(operations, min_size=1, max_size=6), st.data())
@settings(max_examples=50, deadline=None)
def test_replacing_one_in_the_middle_evaluates_the_rest_as_if_it_had_been_there_from_the_start(drawn, data):
    history = History(default=(DEFAULT,))
    for operation in drawn:
        history = history.apply(operation)
    index, other = data.draw(st.integers(0, len(drawn) - 1)), data.draw(operations)
    afresh = History(default=(DEFAULT,))
    for operation in (*drawn[:index], other, *drawn[index + 1 :]):
        afresh = afresh.apply(operation)
    replaced = history.replace(index, other)
    assert evaluate(replaced, shape=SHAPE) == evaluate(afresh, shape=SHAPE)


@given(st.lists(operations, max_size=6), INDICES)
@settings(max_examples=50, deadline=None)
def test_disabled_and_enabled_again_an_operation_counts_as_before(drawn, index):
    history = History(default=(DEFAULT,))
    for operation in drawn:
        history = history.apply(operation)
    if index >= len(drawn):
        with pytest.raises(LookupError, match="the default layer cannot"):
            history.enable(index)
        return
    without = [operation for number, operation in enumerate(drawn) if number != index]
    disabled = history.disable(index)
    assert evaluate(disabled, shape=SHAPE) == evaluate((DEFAULT, *without), shape=SHAPE)
    assert disabled.enable(index).operations == history.operations


EVALUATOR = """
import json, sys
from xpcs_mask_bluesky import evaluate
from xpcs_mask_bluesky.masks import operation_from_json
for told in json.load(sys.stdin):
    print(evaluate([operation_from_json(each) for each in told], shape=(12, 15)).digest)
"""


def test_a_stored_list_gives_the_same_digest_in_another_process():
    told, expected = [], []

    @given(st.lists(operations, max_size=8))
    @settings(max_examples=40, database=None, deadline=None)
    def collect(drawn):
        told.append([operation.model_dump(mode="json") for operation in drawn])
        expected.append(evaluate(drawn, shape=SHAPE).digest)

    collect()
    done = subprocess.run(
        [sys.executable, "-c", EVALUATOR], input=json.dumps(told), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == expected


def test_a_label_keeps_its_state_when_that_is_gone_from_the_states():
    history = History().apply("a").label("good").undo().apply("b")
    assert history.branch("good").operations == ("a",)
    assert history.branch("good").undo().operations == ("b",)


def test_an_unknown_action_is_an_error():
    with pytest.raises(ValueError, match="newer version"):
        History.from_log([{"action": "squash"}], lambda operation: operation)


def test_a_history_maps_every_state_and_label():
    history = History(default=(1,)).apply(2).label("two").undo().apply(3)
    doubled = history.map(lambda number: number * 2)
    assert doubled.operations == (2, 6)
    assert doubled.branch("two").operations == (2, 4)
    assert doubled.undo().redo() == doubled
