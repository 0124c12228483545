"""Undo and redo over random sequences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpcs_mask_bluesky import History

actions = st.one_of(
    st.builds(lambda n: {"action": "apply", "operation": n}, st.integers()),
    st.just({"action": "undo"}),
    st.just({"action": "redo"}),
    st.just({"action": "reset"}),
    st.builds(lambda i: {"action": "disable", "index": i}, st.integers(0, 5)),
    st.builds(
        lambda i, n: {"action": "replace", "index": i, "operation": n}, st.integers(0, 5), st.integers()
    ),
)


@st.composite
def histories(draw):
    """Return a history with the log of those actions that were possible."""
    history, log = History(default=("default",)), []
    for action in draw(st.lists(actions, max_size=20)):
        try:
            history = history.act(action, lambda operation: operation)
        except LookupError:
            continue
        log.append(action)
    return history, log


@given(histories())
def test_undo_then_redo_is_the_identity(drawn):
    history, _ = drawn
    if history.pointer > 0:
        assert history.undo().redo() == history


@given(histories(), st.integers())
def test_nothing_is_left_to_redo_after_an_apply(drawn, operation):
    applied = drawn[0].apply(operation)
    with pytest.raises(LookupError, match="redo"):
        applied.redo()
    assert applied.undo().operations == drawn[0].operations


@given(histories())
def test_the_default_layer_survives_everything(drawn):
    assert drawn[0].operations[0] == "default"
    assert drawn[0].reset().operations == ("default",)
    with pytest.raises(LookupError, match="default layer"):
        drawn[0].reset().undo()


@given(histories())
def test_a_log_replayed_gives_the_same_history(drawn):
    history, log = drawn
    assert History.from_log(log, lambda operation: operation, default=("default",)) == history


def test_an_unknown_action_is_an_error():
    with pytest.raises(ValueError, match="newer version"):
        History.from_log([{"action": "squash"}], lambda operation: operation)
