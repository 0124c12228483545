"""Every kind of recipe through a /qmap file, and what a reader makes of its lists."""

import h5py
import numpy as np
import pytest

from tests.unit.test_partition_recipes import ALL, RECIPES, RECORD
from xpcs_mask_bluesky import partition, q_map, read_qmap, write_qmap

MASK = ALL.copy()
MASK[5:9, 11:20] = MASK[40] = False


def made(name):
    return partition(q_map(RECORD), MASK, RECIPES[name])


@pytest.mark.parametrize("name", RECIPES)
def test_a_file_gives_the_same_partition_back(name, tmp_path):
    part = made(name)
    again = read_qmap(write_qmap(part, tmp_path / "qmap.hdf"))
    assert again.digest == part.digest
    assert (again.recipe, again.requested) == (part.recipe, part.requested)
    assert str(again.small_bins) == str(part.small_bins)
    for kind in ("dynamic", "static"):
        ours, theirs = getattr(part, kind), getattr(again, kind)
        for dimension in (0, 1):
            assert np.array_equal(ours.centers[dimension], theirs.centers[dimension])
            assert np.array_equal(ours.means[dimension], theirs.means[dimension], equal_nan=True)
    assert not part.diff(again)


@pytest.mark.parametrize("name", RECIPES)
def test_a_reader_names_each_label_by_its_own_bin(name, tmp_path):
    """What boost_corr and the viewers do: index mapping, number of columns, the two lists."""
    part = made(name)
    with h5py.File(write_qmap(part, tmp_path / "qmap.hdf")) as file:
        qmap = {key: value[()] for key, value in file["qmap"].items()}
        assert file["qmap/map_names"].asstr()[()].tolist() == list(part.map_names)
        assert file["qmap/map_units"].asstr()[()].tolist() == list(part.map_units)
    for kind in ("dynamic", "static"):
        rows, columns = qmap[f"{kind}_num_pts"]
        mapping, labels = qmap[f"{kind}_index_mapping"].astype(int), qmap[f"{kind}_roi_map"]
        assert len(qmap[f"{kind}_v_list_dim0"]) == rows
        assert len(qmap[f"{kind}_v_list_dim1"]) == columns
        assert (np.diff(mapping) > 0).all()
        assert mapping[-1] < rows * columns
        assert labels.max() == len(mapping)
        bins = getattr(part, kind)
        if name not in ("merged bins", "an azimuth", "an arc"):  # whose values are folded, or of several bins
            first = qmap[f"{kind}_v_list_dim0"][mapping // columns]
            step = np.diff(bins.intervals[0], axis=1)[:, 0][mapping // columns]
            assert (np.abs(bins.means[0] - first) <= step).all()


def test_a_file_of_one_axis_is_one_of_q_and_a_whole_turn(tmp_path):
    """As pySimpleMask writes rings: viewers that know (q, phi) alone then label them by q."""
    with h5py.File(write_qmap(made("one axis"), tmp_path / "qmap.hdf")) as file:
        assert file["qmap/map_names"].asstr()[()].tolist() == ["q", "phi"]
        assert file["qmap/dynamic_num_pts"][()].tolist() == [4, 1]
        assert file["qmap/dynamic_v_list_dim1"][()].tolist() == [0.0]
