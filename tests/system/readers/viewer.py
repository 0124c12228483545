"""In an XPCS viewer's environment: what its Q-map class makes of a result file's /xpcs/qmap."""

import importlib
import json
import sys

import numpy as np

module, path, other = sys.argv[1:]
utils = importlib.import_module(module)
manager = utils.QMapManager()
qmap = manager.get_qmap(path)
labels = range(1, len(qmap.dynamic_index_mapping) + 1)
curves = qmap.reshape_phi_analysis(np.arange(len(qmap.static_index_mapping), dtype=float), "a")
print(
    json.dumps(
        {
            "labels": [qmap.get_qbin_label(label) for label in labels],
            "in_range": [int(each) for each in qmap.get_qbin_in_qrange((0.0, 0.012))[0]],
            "at_first_q": [int(each) for each in qmap.get_qbinlist_at_qindex(0)],
            "curves": list(curves["Iq"].shape),
            "largest_q": float(qmap.qmap["q"].max()),
            "units": list(qmap.map_units),
            "kept": manager.get_qmap(path) is qmap,
            "another": manager.get_qmap(other) is not qmap,
            "hash": utils.get_hash(path),
        }
    ),
    flush=True,
)
