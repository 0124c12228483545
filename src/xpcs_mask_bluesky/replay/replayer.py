"""Replay: the runs of a catalogue, each published as the callback would have published it, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tiled.client.utils import ClientError

from xpcs_mask_bluesky.callbacks.calibrations import calibrated_fields, give
from xpcs_mask_bluesky.documents.tracker import GeometryTracker
from xpcs_mask_bluesky.replay.commits import Commits
from xpcs_mask_bluesky.replay.known import AT_ONCE, confirmed, uses_told
from xpcs_mask_bluesky.replay.record import Record
from xpcs_mask_bluesky.replay.work import Watch, Worked, work
from xpcs_mask_bluesky.store.errors import Conflict, DamagedData, is_away
from xpcs_mask_bluesky.store.inputs import Inputs
from xpcs_mask_bluesky.store.recipes import offer_recipe

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.watchlist import Watched, WatchList
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.replay.computing import Computing
    from xpcs_mask_bluesky.replay.selection import Runs, Selection
    from xpcs_mask_bluesky.store.uses import PartitionUse

FAILURES = (ValueError, LookupError, TypeError, AttributeError, Conflict, DamagedData, ClientError)
"""What is wrong with one run, its documents or its partitions; the others go on."""


@dataclass(frozen=True)
class Outcome:
    """What became of one run."""

    uid: str
    uses: tuple[PartitionUse, ...] = ()
    """Its partitions: published now or before."""
    published: int = 0
    """How many of them now."""
    failures: tuple[str, ...] = ()
    """Why a part of it has no partition."""
    seconds: float = field(default=0.0, compare=False)
    """That computing took, in whichever process."""


class Replay:
    """Replays the runs that were selected.

    A run is done when the log tells of it; killed at any moment, a replay goes on with the others when it is
    started again. Nothing is published twice, and no partition in force is put back by an older run.

    Args:
        catalog: Where partitions go.
        watch_list: The detectors, where their geometry is, and under which recipes.
        runs: The catalogue of runs.
        selection: Which of them.

    Raises:
        LookupError: a selected run is not there.
        OSError: the catalogue is away, or what was done cannot be kept on disk.
    """

    def __init__(self, catalog: MaskCatalog, watch_list: WatchList, runs: Runs, selection: Selection) -> None:
        self._catalog, self._entries, self._runs = catalog, watch_list.entries, runs
        for each in self._entries:
            calibrated_fields(each.source)  # refuses a source that cannot be calibrated so
        said = [(each.source.model_dump(mode="json"), each.name) for each in self._entries]
        self._record = Record(catalog.replay_directory, [catalog.path, runs.name, said])
        self.found = runs.find(selection)
        """Uids of the selected runs, in the order in which they began."""
        done = confirmed(catalog, self._record.done(self.found))
        self.left = [uid for uid in self.found if uid not in done]
        """Those that are not done."""
        self._commits = Commits(catalog, self._entries)
        self.notes = self._commits.notes
        """Lines for people."""

    def outcomes(self, computing: Computing) -> Iterator[Outcome]:
        """Replay the runs that are left, and yield what became of each, in order.

        Args:
            computing: Where to compute.

        Raises:
            OSError: the catalogue went away, or the workers did; what was yielded stays done.
            ClientError: the server refuses what the others need too.
        """
        with ThreadPoolExecutor(1, "xpcs-mask-read") as reader:
            ahead = _Ahead(self, computing, reader)
            try:
                for uid in self.left:
                    yield self._outcome(uid, ahead)
            finally:
                ahead.stop()

    def watches(self) -> list[Watch]:
        """Return what to look for, with the masks and recipes in force now."""
        return [self._watch(each) for each in self._entries]

    def _watch(self, entry: Watched) -> Watch:
        if entry.detector not in self._catalog:
            return Watch(source=entry.source, name=entry.name)
        detector = self._catalog[entry.detector]
        if entry.recipe is not None:
            offer_recipe(detector, entry.recipe, name=entry.name)
        tracker = GeometryTracker(entry.source)
        if calibrated_fields(entry.source):
            give([tracker], detector)
        try:
            inputs = Inputs.of(detector, entry.name)
        except LookupError:  # no recipe is in force; the publisher says so of each run
            inputs = None
        return Watch(source=entry.source, name=entry.name, inputs=inputs, accepted=tracker.accepted)

    def told(self, uids: Sequence[str]) -> dict[str, set[str]]:
        """Return, by the uid of a run, the keys of the uses that the logs tell of it."""
        return uses_told(self._catalog, {each.detector for each in self._entries}, uids)

    def documents(self, uid: str) -> bytes:
        """Return a run's documents."""
        return self._runs.documents(uid)

    def _outcome(self, uid: str, ahead: _Ahead) -> Outcome:
        ahead.begin()
        try:
            worked = ahead.next()
            committed = self._commits.commit(worked)
        except FAILURES as error:
            if is_away(error):
                raise
            return Outcome(uid, failures=(f"run {uid[:8]}: {error or type(error).__name__}",))
        if self._commits.outdated:
            ahead.renew()
        if worked.stopped and not committed.failures:
            newest = {each.job.detector: each.use.revision for each in committed.publications}
            self._record.add(uid, newest)
        return Outcome(
            uid,
            uses=tuple(each.use for each in committed.publications),
            published=sum(map(self._commits.is_new, committed.publications)),
            failures=committed.failures,
            seconds=worked.seconds,
        )


class _Ahead:
    """Reads and computes some runs ahead of the one that is committed.

    Args:
        replay: Whose runs.
        computing: Where they are computed.
        reader: Where they are read.
    """

    def __init__(self, replay: Replay, computing: Computing, reader: ThreadPoolExecutor) -> None:
        self._replay, self._computing, self._reader = replay, computing, reader
        self._uids = iter(replay.left)
        self._asked: deque[str] = deque()
        self._told: dict[str, set[str]] = {}
        self._begun: deque[Future[Future[Worked]]] = deque()
        self._watches = computing.share(replay.watches())

    def begin(self) -> None:
        """Begin as many runs as may wait."""
        while len(self._begun) < 2 * self._computing.at_once + 2 and self._more():
            uid = self._asked.popleft()
            self._begun.append(self._reader.submit(self._begin, uid, self._told.pop(uid)))

    def next(self) -> Worked:
        """Return what the next run told, or raise what is wrong with it."""
        return self._computing.result(self._begun.popleft().result())

    def renew(self) -> None:
        """Let the runs that are begun from now on have the masks and recipes in force now."""
        self._watches = self._computing.share(self._replay.watches())

    def stop(self) -> None:
        """Begin nothing more."""
        for each in self._begun:
            each.cancel()

    def _more(self) -> bool:
        if not self._asked:
            self._asked.extend(uid for _, uid in zip(range(AT_ONCE), self._uids, strict=False))
            self._told = self._replay.told(list(self._asked))
        return bool(self._asked)

    def _begin(self, uid: str, told: set[str]) -> Future[Any]:
        return self._computing.submit(work, self._watches, uid, self._replay.documents(uid), frozenset(told))
