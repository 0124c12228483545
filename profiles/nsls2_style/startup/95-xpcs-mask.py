"""The lines that an NSLS-II profile copies: the detector's preset, and its stage in baseline and monitors."""

import os
from pathlib import Path

from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback, PartitionRecipe

catalog = MaskCatalog.open(Path(os.environ.get("XPCS_MASK_DIR", "xpcs-masks")))  # site: the server's address
source = GeometrySource.preset("nsls2-chx", detector="eiger4m_single", camera="eiger4m")
recipe = PartitionRecipe(dynamic=(27, 1), static=(270, 36))
callback = PartitionCallback(catalog).watch("eiger4m_single", source=source, recipe=recipe)
callback.attach(RE, sd=sd, devices=[saxs_detector])
