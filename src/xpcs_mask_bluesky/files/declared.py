"""Geometries, recipes and other declared values in JSON or YAML files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.partitions import PartitionRecipe

LARGEST = 16_000_000
"""Bytes of a file that is read."""
Model = TypeVar("Model", bound=BaseModel)


def read_geometry(path: str | Path) -> GeometryRecord:
    """Return the geometry in a ``.json``, ``.yml`` or ``.yaml`` file: the fields of a ``GeometryRecord``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not of these formats, or a field is wrong, naming it.
    """
    return read_declared(path, GeometryRecord)


def read_recipe(path: str | Path) -> PartitionRecipe:
    """Return the recipe in a ``.json``, ``.yml`` or ``.yaml`` file: the fields of a ``PartitionRecipe``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not of these formats, or a field is wrong, naming it.
    """
    return read_declared(path, PartitionRecipe)


def read_declared(path: str | Path, model: type[Model]) -> Model:
    """Return the value in a ``.json``, ``.yml`` or ``.yaml`` file.

    Args:
        path: Of the file.
        model: Whose fields it holds.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not of these formats, or a field is wrong, naming it.
    """
    path = Path(path)
    try:
        return model.model_validate(_mapping(path))
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}".removeprefix(": ")
            for each in error.errors(include_url=False)
        )
        raise ValueError(f"{path.name} is no {model.__name__}: {said}") from error


def _mapping(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes; expected up to {LARGEST}")
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        content = _json(path, text)
    elif path.suffix.lower() in (".yml", ".yaml"):
        content = _yaml(path, text)
    else:
        raise ValueError(f"{path.name} has a suffix that tells no format; known are .json, .yml, .yaml")
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds a {type(content).__name__}; expected fields and their values")
    return content


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from error


def _yaml(path: Path, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from error
