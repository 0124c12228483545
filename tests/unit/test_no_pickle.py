"""Nothing in the package turns bytes of a stranger into code: the source is walked for whatever could."""

from __future__ import annotations

import ast
from importlib import resources
from pathlib import Path

import pytest

SOURCE = Path(str(resources.files("xpcs_mask_bluesky")))
MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "torch"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    ("yaml", name)
    for name in ("load", "load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all")
} | {("np", "fromfile"), ("numpy", "fromfile")}
SHELL = {("os", "system"), ("os", "popen"), ("subprocess", "getoutput"), ("subprocess", "getstatusoutput")}
DEFAULT_IS_PICKLE = {"RemoteDispatcher": "deserializer"}
"""Of ``bluesky.callbacks.zmq``, whose other end we are, with the argument that must say something else."""


def dangers(source: str) -> list[str]:
    """Return every call or import in a module's text that could run what it reads."""
    return [said for node in ast.walk(ast.parse(source)) if (said := danger(node))]


def danger(node: ast.AST) -> str:
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
        bad = MODULES & {name.split(".")[0] for name in names}
        return f"line {node.lineno}: imports {', '.join(bad)}" if bad else ""
    if isinstance(node, ast.Call):
        said = called(node) or by_default(node)
        return f"line {node.lineno}: {said}" if said else ""
    return ""


def called(node: ast.Call) -> str:
    """Return why a call is dangerous; nothing if it is not."""
    keywords = {each.arg: each.value for each in node.keywords}
    if isinstance(node.func, ast.Name) and node.func.id in CALLS:
        return node.func.id
    allow = keywords.get("allow_pickle")
    if allow is not None and not (isinstance(allow, ast.Constant) and allow.value is False):
        return "allow_pickle is not False"
    if is_true(keywords.get("shell")):
        return "runs a shell"
    if not isinstance(node.func, ast.Attribute) or not isinstance(node.func.value, ast.Name):
        return ""
    owner, name = node.func.value.id, node.func.attr
    if (owner, name) in {("np", "load"), ("numpy", "load")} and allow is None:
        return "np.load does not say allow_pickle=False"
    return f"{owner}.{name}" if (owner, name) in METHODS | SHELL else ""


def by_default(node: ast.Call) -> str:
    """Return which of Bluesky's 0MQ ends a call makes with the pickle that is its default."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    wanted = DEFAULT_IS_PICKLE.get(name)
    said = {each.arg for each in node.keywords}
    return f"{name} without {wanted}= uses pickle" if wanted and wanted not in said else ""


def is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def test_no_module_unpickles_or_evaluates():
    modules = sorted(SOURCE.rglob("*.py"))
    assert len(modules) > 100
    found = {str(each.relative_to(SOURCE)): dangers(each.read_text()) for each in modules}
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from cloudpickle import loads",
        "import torch",
        "eval(text)",
        "exec(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "open_array(path, allow_pickle=choice)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "RemoteDispatcher(address)",
        "zmq.RemoteDispatcher(address, prefix=b'x')",
    ],
)
def test_the_walk_finds_what_it_looks_for(line):
    assert dangers(line)


@pytest.mark.parametrize(
    "line",
    [
        "np.load(path, allow_pickle=False)",
        "yaml.safe_load(text)",
        "RemoteDispatcher(address, deserializer=unpack)",
        "re.compile(text)",
        "subprocess.run([text])",
    ],
)
def test_the_walk_lets_pass_what_is_safe(line):
    assert not dangers(line)
