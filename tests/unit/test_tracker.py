"""What a run tells in the middle: one finding for each real change, in whatever order its events come."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_source import CENTER, FIELDS, LENGTH, event, findings, only, run, source
from xpcs_mask_bluesky import GeometrySource
from xpcs_mask_bluesky.documents import GeometryChange, GeometryFault, GeometryTracker, tracker

EVENT_LENGTH = {"distance": [{"where": "event", "key": "length", "unit": "mm"}]}


def lengths(*values):
    return run(events=len(values), length=lambda number: values[number - 1])


def held(found, number):
    """Return the distance that the findings say for an event: of the last word for each first event."""
    said = {each.seq_num: each.record.distance for each in found}
    return said[max(first for first in said if first <= number)]


@given(
    values=st.lists(st.sampled_from([3000.0, 4000.0, 5000.0]), min_size=1, max_size=9),
    data=st.data(),
)
def test_events_in_any_order_end_with_each_event_at_its_own_geometry(values, data):
    docs = lengths(*values)
    order = data.draw(st.permutations(range(len(values))))
    shuffled = [*docs[:2], *(docs[2 + index] for index in order), docs[-1]]
    found = findings(shuffled, **EVENT_LENGTH)
    assert [held(found, number) for number in range(1, len(values) + 1)] == [each / 1000 for each in values]


@given(values=st.lists(st.sampled_from([3000.0, 4000.0]), min_size=1, max_size=12))
def test_in_order_there_is_one_finding_for_each_change_and_no_correction(values):
    found = findings(lengths(*values), **EVENT_LENGTH)
    assert len(found) == len(list(itertools.groupby(values)))
    assert not any(each.correction for each in found)


def test_jitter_of_a_motor_is_no_change_and_slow_drift_does_not_escape():
    jitter = [4000.0 + 1e-4 * (-1) ** number for number in range(20)]
    assert len(findings(lengths(*jitter), **EVENT_LENGTH)) == 1
    drift = [4000.0 + 4e-4 * number for number in range(11)]  # each step less than the tolerance of 1e-3 mm
    found = findings(lengths(*drift), **EVENT_LENGTH)
    assert [each.seq_num for each in found] == [1, 4, 7, 10]


def test_a_tolerance_of_zero_says_every_difference():
    exact = source(**EVENT_LENGTH).model_copy(update={"tolerances": {"distance": 0.0}})
    follow = GeometryTracker(exact)
    found = [each for name, doc in lengths(4000.0, 4000.0001) for each in follow(name, doc)]
    assert len(found) == 2


def second_stream(*, name="lasers", value=None):
    """Return the descriptor of a stream with a better distance, and its event if it has one."""
    keys = {"better": {"dtype": "number", "shape": [], "units": "mm"}}
    docs = [("descriptor", {"uid": name, "run_start": "run", "name": name, "data_keys": keys, "time": 0.0})]
    return docs if value is None else [*docs, ("event", event(name, 1, {"better": value}))]


BETTER = {"distance": [{"where": "event", "key": "better"}, *EVENT_LENGTH["distance"]]}


def test_a_better_place_that_is_only_promised_in_mid_run_hides_no_change():
    docs = lengths(4000.0, 4000.0, 5000.0)
    docs[3:3] = second_stream()
    assert [(each.seq_num, each.record.distance) for each in findings(docs, **BETTER)] == [(1, 4.0), (3, 5.0)]


def test_a_better_place_is_waited_for_before_the_first_geometry_is_said():
    docs = lengths(4000.0, 4000.0, 4000.0)
    docs[2:2] = second_stream()
    docs[4:4] = second_stream(value=4321.0)[1:]
    (found,) = findings(docs, **BETTER)
    assert (found.seq_num, found.record.distance) == (1, 4.321)


def test_a_change_that_is_told_while_waiting_is_no_beginning():
    """A soft signal of ophyd says nothing to a monitor before it is put."""
    docs = run(events=2, baseline=4000.0)
    docs[3:3] = [
        (
            "descriptor",
            {"uid": "m", "run_start": "run", "name": "length_monitor", "data_keys": LENGTH, "time": 0.0},
        )
    ]
    docs[-2:-2] = [("event", event("m", 1, {"length": 5000.0}) | {"timestamps": {"length": 1.5}})]
    found = findings(docs)
    assert [(each.seq_num, each.record.distance) for each in found] == [(1, 4.0), (2, 5.0)]


def test_a_promise_that_is_never_kept_leaves_the_next_best_place_with_all_its_changes():
    docs = lengths(4000.0, 5000.0, 5000.0)
    docs[2:2] = second_stream()
    found = findings(docs, **BETTER)
    assert [(each.seq_num, each.record.distance) for each in found] == [(1, 4.0), (2, 5.0)]


def test_a_promise_is_waited_for_half_a_minute_at_most():
    docs = lengths(*[4000.0] * 40)
    docs[2:2] = second_stream()
    follow = GeometryTracker(source(**BETTER))
    found_at = next(number for number, (name, doc) in enumerate(docs) if follow(name, doc))
    assert docs[found_at][1]["seq_num"] == 32  # events come at one a second


def test_a_value_that_is_wrong_differently_at_each_event_is_one_fault():
    found = findings(lengths(math.nan, -1.0, -2.0, math.inf, -3.0), **EVENT_LENGTH)
    assert all(isinstance(each, GeometryFault) for each in found)
    assert [each.seq_num for each in found] == [1, 2]  # no number at all, and numbers that make no geometry


def test_after_a_fault_the_geometry_is_said_again_from_the_event_that_has_one():
    found = findings(lengths(4000.0, math.nan, 4000.0, math.nan, 4000.0), **EVENT_LENGTH)
    assert [(type(each), each.seq_num) for each in found] == [
        (GeometryChange, 1),
        (GeometryFault, 2),
        (GeometryChange, 3),
    ]


def test_events_before_the_first_valid_one_have_no_geometry():
    found = findings(lengths(math.nan, math.nan, 4000.0), **EVENT_LENGTH)
    assert [(type(each), each.seq_num) for each in found] == [(GeometryFault, 1), (GeometryChange, 3)]


def test_frames_without_events_are_followed_and_events_that_come_after_their_frames_count_alone():
    def frames(first):
        numbers = {"start": first, "stop": first + 1}
        return ("stream_datum", {"uid": f"f{first}", "descriptor": "d", "seq_nums": numbers})

    monitor = run(events=0)
    beam = second_stream(name="better_monitor", value=4000.0)
    later = [("event", event("better_monitor", 2, {"better": 5000.0}))]
    monitor[2:2] = [*beam, frames(1), frames(2), *later, frames(3), frames(4)]
    place = {"distance": [{"where": "monitor", "key": "better"}]}
    assert [(each.seq_num, each.record.distance) for each in findings(monitor, **place)] == [
        (1, 4.0),
        (3, 5.0),
    ]

    stepped = lengths(4000.0, 5000.0, 4000.0)
    for number in (3, 2, 1):
        stepped.insert(1 + number, frames(number))
    found = findings(stepped, **EVENT_LENGTH)
    assert [(each.seq_num, each.record.distance) for each in found] == [(1, 4.0), (2, 5.0), (3, 4.0)]


def test_two_places_that_must_agree_and_do_not_are_a_fault_that_names_both():
    claims = {
        "distance": [{"where": "event", "key": "length"}, {"where": "const", "value": 5.0, "unit": "m"}]
    }
    assert only(lengths(4000.0), **claims).record.distance == 4.0  # an order of trust
    claims["distance"][1]["agree"] = 0.01
    message = only(lengths(4000.0), **claims).message
    for expected in ("distance is 4.0 m from event length", "5.0 m from const", "within 0.01 m", "stale"):
        assert expected in message
    assert only(lengths(4995.0), **claims).record.distance == 4.995


def test_a_stage_that_is_scanned_moves_the_centre_and_keeps_its_reference_apart():
    shifts = {
        "beam_center_x": {
            "places": [{"where": "event", "key": "length"}],
            "reference": [{"where": "start", "key": "stage0", "unit": "mm"}],
            "sign": -1,
        }
    }
    scanned = GeometrySource.model_validate({"detector": "det", "fields": FIELDS, "shifts": shifts})
    docs = lengths(10.0, 10.75, 11.5)
    docs[0][1]["stage0"] = 10.0
    follow = GeometryTracker(scanned.model_copy(update={"fields": scanned.fields | {"distance": CONST}}))
    found = [each for name, doc in docs for each in follow(name, doc)]
    assert [each.record.beam_center_x for each in found] == pytest.approx([33.0, 23.0, 13.0], abs=1e-9)
    assert [each.changed for each in found] == [(), ("beam_center_x",), ("beam_center_x",)]
    assert found[0].provenance["beam_center_x shift"].key == "length"
    assert found[0].provenance["beam_center_x shift reference"].key == "stage0"


CONST = GeometrySource.model_validate(
    {"detector": "d", "fields": {"distance": [{"where": "const", "value": 5.0, "unit": "m"}]}}
).fields["distance"]


def test_the_events_of_one_monitor_stream_can_be_told_from_all_others():
    docs = lengths(4000.0, 4000.0)
    docs[2:2] = [
        ("descriptor", {"uid": "m", "run_start": "run", "name": "length_monitor", "data_keys": LENGTH})
    ]
    docs[3:3] = [("event", event("m", 1, {"length": 3000.0}))]
    assert only(docs, distance=[{"where": "monitor", "key": "length"}]).record.distance == 3.0
    named = [{"where": "event", "key": "length", "stream": "primary"}]
    assert only(docs, distance=named).record.distance == 4.0


def test_runs_without_a_stop_are_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr(tracker, "RUNS_REMEMBERED", 3)
    follow = GeometryTracker(source(beam_center_x=[CENTER], beam_center_y=[CENTER]))
    for number in range(10):
        for name, doc in run()[:-1]:
            renamed = {
                key: f"{value}{number}" if key in {"uid", "run_start", "descriptor"} else value
                for key, value in doc.items()
            }
            follow(name, renamed)
    assert len(follow._runs) == 3
    assert len(follow._parts) == 3


def test_what_no_place_reads_is_not_looked_at_again(monkeypatch):
    looks = []
    resolve = GeometrySource.resolve
    monkeypatch.setattr(GeometrySource, "resolve", lambda self, view: looks.append(1) or resolve(self, view))
    docs = run(events=100, length=lambda number: 4000.0 if number < 50 else 5000.0)
    for number, (name, doc) in enumerate(docs):
        if name == "event":
            doc["data"]["other"] = number
    assert len(findings(docs)) == 2
    assert len(looks) == 2
