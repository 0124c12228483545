"""The lines that a beamline copies; those of the README, with the simulated beamline's source."""

from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback, PartitionRecipe

catalog = MaskCatalog.open(masks)
source = GeometrySource.preset("xpcs-sim", detector="eiger4M")
recipe = PartitionRecipe(dynamic=(10, 1), static=(60, 6))
callback = PartitionCallback(catalog).watch("eiger4M", source=source, recipe=recipe)
RE.subscribe(catalog.tiled_writer())
RE.subscribe(callback)
