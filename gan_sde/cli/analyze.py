"""``gan-sde analyze``: read a stored run and print what it holds."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gan_sde.cli.simulate import is_store


def analyze(arguments: Namespace) -> int:
    """Open a store and print its summary."""
    path = Path(arguments.run)
    if not is_store(path):
        got = "something else" if path.exists() else "nothing of that name"
        raise ValueError(
            f"RUN.zarr: expected a store that `gan-sde simulate --out` wrote, got {got}: {arguments.run!r}"
        )
    import xarray

    from gan_sde.cli.statistics_options import describe_statistics
    from gan_sde.cli.summary import summarise

    try:
        run = xarray.open_zarr(path, chunks=None)
        complete = "param" in run.variables and not {"mean", "final", "path"}.isdisjoint(run.variables)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(f"RUN.zarr: expected a complete run, got one that cannot be read: {error}") from error
    if not complete:
        raise ValueError(f"RUN.zarr: expected a run of `gan-sde simulate`, got other contents: {arguments.run!r}")
    with run:
        print(summarise(run))
        if described := describe_statistics(run):
            print(f"\n{described}")
    return 0
