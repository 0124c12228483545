"""What a recipe may say, how it is spelled, and what each refusal names."""

import itertools
import json
import warnings

import numpy as np
import pytest

from xpcs_mask_bluesky import (
    Ellipse,
    EllipseFrame,
    GeometryRecord,
    Group,
    PartitionRecipe,
    evaluate,
    label_sensitivity,
    partition,
    q_map,
)

RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=1.0,
    beam_center_x=33.3,
    beam_center_y=21.2,
    x_pixel_size=1e-4,
    y_pixel_size=1e-4,
    shape=(60, 80),
)
ALL = np.ones(RECORD.shape, bool)
PLAIN = {"dynamic": (3, 2), "static": (9, 4)}
ELLIPSE = EllipseFrame(semi_row=10.0, semi_column=20.0, angle=30.0)


def peak(name="110", q=(0.005, 0.01), phi=(20.0, 60.0), **fields):
    return Group(
        name=name, **({"ranges": {"q": q, "phi": phi}, "dynamic": (1, 2), "static": (2, 4)} | fields)
    )


PEAKS = PartitionRecipe(groups=(peak(), peak("111", phi=(170.0, -160.0), static=(3, 4))))
RECIPES = {
    "one axis": PartitionRecipe(axes=("q",), dynamic=4, static=8),
    "an azimuth": PartitionRecipe(axes=("phi",), dynamic=4, static=8, symmetry_fold=2, phi_offset=5.0),
    "groups": PEAKS,
    "an ellipse": PartitionRecipe(axes=("ellipse_rho", "ellipse_phi"), ellipse=ELLIPSE, **PLAIN),
    "an arc": PartitionRecipe(ranges={"phi": (100.0, 260.0)}, **PLAIN),
    "static edges alone": PartitionRecipe(
        dynamic=(1, 2), static=(2, 4), static_edges={"q": (0.001, 0.002, 0.01)}, ranges={"phi": (0.0, 90.0)}
    ),
    "dropped bins": PartitionRecipe(dynamic=(3, 2), static=(30, 20), minimum_pixels=8, small_bins="drop"),
    "merged bins": PartitionRecipe(dynamic=(3, 2), static=(30, 20), minimum_pixels=8, small_bins="merge"),
    "logarithmic columns": PartitionRecipe(
        axes=("x", "y"), ranges={"x": (1.0, 80.0)}, spacing="log", **PLAIN
    ),
}


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"axes": ("q", "zz")}, "no axis 'zz'; there are q, qr, qx, qy, qz, qz_film, phi"),
        ({"axes": ()}, "axes"),
        ({"edges": {"q": (0.0, float("nan"), 0.1, 0.2)}}, r"edges.q.1\n.*finite number"),
        ({"ranges": {"q": (0.2, 0.1)}}, "range of q is 0.2 to 0.1; expected the lower limit first"),
        ({"ranges": {"phi": (-200.0, 200.0)}}, "400 degrees; the angle that labels starts anew after 360"),
        ({"ranges": {"phi": (0.0, 181.0)}, "symmetry_fold": 2}, "starts anew after 180"),
        ({"edges": {"phi": (170.0, 180.0, -170.0)}}, "across ±180 they go on beyond: 170, 180, 190"),
        ({"spacing": "log", "ranges": {"q": (-0.1, 1.0)}}, "log spacing needs a positive limit"),
        ({"static_edges": {"q": (0, 1, 2, 3, 4)}, "edges": {"q": (0, 1.5, 3, 4)}, "static": (4, 4)}, "nest"),
        ({"static": (10, 4)}, "static=10 on q is no multiple of dynamic=3.*snap_static=True"),
        ({"axes": ("x", "y"), "phi_offset": 3.0}, "phi_offset=3 and symmetry_fold=1 turn an azimuth"),
        ({"axes": ("ellipse_rho", "ellipse_phi")}, "need ellipse=EllipseFrame"),
        ({"ellipse": ELLIPSE}, "no use for ellipse"),
        ({"axes": ("q",)}, "are for two axes; q alone has one number each"),
        ({"axes": ("q",), "dynamic": 2, "static": 4, "spacing": ("log", "log")}, "is for two axes"),
        ({"small_bins": "drop"}, "needs minimum_pixels"),
        ({"minimum_pixels": -1}, "minimum_pixels"),
        ({"groups": 5}, "groups"),
        ({"groups": ({"name": "110"},)}, "groups.0.dynamic"),
        ({"axes": ("q",), "dynamic": None, "static": 2}, "dynamic"),
        ({"groups": (peak(),)}, r"dynamic=\(3, 2\), but the groups' own add up to \(1, 2\)"),
    ],
)
def test_a_wrong_recipe_names_the_field_what_came_and_what_was_expected(recipe, said):
    with pytest.raises(ValueError, match=f"(?s){said}"):
        PartitionRecipe(**(PLAIN | recipe))


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([peak(), peak("111", q=(0.009, 0.02))], "groups '110' and '111' overlap: q 0.005 to 0.01 and 0.009"),
        ([peak(phi=(170.0, -170.0)), peak("111", phi=(-185.0, -175.0))], "overlap"),
        ([peak(phi=(-180.0, 180.0)), peak("111", phi=(500.0, 510.0))], "overlap"),
        ([peak(), peak()], "several groups are named '110'"),
        ([peak(), peak("111", ranges={"q": (0.1, 0.2)})], "phi of group '111' has neither a range nor edges"),
        ([peak(dynamic=(1,))], r"group '110' has dynamic=\(1,\)"),
        ([peak(static=(2, 5))], "static=5 on phi of group '110' is no multiple of dynamic=2"),
        ([peak(q=(0.2, 0.1))], "range of q of group '110' is 0.2 to 0.1"),
        ([peak(ranges={"q": (0.1, 0.2), "phi": (0.0, 1.0), "qz": (0.0, 1.0)})], "'qz'. is no axis of this"),
    ],
)
def test_wrong_groups_are_named(groups, said):
    with pytest.raises(ValueError, match=said):
        PartitionRecipe(groups=groups)


def test_groups_may_touch_and_rounding_is_no_overlap():
    third = 360 / 3
    arcs = [(start, start + third) for start in (-17.3, -17.3 + third, -17.3 + 2 * third)]
    recipe = PartitionRecipe(groups=[peak(str(arc), phi=arc, q=(0.0, 0.1)) for arc in arcs])
    assert partition(q_map(RECORD), ALL, recipe).mask.all()
    turned = [peak("a", phi=(360 * (1 - 1e-16), 468.0)), peak("b", phi=(558.0, 720.0))]
    assert PartitionRecipe(groups=turned).dynamic == (2, 4)


def test_groups_have_their_limits_in_themselves():
    with pytest.raises(ValueError, match="in its groups, not beside them"):
        PartitionRecipe(groups=(peak(),), ranges={"q": (0.1, 0.2)})


def test_a_static_number_is_snapped_up_when_asked_and_that_is_said():
    with pytest.warns(
        UserWarning, match="static=10 on q is no multiple of dynamic=3: 12 static bins"
    ) as said:
        recipe = PartitionRecipe(dynamic=(3, 2), static=(10, 4), snap_static=True)
    assert recipe.static == (12, 4)
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match="on phi of group '110'"):
        grouped = PartitionRecipe(groups=(peak(static=(2, 5)),), snap_static=True)
    assert grouped.groups[0].static == (2, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = PartitionRecipe(dynamic=(3, 2), static=(12, 4))
        assert PartitionRecipe.model_validate_json(recipe.model_dump_json()) == same == recipe
    assert recipe.digest == same.digest


def test_recipes_that_say_the_same_are_equal():
    assert PartitionRecipe(spacing=("log", "linear"), **PLAIN) == PartitionRecipe(spacing="log", **PLAIN)
    assert PartitionRecipe(axes=("q",), dynamic=(4,), static=(8,)) == RECIPES["one axis"]
    assert PartitionRecipe(axes=["q"], dynamic=(4, 1), static=[8, 1]) == RECIPES["one axis"]
    crossing = [PartitionRecipe(ranges={"phi": (170.0, each)}, **PLAIN) for each in (-170.0, 190.0)]
    assert crossing[0] == crossing[1]
    assert crossing[0].digest == crossing[1].digest


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json_and_resolves_once(name):
    recipe = RECIPES[name]
    again = PartitionRecipe.model_validate_json(recipe.model_dump_json())
    assert again == recipe
    assert again.digest == recipe.digest
    part = partition(q_map(RECORD), ALL, recipe)
    part.check()
    assert part.recipe.is_resolved
    assert part.recipe.resolve(q_map(RECORD), ALL) == part.recipe
    stored = PartitionRecipe.model_validate(json.loads(json.dumps(part.recipe.model_dump(mode="json"))))
    assert stored == part.recipe
    assert partition(q_map(RECORD), ALL, recipe, resolved=stored).digest == part.digest


def test_one_axis_alone_has_a_second_dimension_of_one_bin():
    part = partition(q_map(RECORD), ALL, RECIPES["one axis"])
    assert (part.map_names, part.map_units) == (("q", "phi"), ("Å⁻¹", "deg"))
    assert part.num_pts == (4, 1)
    assert [each.tolist() for each in (part.dynamic.centers[1], part.dynamic.edges[1])] == [
        [0.0],
        [-180.0, 180.0],
    ]
    assert part.mask.all()
    pair = PartitionRecipe(dynamic=(4, 1), static=(8, 1), ranges={"phi": (-180.0, 180.0)})
    assert np.array_equal(part.static_roi_map, partition(q_map(RECORD), ALL, pair).static_roi_map)
    azimuth = partition(q_map(RECORD), ALL, RECIPES["an azimuth"])
    assert (azimuth.map_names, azimuth.map_units) == (("phi", "all"), ("deg", ""))
    assert azimuth.dynamic.means[1].tolist() == [0.0] * 4


def test_groups_are_blocks_of_one_grid():
    part = partition(q_map(RECORD), ALL, PEAKS)
    assert part.num_pts == PEAKS.dynamic == (2, 4)
    assert part.static.num_pts == PEAKS.static == (5, 8)
    assert part.dynamic.index_mapping.tolist() == [0, 1, 6, 7]
    centers = part.dynamic.centers
    assert centers[0].tolist() == [0.0075, 0.0075]
    assert centers[1].tolist() == [30.0, 50.0, 177.5, -167.5]
    q, phi = q_map(RECORD)["q"], q_map(RECORD)["phi"]
    first = (q >= 0.005) & (q <= 0.01) & (phi >= 20) & (phi < 40)
    last = (q >= 0.005) & (q <= 0.01) & (phi >= -175) & (phi <= -160)
    assert np.array_equal(part.dynamic_roi_map == 1, first)
    assert np.array_equal(part.dynamic_roi_map == 4, last)


def test_an_ellipse_is_found_from_a_mask():
    rows, columns = np.mgrid[:300, :400]
    for angle, semi in itertools.product((0.0, 25.0, -40.0), ((80.0, 50.0), (40.0, 90.0))):
        wanted = EllipseFrame(row=150.0, column=210.0, semi_row=semi[0], semi_column=semi[1], angle=angle)
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        down, right = c * (rows - 150) + s * (columns - 210), c * (columns - 210) - s * (rows - 150)
        found = EllipseFrame.of((down / semi[0]) ** 2 + (right / semi[1]) ** 2 < 1)
        for field in type(wanted).model_fields:
            assert getattr(found, field) == pytest.approx(getattr(wanted, field), abs=0.1), (
                field,
                angle,
                semi,
            )
    for mask, said in ((ALL & False, "counts no pixel"), (ALL & (rows[:60, :80] == 3), "on one line")):
        with pytest.raises(ValueError, match=said):
            EllipseFrame.of(mask)


def test_rho_is_one_on_the_ellipse_of_the_same_numbers_that_a_mask_draws():
    numbers = {"row": 30.5, "column": 41.0, "semi_row": 12.3, "semi_column": 25.1, "angle": 35.0}
    rejected = ~np.asarray(evaluate([Ellipse(**numbers)], shape=RECORD.shape))
    rho = EllipseFrame(**numbers).values(RECORD, "ellipse_rho")
    assert np.array_equal(rho < 1, rejected)


def test_an_ellipse_needs_a_centre():
    with pytest.raises(ValueError, match="give both, or none for the direct beam"):
        EllipseFrame(semi_row=1.0, semi_column=2.0, row=3.0)
    away = RECORD.model_copy(update={"swing_angle_horizontal": 120.0})
    with pytest.raises(ValueError, match="give the ellipse row= and column="):
        partition(q_map(away), ALL, RECIPES["an ellipse"])


def test_a_bin_below_the_minimum_is_listed():
    recipe = PartitionRecipe(
        dynamic=(2, 1), static=(4, 1), edges={"q": (0.0, 0.0006, 0.02)}, minimum_pixels=10
    )
    part = partition(q_map(RECORD), ALL, recipe)
    few = part.static.counts[0]
    assert 0 < few < 10
    assert part.small_bins.static[0] == few
    assert part.small_bins.dynamic == {0: part.dynamic.counts[0]} or part.dynamic.counts[0] >= 10
    assert str(part.small_bins).startswith("fewer than 10 pixels: ")
    assert "static bins kept: 0" in str(part.small_bins)
    with pytest.raises(ValueError, match="no static bin has 5000 pixels, and all are dropped"):
        partition(q_map(RECORD), ALL, PartitionRecipe(minimum_pixels=5000, small_bins="drop", **PLAIN))


@pytest.mark.parametrize("name", ["one axis", "groups", "an arc"])
def test_the_sensitivity_of_any_bins_is_what_a_moved_geometry_does(name):
    part = partition(q_map(RECORD), ALL, RECIPES[name])
    found = label_sensitivity(RECORD, part.recipe, part.mask, errors={"distance": 0.02})["distance"]
    moved = RECORD.model_copy(update={"distance": 1.02})
    change = part.diff(partition(q_map(moved), part.mask, part.recipe))
    expected = change.dynamic.moved.sum() + change.lost.sum()
    assert found.counted == part.mask.sum()
    assert expected > 0 or name == "an arc"
    assert abs(found.dynamic - expected) <= max(2, 0.05 * expected)


def test_an_ellipse_has_no_sensitivity_and_that_is_said():
    with pytest.raises(ValueError, match="ellipse_rho has no derivatives"):
        label_sensitivity(RECORD, RECIPES["an ellipse"])
