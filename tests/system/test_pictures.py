"""Pictures and reports of a detector in a catalogue, from the prompt and from the command line."""

import json
import re
import secrets

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from tests.system.test_store_publish import RECIPE, SHAPE, geometry
from xpcs_mask_bluesky import AmbiguousPartition, DrawnMask, Eraser, MaskCatalog, Rectangle
from xpcs_mask_bluesky.cli import app
from xpcs_mask_bluesky.simplemask import MaskAssemble
from xpcs_mask_bluesky.store.nodes import XPCSPartition
from xpcs_mask_bluesky.store.uses import GeometryNote

IMAGE = np.add.outer(np.arange(60.0), np.arange(80.0))
TOLD = {
    "incident_energy": {
        "where": "configuration",
        "key": "photon_energy",
        "stream": "primary",
        "assumed": False,
    },
    "distance": {"where": "default", "key": "", "stream": "", "assumed": True},
}


def masked(catalog):
    """Return a detector with a blemish, a recipe and a mask."""
    blemish = np.ones(SHAPE, bool)
    blemish[7] = False
    detector = catalog.create_detector("eiger4M", shape=SHAPE, blemish=blemish)
    detector.set_recipe(RECIPE)
    with detector.edit(author="me") as mask:
        mask.circle(row=22, column=31, radius=4)
    return detector


@pytest.fixture
def detector(catalog):
    return masked(catalog)


@pytest.fixture(scope="module")
def kept(shared_catalog, server_directory):
    with MaskCatalog.open(server_directory, path=f"xpcs-{secrets.token_hex(4)}") as catalog:
        yield catalog


@pytest.fixture(scope="module")
def published(kept):
    """One that no test changes."""
    detector = masked(kept)
    detector.publish(geometry(), run_uid="a-run-of-ours", time=1.78e9, provenance=TOLD)
    return detector


def words(figure):
    return " | ".join(text.get_text() for text in figure.findobj(mpl.text.Text))


def test_a_detector_without_a_geometry_shows_its_mask(detector):
    figure = detector.show()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "column (px)"
    counted = 100 * detector.mask().counted / IMAGE.size
    assert f"{counted:.1f} % of the pixels count" in words(figure)


def test_a_published_detector_shows_labels_and_rings_with_their_values(published):
    figure = published.show(image=IMAGE)
    said = words(figure)
    assert "8 dynamic labels of 4 × 2 bins" in said
    assert "90°" in said
    assert "intensity of the given image" in said
    shown = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {str(label) for label in range(1, 9)} <= shown


def test_labels_older_than_the_mask_are_said_to_be_so(detector):
    used = detector.publish(geometry(), run_uid="r1").mask_revision
    detector.edit(author="me").circle(row=40, column=60, radius=4)
    assert f"the labels are those of mask revision {used}" in words(detector.show())
    assert "the labels are those" not in words(detector.show(run="r1"))


def test_a_partition_and_its_node_show_themselves(published):
    handle = published.partition().partition
    plain = published["partitions"][handle.digest]
    node = XPCSPartition(plain.context, item=plain.item, structure_clients=plain.structure_clients)
    for figure in (handle.show(), node.show(IMAGE)):
        assert handle.digest[:12] in words(figure)
    with pytest.raises(ValueError, match="transposed"):
        handle.show(IMAGE.T)


def test_no_global_figure_is_made_unless_matplotlib_is_interactive(published):
    from matplotlib import pyplot

    published.show()
    assert pyplot.get_fignums() == []
    with mpl.rc_context({"interactive": True}):
        shown = published.show()
    assert [pyplot.figure(number) for number in pyplot.get_fignums()] == [shown]
    pyplot.close("all")


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_a_report_is_one_page(published, tmp_path, suffix):
    path = published.report(tmp_path / f"report{suffix}", run="a-run-of-ours", image=IMAGE)
    if suffix == ".png":
        rows, columns = imread(path).shape[:2]
        assert rows / columns == pytest.approx(297 / 210, rel=1e-2)
    else:
        content = path.read_bytes()
        assert content.startswith(b"%PDF")
        assert len(re.findall(rb"/Type /Page\b", content)) == 1


def test_a_report_tells_provenance_history_and_digests(published, monkeypatch):
    from xpcs_mask_bluesky.plots import report

    pages = []
    monkeypatch.setattr(report, "write_report", lambda content, path: pages.append(content) or path)
    published.report("page.png", run="a-run-of-ours")
    said, part = words(report.report_figure(pages[0])), published.partition().partition
    assert pages[0].image is None
    for each in (
        "a-run-of-ours",
        "2026-05-28 20:26:40 UTC",
        "primary, 1 to the end",
        "photon_energy (config of primary)",
        "ASSUMED, nobody measured it",
        "not recorded",
        "circle of 4 px",
        part.digest,
        part.record.digest,
        f"{published.mask().counted} of 4800",
    ):
        assert each in said.replace("\u202f", ""), each


def test_a_geometry_computed_on_demand_is_reported_with_its_provenance(detector, tmp_path):
    notes = [
        GeometryNote(record=geometry(distance), first_seq_num=n, time=1.0, provenance=TOLD)
        for n, distance in ((1, 5.0), (2, 6.0))
    ]
    detector.note_geometries("r1", notes)
    with pytest.raises(AmbiguousPartition):
        detector.report(tmp_path / "page.png", run="r1")
    from xpcs_mask_bluesky.store.pictures import provenance_of

    use = detector.partition(run="r1", event=2)
    assert provenance_of(detector, use, use.partition.record) == TOLD
    assert detector.report(tmp_path / "page.png", run="r1", event=2).exists()


def test_what_cannot_be_drawn_is_refused(published, tmp_path):
    with pytest.raises(ValueError, match=r"\.png or \.pdf"):
        published.report(tmp_path / "report.docx")
    with pytest.raises(LookupError, match="knows no run"):
        published.report(tmp_path / "report.png", run="unknown")
    with pytest.raises(LookupError, match="knows no run"):
        published.show(run="unknown")
    with pytest.raises(ValueError, match="transposed"):
        published.report(tmp_path / "report.png", image=IMAGE.T)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def ask(published, server_directory, kept):
    def command(*arguments):
        place = ("--catalog", str(server_directory), "--path", kept.path)
        return CliRunner().invoke(app, [*map(str, arguments), *place])

    return command


def test_a_viewer_scripts_mask_becomes_a_drawing_of_the_detector(detector):
    masks = MaskAssemble(SHAPE)
    masks.mask_action("mask_draw", IMAGE > 100)
    before = np.asarray(detector.mask())
    with detector.edit(author="me") as edit:
        edit.apply(DrawnMask.from_array(masks.mask, source="a script"))
    assert np.array_equal(detector.mask(), before & (IMAGE <= 100))
    detector.edit(author="me").apply(Eraser(shape=Rectangle(row=56, column=76, height=6, width=6)))
    restored = np.asarray(detector.mask())[54:59, 74:79]
    assert restored.all()


def test_the_commands_draw_and_tell(ask, published, tmp_path):
    done = ask("show", "--json")
    facts, digest = json.loads(done.stdout), published.partition().digest
    assert facts["mask"] == {"counted": published.mask().counted, "digest": published.mask().digest}
    assert (facts["partition"]["digest"], facts["partition"]["dynamic"]) == (digest, 8)
    assert "circle of 4 px" in ask("show").stdout
    assert ask("show", "-o", tmp_path / "shown.png").stdout.strip() == str(tmp_path / "shown.png")
    assert imread(tmp_path / "shown.png").shape[1] > 1000
    done = ask("report", "-o", tmp_path / "page.pdf", "--run", "a-run-of-ours", "--json")
    assert json.loads(done.stdout)["partition"] == digest
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


@pytest.mark.parametrize(
    "arguments", [("report", "-o", "page.docx"), ("report", "-o", "page.png", "--run", "unknown")]
)
def test_a_command_that_fails_says_so_in_one_line(ask, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = ask(*arguments)
    assert done.exit_code == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("xpcs-mask report: ")
    assert not list(tmp_path.iterdir())
