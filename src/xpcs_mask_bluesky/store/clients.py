"""XPCSDetector: what Tiled's client returns for a detector of ours."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiled.client.constructors import from_context
from tiled.client.container import Container
from tiled.queries import Eq

from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks import Mask, Operation, operation_from_json
from xpcs_mask_bluesky.store import lookup, views
from xpcs_mask_bluesky.store.blobs import Blobs
from xpcs_mask_bluesky.store.edit import Edit
from xpcs_mask_bluesky.store.layout import BLOBS, LOG, PARTITIONS, check_name
from xpcs_mask_bluesky.store.log import Draft, Log, LogEntry
from xpcs_mask_bluesky.store.notes import note_geometries
from xpcs_mask_bluesky.store.partitions import Partitions
from xpcs_mask_bluesky.store.publish import Where, publish, recipe_in
from xpcs_mask_bluesky.store.state import LAYERS, RECIPE_SET, Layer, StateCache
from xpcs_mask_bluesky.store.uses import RUN_USE, GeometryNote, PartitionUse

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import PartitionRecipe

REMEMBERED = 256


class XPCSDetector(Container):
    """A detector's masks, recipes and partitions; the object that a Tiled client returns for it."""

    def share_directory(self, directory: Path | None) -> None:
        """Store partitions as files in ``directory``, which the server reads; None for arrays."""
        self.__dict__["stored"] = Partitions(self._part(PARTITIONS), directory)

    @property
    def name(self) -> str:
        """The detector's ophyd name."""
        return self.item["id"]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, in px."""
        shape: Any = self.metadata["shape"]
        return int(shape[0]), int(shape[1])

    def check_shape(self, shape: Sequence[int], what: str) -> None:
        """Raise ``ValueError`` unless ``shape`` is the detector's."""
        if tuple(shape) != self.shape:
            hint = "; is it transposed?" if tuple(shape) == self.shape[::-1] else ""
            raise ValueError(
                f"{what} is {tuple(shape)}, the detector {self.name!r} {self.shape} (rows, columns){hint}"
            )

    def edit(self, author: str | None = None, *, layer: Layer = "mask", reason: str = "") -> Edit:
        """Return an edit of the mask, or of the blemish; see :class:`Edit`.

        Args:
            author: By default the user's login name.
            layer: ``"mask"``, or ``"blemish"`` for the detector's own.
            reason: For the log.

        Raises:
            ValueError: there is no such layer.
        """
        if layer not in LAYERS:
            raise ValueError(f"layer is {layer!r}; expected one of {', '.join(LAYERS)}")
        return Edit(self, author=author or self.author, layer=layer, reason=reason)

    def mask(
        self,
        *,
        at: datetime | None = None,
        run: str | None = None,
        revision: int | None = None,
        geometry: GeometryRecord | None = None,
    ) -> Mask:
        """Return the mask now, at a time, of a run or at a revision; it counts no blemished pixel.

        Args:
            at: With a time zone.
            run: Uid of a run; the mask that its partition was made with.
            revision: Number of a log entry.
            geometry: For masks that depend on it; by default the newest that is known.

        Raises:
            LookupError: the run is unknown, or a geometry is needed and none is known.
            AmbiguousPartition: the run had several masks.
        """
        if run is not None:
            return views.mask_of_run(self, run, revision)
        return views.mask_in(self, views.state_at(self, at=at, revision=revision), geometry)

    def blemish(self, *, at: datetime | None = None, revision: int | None = None) -> Mask:
        """Return the detector's own mask now, at a time or at a revision."""
        return views.blemish_in(self, views.state_at(self, at=at, revision=revision))

    def history(self, layer: Layer = "mask") -> History[Operation]:
        """Return the operations of a layer, with what was undone."""
        return History.from_log(self.state.latest().actions[layer], operation_from_json)

    def log(self, kind: str | None = None) -> list[LogEntry]:
        """Return the commits, oldest first: all, or those of one kind."""
        return self.commits.after(0, None if kind is None else [kind])

    def diff(self, a: int | datetime, b: int | datetime) -> views.MaskDifference:
        """Return what changed in the mask from ``a`` to ``b``, each a revision or a time."""
        return views.difference(self, a, b)

    def set_recipe(
        self, recipe: PartitionRecipe, *, name: str = "default", author: str | None = None
    ) -> None:
        """Put a recipe in force under ``name``; the one in force already makes no entry."""
        check_name(name, "recipe name")
        state = self.state.latest()
        if name in state.recipes and recipe_in(state, name).digest == recipe.digest:
            return
        head = f"{RECIPE_SET}:{name}"
        draft = Draft(
            kind=RECIPE_SET,
            author=author or self.author,
            principal=self.principal,
            parent=state.heads.get(head, 0),
            inputs={"recipe": recipe.digest},
            lineage={"name": name},
            body={"name": name, "recipe": recipe.model_dump(mode="json")},
        )
        moved = lambda entry: entry.kind == RECIPE_SET and entry.body["name"] == name  # noqa: E731
        self.state.took(self.commits.append(draft, since=state.seq, conflicts=moved))

    def recipe(self, *, name: str = "default") -> PartitionRecipe:
        """Return the recipe in force under ``name``, or raise ``LookupError``."""
        return recipe_in(self.state.latest(), name)

    def partition(
        self,
        *,
        name: str = "default",
        run: str | None = None,
        event: int | None = None,
        at: datetime | None = None,
        revision: int | None = None,
        stream: str = "primary",
    ) -> PartitionUse:
        """Return the newest partition, the one at a time, or that of a run.

        Args:
            name: Of the recipe.
            run: Uid of a run.
            event: Number of an event of the run's ``stream``, from 1.
            at: With a time zone.
            revision: Answer as the log stood after this entry.
            stream: Of ``event``.

        Raises:
            AmbiguousPartition: the run has several; the error lists them.
            LookupError: there is none.
        """
        if run is None:
            return lookup.latest(self, name, at)
        uses = lookup.uses_of_run(self, run, name, revision)
        return lookup.choose(uses, run_uid=run, event=event, at=at, stream=stream)

    def partitions(self, run: str, *, name: str | None = "default") -> list[PartitionUse]:
        """Return a run's partitions in the order of its events; ``name=None`` for all recipes."""
        return lookup.uses_of_run(self, run, name, None)

    def runs(self, *, partition: str) -> list[str]:
        """Return the uids of the runs that used the partition with this digest."""
        entries = self.commits.read(Eq("lineage.partition", partition), Eq("kind", RUN_USE))
        return list(dict.fromkeys(entry.lineage["run_uid"] for entry in entries if entry.lineage["run_uid"]))

    def publish(
        self,
        record: GeometryRecord,
        *,
        run_uid: str,
        name: str = "default",
        stream: str = "primary",
        first_seq_num: int = 1,
        last_seq_num: int | None = None,
        time: float = 0.0,
        provenance: Mapping[str, Any] | None = None,
        republish: bool = False,
    ) -> PartitionUse:
        """Make, store and link the partition of a geometry of a run; again changes nothing.

        Args:
            record: The geometry.
            run_uid: The run.
            name: Of the recipe in force.
            stream: Of the events.
            first_seq_num: First event that it holds for, from 1.
            last_seq_num: Last one; None for the end of the stream.
            time: When the geometry was measured, seconds since the epoch.
            provenance: Where each field of the geometry comes from, as JSON.
            republish: Link the run anew if mask or recipe give another partition now.

        Raises:
            LookupError: no recipe of that name is in force.
            ValueError: the geometry is of another detector shape.
        """
        where = Where(
            run_uid=run_uid,
            name=name,
            stream=stream,
            first_seq_num=first_seq_num,
            last_seq_num=last_seq_num,
            time=time,
            provenance=provenance or {},
            republish=republish,
        )
        return publish(self, record, where)

    def note_geometries(self, run_uid: str, notes: Iterable[GeometryNote]) -> list[LogEntry]:
        """Commit the geometries of a run, so that each can be asked for later."""
        return note_geometries(self, run_uid, notes, self.author)

    def head(self) -> int:
        """Return the number of the newest log entry; it changes whenever anything does."""
        return self.commits.head()

    @cached_property
    def commits(self) -> Log:
        """The log."""
        return Log(self[LOG])

    @cached_property
    def state(self) -> StateCache:
        """Masks and recipes in force."""
        return StateCache(self.commits)

    @cached_property
    def blobs(self) -> Blobs:
        """Arrays by digest."""
        return Blobs(self._part(BLOBS))

    @cached_property
    def stored(self) -> Partitions:
        """Partitions by digest."""
        return Partitions(self._part(PARTITIONS), None)

    @cached_property
    def author(self) -> str:
        """The user's login name."""
        return getpass.getuser()

    @cached_property
    def principal(self) -> str | None:
        """Who the server says we are; None where it knows one key only."""
        if not self.context.server_info.authentication.providers:
            return None
        identities = (self.context.whoami() or {}).get("identities", ())
        return ",".join(f"{each['provider']}:{each['id']}" for each in identities)

    @cached_property
    def root(self) -> Any:
        """The root Tiled client."""
        return from_context(self.context, structure_clients=self.structure_clients)

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}

    def remember(self, inputs: str, partition: str) -> None:
        """Keep which partition these inputs made."""
        if len(self._digests) >= REMEMBERED:
            self._digests.pop(next(iter(self._digests)))
        self._digests[inputs] = partition

    def remembered(self, inputs: str) -> str | None:
        """Return which partition these inputs made, if that is remembered."""
        return self._digests.get(inputs)

    def _part(self, key: str) -> Any:
        kept: list[Any] = []

        def container() -> Any:
            if not kept:
                kept.append(self[key])
            return kept[0]

        return container
