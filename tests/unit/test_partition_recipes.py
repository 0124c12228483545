"""What a recipe may say, how it is spelled, and what each refusal names."""

import itertools
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from xpcs_mask_bluesky import EllipseFrame, GeometryRecord, Group, PartitionRecipe, partition, q_map

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


def test_recipes_from_before_groups_and_minima_keep_their_digest():
    """Stored logs name recipes by it; these were written down before the fields came."""
    kept = {
        "fe3a31367fb2aab6c8f60b3f22b7c07ef4d73c985462600cc92a32aecdb9aec0": {
            "dynamic": (27, 1),
            "static": (270, 36),
        },
        "a6c5c9172cb8be1f0962986e610c3299815ce261d3babdf916015606a14922b6": {
            "axes": ("qx", "qy"),
            "dynamic": (2, 3),
            "static": (4, 6),
            "spacing": ("linear", "log"),
            "ranges": {"qy": (0.001, 0.02)},
            "edges": {"qx": (0.0, 0.1, 0.3)},
        },
        "2b9cea6d00146bccc263418489348675d6e89ea02a044081ee2a0a2054d5e0a7": {
            "dynamic": (2, 1),
            "static": (3, 2),
            "edges": {"q": (0.001, 0.01, 0.02)},
            "static_edges": {"q": (0.001, 0.002, 0.01, 0.02)},
            "phi_offset": -0.0,
            "symmetry_fold": 3,
        },
    }
    assert [PartitionRecipe(**fields).digest for fields in kept.values()] == list(kept)


@pytest.mark.parametrize(
    "change",
    [
        {"groups": (peak(), peak("112", phi=(170.0, 200.0), static=(3, 4)))},
        {"groups": PEAKS.groups[::-1]},
        {"groups": PEAKS.groups[:1]},
        {"groups": (PEAKS.groups[0], peak("111", phi=(170.0, 200.0), static=(3, 4), spacing="log"))},
        {"minimum_pixels": 3},
        {"minimum_pixels": 3, "small_bins": "drop"},
        {"minimum_pixels": 3, "small_bins": "merge"},
    ],
)
def test_the_digest_tells_every_new_field_apart(change):
    fields = {"groups": PEAKS.groups} | change
    others = [PEAKS, PartitionRecipe(groups=PEAKS.groups, minimum_pixels=4)]
    assert PartitionRecipe(**fields).digest not in {each.digest for each in others}


def test_each_number_of_an_ellipse_is_in_the_digest():
    changes = [{}, {"semi_row": 11.0}, {"semi_column": 11.0}, {"angle": 3.0}, {"row": 1.0, "column": 2.0}]
    axes = {"axes": ("ellipse_rho", "phi"), **PLAIN}
    digests = {PartitionRecipe(ellipse=ELLIPSE.model_copy(update=each), **axes).digest for each in changes}
    assert len(digests) == len(changes)


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


MACHINES = {
    "one thread": {
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "1",
    },
    "another compiler": {
        "XLA_FLAGS": "--xla_cpu_enable_fast_math=false --xla_force_host_platform_device_count=3",
        "JAX_ENABLE_X64": "1",
        "PYTHONHASHSEED": "2",
        "LC_ALL": "C",
    },
}
ELSEWHERE = """
from tests.unit.test_partition_recipes import ALL, RECIPES, RECORD
from xpcs_mask_bluesky import partition, q_map
print(*(partition(q_map(RECORD), ALL, recipe).digest for recipe in RECIPES.values()))
"""


@pytest.mark.parametrize("machine", MACHINES)
def test_a_partition_has_the_same_digest_on_any_machine(machine):
    here = [partition(q_map(RECORD), ALL, recipe).digest for recipe in RECIPES.values()]
    assert len(set(here)) == len(here)
    ran = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | MACHINES[machine],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == here
