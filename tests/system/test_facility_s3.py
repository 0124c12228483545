"""A facility whose arrays lie in S3: a server that speaks S3 over HTTP, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from obstore.store import S3Store

from tests.system.facility_content import check_all_is_there, fill
from tests.system.services import facility, free_port
from tests.system.serving_checks import check_curl_gets_the_partition
from xpcs_mask_bluesky import MaskCatalog

BUCKET = "xpcs-masks"
CONFIG = {
    "access_key_id": "reader-and-writer",
    "secret_access_key": "not-a-secret-of-anybody",
    "region": "us-east-1",
    "client_options": {"allow_http": True},
}


@dataclass(frozen=True)
class Bucket:
    address: str

    def storage(self) -> dict[str, Any]:
        """Return what a facility's YAML says of it."""
        return {"provider": "s3", "uri": f"{self.address}/{BUCKET}", "config": CONFIG}

    def names(self) -> list[str]:
        """Return the names of all objects."""
        store = S3Store(BUCKET, endpoint=self.address, **CONFIG)
        return [each["path"] for batch in store.list() for each in batch]


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    pytest.importorskip("moto.server", reason="an S3 server comes with: pip install 'moto[server]'")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (tmp_path / "s3.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _create_bucket(f"http://127.0.0.1:{port}", process)
        yield Bucket(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)


def _create_bucket(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the S3 server ended"
        try:
            assert httpx.put(f"{address}/{BUCKET}", trust_env=False).status_code == 200
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the S3 server does not answer")


@pytest.mark.timeout(900)
def test_what_one_replica_put_into_s3_the_other_reads_and_verifies(bucket, tmp_path):
    with facility(tmp_path / "facility", replicas=2, storage=bucket.storage()) as running:
        content = fill(running.uris[0], running.key)
        check_all_is_there(running.uris[1], running.key, content)
        names = bucket.names()
        for digest in content.digests.values():
            assert any(digest in name for name in names)
        assert not any((tmp_path / "facility" / "data").iterdir())
        with MaskCatalog.open(running.uris[1], api_key=running.key) as catalog:
            use = catalog["det"].partition(run="r1")
        check_curl_gets_the_partition(running.uris[1], running.key, use, tmp_path)
        assert not any(CONFIG["secret_access_key"] in log.read_text() for log in running.logs)
