"""Rebasing as a law: on top of anything that others did, neither loses anything, or it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpcs_mask_bluesky.store.rebase import rebased
from xpcs_mask_bluesky.store.state import RawHistory

numbers = st.integers(0, 30).map(lambda n: {"n": n})
changes = st.fixed_dictionaries({"action": st.sampled_from(["apply"]), "operation": numbers})
moves = st.sampled_from([{"action": "undo"}, {"action": "redo"}, {"action": "reset"}])
by_index = st.fixed_dictionaries(
    {"action": st.sampled_from(["disable", "enable"]), "index": st.integers(0, 4)}
)
replacing = st.fixed_dictionaries(
    {"action": st.just("replace"), "index": st.integers(0, 4), "operation": numbers}
)
labels = st.fixed_dictionaries({"action": st.just("label"), "label": st.sampled_from("ab")})
branches = st.fixed_dictionaries({"action": st.just("branch"), "state": st.integers(0, 5)})
anything = st.lists(st.one_of(changes, moves, by_index, replacing, labels, branches), max_size=8)


def after(history, actions):
    """The history after those of the actions that are possible, and which these are."""
    done = []
    for action in actions:
        try:
            history = history.act(action, dict)
        except (LookupError, ValueError):
            continue
        done.append(action)
    return history, done


@given(anything, anything, anything)
@settings(max_examples=400)
def test_a_rebased_edit_leaves_everything_of_the_other_one_but_what_it_changes_itself(first, theirs, mine):
    base, _ = after(RawHistory(), first)
    onto, _ = after(base, theirs)
    _, mine = after(base, mine)
    try:
        result = rebased(base, onto, mine)
    except LookupError:
        return
    changed = {action["index"] for action in mine if "index" in action}
    kept = result.entries[: len(onto.entries)]
    assert len(kept) == len(onto.entries)
    for index, entry in enumerate(onto.entries):
        assert index in changed or kept[index] == entry
    assert result.states[: onto.pointer + 1] == onto.states[: onto.pointer + 1]
    assert onto.labels.items() <= result.labels.items()


@given(anything, anything, st.lists(st.one_of(changes, moves), max_size=8))
@settings(max_examples=200)
def test_what_an_edit_added_stands_on_top(first, theirs, mine):
    base, _ = after(RawHistory(), first)
    onto, _ = after(base, theirs)
    edited, mine = after(base, mine)
    try:
        result = rebased(base, onto, mine)
    except LookupError:
        assert any(action["action"] != "apply" for action in mine)
        return
    assert result.operations == (*onto.operations, *edited.operations[len(base.operations) :])


@given(anything, anything)
def test_on_top_of_nothing_it_is_the_edit_itself(first, mine):
    base, _ = after(RawHistory(), first)
    edited, mine = after(base, mine)
    try:
        assert rebased(base, base, mine) == edited
    except LookupError:
        assert {"undo", "redo", "reset", "branch"} & {action["action"] for action in mine}


def test_an_operation_that_is_another_one_by_now_is_not_changed():
    base, _ = after(RawHistory(), [{"action": "apply", "operation": {"n": 1}}])
    onto, _ = after(base, [{"action": "replace", "index": 0, "operation": {"n": 2}}])
    with pytest.raises(LookupError, match="operation 0 is another one by now"):
        rebased(base, onto, [{"action": "disable", "index": 0}])


def test_a_label_that_the_other_one_gave_is_not_given_again():
    base, _ = after(RawHistory(), [{"action": "apply", "operation": {"n": 1}}])
    onto, _ = after(base, [{"action": "apply", "operation": {"n": 2}}, {"action": "label", "label": "good"}])
    mine = [{"action": "apply", "operation": {"n": 3}}, {"action": "label", "label": "good"}]
    with pytest.raises(LookupError, match="another state already"):
        rebased(base, onto, mine)
