"""Which detectors to watch, declared in a file: for commands that are no part of a session of a RunEngine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xpcs_mask_bluesky.documents.source import GeometrySource
from xpcs_mask_bluesky.files.declared import read_declared, read_recipe
from xpcs_mask_bluesky.partitions import PartitionRecipe

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.callback import PartitionCallback

YAML_SUFFIXES = (".yml", ".yaml")


class Watched(BaseModel):
    """One detector under one recipe: what :meth:`PartitionCallback.watch` is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: GeometrySource
    recipe: PartitionRecipe | None = None
    """None: the one in force in the catalogue counts."""
    name: str = "default"
    """Of the recipe."""
    export_to: Path | None = None
    """Directory where each partition's ``/qmap`` file goes."""

    @property
    def detector(self) -> str:
        """Its ophyd name."""
        return self.source.detector


class WatchList(BaseModel):
    """Detectors to watch, each with where its geometry is and which recipe it has.

    Raises:
        ValueError: It is empty, or names the same detector and recipe twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: tuple[Watched, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> WatchList:
        places = [(each.detector, each.name) for each in self.entries]
        for place in places:
            if places.count(place) > 1:
                raise ValueError(f"{place[0]} has two recipes {place[1]!r}; give each a name of its own")
        return self

    @classmethod
    def from_yaml(cls, path: str | Path) -> WatchList:
        """Return the list in a YAML (or JSON) file; paths in it start at the file's own directory.

        The file holds ``watch:``, a list whose entries have

        ``detector``
            Its ophyd name.
        ``source``
            A preset such as ``ophyd-eiger``, or a YAML file of places.
        ``values``
            What a ``$name`` of that source stands for: ``{rows: 1062, columns: 1028}``.
        ``recipe``
            The fields of a recipe, or a file of them; by default the one in force in the catalogue counts.
        ``name``
            Of the recipe, by default ``default``.
        ``export_to``
            Directory where each partition's ``/qmap`` file goes.

        Raises:
            FileNotFoundError: There is no such file, or none that it names.
            ValueError: It is no such list, naming the entry and the field.
        """
        written = read_declared(path, WatchFile)
        return cls(entries=tuple(each.load(Path(path).parent) for each in written.watch))

    @classmethod
    def single(
        cls,
        detector: str,
        source: str | Path,
        *,
        values: Mapping[str, Any] | None = None,
        recipe: PartitionRecipe | str | Path | None = None,
        name: str = "default",
        export_to: str | Path | None = None,
    ) -> WatchList:
        """Return a list of one detector; paths start at the working directory.

        Args:
            detector: Its ophyd name.
            source: A preset, or a YAML file of places; a ``Path`` is a file whatever its suffix.
            values: What a ``$name`` of that source stands for.
            recipe: A recipe, or a file of one; by default the one in force in the catalogue counts.
            name: Of the recipe.
            export_to: Directory where each partition's ``/qmap`` file goes.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The source or the recipe is none.
        """
        here = Path()
        watched = Watched(
            source=_source(detector, source, values or {}, here),
            recipe=_recipe(recipe, here),
            name=name,
            export_to=None if export_to is None else Path(export_to).expanduser(),
        )
        return cls(entries=(watched,))

    @property
    def detectors(self) -> tuple[str, ...]:
        """The detectors' names, each once."""
        return tuple(dict.fromkeys(each.detector for each in self.entries))

    def watch(self, callback: PartitionCallback) -> PartitionCallback:
        """Let a callback watch all of them, and return it."""
        for each in self.entries:
            callback.watch(
                each.detector,
                source=each.source,
                recipe=each.recipe,
                name=each.name,
                export_to=each.export_to,
            )
        return callback


class WatchEntry(BaseModel):
    """An entry as it is written, its files not read yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: str
    source: str
    values: dict[str, Any] = Field(default_factory=dict)
    recipe: PartitionRecipe | str | None = None
    name: str = "default"
    export_to: Path | None = None

    def load(self, directory: Path) -> Watched:
        """Return the entry with what its files hold.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The source or the recipe is none.
        """
        return Watched(
            source=_source(self.detector, self.source, self.values, directory),
            recipe=_recipe(self.recipe, directory),
            name=self.name,
            export_to=None if self.export_to is None else directory / self.export_to.expanduser(),
        )


class WatchFile(BaseModel):
    """A watch list as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    watch: tuple[WatchEntry, ...]


def _source(detector: str, source: str | Path, values: Mapping[str, Any], directory: Path) -> GeometrySource:
    if "detector" in values:
        raise ValueError(f"values of {detector!r} name a detector, which is said already")
    if isinstance(source, str) and not source.lower().endswith(YAML_SUFFIXES):
        return GeometrySource.preset(source, detector=detector, **values)
    path = directory / Path(source).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    return GeometrySource.from_yaml(path, detector=detector, **values)


def _recipe(recipe: PartitionRecipe | str | Path | None, directory: Path) -> PartitionRecipe | None:
    if isinstance(recipe, str | Path):
        return read_recipe(directory / Path(recipe).expanduser())
    return recipe
