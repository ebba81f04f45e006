"""CPU time of pieces of work that take turns: medians, and what is missing said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
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
        Units of work a core-second: work / median CPU time of the process, all threads together; NaN if it did not run.
    low, high
        The slowest and the fastest repeat.
    note
        Why it did not run.
    """

    name: str
    value: float
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True)
class Method:
    """A way to do the work: ``make()`` prepares it and returns what is to be timed.

    ``make`` raises ImportError or RuntimeError where the method is not to be had.
    """

    name: str
    make: Callable[[], Callable[[], object]]
    work: float


def compare(methods: Sequence[Method], repeats: int = 5) -> list[Rate]:
    """Run each once to warm up, then all of them in turns, ``repeats`` times."""
    runs: dict[str, Callable[[], object]] = {}
    notes: dict[str, str] = {}
    for method in methods:
        try:
            runs[method.name] = method.make()
            runs[method.name]()
        except (ImportError, RuntimeError) as error:
            runs.pop(method.name, None)
            notes[method.name] = str(error).splitlines()[0]
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            began = process_time()
            run()
            times[name].append(process_time() - began)
    return [
        Rate(m.name, m.work / median(times[m.name]), m.work / max(times[m.name]), m.work / min(times[m.name]))
        if m.name in times
        else Rate(m.name, nan, nan, nan, notes[m.name])
        for m in methods
    ]  # fmt: skip


def measure(name: str, run: Callable[[], object], work: float, repeats: int = 5) -> Rate:
    """Run once to warm up, then ``repeats`` times."""
    return compare([Method(name, lambda: run, work)], repeats)[0]


def show(title: str, rates: list[Rate], unit: str) -> None:
    """Print rates and their ratio to the first one."""
    print(f"\n{title}\n")
    print(f"  {'method':<52}{unit:>14}{'slowest … fastest':>22}{'first / this':>14}")
    for rate in rates:
        if rate.note:
            print(f"  {rate.name:<52}{'not run: ' + rate.note}")
            continue
        spread = f"{rate.low:.3g} … {rate.high:.3g}"
        print(f"  {rate.name:<52}{rate.value:>14.3g}{spread:>22}{rates[0].value / rate.value:>14.3g}", flush=True)
