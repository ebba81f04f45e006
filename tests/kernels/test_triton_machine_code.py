"""Machine code for a Hopper GPU, compiled without one: how long the step is, and that nothing leaves the registers.

The numbers are instructions of the disassembled sm_90 binary. They say what the GPU has to do, not how fast it is.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sympy import Integer

from gan_sde.kernels.drawing import plan_drawing
from gan_sde.kernels.stepper import check_options
from gan_sde.kernels.triton_kernel import compile_ahead, kernel_text
from gan_sde.kernels.triton_language import jit, tl
from gan_sde.symbolic.recipe import GaussianDraws, Recipe
from tests.kernels.recipes import lq_sde, lq_training, mixed_training, pair_of, sde_with_signs, sde_with_threes
from tests.kernels.triton_cases import FUNCTIONS, X

triton = pytest.importorskip("triton", reason="the extra gan-sde[gpu] is not installed")
TOOL = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
STEP_BUDGET_32, STEP_BUDGET_64 = 220, 430
"""Instructions of the LQ-GAN's Euler step; 202 and 394 when this was written."""


@pytest.fixture(autouse=True, scope="module")
def compiled_kernels(request):
    """What Triton compiles is kept beside pytest's own files, not in the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(request.config.rootpath / ".pytest_cache" / "triton"))
        yield


@dataclass(frozen=True)
class Listing:
    """Disassembled kernel: addresses and instructions."""

    instructions: dict[int, str]

    def loops(self):
        """Instructions of each loop, the innermost loops being the shortest."""
        found = []
        for stop, text in self.instructions.items():
            jump = re.search(r"\bBRA\b.*?0x([0-9a-f]+)", text)
            if jump and int(jump[1], 16) < stop:
                found.append([t for a, t in self.instructions.items() if int(jump[1], 16) <= a <= stop])
        return found

    def step(self):
        """The innermost loop that draws random words: whatever it calls is not counted."""
        # a round multiplies by 0xd2511f53 twice, for the high and for the low word; two blocks of ten rounds
        drawing = [loop for loop in self.loops() if sum("-0x2daee0ad" in text for text in loop) >= 10]
        return min(drawing, key=len)


def disassemble(code, folder):
    tool = str(TOOL) if TOOL.exists() else shutil.which("cuobjdump")
    if tool is None:
        pytest.skip("no cuobjdump: neither Triton's own nor one on the path")
    file = folder / "kernel.cubin"
    file.write_bytes(code.cubin)
    done = subprocess.run([tool, "-sass", str(file)], capture_output=True, text=True, timeout=60, check=True)
    lines = re.findall(r"^\s+/\*([0-9a-f]{4,})\*/\s+(.*?);", done.stdout, re.MULTILINE)
    return Listing({int(address, 16): text for address, text in lines})


def compile_recipe(recipe, dtype=FLOAT64, replaced=None, **options):
    chosen = {"batch_size": 16, "substeps": 1, "seed": 0, "stream": 0, "noise": True, "couple": None}
    checked = check_options(recipe, dtype=dtype, **(chosen | {"statistics": "auto"} | options))
    text = kernel_text(recipe, checked, plan_drawing(recipe, checked))
    return compile_ahead(text.source, dtype, replaced=replaced)


@jit
def normal_pair_by_the_library(u, v):
    """Negative control: the library's logarithm, sine and cosine."""
    radius = tl.sqrt(tl.log(u.to(tl.float32) * 2.3283064365386963e-10 + 1.1641532e-10) * -2.0)
    angle = v.to(tl.float32) * 1.4629180792671596e-9
    return radius * tl.cos(angle), radius * tl.sin(angle)


def test_step_in_float32_is_short(tmp_path):
    code = compile_recipe(lq_sde(), FLOAT32)
    step = disassemble(code, tmp_path).step()
    assert len(step) <= STEP_BUDGET_32
    assert not any(re.search(r"\b(CALL|LDL|STL|D(ADD|MUL|FMA))\b", text) for text in step)
    assert ".local" not in code.ptx and ".f64" not in code.ptx


def test_step_in_float64_is_short(tmp_path):
    code = compile_recipe(lq_sde(), FLOAT64)
    step = disassemble(code, tmp_path).step()
    assert len(step) <= STEP_BUDGET_64
    assert not any(re.search(r"\b(LDL|STL)\b", text) for text in step)
    assert ".local" not in code.ptx


def test_the_librarys_functions_exceed_the_budget(tmp_path):
    """Negative control: the same kernel with the library's functions is seen to be longer than twice the budget."""
    code = compile_recipe(lq_sde(), FLOAT32, replaced={"normal_pair": normal_pair_by_the_library})
    step = disassemble(code, tmp_path).step()
    assert len(step) > 2 * STEP_BUDGET_32


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        (mixed_training(), {"dtype": FLOAT32}),
        *(
            pytest.param(recipe, options, marks=pytest.mark.slow)
            for recipe, options in [
                (lq_training(), {}),
                (lq_training(), {"couple": 4}),
                (lq_training(), {"statistics": "never", "batch_size": 7}),
                (sde_with_signs(), {}),
                (lq_sde(), {"noise": False}),
                (sde_with_threes(), {}),
                (sde_with_threes(), {"dtype": FLOAT32}),
                (pair_of(lq_sde()), {"dtype": FLOAT32}),
                (pair_of(lq_training()), {}),
                (pair_of(mixed_training()), {"dtype": FLOAT32}),
            ]
        ),
    ],
    ids=[
        "mixed",
        "statistics",
        "coupled",
        "two samples a block",
        "signs",
        "quiet",
        "threes",
        "threes-float32",
        "antithetic",
        "antithetic statistics",
        "antithetic mixed",
    ],
)
def test_every_way_of_drawing_compiles(tmp_path, recipe, options):
    code = compile_recipe(recipe, **options)
    inner = [loop for loop in disassemble(code, tmp_path).loops() if len(loop) > 20]
    assert inner and not any(re.search(r"\b(LDL|STL)\b", text) for loop in inner for text in loop)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
def test_every_function_compiles(dtype):
    """One kernel that calls them all; constants and bounds beside them."""
    state = tuple(X.func(f"x{i}") for i in range(len(FUNCTIONS) + 1))
    update = [e.subs(X, x) for e, x in zip(FUNCTIONS.values(), state, strict=False)]
    recipe = Recipe(state, (*update, Integer(3)), GaussianDraws(()), ((-5.0, 0.1),) * len(state))
    assert compile_recipe(recipe, dtype).cubin


def test_ordinary_numbers_have_no_kernel_of_their_own():
    """A seed, step or width that happens to be 1 or a multiple of 16 must not be compiled for anew."""
    from gan_sde.kernels.triton_kernel import define_kernel

    recipe = lq_sde()
    checked = check_options(recipe, 16, 1, 0, 0, FLOAT32, True, None, "auto")
    kernel = define_kernel(kernel_text(recipe, checked, plan_drawing(recipe, checked)).source, FLOAT32)
    assert [p.name for p in kernel.params if p.do_not_specialize] == [
        "n", "trajectory", "step", "iterations", "substeps", "key0", "key1", "stream_bits",
    ]  # fmt: skip
    assert kernel is define_kernel(kernel_text(recipe, checked, plan_drawing(recipe, checked)).source, FLOAT32)
