"""Modules of the user's that hide this project's packages of the same names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def refuse_shadows(*names: str) -> None:
    """Refuse to import another module in place of one of this project's packages.

    ``python -m gan_sde.cli`` looks into the working folder first, and many a folder has an ``analysis.py``. Nothing
    is imported, so that nothing of the user's runs.

    Parameters
    ----------
    *names
        Of top-level packages of this project.

    Raises
    ------
    ValueError
        If a module that does not lie beside ``gan_sde`` would be imported; one line that says where it lies.

    Examples
    --------
    >>> refuse_shadows("analysis", "figures")
    """
    home = Path(__file__).resolve().parents[2]
    for name in names:
        spec = find_spec(name)
        origin = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if origin is not None and origin != home / name / "__init__.py":
            raise ValueError(
                f"{name}: expected the package of this project, {home / name}, got another module of that name, "
                f"{origin}, which shadows it; rename it, or work in another folder"
            )
