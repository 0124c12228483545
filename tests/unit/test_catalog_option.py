"""How commands say what went wrong before they reach a catalogue: one line, status 1."""

import pytest
import typer
from typer.testing import CliRunner

from xpcs_mask_bluesky import AmbiguousPartition
from xpcs_mask_bluesky.cli.catalog_option import CatalogOption, opened, reported

app = typer.Typer()


@app.command()
def look(catalog: CatalogOption) -> None:
    with opened("look", catalog) as found:
        typer.echo(found.uri)


@pytest.mark.parametrize(
    ("place", "said"),
    [("nowhere", "holds no catalogue"), ("http://127.0.0.1:9", "does not answer")],
)
def test_a_place_without_a_catalogue_is_one_line_and_none_is_made(place, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["--catalog", place])
    assert done.exit_code == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("xpcs-mask look: ")
    assert said in line
    assert not list(tmp_path.iterdir())


def test_the_environment_names_the_catalogue_too(tmp_path):
    done = CliRunner().invoke(app, [], env={"XPCS_MASK_CATALOG": str(tmp_path)})
    assert f"{tmp_path} holds no catalogue" in done.stderr


def test_without_a_catalogue_the_option_is_asked_for():
    done = CliRunner().invoke(app, [], env={"XPCS_MASK_CATALOG": ""})
    assert done.exit_code == 2
    assert "--catalog" in done.stderr


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyError("eiger"), "xpcs-mask look: there is no 'eiger'"),
        (AmbiguousPartition("two answer:", ["a", "b"]), "xpcs-mask look: two answer: a; b"),
    ],
)
def test_an_error_of_many_lines_or_of_a_bare_key_becomes_one_sentence(error, line, capsys):
    with pytest.raises(typer.Exit), reported("look"):
        raise error
    assert capsys.readouterr().err.strip() == line
