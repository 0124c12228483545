"""Our wheel resolves, installs and works beside what beamlines have: apsbits, nslsii, queueserver."""

import numpy as np
import pytest

from tests.system.neighbours import CHECKOUT, ask, beside, wheel
from tests.system.services import REDIS, needs
from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map

PROFILE = CHECKOUT / "profiles" / "xpcs_sim" / "startup"
pytestmark = pytest.mark.timeout(900)  # the first run of a machine installs some hundred packages


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.parametrize(("neighbour", "databroker"), [("apsbits", "1.2.5"), ("nslsii", "2.")])
def test_a_run_is_published_beside(neighbour, databroker, built, tmp_path):
    facts = ask(beside(neighbour, built), "beside.py", neighbour, tmp_path)
    assert facts["delivered"]
    assert facts["databroker"].startswith(databroker)
    record = GeometryRecord.model_validate(facts["record"])
    recipe = PartitionRecipe(dynamic=(10, 1), static=(60, 6))
    ours = partition(q_map(record), np.ones(record.shape, bool), recipe)
    assert facts["partition"] == ours.digest


def test_the_queue_servers_manager_runs_our_profile(built, tmp_path):
    needs("Redis", REDIS)
    where = REDIS.removeprefix("redis://")
    facts = ask(beside("apsbits", built), "queueserver.py", PROFILE, tmp_path, where)
    assert facts == {"exit": "completed", "distance": 5.0, "labels": 10}
