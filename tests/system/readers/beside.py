"""Beside a beamline's own packages: their RunEngine, our callback; what a run leaves in the catalogue."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import bluesky.plans as bp

from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback, PartitionRecipe
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

neighbour, directory = sys.argv[1], Path(sys.argv[2])
catalog = MaskCatalog.open(directory)
callback = PartitionCallback(catalog).watch(
    "eiger4M",
    source=GeometrySource.preset("xpcs-sim", detector="eiger4M"),
    recipe=PartitionRecipe(dynamic=(10, 1), static=(60, 6)),
)
if neighbour == "apsbits":
    from apsbits.core.run_engine_init import init_RE

    settings = {"RUN_ENGINE": {"USE_PROGRESS_BAR": False, "MD_PATH": str(directory / "md")}}
    engine, supplemental = init_RE(settings, subscribers=[callback], context_managers=[])
else:
    import nslsii
    from bluesky import RunEngine

    names = {"RE": RunEngine({}, context_managers=[])}
    off = dict.fromkeys(("bec", "magics", "mpl", "configure_logging", "pbar", "ipython_logging"), False)
    nslsii.configure_base(names, **off)
    engine, supplemental = names["RE"], names["sd"]
    callback.attach(engine)
beamline = SimulatedBeamline(directory / "frames")
supplemental.baseline.extend(beamline.geometry_devices)
(uid,) = engine(bp.count([beamline.detector, beamline.mono]))
delivered = callback.close()
part = catalog["eiger4M"].partition(run=uid).partition.read()
catalog.close()
facts = {
    "delivered": delivered,
    "partition": part.digest,
    "record": part.record.model_dump(mode="json"),
    "databroker": version("databroker"),
    "neighbour": version(neighbour),
}
print(json.dumps(facts))
