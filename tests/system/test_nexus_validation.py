"""Our NXxpcs file under the NeXus committee's definition, by a validator in its own environment."""

from itertools import pairwise

import pytest

from tests.system.peers import Peer, provided
from tests.system.test_readers import made
from xpcs_mask_bluesky import write_nxxpcs

pytestmark = pytest.mark.timeout(900)

NXVALIDATE = Peer(
    name="nxvalidate-0.3.5b3",
    package="nxvalidate==0.3.5b3",
    needs=("nexusformat", "colored", "python-dateutil"),
    probe="import nexusformat.nexus, colored",
    newer_python=False,
)
RUN = {
    "run_uid": "ca47d0a5-0c6b-4b9c-9d8e-0f2d6f1f7a10",
    "scan_id": 7,
    "start_time": "2026-01-02T03:04:05+00:00",
    "count_time": 0.01,
    "frame_time": 0.02,
}


def errors(said):
    fields = [line for level, line in said["lines"] if "Field:" in line or level == "ERROR"]
    return [
        field.split("/")[-1] for field, reason in pairwise(fields) if "required field is not in" in reason
    ]


def test_nothing_is_wrong_where_the_run_is_told_and_its_fields_alone_are_missing_otherwise(tmp_path):
    peer = provided(NXVALIDATE)
    whole = peer.ask("nexus_validates.py", write_nxxpcs(made(), tmp_path / "whole.nxs", **RUN))
    assert errors(whole) == []
    assert whole["total"] == {"warning": 1, "error": 0}  # scan_number: required, and deprecated
    bare = peer.ask("nexus_validates.py", write_nxxpcs(made(), tmp_path / "bare.nxs"))
    assert bare["total"]["error"] == 5
    assert errors(bare) == ["entry_identifier", "scan_number", "start_time", "count_time", "frame_time"]
