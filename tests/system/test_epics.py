# ruff: noqa: F811  fixtures of the other file
"""Ophyd devices on a real EPICS server in a process of its own."""

import pytest
from bluesky import RunEngine
from bluesky import plans as bp
from ophyd import EpicsMotor

from tests.system.epics_ioc import ioc  # noqa: F401


def test_a_motor_of_the_ioc_is_scanned_and_says_its_unit(ioc):
    stage = EpicsMotor(f"{ioc.prefix}stage:x", name="stage_x")
    stage.wait_for_connection(timeout=5)
    seen = []
    RunEngine({}, context_managers=[])(
        bp.scan([], stage, 0, 1, 3), lambda name, doc: seen.append((name, doc))
    )
    assert [doc["data"]["stage_x"] for name, doc in seen if name == "event"] == pytest.approx([0, 0.5, 1])
    (descriptor,) = [doc for name, doc in seen if name == "descriptor"]
    assert descriptor["data_keys"]["stage_x"]["units"] == "mm"
