"""What may import what, and what may not occur at all, read from the source itself."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "stylegan_cli"
FILES = sorted(PACKAGE.rglob("*.py"))

# a module imports from rows above its own, or from its own room
ROWS = (
    {"errors", "__init__"},
    {"files", "ranges", "runtime", "shapes", "sizes"},
    {"download", "texts"},
    {"hdf5"},
    {"data", "figures", "ops", "recipe"},
    {"networks"},
    {"latents", "shipped"},
    {"interop", "rendering"},
    {"detectors"},
    {"directions", "training"},
    {"benchmark", "metrics", "studies"},
    {"describe", "report"},
    {"api"},
    {"cli"},
    {"__main__"},
)
HEAVY = {"torch", "numpy", "h5py", "PIL", "matplotlib", "pydantic", "safetensors", "rich"}
HDF5_ROOMS = {"data", "directions", "hdf5", "latents", "metrics", "rendering"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
CODE_RUNNING_MODULES = {
    *("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"),
    *("runpy", "code", "yaml", "jsonpickle"),
}
CODE_RUNNING_CALLS = {
    *("eval", "exec", "compile", "__import__", "torch.jit.load", "torch.hub.load"),
    *("torch.package.PackageImporter", "torch.serialization.add_safe_globals"),
    *("pandas.read_pickle", "pd.read_pickle"),
}


@dataclass(frozen=True)
class Import:
    """The module of an import statement, and whether it loads together with its file."""

    module: str
    at_once: bool

    @property
    def library(self) -> str:
        return self.module.split(".")[0]

    @property
    def room(self) -> str:
        return [*self.module.split("."), "__init__"][1]


def imports(node: ast.AST, *, at_once: bool = True) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, at_once) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.module and node.level == 0, "imports are absolute"
        names = [alias.name for alias in node.names] if node.module == "stylegan_cli" else [""]
        yield from (Import(f"{node.module}.{name}".rstrip("."), at_once) for name in names)
    later = isinstance(node, ast.FunctionDef) or (
        isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    )
    for child in ast.iter_child_nodes(node):
        yield from imports(child, at_once=at_once and not later)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def row(name: str) -> int:
    known = [number for number, names in enumerate(ROWS) if name in names]
    assert known, f"{name} stands in no row"
    return known[0]


def unsafe(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _unsafe_call(node)
    for found in imports(tree):
        if found.library in CODE_RUNNING_MODULES:
            yield f"import {found.module}"
    for node in ast.walk(tree):
        # under another name its calls would not be seen
        if isinstance(node, ast.ImportFrom) and node.module in ("torch", "numpy"):
            yield from (f"{node.module}.load" for alias in node.names if alias.name == "load")


def _unsafe_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    flags = {word.arg: ast.unparse(word.value) for word in call.keywords}
    if name in CODE_RUNNING_CALLS:
        yield name
    if name in {"np.load", "numpy.load"} and len(call.args) > 2:
        yield "allow_pickle without its name"
    if name == "torch.load" and flags.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if flags.get("weights_only", "True") != "True":
        yield f"weights_only={flags['weights_only']}"
    if flags.get("allow_pickle", "False") != "False":
        yield f"allow_pickle={flags['allow_pickle']}"


every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


@every_file
def test_imports_point_one_way(path):
    for found in imports(parse(path)):
        if found.library != "stylegan_cli" or found.room in {room(path), "__version__"}:
            continue
        assert row(found.room) < row(room(path)), f"{room(path)} imports {found.module}"


@every_file
def test_typer_and_rich_stay_in_the_command_line(path):
    libraries = {found.library for found in imports(parse(path))}
    assert room(path) == "cli" or not libraries & {"typer", "rich", "click"}


@every_file
def test_commands_call_the_public_names(path):
    """The command line is one more caller of `api`."""
    allowed = {"cli", "api", "errors", "ranges", "__version__"}
    found = {found.room for found in imports(parse(path)) if found.library == "stylegan_cli"}
    assert room(path) != "cli" or found <= allowed


@every_file
def test_h5py_stays_where_hdf5_is_read_or_written(path):
    libraries = {found.library for found in imports(parse(path))}
    assert room(path) in HDF5_ROOMS or "h5py" not in libraries


@every_file
def test_nothing_heavy_is_imported_with_a_command(path):
    libraries = {found.library for found in imports(parse(path)) if found.at_once}
    assert room(path) != "cli" or not libraries & HEAVY


@every_file
def test_figures_and_reports_need_no_torch(path):
    libraries = {found.library for found in imports(parse(path))}
    assert room(path) not in {"figures", "report"} or "torch" not in libraries


@every_file
def test_nothing_read_can_execute_code(path):
    assert list(unsafe(parse(path))) == []


@every_file
def test_a_module_is_named_by_what_it_holds(path):
    assert path.stem not in EMPTY_NAMES


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import load",
        "def f():\n    import dill",
        "eval('1')",
        "exec(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "load(path, weights_only=flag)",
        "torch.jit.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, None, True)",
        "from torch import load",
        "import marshal",
        "import shelve",
        "torch.hub.load(name)",
        "torch.serialization.add_safe_globals([Thing])",
    ],
)
def test_code_that_could_execute_files_is_seen(source):
    assert list(unsafe(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    ["G.eval()", "torch.load(path, weights_only=True)", "np.load(path, allow_pickle=False)"],
)
def test_code_that_cannot_is_left_alone(source):
    assert not list(unsafe(ast.parse(source)))


def test_imports_are_told_apart_by_when_they_happen():
    source = """
import a.b
if typing.TYPE_CHECKING:
    import c
def f():
    from stylegan_cli import d, e
from g import h
"""
    assert list(imports(ast.parse(source))) == [
        Import("a.b", at_once=True),
        Import("c", at_once=False),
        Import("stylegan_cli.d", at_once=False),
        Import("stylegan_cli.e", at_once=False),
        Import("g", at_once=True),
    ]
