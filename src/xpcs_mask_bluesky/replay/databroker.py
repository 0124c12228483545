"""Runs in a databroker catalogue: of 1.2.5, which beamlines have beside us, and of 2, a client of Tiled.

Both have ``Broker``, which is all that is used here. It is imported when a catalogue is opened and never
before: databroker 2 makes Tiled's clients of runs answer in its own way for the whole process.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from xpcs_mask_bluesky.replay.lines import encoded, in_order

if TYPE_CHECKING:
    from xpcs_mask_bluesky.replay.selection import Selection


class BrokerRuns:
    """The runs of a ``Broker``.

    Args:
        broker: databroker's.
        name: Of its catalogue.
    """

    def __init__(self, broker: Any, name: str) -> None:
        self._broker, self._name = broker, name

    @classmethod
    def named(cls, name: str) -> BrokerRuns:
        """Return the runs of a catalogue by its name: of an intake catalogue, or of a Tiled profile.

        Raises:
            LookupError: there is none of that name.
            ModuleNotFoundError: databroker lacks what it needs.
        """
        try:
            databroker: Any = importlib.import_module("databroker")
            broker = databroker.Broker
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"databroker does not load ({error}); pip install 'xpcs-mask-bluesky[databroker]'"
            ) from error
        try:
            return cls(broker.named(name), name)
        except (AttributeError, KeyError, ValueError, OSError) as error:
            raise LookupError(
                f"databroker has no catalogue {name!r}; is it that of an intake catalogue, or of a Tiled "
                f"profile? ({type(error).__name__}: {str(error)[:80]})"
            ) from error

    @property
    def name(self) -> str:
        """``databroker:`` and the name of the catalogue."""
        return f"databroker:{self._name}"

    def find(self, selection: Selection) -> list[str]:
        """Return the uids of the selected runs in the order in which they began.

        Raises:
            LookupError: a uid is none of a run there, or the beginning of several.
        """
        if selection.uids:
            return list(dict.fromkeys(self._found(self._broker, uid).start["uid"] for uid in selection.uids))
        span = {"since": selection.since, "until": selection.until}
        asked = {key: value for key, value in span.items() if value is not None} | dict(selection.where)
        starts = [header.start for header in self._broker(**asked)]
        until = float("inf") if selection.until is None else selection.until
        began = sorted((start["time"], start["uid"]) for start in starts if start["time"] < until)
        return [uid for _, uid in began]

    def documents(self, uid: str) -> bytes:
        """Return a run's documents in order, one ``{"name": …, "doc": …}`` of JSON a line.

        Raises:
            LookupError: there is no such run.
        """
        run = self._found(self._broker.v2, uid)
        if hasattr(run, "context"):  # a client of Tiled, whose server has sorted them
            return in_order(encoded(run.documents(fill=False)))
        return encoded(run.documents(fill="no"))

    def _found(self, runs: Any, uid: str) -> Any:
        try:
            return runs[uid]
        except (KeyError, ValueError) as error:
            raise LookupError(
                f"the databroker catalogue {self._name!r} has no run {uid!r}: {error}"
            ) from error
