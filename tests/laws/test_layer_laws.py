"""The detector's blemish and the experiment's mask: two histories in one log, folded without a server."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.operations import SHAPE, drawn, pixels
from xpcs_mask_bluesky import evaluate
from xpcs_mask_bluesky.masks import operation_from_json
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.publish import masks
from xpcs_mask_bluesky.store.state import State, fold, state_digest

told = st.one_of(drawn, pixels).map(lambda operation: operation.model_dump(mode="json"))
actions = st.one_of(
    st.fixed_dictionaries({"action": st.just("apply"), "operation": told}),
    st.fixed_dictionaries({"action": st.sampled_from(["undo", "redo", "reset"])}),
    st.fixed_dictionaries({"action": st.sampled_from(["disable", "enable"]), "index": st.integers(0, 3)}),
    st.fixed_dictionaries({"action": st.just("replace"), "index": st.integers(0, 3), "operation": told}),
    st.fixed_dictionaries({"action": st.just("label"), "label": st.sampled_from("ab")}),
    st.fixed_dictionaries({"action": st.just("branch"), "label": st.sampled_from("ab")}),
)
edits = st.lists(st.tuples(st.sampled_from(["mask", "blemish"]), actions), max_size=12)


def log_of(edits):
    """The entries of those edits that are possible."""
    state, entries = State(), []
    for layer, action in edits:
        try:
            history = state.layers[layer].act(action, dict)
        except (LookupError, ValueError):
            continue
        body = {"actions": [action], "state": state_digest(history)}
        parent = state.heads.get(layer, 0)
        entry = LogEntry(seq=len(entries) + 1, time=float(len(entries)), kind=layer, parent=parent, body=body)
        state.take(entry)
        entries.append(entry)
    return entries


def both(state):
    detector = SimpleNamespace(shape=SHAPE, blobs=SimpleNamespace(get=None))
    return [np.asarray(each) for each in masks(detector, state, None)]


@given(edits)
@settings(max_examples=150)
def test_the_mask_counts_no_pixel_that_the_blemish_rejects_at_any_revision(edits):
    entries = log_of(edits)
    for revision in range(len(entries) + 1):
        mask, blemish = both(fold(entries[:revision]))
        assert not (mask & ~blemish).any()


@given(edits)
@settings(max_examples=100)
def test_what_is_done_to_one_layer_leaves_the_other_as_it_was(edits):
    entries = log_of(edits)
    state = fold(entries)
    alone = fold(entry for entry in entries if entry.kind == "blemish")
    assert state.layers["blemish"] == alone.layers["blemish"]
    assert np.array_equal(both(state)[1], both(alone)[1])
    own = [operation_from_json(each) for each in state.layers["mask"].operations]
    expected = np.asarray(evaluate(own, shape=SHAPE)) & both(alone)[1]
    assert np.array_equal(both(state)[0], expected)


@given(edits, st.data())
@settings(max_examples=100)
def test_a_fold_does_not_depend_on_where_it_is_cut(edits, data):
    entries = log_of(edits)
    cut = data.draw(st.integers(0, len(entries)))
    state = fold(entries[:cut]).copy()
    for entry in entries[cut:]:
        state.take(entry)
    assert state == fold(entries)
