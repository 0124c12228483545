"""In boost_corr's environment: what its loader makes of a /qmap file."""

import json
import sys

import numpy as np
import without_torch

without_torch.install()

from boost_corr.xpcs_aps_8idi.append_metadata_qmap import copy_qmap  # noqa: E402
from boost_corr.xpcs_aps_8idi.xpcs_qpartitionmap import XpcsQPartitionMap  # noqa: E402

path, result, arrays = sys.argv[1:]
plain, ordered = (XpcsQPartitionMap(path, flag_sort=sort) for sort in (False, True))
copy_qmap(path, result)
np.savez(
    arrays,
    dynamic=plain.dqmap,
    static=plain.sqmap,
    mask=plain.mask,
    blemish=plain.blemish,
    pixels=plain.info_np["mask_idx_1d"],
    counts=plain.info_np["scount"],
)
print(
    json.dumps(
        {
            "consistent": bool(plain.check_fix_qmap()),
            "dynamic": int(plain.dq_dim),
            "static": int(plain.sq_dim),
            "static_of_dynamic": {int(k): [int(s) for s in v] for k, v in ordered.qinfo["dq_sq_map"].items()},
        }
    )
)
