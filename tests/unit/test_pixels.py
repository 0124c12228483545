"""Statistics of frames as they come, and the pixels at fault, against numpy on the whole stack."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xpcs_mask_bluesky import (
    FrameStatistics,
    GeometryRecord,
    PartitionRecipe,
    evaluate,
    leverage,
    partition,
    q_map,
    rejecting,
    suspects,
)
from xpcs_mask_bluesky.simulation.optics import Optics
from xpcs_mask_bluesky.simulation.physics import Experiment

SHAPE = (5, 7)
stacks = st.integers(1, 90).flatmap(lambda n: arrays(np.uint16, (n, *SHAPE), elements=st.integers(0, 65535)))


@given(stacks, st.data())
def test_any_way_to_cut_the_frames_gives_numpys_moments(stack, data):
    statistics = FrameStatistics(SHAPE)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stack)), max_size=4)))
    for first, last in zip((0, *cuts), (*cuts, len(stack)), strict=True):
        statistics.add(stack[first:last])
    assert statistics.frames == len(stack)
    np.testing.assert_allclose(statistics.mean, stack.mean(axis=0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(statistics.variance, stack.var(axis=0), rtol=1e-10, atol=1e-5)
    assert np.array_equal(statistics.maximum, stack.max(axis=0))


def test_large_offsets_lose_no_variance():
    stack = 1e9 + np.random.default_rng(0).normal(0, 1, (500, *SHAPE))
    found = FrameStatistics.of(each for each in stack)
    np.testing.assert_allclose(found.variance, stack.var(axis=0), rtol=1e-6)


def test_a_stack_of_events_and_an_iterator_of_its_pieces_are_the_same():
    stack = np.random.default_rng(1).poisson(3.0, (6, 10, *SHAPE))
    together, apart = FrameStatistics.of(stack), FrameStatistics.of(iter(stack))
    assert together.frames == apart.frames == 60
    np.testing.assert_allclose(together.variance, apart.variance, rtol=1e-12)


def test_memory_is_five_images_whatever_the_number_of_frames():
    shape = (1024, 1024)
    frame = np.random.default_rng(2).poisson(3.0, shape).astype(np.uint16)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    statistics = FrameStatistics(shape)
    for _ in range(12):
        statistics.add(frame)
    kept = statistics.mean, statistics.variance
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    image = 8 * frame.size
    assert most <= 5.01 * image + 3 * 8 * 2**19
    assert len(kept) == 2


def test_frames_of_another_shape_or_with_nan_are_refused_and_nothing_is_taken():
    statistics = FrameStatistics(SHAPE)
    for wrong in (np.zeros((3, *SHAPE[::-1])), np.zeros(5), np.full((2, *SHAPE), np.nan)):
        with pytest.raises(ValueError, match="frames"):
            statistics.add(wrong)
    assert statistics.frames == 0
    with pytest.raises(ValueError, match="no frames"):
        FrameStatistics.of([])


def g2(stack: np.ndarray, counted: np.ndarray) -> float:
    values = stack[:, counted].astype(float)
    return (values * (values - 1)).mean() / values.mean() ** 2


def test_leverage_is_g2_with_the_pixel_less_g2_without_it():
    rng = np.random.default_rng(3)
    stack = rng.poisson(rng.gamma(2.0, 2.0, (40, *SHAPE)))
    stack[:, 2, 3] += 30
    stack[:, 4, 4] = 0
    labels = np.arange(35).reshape(SHAPE) % 3
    found = leverage(FrameStatistics.of(stack), labels)
    for row, column in np.argwhere(labels > 0):
        there = labels == labels[row, column]
        without = there.copy()
        without[row, column] = False
        expected = g2(stack, there) - g2(stack, without)
        assert found[row, column] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert not found[labels == 0].any()


def test_the_only_pixel_of_a_bin_and_the_only_one_that_counts_have_no_finite_leverage():
    stack = np.zeros((10, 1, 5), int)
    stack[:, 0, 0] = stack[:, 0, 1] = 4
    found = leverage(FrameStatistics.of(stack), np.array([[1, 2, 2, 3, 3]]))
    assert np.isnan(found[0, 0])
    assert found[0, 1] == np.inf
    assert found[0, 3] == 0


def test_known_faults_are_found_and_no_other_pixel():
    rng = np.random.default_rng(4)
    shape, number = (96, 100), 300
    row, column = np.indices(shape)
    labels = (np.hypot(row - 40, column - 50) // 12).astype(int)
    faults = dict(
        zip(("hot", "dead", "stuck", "flickering"), rng.permutation(9600)[:32].reshape(4, 8), strict=True)
    )
    statistics = FrameStatistics(shape)
    for _ in range(number):
        frame = rng.poisson(rng.gamma(8.0, 5.0 / 8 * 20 / (20 + labels))).astype(np.uint16).ravel()
        frame[faults["hot"]] += rng.poisson(60, 8).astype(np.uint16)
        frame[faults["dead"]] = 0
        frame[faults["stuck"]] = 4
        frame[faults["flickering"]] *= np.where(rng.random(8) < 0.1, 10, 0).astype(np.uint16)
        statistics.add(frame.reshape(shape))
    found = suspects(statistics, labels)
    there = {
        fault: {int(pixel) for pixel in pixels if labels.ravel()[pixel]} for fault, pixels in faults.items()
    }
    for fault, pixels in there.items():
        assert {each.row * 100 + each.column for each in found if each.fault == fault} == pixels
    assert [abs(each.leverage) for each in found] == sorted(
        (abs(each.leverage) for each in found), reverse=True
    )
    assert found[0].fault == "hot"
    assert "raises g2 of static bin" in found[0].describe()


def test_a_proposal_becomes_one_operation_that_brings_g2_down():
    optics = Optics(energy=10.0, distance=5.0, center_x=60.3, center_y=50.6, shape=(120, 128))
    experiment = Experiment(shape=optics.shape, seed=5)
    stack = experiment.frames(optics, number=60, period=0.1)
    record = GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=60.3,
        beam_center_y=50.6,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=optics.shape,
    )
    good = ~experiment.faults.gap & (np.hypot(*(np.indices(optics.shape).T - [50.6, 60.3]).T) > 14)
    part = partition(q_map(record), good, PartitionRecipe(dynamic=(6, 1), static=(12, 1)))
    statistics = FrameStatistics.of(stack)
    found = suspects(statistics, part.static_roi_map)
    hot = {(each.row, each.column) for each in found if each.fault == "hot"}
    assert hot == {
        tuple(at)
        for at in np.argwhere(
            (experiment.faults.hot > 0) & (part.static_roi_map > 0) & ~experiment.faults.dead
        )
    }
    operation = rejecting(found)
    assert operation.kind == "pixels"
    assert "hot" in operation.describe()
    cleaned = good & np.asarray(evaluate([operation], shape=optics.shape))
    for label in {each.label for each in found if each.fault == "hot"}:
        there = part.static_roi_map == label
        clean = g2(stack, there & cleaned)
        assert 1.3 < clean < 1.7  # 1 + β is 1.5
        assert g2(stack, there) > clean + 0.05


def test_what_cannot_be_judged_is_said():
    statistics = FrameStatistics.of(np.ones((1, *SHAPE)))
    with pytest.raises(ValueError, match="two or more"):
        suspects(statistics, np.ones(SHAPE, int))
    with pytest.raises(ValueError, match="static_roi_map"):
        leverage(statistics, np.ones(SHAPE[::-1], int))
    with pytest.raises(ValueError, match="static_roi_map"):
        leverage(statistics, np.ones(SHAPE))
    with pytest.raises(ValueError, match="pixels"):
        rejecting([])
