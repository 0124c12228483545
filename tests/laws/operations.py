"""Mask operations for Hypothesis, on quarters of a pixel, so that centres often lie exactly on an edge."""

from hypothesis import strategies as st

from tests.laws.strategies import masks
from xpcs_mask_bluesky import (
    Blemish,
    Circle,
    Constraint,
    DrawnMask,
    Ellipse,
    Eraser,
    FileMask,
    Grow,
    ImageReference,
    Invert,
    Line,
    Outliers,
    Pixels,
    Polygon,
    Rectangle,
    Shrink,
    Threshold,
)

SHAPE = (17, 23)
places = st.tuples(st.integers(-12, 80).map(lambda n: n / 4), st.integers(-12, 104).map(lambda n: n / 4))
sizes = st.integers(1, 80).map(lambda n: n / 4)
angles = st.one_of(st.sampled_from([0.0, 90.0, -90.0, 180.0, 270.0, 450.0]), st.floats(-400, 400))


def _is_shape(cls, **fields):
    @st.composite
    def build(draw):
        given = {name: draw(values) for name, values in fields.items()}
        try:
            return cls(**given)
        except ValueError:  # vertices on one line, a line without length: refused, and tested elsewhere
            return Circle(row=5, column=5, radius=2, frame=given["frame"], mode=given["mode"])

    return build()


def shapes(frames=("pixel",), modes=("exclusive",)):
    common = {"frame": st.sampled_from(frames), "mode": st.sampled_from(modes)}
    row, column = places.map(lambda at: at[0]), places.map(lambda at: at[1])
    centred = {"row": row, "column": column, **common}
    return st.one_of(
        st.builds(Circle, radius=sizes, **centred),
        st.builds(Rectangle, height=sizes, width=sizes, angle=angles, **centred),
        st.builds(Ellipse, semi_row=sizes, semi_column=sizes, angle=angles, **centred),
        _is_shape(Polygon, vertices=st.lists(places, min_size=3, max_size=8).map(tuple), **common),
        _is_shape(Line, start=places, end=places, width=sizes, **common),
    )


drawn = st.one_of(
    shapes(modes=("exclusive", "inclusive")),
    st.builds(Eraser, shape=shapes()),
    st.builds(Grow, pixels=st.floats(1, 5)),
    st.builds(Shrink, pixels=st.floats(1, 5)),
    st.just(Invert()),
)
references = st.builds(
    ImageReference,
    digest=st.text("0123456789abcdef", min_size=64, max_size=64),
    run=st.text(max_size=8),
    stream=st.text(max_size=8),
    frames=st.text(max_size=8),
)
pixels = st.builds(
    Pixels,
    pixels=st.lists(st.tuples(st.integers(0, 16), st.integers(0, 22)), min_size=1).map(tuple),
    reason=st.text(max_size=8),
)
operations = st.one_of(
    drawn,
    shapes(frames=("pixel", "beam", "q"), modes=("exclusive", "inclusive")),
    pixels,
    st.builds(Threshold, low=st.floats(-1, 1), high=st.floats(1.5, 3), image=st.none() | references),
    st.builds(Constraint, axis=st.text(max_size=4), lower=st.floats(-9, 9), upper=st.floats(9, 20)),
    st.builds(
        Outliers,
        by=st.sampled_from(["q", "box"]),
        method=st.sampled_from(["mad", "percentile"]),
        cutoff=st.floats(0.5, 9),
        image=st.none() | references,
    ),
    st.builds(Blemish.from_array, masks, source=st.text(max_size=8)),
    st.builds(FileMask.from_array, masks, source=st.text(max_size=8)),
    st.builds(DrawnMask.from_array, masks, source=st.text(max_size=8)),
)
