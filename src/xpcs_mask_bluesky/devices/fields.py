"""What a geometry device tells, and the source that reads it from the documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from xpcs_mask_bluesky.documents.fields import UNIT_OF
from xpcs_mask_bluesky.documents.source import GeometrySource


class PV(NamedTuple):
    """An EPICS record that holds a field of a geometry."""

    name: str
    unit: str | None = None
    """Of its value, if the record declares none (EGU)."""


def check_fields(fields: Iterable[str]) -> None:
    """Refuse what is no field that a device can tell.

    Raises:
        TypeError: naming it and those that there are.
    """
    unknown = [field for field in fields if field not in UNIT_OF]
    if unknown:
        raise TypeError(f"a geometry has no {', '.join(unknown)}; its fields are {', '.join(UNIT_OF)}")


def source_of(keys: Mapping[str, str], detector: str, shape: tuple[int, int] | None) -> GeometrySource:
    """Return the source that reads a geometry device.

    Args:
        keys: Of each field its data key.
        detector: The detector's ophyd name.
        shape: Rows and columns; by default what the data key ``DETECTOR_image`` declares.
    """
    image: dict[str, Any] = {"where": "data_key", "key": f"{detector}_image"}
    known: dict[str, Any] = {"where": "const", "value": shape}
    fields = {
        field: [{"where": where, "key": key} for where in ("event", "baseline", "configuration")]
        for field, key in keys.items()
    }
    shapes = {"shape": [image if shape is None else known]}
    return GeometrySource.model_validate({"detector": detector, "fields": fields | shapes})
