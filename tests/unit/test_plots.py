"""Pictures of masks, labels and reports: what must hold of any of them."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.plots.paint import Coarse, intensity_norm, label_colors
from xpcs_mask_bluesky.plots.report import Report, report_figure, write_report
from xpcs_mask_bluesky.plots.rings import draw_rings
from xpcs_mask_bluesky.plots.tables import geometry_rows, strip

SQUARE = {
    "incident_energy": 10.0,
    "distance": 2.0,
    "beam_center_x": 71.3,
    "beam_center_y": 42.6,
    "x_pixel_size": 75e-6,
    "y_pixel_size": 75e-6,
    "shape": (128, 120),
}
GRAZING = {
    "incident_angle": 0.2,
    "orientation": 0,
    "delta": 1e-6,
    "beta": 1e-9,
    "tilt_yaw": 1.0,
    "tilt_pitch": 1.0,
}


def made(shape=(128, 120), dynamic=(10, 8), static=(60, 48), **more):
    record = GeometryRecord.model_validate(SQUARE | {"shape": shape} | more)
    mask, blemish = np.ones(shape, bool), np.ones(shape, bool)
    mask[5:9, 11:20] = blemish[40] = False
    return partition(q_map(record), mask, PartitionRecipe(dynamic=dynamic, static=static), blemish)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_a_coarse_picture_keeps_the_sum_and_counts_only_what_counts(rows, columns, most, seed):
    rng = np.random.default_rng(seed)
    values, where = rng.normal(size=(rows, columns)), rng.random((rows, columns)) < 0.7
    coarse = Coarse.of((rows, columns), most)
    found = coarse.mean(values, where)
    assert max(found.shape) <= most
    step = coarse.step
    for (row, column), each in np.ndenumerate(found):
        block = (slice(row * step, (row + 1) * step), slice(column * step, (column + 1) * step))
        inside = values[block][where[block]]
        assert np.isnan(each) if not inside.size else each == pytest.approx(inside.mean())
        assert coarse.fraction(where)[row, column] == pytest.approx(where[block].mean())
    assert coarse.pick(values).shape == found.shape


@pytest.mark.parametrize("second", [1, 2, 5, 7, 8, 9, 15, 36, 57])
def test_no_bin_has_the_colour_of_a_neighbour_not_even_across_180(second):
    part = made((200, 200), (12, second), (12, second), beam_center_x=99.2, beam_center_y=101.1)
    number = dict(zip(part.dynamic_index_mapping.tolist(), label_colors(part), strict=True))
    for natural, color in number.items():
        first, along = divmod(natural, second)
        for other in ((first + 1, along), (first, (along + 1) % second)):
            beside = other[0] * second + other[1]
            if beside in number and beside != natural and other[0] < 12 and second != 1:
                assert number[beside] != color, (natural, beside)


def test_hot_and_masked_pixels_do_not_move_the_scale_of_intensities():
    image = np.random.default_rng(1).gamma(2.0, 10.0, (200, 200))
    counted = np.ones(image.shape, bool)
    expected = intensity_norm(image, counted)
    hot = image.copy()
    hot[:3, :3], hot[5, 5], counted[100:] = 1e9, np.nan, False
    hot[100:] = 1e12
    norm = intensity_norm(hot, counted)
    assert isinstance(norm, LogNorm)
    assert (norm.vmin, norm.vmax) == pytest.approx((expected.vmin, expected.vmax), rel=0.25)


@pytest.mark.parametrize("value", [0.0, -3.0, 7.0, np.nan])
def test_an_image_of_one_value_has_a_scale_all_the_same(value):
    norm = intensity_norm(np.full((4, 4), value), np.ones((4, 4), bool))
    assert norm.vmin < norm.vmax


@pytest.mark.parametrize("more", [{}, {"swing_angle_horizontal": 4.0}, {"beam_center_x": -300.0}])
def test_the_value_of_a_ring_or_spoke_stands_where_the_map_has_it(more):
    record = GeometryRecord.model_validate(SQUARE | more)
    axes = Figure().subplots()
    draw_rings(axes, record)
    qmap, seen, units = q_map(record), 0, 0
    for text in axes.texts:
        column, row = (round(each) for each in text.get_position())
        words = text.get_text()
        if words.endswith("°"):
            off = (qmap["phi"][row, column] - float(words.strip("±°")) + 180) % 360 - 180
            step = np.degrees(1 / np.hypot(row - 42.6, column - record.beam_center_x)) if not more else 2.0
            assert abs(off) < max(step, 0.5), words
        else:
            width = abs(np.diff(qmap["q"], axis=1)).max() + abs(np.diff(qmap["q"], axis=0)).max()
            units += words.endswith(" Å⁻¹")
            assert abs(qmap["q"][row, column] - float(words.removesuffix(" Å⁻¹"))) < width, words
            seen += 1
    assert seen >= 2
    assert units == 1


PAGES = {
    "27×1": {"dynamic": (27, 1), "static": (270, 6)},
    "10×8": {},
    "wide": {"shape": (60, 200), "dynamic": (6, 4), "static": (12, 8)},
    "tall": {"shape": (200, 60), "dynamic": (6, 4), "static": (12, 8)},
    "grazing": {**GRAZING, "swing_angle_horizontal": 1.0},
    "one static bin": {"dynamic": (1, 1), "static": (1, 1)},
}
HISTORY = tuple(
    f"{'▸' if n == 30 else ' '} {n:3}  + circle of {n} px at somewhere, a long way off" for n in range(40)
)


def page(name, image=True):
    part = made(**PAGES[name])
    shown = np.random.default_rng(2).poisson(3.0, part.record.shape).astype(float) if image else None
    told = {
        "where": "configuration",
        "key": "a_rather_long_name_of_a_signal",
        "stream": "primary",
        "assumed": False,
    }
    return Report(
        title="eiger4M, run 3f9a12c7",
        part=part,
        facts=(("run", "3f9a12c7-8e51-4c2a-9d0e-55d1f7a90b1c"), ("measured", "2026-06-14 03:12:45 UTC")),
        image=shown,
        provenance=dict.fromkeys(GeometryRecord.model_fields, told),
        history=HISTORY,
        digests=(("geometry", part.record.digest), ("mask", "0" * 64)),
    )


@pytest.mark.parametrize(("name", "image"), [*((name, True) for name in PAGES), ("10×8", False)])
def test_nothing_on_a_page_overlaps_and_nothing_leaves_it(name, image):
    figure = report_figure(page(name, image))
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in figure.texts]
    for axes in figure.axes:
        around = axes.get_tightbbox(renderer)
        boxes.append((axes.get_title(loc="left") or axes.get_xlabel(), around))
        if legend := axes.get_legend():
            title = axes._left_title.get_window_extent(renderer)
            assert not legend.get_window_extent(renderer).overlaps(title)
    width, height = figure.bbox.size
    for words, box in boxes:
        assert box.x0 >= 0, words
        assert box.y0 >= 0, words
        assert box.x1 <= width, words
        assert box.y1 <= height, words
    assert [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if a.overlaps(b)] == []


def test_every_axis_of_a_page_has_its_unit():
    for axes in report_figure(page("10×8")).axes:
        said = axes.get_xlabel() + axes.get_ylabel()
        assert any(unit in said for unit in ("px", "pixels", "counts")), said


def test_a_number_lies_in_its_own_bin():
    part = page("10×8").part
    figure = report_figure(page("10×8"))
    (labels,) = [axes for axes in figure.axes if "dynamic labels" in axes.get_title(loc="left")]
    assert len(labels.texts) > 30
    for text in labels.texts:
        column, row = (round(each) for each in text.get_position())
        assert part.dynamic_roi_map[row, column] == int(text.get_text())


def test_a_report_has_one_of_two_suffixes(tmp_path):
    with pytest.raises(ValueError, match=r"\.png or \.pdf"):
        write_report(page("10×8"), tmp_path / "page.svg")
    assert write_report(page("one static bin"), str(tmp_path / "page.PNG")).stat().st_size > 10_000


def test_what_nobody_measured_is_marked_and_what_is_not_said_is_not_invented():
    part = made()
    rows = {row.name: row for row in geometry_rows(part.record, {"distance": {"assumed": True}})}
    assert rows["distance"].assumed
    assert "nobody measured" in rows["distance"].source
    assert rows["energy"].source == "not recorded"
    assert "swing, horizontal" not in rows
    assert rows["pixel along a row"].value == "75 µm"


@given(st.integers(1, 60), st.integers(0, 59), st.integers(4, 20))
def test_a_strip_keeps_its_first_line_and_the_pointer(number, pointer, most):
    pointer %= number
    lines = [f"{'▸' if n == pointer else ' '} {n}" for n in range(number)]
    kept = strip(lines, most=most, width=40)
    assert len(kept) <= most
    assert kept[0] == lines[0]
    assert lines[pointer] in kept


def test_nothing_of_pyplot_is_touched():
    before = dict(mpl.rcParams)
    report_figure(page("wide"))
    assert dict(mpl.rcParams) == before
