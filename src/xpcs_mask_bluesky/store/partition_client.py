"""The recipes and partitions of a detector: set, publish and find them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tiled.queries import Eq

from xpcs_mask_bluesky.store import lookup
from xpcs_mask_bluesky.store.detector import DetectorNode
from xpcs_mask_bluesky.store.drafts import Where
from xpcs_mask_bluesky.store.layout import check_name
from xpcs_mask_bluesky.store.log import Draft, LogEntry
from xpcs_mask_bluesky.store.notes import note_geometries
from xpcs_mask_bluesky.store.publish import publish, recipe_in
from xpcs_mask_bluesky.store.republish import republish
from xpcs_mask_bluesky.store.state import RECIPE_SET
from xpcs_mask_bluesky.store.subscription import Subscription
from xpcs_mask_bluesky.store.uses import RUN_USE, GeometryNote, PartitionUse

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import PartitionRecipe


class PartitionClient(DetectorNode):
    """The recipes of a detector, and its partitions by run."""

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
        run: Any = None,
        event: int | None = None,
        at: datetime | None = None,
        revision: int | None = None,
        stream: str = "primary",
    ) -> PartitionUse:
        """Return the newest partition, the one at a time, or that of a run.

        Args:
            name: Of the recipe.
            run: Uid of a run, or a run as databroker's or Tiled's client returns it.
            event: Number of an event of the run's ``stream``, from 1.
            at: With a time zone.
            revision: Answer as the log stood after this entry.
            stream: Of ``event``.

        Raises:
            AmbiguousPartition: the run has several; the error lists them.
            LookupError: there is none.
        """
        if run is None:
            return lookup.latest(self, name, at, revision)
        uid = lookup.uid_of(run)
        uses = lookup.uses_of_run(self, uid, name, revision)
        return lookup.choose(uses, run_uid=uid, event=event, at=at, stream=stream)

    def partitions(
        self, run: Any, *, name: str | None = "default", revision: int | None = None
    ) -> list[PartitionUse]:
        """Return a run's partitions in the order of its events, one for each geometry it had.

        Args:
            run: Its uid, or the run as databroker's or Tiled's client returns it.
            name: Of the recipe; None for all.
            revision: Answer as the log stood after this entry.

        Raises:
            LookupError: the run is not known.
        """
        return lookup.uses_of_run(self, lookup.uid_of(run), name, revision)

    def republish(self, run: Any, *, name: str | None = None) -> list[PartitionUse]:
        """Publish the partitions of a run anew, with the masks and recipes that are in force now.

        The earlier ones stay: ``revision=`` finds them. What would be the same makes no entry.

        Args:
            run: Its uid, or the run as databroker's or Tiled's client returns it.
            name: Of the recipe; None for all that the run was published with.

        Returns:
            What answers now, in the order of the run's events.

        Raises:
            LookupError: the run is not known, or no recipe is in force.
        """
        return republish(self, lookup.uid_of(run), name)

    # Tiled's own subscribe, of new children, has no use on a detector: its log has.
    def subscribe(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        function: Callable[[PartitionUse], object],
        *,
        since: int | None = None,
        name: str | None = None,
    ) -> Subscription:
        """Call ``function`` with each new partition; keep the subscription, or use it in ``with``.

        A :class:`PartitionUse` tells ``run_uid`` (empty for one made between two runs), ``path`` and
        ``digest``. A server that goes away and comes back loses none.

        Args:
            function: Called in a thread of its own; what it raises is logged.
            since: A revision: hand over all that came after it; by default what comes from now on.
            name: Of the recipe; None for all.
        """
        known = self.commits.head() if since is None else since
        return Subscription(self, function, since=known, name=name)

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
        past: bool = False,
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
            past: It is for its run alone: the newest partition stays what it is.

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
            past=past,
        )
        return publish(self, record, where)

    def note_geometries(self, run_uid: str, notes: Iterable[GeometryNote]) -> list[LogEntry]:
        """Commit the geometries of a run, so that each can be asked for later."""
        return note_geometries(self, run_uid, notes, self.author)
