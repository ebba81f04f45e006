"""The direction of imports, what may be loaded with what, and where the top-level names come from.

The direction holds for every import, also inside functions and for type checkers; circles are looked for
among the imports that run when a module is loaded.
"""

import importlib.metadata
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.import_graph import COMPUTED, Import, Source, find_cycle, find_imports, read_sources

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("gan_sde", "analysis", "figures")

# What each layer may import besides itself. "simulation" holds the modules at the top of gan_sde (simulate,
# statistics, stores); "facade" is gan_sde/__init__.py, which loads what it names on first use.
MATHEMATICS = {"symbolic", "games", "algorithms"}
ALLOWED = {
    "symbolic": set(),
    "games": {"symbolic"},
    "algorithms": {"symbolic"},
    "kernels": MATHEMATICS,
    "simulation": MATHEMATICS | {"kernels"},
    "staged": MATHEMATICS | {"kernels"},
    "neural": MATHEMATICS | {"kernels", "analysis"},
    "facade": MATHEMATICS | {"kernels", "simulation", "staged", "neural"},
    "analysis": set(),
    "figures": MATHEMATICS | {"kernels", "simulation", "staged", "neural", "facade", "analysis"},
    "cli": MATHEMATICS | {"kernels", "simulation", "staged", "neural", "facade", "analysis", "figures"},
}
SUBPACKAGES = ("symbolic", "games", "algorithms", "kernels", "simulation", "staged", "neural", "cli")
OUTSIDE = ("tests", "benchmarks", "docs")  # no package needs them

# Distributions beyond the standard library; layers that are not named are free.
LIBRARIES = {"symbolic": {"sympy", "mpmath", "numpy", "scipy"}, "analysis": {"numpy", "scipy", "arviz_stats"}}
EXTRA_LIBRARIES = {"analysis.plotting": {"matplotlib"}}
HEAVY = ("torch", "torchsde", "numba", "triton")


def layer_of(module: str, sources) -> str | None:
    """Layer of a module of this project, "outside" for what belongs to no package, None for a foreign one."""
    top, *rest = module.split(".")
    if top in OUTSIDE:
        return "outside"
    if top in ("analysis", "figures"):
        return top
    if top != "gan_sde":
        return None
    if not rest:
        return "facade"
    if rest[0] in SUBPACKAGES:
        return rest[0]
    if rest[0] == "__main__":
        return "cli"
    package = sources.get(f"gan_sde.{rest[0]}", Source("")).is_package
    return "package without a layer" if package else "simulation"


def violation(each: Import, sources) -> str | None:
    """One line that says what is wrong with an import, or None."""
    layer = layer_of(each.module, sources)
    if layer not in ALLOWED:
        return f"{each.module}: {layer}; give it one in {Path(__file__).name}"
    if each.target == COMPUTED:
        # a package's own lazy __getattr__ may compute names: what it loads is watched at run time below
        return None if sources[each.module].is_package else f"{each} (write its name out)"
    target = layer_of(each.target, sources)
    if target is None:
        library = each.target.partition(".")[0]
        known = LIBRARIES.get(layer)
        free = known is None or library in sys.stdlib_module_names
        if free or library in known | EXTRA_LIBRARIES.get(each.module, set()):
            return None
        return f"{each} (layer {layer} has {', '.join(sorted(known))})"
    if target in {layer} | ALLOWED[layer]:
        return None
    return f"{each} (layer {layer} below or beside {target})"


def violations(sources) -> list[str]:
    return [found for each in find_imports(sources) if (found := violation(each, sources))]


@pytest.fixture(scope="module")
def sources():
    found = read_sources(ROOT, PACKAGES)
    assert {"gan_sde", "gan_sde.symbolic", "analysis", "figures"} <= set(found)
    return found


def test_imports_point_downwards(sources):
    found = violations(sources)
    assert not found, "\n".join(found)


def test_no_circular_imports(sources):
    circle = find_cycle(find_imports(sources))
    assert circle is None, " -> ".join(circle)


TREE = {
    "gan_sde": Source("", is_package=True),
    "gan_sde.games": Source("", is_package=True),
    "gan_sde.games.lq_gan": Source(""),
    "gan_sde.simulate": Source(""),
    "gan_sde.cli": Source(""),
}


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("gan_sde.symbolic.sde", "import torch"),
        ("gan_sde.symbolic.sde", "import torch.nn.functional as F"),
        ("gan_sde.symbolic.sde", "def f():\n    from numba import njit"),
        ("gan_sde.symbolic.sde", "try:\n    import torch\nexcept ImportError:\n    torch = None"),
        ("gan_sde.symbolic.sde", "import importlib\ntorch = importlib.import_module('torch')"),
        ("gan_sde.symbolic.sde", "torch = __import__('tor' + 'ch')"),
        ("gan_sde.symbolic.sde", "from gan_sde.games import lq_gan"),
        ("gan_sde.symbolic.sde", "from gan_sde import games"),
        ("gan_sde.symbolic.sde", "from ..games.lq_gan import LQ"),
        ("gan_sde.symbolic.sde", "import gan_sde as gs"),
        ("gan_sde.symbolic.sde", "def f():\n    from gan_sde.simulate import simulate"),
        (
            "gan_sde.symbolic.sde",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import gan_sde.kernels",
        ),
        ("gan_sde.symbolic.sde", "import analysis"),
        ("gan_sde.games.dirac", "from gan_sde.algorithms.sgda import SGDA"),
        ("gan_sde.algorithms.sgda", "from gan_sde.games import lq_gan"),
        ("gan_sde.algorithms.sgda", "from gan_sde.kernels.cpu import cpu_stepper"),
        ("gan_sde.kernels.cpu", "from gan_sde.statistics import Moments"),
        ("gan_sde.kernels.cpu", "from gan_sde import simulate"),
        ("gan_sde.simulate", "from gan_sde.neural import game"),
        ("gan_sde.store", "import gan_sde.cli"),
        ("gan_sde.neural.game", "from gan_sde.simulate import simulate"),
        ("gan_sde.neural.game", "from figures.report import reproduce"),
        ("gan_sde", "from gan_sde import cli"),
        ("gan_sde.newcomer.file", "import numpy"),
        ("gan_sde.symbolic.sde", "from gan_sde.kernels import __all__"),
        ("analysis.rates", "import gan_sde"),
        ("analysis.rates", "from gan_sde import __version__"),
        ("analysis.rates", "def f():\n    from gan_sde.symbolic import Game"),
        ("analysis.rates", "from figures import registry"),
        ("analysis.rates", "import matplotlib.pyplot as plt"),
        ("analysis.rates", "import torch"),
        ("figures.report", "from gan_sde.cli import main"),
        ("gan_sde.cli", "from tests.oracles import Moments"),
    ],
)
def test_a_forbidden_import_is_found(module, text):
    """Negative control of the direction: each of these lines alone must be reported."""
    newcomer = {"gan_sde.newcomer": Source("", is_package=True)}
    tree = TREE | newcomer | {module: Source(text, is_package=module == "gan_sde")}
    assert len(violations(tree)) == 1
    assert violations(tree)[0].startswith(module)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (
            "gan_sde.symbolic.sde",
            "import math\nimport sympy\nfrom numpy.linalg import norm\nfrom .game import Game",
        ),
        ("gan_sde.symbolic.sde", "'''import torch'''\n# import torch"),
        ("gan_sde.simulate", "from gan_sde import __version__"),
        ("gan_sde.games.dirac", "from gan_sde.symbolic.game import Game\nfrom . import lq_gan"),
        ("gan_sde.kernels.cpu", "import numba\nimport torch\nfrom gan_sde.symbolic.recipe import Recipe"),
        (
            "gan_sde.simulate",
            "from gan_sde.kernels.cpu import cpu_stepper\nfrom gan_sde.statistics import Moments",
        ),
        (
            "gan_sde",
            "from importlib import import_module\ndef __getattr__(n):\n    return import_module(TABLE[n])",
        ),
        ("gan_sde.cli", "import gan_sde as gs\nimport analysis\nfrom figures.report import reproduce"),
        ("figures.gallery.phase", "import gan_sde as gs\nfrom analysis import weak_order"),
        ("analysis.plotting", "import matplotlib.pyplot as plt"),
        ("analysis.chains", "from arviz_stats.base import array_stats"),
    ],
)
def test_an_allowed_import_is_not_reported(module, text):
    tree = TREE | {module: Source(text, is_package=module == "gan_sde")}
    assert violations(tree) == []


def test_a_circle_is_found():
    """Negative control of the circles; a deferred import, or one for type checkers only, closes none."""
    first = Source("from gan_sde.symbolic.b import B")
    second = Source("from . import c", is_package=True)
    for text, expected in {
        "import gan_sde.symbolic.a": 4,
        "def f():\n    import gan_sde.symbolic.a": None,
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import gan_sde.symbolic.a": None,
    }.items():
        tree = {
            "gan_sde.symbolic.a": first,
            "gan_sde.symbolic.b": second,
            "gan_sde.symbolic.b.c": Source(text),
        }
        circle = find_cycle(find_imports(tree))
        assert (circle and len(circle)) == expected


# -- at run time --

LOAD = """
import importlib, json, pkgutil, sys
blocked, names, plotting = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(blocked))  # None there: importing it raises ImportError
for name in names:
    package = importlib.import_module(name)
    for each in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        if plotting or each.name != "analysis.plotting":
            importlib.import_module(each.name)
print(json.dumps(sorted(name for name, module in sys.modules.items() if module is not None)))
"""


def load(names, *, blocked=(), plotting=False):
    """Every module that a fresh interpreter holds after importing all modules of the packages ``names``."""
    argument = json.dumps([list(blocked), list(names), plotting])
    done = subprocess.run(
        [sys.executable, "-c", LOAD, argument],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("package", ["gan_sde.symbolic", "analysis"])
def test_package_loads_without_heavy_libraries(package):
    """Neither loads torch or numba, nor a layer above; with those libraries missing both still load."""
    upwards = {name for name in ("gan_sde", "figures", *(f"gan_sde.{n}" for n in SUBPACKAGES))} - {package}
    upwards -= {"gan_sde"} if package == "gan_sde.symbolic" else set()
    for blocked in ((), HEAVY):
        loaded = load([package], blocked=blocked)
        assert package in loaded
        assert not loaded & {*HEAVY, *upwards, "matplotlib"}


def test_facade_is_lazy():
    done = subprocess.run(
        [sys.executable, "-c", "import gan_sde, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "gan_sde" in loaded
    assert not loaded & {*HEAVY, "matplotlib", "xarray", "analysis", "figures"}


def test_run_time_check_sees_a_heavy_library():
    """Negative control: numba is reported when something loads it, and a blocked library cannot be loaded."""
    assert "numba" in load(["numba.core.config"])
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        load(["numba.core.config"], blocked=HEAVY)


# -- origin of the top-level names --

ORIGINS = """
import importlib.util, json
names = ("gan_sde", "analysis", "figures")
print(json.dumps({name: importlib.util.find_spec(name).origin for name in names}))
"""


def origins(cwd, *, before=""):
    script = f"import sys; sys.path[0] = {str(cwd)!r}\n" + before + ORIGINS
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: Path(origin) for name, origin in json.loads(done.stdout).items()}


def strangers(found) -> list[str]:
    """Top-level names that lead neither into this tree nor into this project's installed files."""
    ours = {ROOT / name / "__init__.py" for name in PACKAGES}
    try:
        files = importlib.metadata.distribution("gan-sde").files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    ours |= {Path(file.locate()).resolve() for file in files if file.name == "__init__.py"}
    return [f"{name}: {path}" for name, path in found.items() if path.resolve() not in ours]


def test_top_level_names_are_this_projects_in_the_tree():
    assert strangers(origins(ROOT)) == []


def test_top_level_names_are_this_projects_once_installed(tmp_path):
    try:
        importlib.metadata.distribution("gan-sde")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("gan-sde is not installed in this environment: only the tree's own names were checked")
    assert strangers(origins(tmp_path)) == []


def test_a_foreign_package_of_the_same_name_is_found(tmp_path):
    """Negative control: another `analysis` earlier on the path."""
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis" / "__init__.py").touch()
    found = strangers(origins(tmp_path, before=f"sys.path.insert(1, {str(ROOT)!r})\n"))
    assert found == [f"analysis: {tmp_path / 'analysis' / '__init__.py'}"]


def test_wheel_is_told_to_hold_exactly_the_three_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert sorted(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == sorted(PACKAGES)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), f"{path.parent}: a package needs an __init__.py"


@pytest.mark.slow
def test_built_wheel_holds_every_module(tmp_path, sources):
    """Build the wheel (pip fetches the build back end) and import the three names from it alone."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(ROOT),
        "--no-deps",
        "--quiet",
        "-w",
        str(tmp_path / "w"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "w").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
        names = archive.namelist()
    held = {name for name in names if name.endswith(".py")}
    expected = {
        name.replace(".", "/") + ("/__init__.py" if source.is_package else ".py") for name, source in sources.items()
    }
    assert held == expected
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == set(PACKAGES)
    found = origins(tmp_path / "installed")
    assert {name: path.parents[1] for name, path in found.items()} == dict.fromkeys(PACKAGES, tmp_path / "installed")
