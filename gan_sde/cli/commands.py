"""The commands by name; each is imported only when it runs, so that `--help` stays fast."""

from __future__ import annotations

from argparse import Namespace

from gan_sde.cli.shadows import refuse_shadows


def games(namespace: Namespace) -> int:
    """List the games."""
    from gan_sde.cli import listing

    return listing.games(namespace)


def algorithms(namespace: Namespace) -> int:
    """List the algorithms."""
    from gan_sde.cli import listing

    return listing.algorithms(namespace)


def derive(namespace: Namespace) -> int:
    """Derive field, noise and SDE."""
    from gan_sde.cli import derive as command

    return command.derive(namespace)


def simulate(namespace: Namespace) -> int:
    """Simulate an ensemble."""
    from gan_sde.cli import simulate as command

    return command.simulate(namespace)


def schedule(namespace: Namespace) -> int:
    """Derive and try a learning-rate schedule."""
    refuse_shadows("analysis")
    from gan_sde.cli import schedule as command

    return command.schedule(namespace)


def analyze(namespace: Namespace) -> int:
    """Summarise a stored run."""
    from gan_sde.cli import analyze as command

    return command.analyze(namespace)


def figures(namespace: Namespace) -> int:
    """Draw figures."""
    refuse_shadows("analysis", "figures")
    from gan_sde.cli import reproduce as command

    return command.figures(namespace)


def reproduce(namespace: Namespace) -> int:
    """Check the claims."""
    refuse_shadows("analysis", "figures")
    from gan_sde.cli import reproduce as command

    return command.reproduce(namespace)
