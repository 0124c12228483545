"""Masks and lists of pixels from files."""

import json

import fabio
import h5py
import numpy as np
import pytest
import tifffile
from fabio.cbfimage import CbfImage
from fabio.edfimage import EdfImage
from fabio.fit2dmaskimage import Fit2dMaskImage

from xpcs_mask_bluesky import (
    FileMask,
    Mask,
    evaluate,
    file_mask,
    from_pixel_mask,
    read_mask,
    read_pixels,
    to_pixel_mask,
)

SHAPE = (20, 33)
GOOD = np.random.default_rng(4).random(SHAPE) < 0.8
SUFFIXES = (".tif", ".tiff", ".h5", ".nxs", ".npy", ".edf", ".cbf", ".msk")
TURNED = {
    "row,column": GOOD,
    "row,-column": np.fliplr(GOOD),
    "-row,column": np.flipud(GOOD),
    "-row,-column": np.rot90(GOOD, 2),
    "column,row": GOOD.T,
    "column,-row": np.rot90(GOOD, -1),
    "-column,row": np.rot90(GOOD, 1),
    "-column,-row": np.rot90(GOOD, 2).T,
}


def write(path, array):
    array = np.ascontiguousarray(array)
    match path.suffix:
        case ".tif" | ".tiff":
            tifffile.imwrite(path, array)
        case ".h5" | ".nxs":
            with h5py.File(path, "w") as file:
                file["entry/mask"] = array
        case ".npy":
            np.save(path, array)
        case ".edf":
            EdfImage(data=array).write(str(path))
        case ".cbf":
            CbfImage(data=array.astype(np.int32)).write(str(path))
        case ".msk":
            Fit2dMaskImage(data=array).write(str(path))
    return path


def read(path, *, polarity="good", orientation="row,column", shape=SHAPE, dataset="/entry/mask"):
    dataset = dataset if path.suffix in (".h5", ".nxs") else None
    return read_mask(path, shape=shape, polarity=polarity, orientation=orientation, dataset=dataset)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_declared_polarity(tmp_path, suffix):
    path = write(tmp_path / f"mask{suffix}", GOOD.astype(np.uint8))
    assert np.array_equal(read(path), GOOD)
    assert np.array_equal(read(path, polarity="bad"), ~GOOD)
    assert read(path).dtype == bool


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("suffix", [".npy", ".edf"])
def test_every_orientation_ends_as_row_and_column(tmp_path, orientation, suffix):
    path = write(tmp_path / f"mask{suffix}", TURNED[orientation].astype(np.uint8))
    assert np.array_equal(read(path, orientation=orientation), GOOD)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_transposed_file_is_recognised_and_the_remedy_named(tmp_path, suffix):
    path = write(tmp_path / f"mask{suffix}", GOOD.T.astype(np.uint8))
    with pytest.raises(ValueError, match="transposed: declare an orientation with 'column' first"):
        read(path)
    with pytest.raises(ValueError, match=r"\(33, 20\).*another detector"):
        read(path, shape=(1000, 1000))
    upright = write(tmp_path / f"upright{suffix}", GOOD.astype(np.uint8))
    with pytest.raises(ValueError, match="declare an orientation with 'row' first"):
        read(upright, orientation="column,row")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.97])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_short_is_an_error(tmp_path, suffix, kept):
    whole = write(tmp_path / f"mask{suffix}", np.kron(GOOD, np.ones((9, 9))).astype(np.uint8))
    content = whole.read_bytes()
    assert read(whole, shape=(180, 297)).shape == (180, 297)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ValueError, match=r"cut\."):
        read(cut, shape=(180, 297))


def test_an_hdf5_file_without_that_path_names_those_it_has(tmp_path):
    path = write(tmp_path / "mask.h5", GOOD)
    for wrong in ("/entry/data", "/entry"):
        with pytest.raises(ValueError, match=r"no dataset.*it has /entry/mask \(20, 33\)"):
            read(path, dataset=wrong)
    with pytest.raises(ValueError, match="say which dataset="):
        read(path, dataset=None)


def test_nothing_is_read_of_a_file_with_another_shape(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("entry/mask", shape=(10**6, 10**6), dtype="u1", chunks=(1000, 1000))
    with pytest.raises(ValueError, match="1000000, 1000000"):
        read(tmp_path / "huge.h5")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.arange(660).reshape(SHAPE), "is it an image"),
        (np.array([["a"] * 33] * 20), "a mask is made of numbers"),
        (np.zeros((2, *SHAPE)), "another detector"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, array, said):
    np.save(tmp_path / "mask.npy", array)
    with pytest.raises(ValueError, match=said):
        read(tmp_path / "mask.npy")


def test_pickles_several_pages_and_unknown_declarations_are_refused(tmp_path):
    np.save(tmp_path / "object.npy", np.array([{}, []], object), allow_pickle=True)
    with pytest.raises(ValueError, match="object"):
        read(tmp_path / "object.npy")
    tifffile.imwrite(tmp_path / "two.tif", np.zeros((2, *SHAPE), np.uint8))
    with pytest.raises(ValueError, match="2 images"):
        read(tmp_path / "two.tif")
    path = write(tmp_path / "mask.npy", GOOD)
    with pytest.raises(ValueError, match="polarity is 'white'"):
        read(path, polarity="white")
    with pytest.raises(ValueError, match="orientation is 'native'"):
        read(path, orientation="native")
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        read(tmp_path / "none.npy")
    (tmp_path / "mask.png").touch()
    with pytest.raises(ValueError, match=r"known are \.tif"):
        read(tmp_path / "mask.png")


def test_fabio_logs_nothing_to_us_after_reading(tmp_path):
    path = write(tmp_path / "mask.edf", GOOD.astype(np.uint8))
    read(path)
    assert not [each for each in fabio.edfimage.logger.parent.handlers if type(each).__name__ == "Handler"]


def test_a_file_mask_holds_the_digest_of_its_pixels_and_no_path(tmp_path):
    path = write(tmp_path / "mask.npy", ~GOOD)
    operation = file_mask(path, shape=SHAPE, polarity="bad", orientation="row,column")
    assert isinstance(operation, FileMask)
    assert str(tmp_path) not in operation.model_dump_json()
    assert evaluate([operation], shape=SHAPE) == Mask(GOOD)
    told = FileMask.model_validate(operation.model_dump(mode="json"))
    assert evaluate([told], shape=SHAPE, arrays={told.digest: GOOD}) == Mask(GOOD)
    with pytest.raises(ValueError, match="not at hand"):
        evaluate([told], shape=SHAPE)
    with pytest.raises(ValueError, match="expected bool"):
        evaluate([told], shape=SHAPE, arrays={told.digest: GOOD.astype(int)})


def test_a_pixel_mask_rejects_by_its_lower_bits_only(tmp_path):
    bits = np.zeros(SHAPE, np.uint32)
    for bit in range(32):
        bits[3, bit] = 1 << bit
    expected = np.ones(SHAPE, bool)
    expected[3, :16] = False
    assert np.array_equal(from_pixel_mask(bits), expected)
    assert np.array_equal(from_pixel_mask(bits.view(np.int32)), expected)
    assert np.array_equal(read(write(tmp_path / "bits.h5", bits), polarity="pixel_mask"), expected)
    with pytest.raises(ValueError, match="pixel_mask"):
        read(write(tmp_path / "bits.npy", bits))


def test_a_mask_becomes_a_pixel_mask_and_comes_back():
    bits = to_pixel_mask(Mask(GOOD))
    assert bits.dtype == np.uint32
    assert np.array_equal(bits, np.where(GOOD, 0, 256))
    assert np.array_equal(from_pixel_mask(bits), GOOD)
    assert np.array_equal(to_pixel_mask(GOOD, bit=1), np.where(GOOD, 0, 2))
    for wrong in (
        lambda: to_pixel_mask(GOOD, bit=16),
        lambda: from_pixel_mask(GOOD),
        lambda: to_pixel_mask(bits),
    ):
        with pytest.raises(ValueError, match="expected"):
            wrong()


LISTS = {
    "a.json": "[[1, 2], [3, 4]]",
    "b.json": '{"pixels": [[1, 2], [3, 4]]}',
    "c.csv": "1,2\n3, 4\n",
    "d.txt": "# hot\n1 2\n\n3\t4  # stuck\n",
    "e.txt": "1,2\n3,4\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_pixels_is_read_in_the_declared_order(tmp_path, name):
    (tmp_path / name).write_text(LISTS[name])
    assert read_pixels(tmp_path / name, order="row,column").pixels == ((1, 2), (3, 4))
    swapped = read_pixels(tmp_path / name, order="column,row")
    assert swapped.pixels == ((2, 1), (4, 3))
    assert name in swapped.describe()


def test_named_columns_must_agree_with_the_declared_order(tmp_path):
    path = tmp_path / "hot.csv"
    path.write_text("Column,Row\n1,2\n")
    assert read_pixels(path, order="column,row").pixels == ((2, 1),)
    with pytest.raises(ValueError, match=r"'column,row', but .* 'row,column'"):
        read_pixels(path, order="row,column")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "1,2\n3\n", "line 2"),
        ("a.csv", "1,2\n3,x\n", "line 2"),
        ("a.txt", "1 2\n3 -4\n", "line 2"),
        ("a.txt", "1.5 2\n", "names its columns|line 1"),
        ("a.txt", "1 2 3\n", "line 1"),
        ("a.txt", "# nothing\n", "lists no pixel"),
        ("a.json", "[[1, 2], [3, true]]", "pixel 1"),
        ("a.json", "[[1, 2], 3]", "pixel 1"),
        ("a.json", '{"rows": [1]}', "a dict"),
        ("a.json", "[[1, 2", "not JSON"),
        ("a.dat", "1 2", r"known are \.json"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=said):
        read_pixels(tmp_path / name, order="row,column")


def test_the_order_is_not_guessed(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([[1, 2]]))
    with pytest.raises(ValueError, match="order is 'xy'"):
        read_pixels(tmp_path / "a.json", order="xy")
