"""CPU time of a piece of work, the median of several repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import process_time


@dataclass(frozen=True)
class Rate:
    """Work done a core-second.

    Parameters
    ----------
    name
        What ran.
    value
        Units of work a core-second: work / median CPU time of the process, all threads together.
    low, high
        The slowest and the fastest repeat.
    """

    name: str
    value: float
    low: float
    high: float


def measure(name: str, run: Callable[[], object], work: float, repeats: int = 5) -> Rate:
    """Run once to warm up, then ``repeats`` times."""
    run()
    times = []
    for _ in range(repeats):
        began = process_time()
        run()
        times.append(process_time() - began)
    return Rate(name, work / median(times), work / max(times), work / min(times))


def show(title: str, rates: list[Rate], unit: str) -> None:
    """Print rates and their ratio to the first one."""
    print(f"\n{title}\n")
    print(f"  {'method':<52}{unit:>14}{'slowest … fastest':>22}{'first / this':>14}")
    for rate in rates:
        spread = f"{rate.low:.2g} … {rate.high:.2g}"
        print(f"  {rate.name:<52}{rate.value:>14.3g}{spread:>22}{rates[0].value / rate.value:>14.1f}")
