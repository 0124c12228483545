"""In boost_corr's environment: RESULT as it starts one, of a beamline's METADATA and a QMAP."""

import json
import sys

import without_torch

without_torch.install()

from boost_corr.xpcs_aps_8idi.append_metadata_qmap import append_metadata_qmap  # noqa: E402

metadata, qmap, result = sys.argv[1:]
append_metadata_qmap(result, meta_fname=metadata, qmap_fname=qmap)
print(json.dumps({}))
