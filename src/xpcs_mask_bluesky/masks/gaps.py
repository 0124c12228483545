# pyFAI has no types.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The gaps between the modules of detectors by name, as pyFAI knows them."""

from __future__ import annotations

import numpy as np


def module_gaps(name: str) -> np.ndarray:
    """Return what a detector has between its modules: boolean ``(rows, columns)``, True = a pixel.

    Args:
        name: As pyFAI knows it: ``"Eiger 4M"``, ``"Pilatus 1M"``, ``"Eiger2 CdTe 9M"``, …

    Raises:
        ModuleNotFoundError: If pyFAI is not installed, with the remedy.
        ValueError: If pyFAI does not know the detector, or the detector has no fixed shape.
    """
    try:
        from pyFAI.detectors import detector_factory
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the gaps of named detectors need: pip install 'xpcs-mask-bluesky[detectors]'"
        ) from error
    try:
        detector = detector_factory(name)
    except RuntimeError as error:
        raise ValueError(f"pyFAI knows no detector {name!r}; near it: {_near(name)}") from error
    if detector.shape is None:
        raise ValueError(f"detector {name!r} has no shape of its own in pyFAI; draw its gaps")
    bad = detector.mask
    good = np.ones(detector.shape, bool) if bad is None else np.asarray(bad) == 0
    if good.shape != tuple(detector.shape):
        raise ValueError(f"pyFAI's mask of {name!r} is {good.shape}, the detector {tuple(detector.shape)}")
    return good


def _near(name: str) -> str:
    from difflib import get_close_matches

    from pyFAI.detectors import ALL_DETECTORS

    found = get_close_matches(name.lower().replace(" ", ""), list(ALL_DETECTORS), n=5, cutoff=0.4)
    return ", ".join(found) or "none"
