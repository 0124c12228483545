"""Twenty drawn shapes on a 4M detector.

pytest tests/benchmarks/test_drawing.py --benchmark-enable
"""

import numpy as np

from xpcs_mask_bluesky import Circle, Ellipse, Eraser, Grow, Line, Polygon, Rectangle, evaluate

SHAPE = (2162, 2068)


def drawing():
    rng = np.random.default_rng(1)
    for row, column in rng.uniform(0, 2000, (4, 2)):
        turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        yield Circle(row=row, column=column, radius=200)
        yield Rectangle(row=row, column=column, height=300, width=200, angle=30)
        yield Ellipse(row=row, column=column, semi_row=200, semi_column=100, angle=20)
        yield Polygon(
            vertices=tuple((row + 200 * np.cos(turn), column + 150 * np.sin(turn)) for turn in turns)
        )
        yield Line(start=(row, column), end=(2000 - column, row), width=20)


def test_twenty_shapes_an_eraser_and_grow(benchmark):
    operations = [*drawing(), Eraser(shape=Circle(row=900, column=900, radius=80)), Grow(pixels=2)]
    mask = benchmark.pedantic(
        evaluate, args=(operations,), kwargs={"shape": SHAPE}, rounds=5, warmup_rounds=1
    )
    assert 0 < mask.counted < SHAPE[0] * SHAPE[1]
