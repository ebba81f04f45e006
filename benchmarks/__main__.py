"""Run benchmarks: ``python -m benchmarks [NAME ...] [--out FILE]``."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from importlib import import_module
from math import isfinite
from pathlib import Path

ALL = {
    "lq-gan-sde": "lq_gan_sde.run",
    "lq-gan-training": "lq_gan_training.run",
    "dense-sde": "dense_sde.run",
    "derivation": "derivation.run",
    "first-call": "separate.first_call",
    "lq-gan-maps": "lq_gan_maps.run",
    "staged": "staged.run",
    "large-ensemble": "separate.large_ensemble",
    "certify": "certify.run",
    "gpu": "gpu_lq_gan.run",
}
"""Name to module and function; a module is imported when its turn comes, since some need what may not be installed."""


def measured(name: str) -> object:
    """What a benchmark found; None, with the reason printed, where a library that it needs is not installed."""
    module, function = ALL[name].split(".")
    try:
        run: Callable[[], object] = getattr(import_module(f"benchmarks.{module}"), function)
    except ImportError as error:
        print(f"\n{name}: not run: {error}")
        return None
    return plain(run())


def plain(value: object) -> object:
    """Rates and tables as JSON has them; a rate that was not measured is null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed against peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(ALL)} (default: all)")
    parser.add_argument("--out", default="results/benchmarks.json", help="file for the numbers")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(ALL))
    if unknown:
        parser.error(f"NAME: expected one of {', '.join(ALL)}; got {unknown[0]}")
    found = {name: measured(name) for name in arguments.names or ALL}
    path = Path(arguments.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
    path.write_text(json.dumps({"machine": machine, "results": found}, indent=1) + "\n")
    print(f"\nNumbers in {path}")


if __name__ == "__main__":
    main()
