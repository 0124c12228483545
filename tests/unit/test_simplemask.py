"""The mask, partition and export rows of XPCS Viewer's page, driven as its scripts drive it."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpcs_mask_bluesky import Circle, Eraser, Rectangle, Threshold
from xpcs_mask_bluesky.masks import Layer
from xpcs_mask_bluesky.simplemask import (
    AssumedGeometry,
    MaskArray,
    MaskAssemble,
    MaskBase,
    MaskList,
    MaskThreshold,
    SimpleMaskKernel,
    compute_qmap,
)

SHAPE = (60, 80)
GEOMETRY = {"energy": 9.0, "bcx": 31.5, "bcy": 22.25, "pix_dim": 0.172, "det_dist": 700.0}
IMAGE = np.add.outer(np.arange(60.0), np.arange(80.0))
MAPS = compute_qmap("Transmission", GEOMETRY | {"shape": SHAPE})
ROWS, COLUMNS = np.indices(SHAPE)


@pytest.fixture
def masks():
    return MaskAssemble(SHAPE, IMAGE, MAPS)


def draw(masks, **where):
    """The three steps of the page."""
    masks.add_drawing("Circle", **where)
    mask = masks.apply_drawing()
    masks.evaluate("mask_draw", arr=~mask)
    return masks.mask_apply("mask_draw")


# the mask, and its layers


def test_the_mask_is_exported_as_int32_of_0_and_1_with_1_counted(masks):
    draw(masks, row=20, column=30, radius=5)
    mask = masks.get_mask()
    assert mask.dtype == np.int32
    assert set(np.unique(mask)) == {0, 1}
    assert mask[20, 30] == 0
    mask[:] = 0  # the caller's own
    assert masks.get_mask().sum() > 0


def test_the_mask_is_the_and_of_all_layers_in_whatever_order_they_are_applied(masks):
    bad = np.zeros(SHAPE, int)
    bad[3] = 1
    steps = {
        "mask_draw": {"arr": (ROWS - 20) ** 2 + (COLUMNS - 30) ** 2 < 25},
        "mask_parameter": {"constraints": [("sqmap", "AND", "Å⁻¹", 0.01, 0.05)]},
        "mask_threshold": {"low": 10, "high": 100},
        "mask_blemish": {"arr": bad},
        "mask_list": {"zero_loc": [[30], [40]]},
    }
    for key, parameters in steps.items():
        masks.evaluate(key, **parameters)
        masks.apply(key)
    expected = bad == 0
    expected &= (IMAGE >= 10) & (IMAGE < 100) & (MAPS["sqmap"] >= 0.01) & (MAPS["sqmap"] <= 0.05)
    expected &= (ROWS - 20) ** 2 + (COLUMNS - 30) ** 2 >= 25
    expected[30, 40] = False
    assert np.array_equal(masks.mask, expected)
    for key in steps:
        assert (masks.get_one_mask(key) | ~expected).all()


def test_layers_are_ordered_default_threshold_parameter_drawing(masks):
    assert [*Layer] == sorted(Layer) == [Layer.DEFAULT, Layer.THRESHOLD, Layer.PARAMETER, Layer.DRAWING]
    given = {
        "mask_blemish": {"arr": np.eye(60, 80)},
        "mask_threshold": {"low": 1},
        "mask_parameter": {"constraints": [("phis", "AND", "deg", 0, 90)]},
        "mask_draw": {"arr": np.eye(60, 80)},
    }
    for key, parameters in given.items():
        masks.evaluate(key, **parameters)
    assert [masks.workers[key].operations[0].layer for key in given] == [*Layer]


@pytest.mark.parametrize(
    ("layer", "parameters"),
    [
        (MaskThreshold, {"saxs_lin": IMAGE, "low": 50}),
        (MaskList, {"zero_loc": np.array([[1, 2], [3, 4]])}),
        (MaskArray, {"arr": IMAGE < 50}),
    ],
)
def test_evaluate_of_a_layer_returns_a_boolean_array(layer, parameters):
    worker = layer(SHAPE)
    assert isinstance(worker, MaskBase)
    assert worker.get_mask().all()
    found = worker.evaluate(**parameters)
    assert found.dtype == bool
    assert np.array_equal(found, worker.get_mask())
    assert 0 < found.sum() < found.size
    assert str(found.size - int(found.sum())) in worker.describe()


def test_a_default_mask_from_a_file_is_in_every_state_and_nothing_undoes_it(masks, tmp_path):
    good = np.ones(SHAPE, np.uint8)
    good[:, 7] = 0
    with h5py.File(tmp_path / "blemish.h5", "w") as file:
        file["lambda/mask"] = good
    draw(masks, row=20, column=30, radius=5)
    masks.evaluate("mask_blemish", fname=tmp_path / "blemish.h5", key="lambda/mask")
    masks.apply("mask_blemish")
    masks.redo_undo("undo")
    masks.redo_undo("undo")
    assert masks.mask_ptr == masks.mask_ptr_min
    assert np.array_equal(masks.mask, good == 1)
    assert np.array_equal(masks.mask_record[masks.mask_ptr_min], masks.blemish)
    assert not any(state[:, 7].any() for state in masks.mask_record)


# the history


def test_the_pointer_walks_the_record(masks):
    for column in (10, 30, 50):
        draw(masks, row=20, column=column, radius=5)
    assert (len(masks.mask_record), masks.mask_ptr, masks.mask_ptr_min) == (4, 3, 0)
    assert [int(state.sum()) for state in masks.mask_record] == sorted(
        (int(state.sum()) for state in masks.mask_record), reverse=True
    )
    masks.redo_undo(-1)
    assert masks.mask_ptr == 2
    assert np.array_equal(masks.mask, masks.mask_record[2])
    masks.redo_undo(+1)
    assert np.array_equal(masks.mask, masks.mask_record[3])
    masks.redo_undo("reset")
    assert masks.mask.all()
    masks.redo_undo(3)
    assert not masks.mask[20, 50]


def test_undo_and_redo_stop_at_the_ends_of_the_record(masks):
    draw(masks, row=20, column=30, radius=5)
    for _ in range(3):
        masks.redo_undo("undo")
    assert masks.mask_ptr == masks.mask_ptr_min
    for _ in range(3):
        masks.redo_undo("redo")
    assert masks.mask_ptr == 1
    with pytest.raises(ValueError, match="'undo', 'redo', 'reset'"):
        masks.redo_undo("back")


def test_an_action_after_an_undo_drops_what_could_be_redone(masks):
    first, second = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    first[:5], second[-5:] = True, True
    masks.mask_action("mask_draw", first)
    masks.mask_action("mask_list", zero_loc=[[9], [9]])
    masks.redo_undo("undo")
    masks.mask_action("mask_draw", second)
    assert (len(masks.mask_record), masks.mask_ptr) == (3, 2)
    assert np.array_equal(masks.mask, ~(first | second))
    masks.mask_action("undo")
    assert np.array_equal(masks.mask, ~first)


def test_drawing_the_same_again_after_an_undo_is_not_lost(masks):
    drawn = draw(masks, row=20, column=30, radius=5)
    masks.redo_undo("undo")
    assert np.array_equal(draw(masks, row=20, column=30, radius=5), drawn)
    assert (len(masks.mask_record), masks.mask_ptr) == (2, 1)


def test_what_changes_nothing_makes_no_state_and_loses_no_redo(masks):
    draw(masks, row=20, column=30, radius=5)
    draw(masks, row=40, column=30, radius=5)
    masks.redo_undo("undo")
    draw(masks, row=20, column=30, radius=3)
    assert (len(masks.mask_record), masks.mask_ptr) == (3, 1)
    masks.redo_undo("redo")
    assert not masks.mask[40, 30]


def test_what_is_handed_out_cannot_be_written(masks):
    for array in (masks.mask, *masks.mask_record, masks.blemish, masks.get_one_mask("mask_draw")):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = False


actions = st.one_of(
    st.sampled_from(["undo", "redo", "reset", 1, -1, 2, -2]),
    st.tuples(st.integers(0, 59), st.integers(0, 79), st.integers(1, 30)),
)


@given(st.lists(actions, max_size=8))
def test_undo_never_passes_the_default_and_redo_restores_what_undo_removed(steps):
    masks = MaskAssemble((60, 80))
    masks.mask_action("mask_blemish", np.eye(60, 80))
    for step in steps:
        if isinstance(step, tuple):
            draw(masks, row=step[0], column=step[1], radius=step[2])
        else:
            masks.redo_undo(step)
        assert masks.mask_ptr_min <= masks.mask_ptr < len(masks.mask_record)
        assert not masks.mask[np.eye(60, 80) == 1].any()
    before = masks.mask
    if masks.mask_ptr > masks.mask_ptr_min:
        masks.redo_undo("undo")
        masks.redo_undo("redo")
    assert np.array_equal(masks.mask, before)


# the drawing tools


INSIDE = {
    "Rectangle": ({"row": 20.5, "column": 30.5, "height": 6, "width": 8}, 48),
    "Circle": ({"row": 30, "column": 40, "radius": 7.3}, None),
    "Ellipse": ({"row": 30, "column": 40, "semi_row": 5, "semi_column": 9}, None),
    "Polygon": ({"vertices": ((10, 10), (10, 20.5), (20.5, 10))}, None),
    "Line": ({"start": (10, 10), "end": (10, 30), "width": 4}, None),
}


@pytest.mark.parametrize("tool", INSIDE)
def test_a_tool_masks_what_is_inside_and_inclusive_what_is_outside(masks, tool):
    where, pixels = INSIDE[tool]
    masks.add_drawing(tool, **where)
    exclusive = masks.apply_drawing()
    masks.add_drawing(tool, "inclusive", **where)
    inclusive = masks.apply_drawing()
    assert 0 < inclusive.sum() < 400
    assert pixels is None or inclusive.sum() == pixels
    assert np.array_equal(exclusive, ~inclusive)
    assert masks.apply_drawing().all()  # nothing is left to apply
    masks.evaluate("mask_draw", arr=~exclusive)
    assert np.array_equal(masks.mask_apply("mask_draw"), exclusive)


def test_the_eraser_restores_what_was_drawn_and_nothing_else(masks):
    masks.mask_action("mask_blemish", np.eye(60, 80))
    masks.mask_action("mask_list", zero_loc=[[20], [31]])
    before = masks.mask
    draw(masks, row=20, column=30, radius=5)
    drawn = masks.mask
    masks.mask_action("mask_draw", operation=Eraser(shape=Rectangle(row=20, column=30, height=3, width=80)))
    erased = masks.mask
    window = slice(19, 22)
    assert np.array_equal(erased[window], before[window])
    assert np.array_equal(np.delete(erased, window, 0), np.delete(drawn, window, 0))
    assert masks.mask_ptr == 3


def test_shapes_that_are_drawn_together_make_one_state(masks):
    masks.add_drawing("Circle", row=10, column=10, radius=4)
    masks.add_drawing("Circle", row=40, column=40, radius=4)
    masks.mask_action("mask_draw", ~masks.apply_drawing())
    assert masks.mask_ptr == 1
    assert not masks.mask[10, 10]
    assert not masks.mask[40, 40]


# what layers are asked


def test_or_may_come_first_and_phi_may_cross_180(masks):
    constraints = [("phis", "OR", "deg", 170, 190), ("sqmap", "OR", "Å⁻¹", 0.0, 0.003)]
    masks.mask_action("mask_parameter", constraints=constraints)
    phi = MAPS["phis"]
    assert np.array_equal(masks.mask, (phi >= 170) | (phi <= -170) | (MAPS["sqmap"] <= 0.003))


def test_a_second_set_of_constraints_masks_more_never_less(masks):
    masks.mask_action("mask_parameter", constraints=[("sqmap", "AND", "Å⁻¹", 0, 0.04)])
    first = masks.mask
    masks.mask_action("mask_parameter", constraints=[("phis", "OR", "deg", 0, 90)])
    assert np.array_equal(masks.mask, first & (MAPS["phis"] >= 0) & (MAPS["phis"] <= 90))


def test_q_of_a_constraint_is_the_viewers_q(masks):
    masks.mask_action("mask_parameter", constraints=[("q", "AND", "Å⁻¹", 0.0, 0.05)])
    assert np.array_equal(masks.mask, MAPS["sqmap"] <= 0.05)


def test_constraints_follow_another_qmap_in_every_state(masks):
    masks.mask_action("mask_parameter", constraints=[("sqmap", "AND", "Å⁻¹", 0, 0.02)])
    moved = compute_qmap("Transmission", GEOMETRY | {"shape": SHAPE, "bcx": 60.0})
    masks.update_qmap(moved)
    assert np.array_equal(masks.mask, moved["sqmap"] <= 0.02)


@pytest.mark.parametrize(
    ("key", "parameters", "said"),
    [
        ("mask_lasso", {}, "no layer 'mask_lasso'"),
        ("mask_threshold", {"low": 5, "high": 5}, "low=5 is not below high=5"),
        ("mask_threshold", {}, "needs low, high or both"),
        ("mask_threshold", {"low": 5, "saxs_lin": IMAGE}, "this mask's own"),
        ("mask_threshold", {"upper": 5}, "unexpected keyword"),
        ("mask_parameter", {"constraints": [("q", "AND", "nm⁻¹", 0, 1)]}, "Å⁻¹"),
        ("mask_parameter", {"constraints": [("phis", "AND", "rad", 0, 1)]}, "the map is in deg"),
        ("mask_parameter", {"constraints": [("phis", "AND", "", 0, 1)]}, "the map is in deg"),
        ("mask_parameter", {"constraints": [("qz", "AND", "Å⁻¹", 0, 1)]}, "this Q-map has sqmap"),
        ("mask_parameter", {"constraints": [("q", "XOR", "Å⁻¹", 0, 1)]}, "'AND' or 'OR'"),
        ("mask_parameter", {}, "constraints="),
        ("mask_draw", {"arr": np.ones((80, 60))}, "transposed"),
        ("mask_draw", {}, "non-zero = masked"),
        ("mask_draw", {"operation": Threshold(low=1)}, "is not drawn"),
        ("mask_file", {"arr": np.ones((80, 60))}, "transposed"),
        ("mask_list", {"zero_loc": [[1, 2], [3, 90]]}, r"\(2, 90\)"),
        ("mask_list", {"zero_loc": [1, 2]}, "the rows, and the columns"),
    ],
)
def test_a_wrong_parameter_is_told_and_changes_nothing(masks, key, parameters, said):
    draw(masks, row=20, column=30, radius=5)
    before = masks.history, [worker.operations for worker in masks.workers.values()]
    with pytest.raises(ValueError, match=said):
        masks.evaluate(key, **parameters)
    assert (masks.history, [worker.operations for worker in masks.workers.values()]) == before


def test_a_mask_file_is_read_as_it_is_or_refused(masks, tmp_path):
    with h5py.File(tmp_path / "mask.h5", "w") as file:
        file["transposed"] = np.ones((80, 60))
    with pytest.raises(ValueError, match="transposed"):
        masks.evaluate("mask_file", fname=tmp_path / "mask.h5", key="transposed")
    with pytest.raises(ValueError, match="no dataset 'mask'; at its top is: transposed"):
        masks.evaluate("mask_file", fname=tmp_path / "mask.h5")
    (tmp_path / "mask.tif").write_bytes(b"II*")
    with pytest.raises(ValueError, match="read_mask"):
        masks.evaluate("mask_file", fname=tmp_path / "mask.tif")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        masks.evaluate("mask_file", fname=tmp_path / "nowhere.h5")
    assert masks.mask.all()


def test_a_mask_without_an_image_or_a_qmap_says_what_it_lacks():
    masks = MaskAssemble(SHAPE)
    with pytest.raises(ValueError, match="saxs_lin="):
        masks.evaluate("mask_threshold", low=1)
    with pytest.raises(ValueError, match="qmap="):
        masks.evaluate("mask_parameter", constraints=[("q", "AND", "Å⁻¹", 0, 1)])
    with pytest.raises(ValueError, match="transposed"):
        MaskAssemble(SHAPE, IMAGE.T)


def test_a_shape_that_follows_the_beam_is_refused_without_a_geometry(masks):
    with pytest.raises(ValueError, match="no geometry"):
        masks.evaluate("mask_draw", operation=Circle(row=0, column=0, radius=3, frame="beam"))


# the partition, and the exports


@pytest.fixture
def kernel():
    return SimpleMaskKernel(IMAGE, GEOMETRY)


@pytest.mark.parametrize("style", ["linear", "logarithmic"])
def test_a_partition_has_the_rows_of_the_page(kernel, style):
    kernel.mask_action("mask_draw", np.hypot(ROWS - 22.25, COLUMNS - 31.5) < 3)
    part = kernel.compute_partition(dq_num=5, sq_num=20, dp_num=1, sp_num=6, style=style)
    assert part.partition_map.shape == SHAPE
    assert np.array_equal(part.partition_map > 0, kernel.mask)  # 0 = masked
    edges = part.dynamic.edges[0]
    expected = np.digitize(MAPS["sqmap"], edges[1:-1]) + 1
    assert (part.partition_map == expected)[kernel.mask].mean() > 0.999
    middle = np.sqrt(edges[:-1] * edges[1:]) if style == "logarithmic" else (edges[:-1] + edges[1:]) / 2
    np.testing.assert_allclose(part.val_list[0], middle)
    steps = np.diff(np.log(edges)) if style == "logarithmic" else np.diff(edges)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-9)
    assert part.num_list.tolist() == np.bincount(part.partition_map.ravel())[1:].tolist()
    assert tuple(part.num_pts) == (5, 1)
    assert part.partition_map.max() == len(part.num_list) == 5


def test_the_two_exports_are_told_to_plain_functions(kernel):
    masks, partitions = [], []
    kernel.on_mask(masks.append)
    kernel.on_mask(masks.append)
    kernel.on_partition(partitions.append)
    draw(kernel, row=20, column=30, radius=5)
    kernel.export_mask()
    kernel.mask_exported(kernel.get_mask())
    assert [each.dtype for each in masks] == [np.int32] * 4
    masks[0][:] = 7
    assert all(np.array_equal(each, kernel.get_mask()) for each in masks[1:])
    part = kernel.compute_partition(dq_num=4, sq_num=8, dp_num=2, sp_num=4)
    assert kernel.export_partition() == partitions[0]
    kernel.qmap_exported(partitions[0])
    assert [set(each) for each in partitions] == [{"partition_map", "val_list", "num_list", "num_pts"}] * 2
    assert partitions[0]["partition_map"] is part.dynamic_roi_map
    assert partitions[0]["num_list"].sum() == kernel.mask.sum()


def test_what_is_no_mask_and_no_partition_is_not_exported(kernel):
    told = []
    kernel.on_mask(told.append)
    kernel.on_partition(told.append)
    with pytest.raises(ValueError, match="0 and 1"):
        kernel.mask_exported(IMAGE)
    with pytest.raises(ValueError, match="val_list, num_list, num_pts"):
        kernel.qmap_exported({"partition_map": IMAGE})
    with pytest.raises(LookupError, match="compute_partition"):
        kernel.export_partition()
    assert not told


def test_a_kernel_invents_no_geometry_unless_asked(kernel):
    with pytest.raises(ValueError, match="energy"):
        SimpleMaskKernel(IMAGE, {})
    with pytest.warns(AssumedGeometry):
        assumed = SimpleMaskKernel(IMAGE, {"energy": 9.0}, assume_defaults=True)
    assert assumed.assumed == ("bcx", "bcy", "pix_dim", "det_dist")
    assert kernel.assumed == ()


def test_a_moved_centre_moves_maps_and_masks_and_ends_the_partition(kernel):
    kernel.compute_partition(dq_num=4, sq_num=8, dp_num=2, sp_num=4)
    kernel.mask_action("mask_parameter", constraints=[("sqmap", "AND", "Å⁻¹", 0, 0.02)])
    kernel.update_parameters({"bcx": 60.0})
    moved = compute_qmap("Transmission", GEOMETRY | {"shape": SHAPE, "bcx": 60.0})
    assert np.array_equal(kernel.maps["sqmap"], moved["sqmap"])
    assert np.array_equal(kernel.mask, moved["sqmap"] <= 0.02)
    assert kernel.new_partition is None
    with pytest.raises(ValueError, match="det_dist"):
        kernel.update_parameters({"det_dist": -1})
    assert kernel.record.distance == pytest.approx(0.7)


@pytest.mark.parametrize(("mode", "style"), [("q", "linear"), ("q-lasso", "linear"), ("q-phi", "cubic")])
def test_an_unknown_mode_or_style_is_refused(kernel, mode, style):
    with pytest.raises(ValueError, match="expected"):
        kernel.compute_partition(mode=mode, style=style)


def test_azimuth_in_reflection_counts_from_the_surface_as_in_the_viewer():
    metadata = GEOMETRY | {"alpha_i_deg": 0.3, "orientation": "west"}
    kernel = SimpleMaskKernel(IMAGE, metadata, stype="Reflection")
    part = kernel.compute_partition(dq_num=1, sq_num=2, dp_num=4, sp_num=8)
    phi, counted = kernel.maps["phis"], part.partition_map > 0
    expected = np.digitize(phi, np.linspace(phi.min(), phi.max(), 5)[1:-1]) + 1
    assert (part.partition_map == expected)[counted].mean() > 0.999
