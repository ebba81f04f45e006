"""Options of ``gan-sde simulate`` that name statistics, and what they found, as text."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from gan_sde.cli.arguments import collect
from gan_sde.cli.arguments import number as read_number
from gan_sde.cli.layout import table, with_error

if TYPE_CHECKING:
    import xarray

OPTIONS = ("observe", "quantiles", "functional")
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_BURN_IN = re.compile(r"(.*),\s*burn_in\s*=\s*([0-9]{1,10})\s*", re.DOTALL)
_EXPECTED = "time_average(EXPR[, burn_in=N]), exit_time(EXPR) or running_max(EXPR)"


def add_statistics_options(parser: ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "--observe", nargs="+", action="extend", metavar="NAME=EXPR",
        help="means of expressions in the parameters, e.g. 'energy=w1**2 + a*b'",
    )  # fmt: skip
    add("--quantiles", nargs="+", type=read_number, metavar="P", help="probabilities, e.g. 0.05 0.5 0.95")
    add(
        "--functional", nargs="+", action="extend", metavar="NAME=KIND(EXPR)",
        help=f"one number a trajectory: {_EXPECTED}",
    )  # fmt: skip


def statistics_of(arguments: Namespace) -> dict[str, Any]:
    """Arguments of `gan_sde.simulate` that the options stand for; only those given."""
    found: dict[str, Any] = {}
    given = {name: getattr(arguments, name, None) for name in OPTIONS}
    if given["observe"] is not None:
        found["observe"] = collect("--observe", [_pair("observe", text, "EXPR") for text in given["observe"]])
    if given["quantiles"] is not None:
        found["quantiles"] = tuple(given["quantiles"])
    if given["functional"] is not None:
        pairs = [_pair("functional", text, "KIND(EXPR)") for text in given["functional"]]
        named = collect("--functional", pairs)
        found["functionals"] = {name: _functional(name, text) for name, text in named.items()}
    return found


def _pair(option: str, text: str, what: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name.strip() or not equals or not value.strip():
        raise ValueError(f"--{option}: expected NAME={what}, got {text!r}")
    return name.strip(), value


def _functional(name: str, text: str) -> Any:
    from gan_sde.simulation.functionals import exit_time, running_max, time_average

    kinds: dict[str, Any] = {"time_average": time_average, "exit_time": exit_time, "running_max": running_max}
    call = _CALL.fullmatch(text)
    if call is None or call[1] not in kinds:
        raise ValueError(f"--functional[{name}]: expected {_EXPECTED}, got {text!r}")
    burn_in = _BURN_IN.fullmatch(call[2]) if call[1] == "time_average" else None
    return time_average(burn_in[1], int(burn_in[2])) if burn_in else kinds[call[1]](call[2])


def describe_statistics(run: xarray.Dataset) -> str:
    """Observables at the last checkpoint, quantiles there, and functionals; empty where a run has none."""
    parts = []
    step = f"step {int(run['step'][-1])}" if "step" in run else ""
    if "observable_mean" in run:
        last = run.isel(step=-1)
        values = zip(last["observable_mean"].values, last["observable_se"].values, strict=True)
        rows = [
            [str(n), *with_error(float(v), float(e))]
            for n, (v, e) in zip(run["observable"].values, values, strict=True)
        ]
        parts.append(f"observables at {step}\n{table(['observable', 'mean', '± se'], rows)}")
    if "quantiles" in run:
        rows = [
            [str(name), *(f"{v:.6g}" for v in run["quantiles"][-1, :, i].values)]
            for i, name in enumerate(run["param"].values)
        ]
        error = float(run["quantile_rank_error"][-1])
        header = ["parameter", *(f"{p:g}" for p in run["quantile"].values)]
        parts.append(f"quantiles at {step}, probabilities within {error:.2g}\n{table(header, rows)}")
    if "functional_mean" in run:
        columns = (run[f"functional_{c}"].values for c in ("mean", "se", "n"))
        rows = [
            [str(name), *with_error(float(mean), float(se)), str(int(n))]
            for name, mean, se, n in zip(run["functional"].values, *columns, strict=True)
        ]
        parts.append(f"functionals\n{table(['functional', 'mean', '± se', 'trajectories'], rows)}")
    return "\n\n".join(parts)
