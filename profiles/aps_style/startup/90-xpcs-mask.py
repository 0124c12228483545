"""The lines that an APS instrument copies: no document tells the geometry, so a device and the swing do."""

import os
from pathlib import Path

from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback, PartitionRecipe
from xpcs_mask_bluesky.devices.classic import GeometryDevice

# site: PV("…") in place of a number, from xpcs_mask_bluesky.devices, where a record holds it
geometry = GeometryDevice.of(
    "geometry",
    incident_energy=10.92,
    distance=2.2,
    beam_center_x=779.0,
    beam_center_y=987.0,
    x_pixel_size=55e-6,
    y_pixel_size=55e-6,
)
swing = {
    "swing_angle_horizontal": [
        {"where": where, "key": "huber_nu"} for where in ("event", "monitor", "baseline")
    ],
    "swing_angle_vertical": [
        {"where": where, "key": "huber_delta"} for where in ("event", "monitor", "baseline")
    ],
}
told = geometry.source("lambda2M", shape=(1813, 1558)).model_dump(exclude_unset=True)
source = GeometrySource.model_validate(told | {"fields": told["fields"] | swing})

catalog = MaskCatalog.open(Path(os.environ.get("XPCS_MASK_DIR", "xpcs-masks")))  # site: the server's address
recipe = PartitionRecipe(dynamic=(27, 1), static=(270, 36))
callback = PartitionCallback(catalog).watch("lambda2M", source=source, recipe=recipe)
callback.attach(RE, sd=sd, devices=[geometry, huber])
