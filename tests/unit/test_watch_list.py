"""Which detectors to watch, from a file or from a command's options."""

import json
import re

import pytest

from xpcs_mask_bluesky import GeometrySource, PartitionRecipe, WatchList
from xpcs_mask_bluesky.cli.watch_options import watch_list

RECIPE = {"axes": ["q", "phi"], "dynamic": [10, 1], "static": [60, 6]}
LIST = """
watch:
  - detector: eiger4M
    source: xpcs-sim
    recipe: {dynamic: [10, 1], static: [60, 6]}
    export_to: qmaps
  - detector: eiger4M
    source: xpcs-sim
    recipe: recipes/narrow.json
    name: narrow
  - detector: rigaku3M
    source: aps-8id-nexus
    values: {rows: 1676, columns: 1400}
  - detector: lambda2M
    source: lambda.yaml
"""
SOURCE = "detector: $detector\nfields:\n  distance: [{where: const, value: 2.2, unit: m}]\n"


class Recorder:
    """What stands where a callback would."""

    def __init__(self):
        self.watched = []

    def watch(self, detector, **given):
        self.watched.append((detector, given))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "narrow.json").write_text(json.dumps(RECIPE | {"dynamic": [20, 1]}))
    (tmp_path / "lambda.yaml").write_text(SOURCE)
    (tmp_path / "watch.yaml").write_text(LIST)
    return tmp_path


def test_a_file_says_all_that_watch_takes_and_its_paths_begin_beside_it(folder, monkeypatch):
    monkeypatch.chdir("/")
    found = WatchList.from_yaml(folder / "watch.yaml")
    assert found.detectors == ("eiger4M", "rigaku3M", "lambda2M")
    recorder = Recorder()
    assert found.watch(recorder) is recorder
    sim = GeometrySource.preset("xpcs-sim", detector="eiger4M")
    first, second, third, fourth = recorder.watched
    wide = PartitionRecipe(dynamic=(10, 1), static=(60, 6))
    assert first == (
        "eiger4M",
        {"source": sim, "recipe": wide, "name": "default", "export_to": folder / "qmaps"},
    )
    assert second[1]["recipe"].dynamic == (20, 1)
    assert second[1]["name"] == "narrow"
    assert third[1]["source"].fields["shape"][0].value == (1676, 1400)
    assert fourth[1]["source"].fields["distance"][0].value == 2.2
    assert fourth[1]["recipe"] is None


def test_options_say_the_same_as_a_file(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (by_file,) = WatchList.from_yaml(folder / "watch.yaml").entries[2:3]
    by_options = watch_list(
        None, detector="rigaku3M", preset="aps-8id-nexus", values=["rows=1676", "columns=1400"]
    )
    assert by_options.entries == (by_file,)
    (folder / "places.txt").write_text(SOURCE)
    source = watch_list(None, detector="lambda2M", source=folder / "places.txt").entries[0].source
    assert source == WatchList.from_yaml("watch.yaml").entries[3].source


def test_a_list_survives_json(folder):
    found = WatchList.from_yaml(folder / "watch.yaml")
    assert WatchList.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("watch: []", "at least 1 item"),
        ("detectors: []", "watch: Field required"),
        ("watch:\n  - {detector: d}", "watch.0.source: Field required"),
        ("watch:\n  - {detector: d, source: no-such}", "no preset 'no-such'; there is"),
        ("watch:\n  - {detector: d, source: aps-8id-nexus}", "aps-8id-nexus needs rows="),
        ("watch:\n  - {detector: d, source: xpcs-sim, values: {detector: e}}", "said already"),
        ("watch:\n  - {detector: d, source: xpcs-sim, recipe: {dynamic: [7, 1]}}", "recipe.*static"),
        ("watch:\n" + 2 * "  - {detector: d, source: xpcs-sim}\n", "d has two recipes 'default'"),
        ("watch: [", "is not YAML"),
    ],
)
def test_what_is_no_list_is_told(tmp_path, text, said):
    (tmp_path / "watch.yaml").write_text(text)
    with pytest.raises(ValueError, match=said):
        WatchList.from_yaml(tmp_path / "watch.yaml")


@pytest.mark.parametrize("missing", ["source: gone.yaml", "source: xpcs-sim, recipe: gone.yaml"])
def test_a_file_that_is_not_there_is_named(tmp_path, missing):
    (tmp_path / "watch.yaml").write_text(f"watch:\n  - {{detector: d, {missing}}}\n")
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "gone.yaml"))):
        WatchList.from_yaml(tmp_path / "watch.yaml")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "expected --watch FILE, or --detector NAME"),
        ({"detector": "d"}, "one of --preset and --source"),
        ({"detector": "d", "preset": "xpcs-sim", "source": "x.yaml"}, "one of --preset and --source"),
        ({"watch": "watch.yaml", "detector": "d"}, "leave the other options out"),
        ({"detector": "d", "preset": "aps-8id-nexus", "values": ["rows"]}, "'rows' is no NAME=VALUE"),
    ],
)
def test_options_that_say_nothing_or_twice_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        watch_list(options.pop("watch", None), **options)
