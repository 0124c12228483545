"""Any axes, groups, arcs across ±180 and folds: labels pixel for pixel against 40 digits."""

from functools import cache, partial

import mpmath as mp
import numpy as np
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from tests.laws.strategies import SHAPE, finite, masks
from tests.laws.test_partition_reference import exact_bin
from tests.laws.test_qmap_laws import lab_vector, momentum_transfer
from tests.laws.test_reflection_laws import along, surface_frame
from xpcs_mask_bluesky import EllipseFrame, GeometryRecord, Group, PartitionRecipe, partition, q_map

slow = settings(deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
"""40 digits are slow, and shrinking with them takes longer than a test may."""
WIDE = {  # large pixels: every axis has a range that float64 resolves
    "incident_energy": finite(5, 20),
    "distance": finite(0.2, 1),
    "beam_center_x": finite(-5, 12),
    "beam_center_y": finite(-5, 9),
    "x_pixel_size": finite(2e-3, 1e-2),
    "y_pixel_size": finite(2e-3, 1e-2),
    "shape": st.just(SHAPE),
    "swing_angle_horizontal": finite(-20, 20),
    "swing_angle_vertical": finite(-20, 20),
}
GRAZING = {
    "incident_angle": finite(0.05, 2),
    "orientation": st.sampled_from([0, 90, 180, 270]),
    "delta": finite(1e-6, 1e-5),
}
wide = st.builds(GeometryRecord, **WIDE)
records = st.one_of(wide, st.builds(GeometryRecord, **WIDE, **GRAZING))
offsets = st.one_of(st.just(0.0), finite(-180, 180))


def exact_value(record, axis: str, row: int, column: int) -> mp.mpf | None:
    """Return one coordinate by DESIGN's words in 40 digits; None where it has no value."""
    if axis in "xy":
        return mp.mpf(column if axis == "x" else row)
    k, transfer = momentum_transfer(record, row, column)
    lab = lab_vector(record, row, column)
    if record.incident_angle is None:
        parts = {"qx": transfer[0], "qy": -transfer[1], "qr": mp.hypot(transfer[0], transfer[1])}
    else:
        e, w, n = surface_frame(record)
        parts = {name: along(transfer, each) for name, each in (("qx", e), ("qy", w), ("qz", n))}
        parts["qr"] = mp.hypot(parts["qx"], parts["qy"])
        sine_f = along(lab, n) / mp.norm(lab)
        sine_i = mp.sin(mp.radians(record.incident_angle))
        parts["alpha_f"] = mp.degrees(mp.asin(sine_f))
        parts["tth"] = mp.degrees(mp.atan2(along(lab, w), along(lab, e)))
        lost = 1 - (1 - mp.mpf(record.delta)) ** 2
        inside = sum(mp.re(mp.sqrt(sine**2 - lost)) for sine in (sine_i, sine_f))
        parts["qz_film"] = k * inside if sine_f >= 0 else None
    parts |= {
        "q": mp.norm(transfer),
        "phi": -mp.degrees(mp.atan2(lab[1], lab[0])),
        "two_theta": mp.degrees(mp.atan2(mp.hypot(lab[0], lab[1]), lab[2])),
    }
    return parts[axis]


def labelling_angle(phi: mp.mpf, offset: float, fold: int) -> mp.mpf:
    if offset:
        phi = (phi + mp.mpf(offset) + 180) % 360 - 180
    return (phi + 180) % (mp.mpf(360) / fold) if fold > 1 else phi


def from_the_first_edge(angle: mp.mpf, edges, fold: int) -> mp.mpf:
    """Return the angle in the turn that starts at the first edge."""
    period = mp.mpf(360) / fold
    return mp.mpf(edges[0]) + (angle - mp.mpf(edges[0])) % period


def compare(part, natural_of, mask) -> int:
    """Compare each pixel whose bin is clear; return how many were clear and in a bin."""
    told = 0
    with mp.workdps(40):
        for kind in ("dynamic", "static"):
            labels, mapping = getattr(part, f"{kind}_roi_map"), getattr(part, f"{kind}_index_mapping")
            for at in np.ndindex(SHAPE):
                natural = natural_of(kind, *at)
                if natural is None:
                    continue
                there = [] if natural < 0 else np.flatnonzero(mapping == natural).tolist()
                wanted = there[0] + 1 if mask[at] and there else 0
                assert not (mask[at] and natural >= 0) or there, (kind, at, natural)
                assert labels[at] == wanted, (kind, at)
                told += natural >= 0
    return told


def made(record, mask, recipe):
    try:
        return partition(q_map(record), mask, recipe)
    except ValueError as error:
        usual = ("counts no pixel", "fewer bins", "falls into a bin", "edges or range", "that has a value")
        assume(not any(said in str(error) for said in usual))
        raise


@settings(slow, max_examples=30)
@given(record=records, mask=masks, data=st.data())
def test_any_axes_label_by_their_own_values(record, mask, data):
    there = q_map(record).axes
    axes = tuple(data.draw(st.lists(st.sampled_from(there), min_size=1, max_size=2, unique=True)))
    values = {axis: q_map(record)[axis][mask] for axis in axes}
    positive = {axis: bool(np.nanmin(each, initial=1.0) > 0) for axis, each in values.items()}
    spacing = tuple(data.draw(st.sampled_from(["linear", "log"][: 1 + positive[axis]])) for axis in axes)
    numbers = (2, 3)[: len(axes)]
    recipe = PartitionRecipe(
        axes=axes,
        dynamic=numbers,
        static=tuple(2 * each for each in numbers),
        spacing=spacing if len(axes) == 2 else spacing[0],
    )
    part = made(record, mask, recipe)
    part.check()
    assert part.num_pts == (*numbers, 1)[:2]

    exact = cache(partial(exact_value, record))

    def natural_of(kind, row, column):
        edges = part.recipe.edges if kind == "dynamic" else part.recipe.static_edges
        found = []
        for axis in axes:
            value = exact(axis, row, column)
            if axis == "qz_film" and abs(exact("alpha_f", row, column)) < 1e-9:
                return None
            found.append(-1 if value is None else exact_bin(value, edges[axis]))
        if None in found:
            return None
        if -1 in found:
            return -1
        return found[0] if len(axes) == 1 else found[0] * (len(edges[axes[1]]) - 1) + found[1]

    compare(part, natural_of, mask)
    for edges, each in zip(part.static.edges, spacing, strict=False):
        steps = np.diff(np.log(edges) if each == "log" else edges)
        np.testing.assert_allclose(steps, steps.mean(), rtol=1e-6)


@st.composite
def peaks(draw):
    """Groups that share no area: each has cells of its own of a grid, in q or in the angle."""
    fold = draw(st.integers(1, 3))
    period = 360 / fold
    start = draw(finite(-period, period))
    cuts = [start + period * part for part in (0, 0.3, 0.55, 1)]
    rings = draw(st.permutations([(0.1, 0.4), (0.4, 0.6), (0.65, 0.95)]))
    groups = []
    for number, ring in enumerate(rings[: draw(st.integers(1, 3))]):
        arcs = draw(st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True))
        for arc in arcs:
            groups.append((f"{number}-{arc}", ring, (cuts[arc], cuts[arc + 1])))
    numbers = [tuple(draw(st.integers(1, 2)) for _ in range(4)) for _ in groups]
    return fold, [(*group, each) for group, each in zip(groups, numbers, strict=True)]


@settings(slow, max_examples=20)
@given(record=wide, mask=masks, peaks=peaks(), offset=offsets, log=st.booleans())
def test_groups_label_on_a_block_grid(record, mask, peaks, offset, log):
    fold, drawn = peaks
    span = float(q_map(record)["q"].max())
    groups = [
        Group(
            name=name,
            ranges={"q": (ring[0] * span, ring[1] * span), "phi": arc},
            dynamic=(n0, n1),
            static=(n0 * m0, n1 * m1),
        )
        for name, ring, arc, (n0, n1, m0, m1) in drawn
    ]
    recipe = PartitionRecipe(
        groups=groups, phi_offset=offset, symmetry_fold=fold, spacing="log" if log else "linear"
    )
    part = made(record, mask, recipe)
    part.check()

    exact = cache(partial(exact_value, record))

    def natural_of(kind, row, column):
        q = exact("q", row, column)
        angle = labelling_angle(exact("phi", row, column), offset, fold)
        numbers = [getattr(each, kind) for each in groups]
        columns = sum(each[1] for each in numbers)
        for k, group in enumerate(part.recipe.groups):
            edges = group.edges if kind == "dynamic" else group.static_edges
            turned = from_the_first_edge(angle, edges["phi"], fold)
            if abs(turned - edges["phi"][0] - mp.mpf(360) / fold) < 1e-9:
                return None  # the last digit decides on which side of the start it lies
            first, second = exact_bin(q, edges["q"]), exact_bin(turned, edges["phi"])
            if first is None or second is None:
                return None
            if first >= 0 and second >= 0:
                before = [sum(each[d] for each in numbers[:k]) for d in (0, 1)]
                return (before[0] + first) * columns + before[1] + second
        return -1

    compare(part, natural_of, mask)
    rows, columns = part.static.num_pts
    assert part.static.num_pts == tuple(sum(each.static[d] for each in groups) for d in (0, 1))
    assert [len(each) for each in part.static.centers] == [rows, columns]


@settings(slow, max_examples=20)
@given(
    record=wide,
    mask=masks,
    start=finite(-400, 400),
    width=finite(20, 360),
    fold=st.integers(1, 3),
    offset=offsets,
)
def test_an_arc_may_cross_where_the_angle_starts_anew(record, mask, start, width, fold, offset):
    arc = (start, start + width / fold)
    recipe = PartitionRecipe(
        dynamic=(1, 2),
        static=(1, 4),
        ranges={"q": (0.0, 100.0), "phi": arc},
        phi_offset=offset,
        symmetry_fold=fold,
    )
    part = made(record, mask, recipe)

    exact = cache(partial(exact_value, record))

    def natural_of(kind, row, column):
        edges = (part.recipe.edges if kind == "dynamic" else part.recipe.static_edges)["phi"]
        angle = labelling_angle(exact("phi", row, column), offset, fold)
        turned = from_the_first_edge(angle, edges, fold)
        if min(turned - mp.mpf(edges[0]), mp.mpf(edges[0]) + mp.mpf(360) / fold - turned) < 1e-9:
            return None
        return exact_bin(turned, edges)

    compare(part, natural_of, mask)
    low, high = (0, 360 / fold) if fold > 1 else (-180, 180)
    for values in (part.static.centers[1], part.static.means[1]):
        assert ((values >= low) & (values <= high)).all()
    nominal = (part.static.intervals[1].mean(axis=1) - offset - (180 if fold > 1 else 0)) * fold
    off = np.exp(1j * np.radians(nominal)) - np.exp(1j * np.radians(part.static.centers[1] * fold))
    assert np.abs(off).max() < 1e-9


@settings(slow, max_examples=40)
@given(
    record=wide,
    mask=masks,
    semi=st.tuples(finite(1, 8), finite(1, 8)),
    angle=finite(-90, 90),
    center=st.none() | st.tuples(finite(-3, 8), finite(-3, 11)),
)
def test_elliptic_axes_are_those_of_the_turned_ellipse(record, mask, semi, angle, center):
    row, column = center or (None, None)
    frame = EllipseFrame(semi_row=semi[0], semi_column=semi[1], angle=angle, row=row, column=column)
    axes = ("ellipse_rho", "ellipse_phi")
    part = made(record, mask, PartitionRecipe(axes=axes, dynamic=(2, 2), static=(4, 4), ellipse=frame))
    assert part.map_units == ("", "deg")
    middle = center or record.direct_beam[::-1]

    def natural_of(kind, row, column):
        edges = part.recipe.edges if kind == "dynamic" else part.recipe.static_edges
        c, s = mp.cos(mp.radians(angle)), mp.sin(mp.radians(angle))
        r, w = row - mp.mpf(middle[0]), column - mp.mpf(middle[1])
        down, right = c * r + s * w, c * w - s * r
        rho = mp.sqrt((down / semi[0]) ** 2 + (right / semi[1]) ** 2)
        if rho < 1e-6:
            return None
        found = [
            exact_bin(rho, edges[axes[0]]),
            exact_bin(-mp.degrees(mp.atan2(down, right)), edges[axes[1]]),
        ]
        if None in found:
            return None
        return -1 if -1 in found else found[0] * (len(edges[axes[1]]) - 1) + found[1]

    compare(part, natural_of, mask)
