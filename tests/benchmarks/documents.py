"""The documents of a run whose distance changes, and what is made of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from event_model import compose_run

from xpcs_mask_bluesky import GeometrySource, PartitionRecipe

Documents = Callable[[str, Any], object]


def source(shape: tuple[int, int]) -> GeometrySource:
    """Return where the geometry is: constants, but for the distance, which is in the events."""
    constants = {
        "incident_energy": (10.0, "keV"),
        "beam_center_x": (shape[1] / 2, "px"),
        "beam_center_y": (shape[0] / 2, "px"),
        "x_pixel_size": (75e-6, "m"),
        "y_pixel_size": (75e-6, "m"),
    }
    fields: dict[str, tuple] = {
        name: ({"where": "const", "value": value, "unit": unit},) for name, (value, unit) in constants.items()
    }
    fields["shape"] = ({"where": "const", "value": shape},)
    fields["distance"] = ({"where": "event", "key": "distance", "unit": "mm"},)
    return GeometrySource.model_validate({"detector": "eiger4M", "fields": fields})


def recipe(*, timed: bool = True) -> PartitionRecipe:
    """Return the recipe of all benchmarks, or one for a small detector."""
    return PartitionRecipe(dynamic=(27, 1), static=(270, 36) if timed else (27, 4))


class Beamline:
    """A run under way, told to a subscriber.

    Args:
        subscriber: Takes its documents.
    """

    def __init__(self, subscriber: Documents) -> None:
        self._subscriber = subscriber
        self._run = compose_run(metadata={"detectors": ["eiger4M"]})
        self.uid: str = self._run.start_doc["uid"]
        subscriber("start", self._run.start_doc)
        keys = {"distance": {"source": "SIM:distance", "dtype": "number", "shape": [], "units": "mm"}}
        self._stream = self._run.compose_descriptor(name="primary", data_keys=keys)
        subscriber("descriptor", self._stream.descriptor_doc)
        self._numbers = itertools.count(1)

    def distance(self, millimetres: float) -> int:
        """Tell an event with this distance, and return its number."""
        number = next(self._numbers)
        event = self._stream.compose_event(
            data={"distance": millimetres}, timestamps={"distance": 0.0}, seq_num=number
        )
        self._subscriber("event", event)
        return number

    def stop(self) -> None:
        """End the run."""
        self._subscriber("stop", self._run.compose_stop())
