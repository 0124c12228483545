"""Gaps of named detectors; pyFAI is asked in another way: by the class, pixel for pixel."""

import subprocess
import sys

import numpy as np
import pytest

from xpcs_mask_bluesky import Blemish, evaluate, module_gaps

NAMES = {
    "Eiger 500k": (514, 1030),
    "Eiger 1M": (1065, 1030),
    "Eiger 4M": (2167, 2070),
    "Eiger 9M": (3269, 3110),
    "Eiger2 250k": (512, 512),
    "Eiger2 500k": (512, 1028),
    "Eiger2 1M": (1062, 1028),
    "Eiger2 4M": (2162, 2068),
    "Eiger2 9M": (3262, 3108),
    "Eiger2 CdTe 1M": (1062, 1028),
    "Eiger2 CdTe 4M": (2162, 2068),
    "Pilatus 100k": (195, 487),
    "Pilatus 200k": (407, 487),
    "Pilatus 300k": (619, 487),
    "Pilatus 300kw": (195, 1475),
    "Pilatus 900k": (619, 1475),
    "Pilatus 1M": (1043, 981),
    "Pilatus 2M": (1679, 1475),
    "Pilatus CdTe 1M": (1043, 981),
    "Pilatus CdTe 2M": (1679, 1475),
    "Maxipix 2x2": (516, 516),
    "Maxipix 5x1": (256, 1296),
    "Jungfrau 4M": (2164, 2068),
    "Lambda 750k": (516, 1556),
}


@pytest.mark.parametrize(("name", "shape"), NAMES.items())
def test_the_gaps_of_a_named_detector_are_bad_and_the_modules_good(name, shape):
    pytest.importorskip("pyFAI")
    good = module_gaps(name)
    assert good.shape == shape
    assert good.dtype == bool
    assert good.mean() > 0.85
    several = name not in ("Eiger 500k", "Eiger2 250k", "Eiger2 500k", "Pilatus 100k")
    whole = ~good.any(axis=1), ~good.any(axis=0)
    assert any(lines.any() for lines in whole) == several
    assert evaluate([Blemish.from_array(good, source=name)], shape=shape).counted == good.sum()


def test_an_eiger_2_4m_has_the_gaps_of_its_data_sheet():
    pytest.importorskip("pyFAI")
    good = module_gaps("Eiger2 4M")  # 2 × 4 modules of 1028 × 512, 12 and 38 pixels apart
    rows = np.concatenate([np.arange(512) + n * 550 for n in range(4)])
    columns = np.concatenate([np.arange(1028) + n * 1040 for n in range(2)])
    expected = np.zeros((2162, 2068), bool)
    expected[np.ix_(rows, columns)] = True
    assert np.array_equal(good, expected)


def test_an_unknown_detector_is_an_error_that_names_near_ones():
    pytest.importorskip("pyFAI")
    with pytest.raises(ValueError, match=r"knows no detector 'Eigre 4M'.*eiger"):
        module_gaps("Eigre 4M")
    with pytest.raises(ValueError, match="no shape"):
        module_gaps("Detector")


def test_without_pyfai_the_error_names_the_extra():
    code = "import sys; sys.modules['pyFAI'] = None; import xpcs_mask_bluesky as x; x.module_gaps('Eiger 4M')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'xpcs-mask-bluesky[detectors]'" in done.stderr
