"""Documents of a run from the tables that Tiled keeps, where a server does not export documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xpcs_mask_bluesky.replay.lines import encoded

STREAM_SPEC = "BlueskyEventStream"


def documents_of(run: Any) -> bytes:
    """Return a run's documents in order, one ``{"name": …, "doc": …}`` of JSON a line.

    Each stream is read by one request for what it is and one for its table; arrays that lie beside the
    table are left out, since no geometry is in them.

    Args:
        run: Tiled's client of a run that TiledWriter wrote.
    """
    start, stop = run.metadata["start"], run.metadata.get("stop")
    timed: list[tuple[str, Mapping[str, Any]]] = []
    for name, stream in _streams(run):
        timed += _documents(name, stream, start["uid"])
    timed.sort(key=lambda each: (each[1]["time"], each[0] != "descriptor"))
    documents = [("start", start), *_with_frames(timed), *([("stop", stop)] if stop else [])]
    return encoded(documents)


def _streams(run: Any) -> Iterator[tuple[str, Any]]:
    """Yield each stream's name and client, whatever version of client the process was told to use."""
    base = run.base
    if "streams" in base and STREAM_SPEC not in {each.name for each in base["streams"].specs}:
        base = base["streams"]  # as TiledWriter nested them once
    yield from base.items()


def _documents(name: str, stream: Any, run_uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
    from bluesky_tiled_plugins.exporters import build_descriptor_docs

    descriptors = build_descriptor_docs(dict(stream.metadata), name, run_start_uid=run_uid)
    for each in descriptors:
        yield "descriptor", each
    if "internal" in list(stream.base):
        for row in stream.base["internal"].read().to_dict(orient="records"):
            yield "event", _event(row, descriptors)


def _event(row: Mapping[str, Any], descriptors: list[dict[str, Any]]) -> dict[str, Any]:
    own = [each["uid"] for each in descriptors if each["time"] <= row["time"]] or [descriptors[0]["uid"]]
    stamps = {key.removeprefix("ts_"): value for key, value in row.items() if key.startswith("ts_")}
    return {
        "uid": f"event-{own[-1]}-{row['seq_num']}",
        "descriptor": own[-1],
        "seq_num": row["seq_num"],
        "time": row["time"],
        "data": {key: row[key] for key in stamps if key in row},
        "timestamps": stamps,
    }


def _with_frames(
    documents: list[tuple[str, Mapping[str, Any]]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Say after the descriptor of a stream without events that it has frames, if it has."""
    with_events = {doc["descriptor"] for name, doc in documents if name == "event"}
    for name, doc in documents:
        yield name, doc
        external = any("external" in each for each in doc.get("data_keys", {}).values())
        if name == "descriptor" and external and doc["uid"] not in with_events:
            numbers = {"start": 1, "stop": 2}
            yield (
                "stream_datum",
                {"uid": f"frames-{doc['uid']}", "descriptor": doc["uid"], "seq_nums": numbers},
            )
