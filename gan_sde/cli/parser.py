"""What the commands take; errors of the option parser in the words of the project."""

from __future__ import annotations

import difflib
import re
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from gan_sde.cli import arguments as read
from gan_sde.cli import commands
from gan_sde.cli.statistics_options import add_statistics_options

_CHOICE = re.compile(r"(?P<name>.+?): invalid choice: '?(?P<got>.*?)'? \(choose from (?P<known>.*)\)", re.S)
_EXCLUSIVE = re.compile(r"(?P<name>.+?): not allowed with argument (?P<other>.*)", re.S)


SCHEDULE_RULES = (
    "optimal", "constant", "stable", "inverse", "cosine", "two-time-scale", "armijo", "yaida", "stationarity",
)  # fmt: skip


class OneLineParser(ArgumentParser):
    """An option parser that raises ValueError with one line: argument, expected, got."""

    def __init__(self, **options: object) -> None:
        layout = partial(RawDescriptionHelpFormatter, max_help_position=30)
        super().__init__(allow_abbrev=False, formatter_class=layout, **options)  # type: ignore[arg-type]
        # argparse takes "-1e-3" for an option; every negative number is a value here
        self._negative_number_matcher = re.compile(r"^-(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^-inf$")

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print, in the words of the project."""
        raise ValueError(self._reworded(message.removeprefix("argument ")))

    def _reworded(self, message: str) -> str:
        if match := _CHOICE.fullmatch(message):
            known = [name.strip(" '") for name in match["known"].split(",")]
            near = difflib.get_close_matches(match["got"], known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            return f"{match['name']}: expected one of {', '.join(known)}; got {match['got']!r}{hint}"
        if match := _EXCLUSIVE.fullmatch(message):
            return f"{match['name']}: expected at most one of {match['name']} and {match['other']}, got both"
        if message.startswith("the following arguments are required: "):
            return f"{message.partition(': ')[2]}: expected a value, got none"
        if message.startswith("unrecognized arguments: "):
            return self._unknown(message.partition(": ")[2])
        if re.search(r": expected (one argument|at least one argument|\d+ arguments?)$", message):
            return f"{message}, got none"
        return message if "expected" in message else f"{message} (expected a valid command line)"

    def _unknown(self, given: str) -> str:
        first = given.split()[0]
        known = [text for action in self._actions for text in action.option_strings]
        near = difflib.get_close_matches(first.partition("=")[0], known, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        kind = "a known option" if first.startswith("-") else "no further argument"
        return f"{first}: expected {kind}, got {given!r}{hint}"

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def,override]
        """Parse all arguments; what the chosen command does not know is reported against its own options."""
        namespace, rest = self.parse_known_args(args, namespace)
        if rest:
            owner = getattr(namespace, "parser", self)
            owner.error(f"unrecognized arguments: {' '.join(rest)}")
        return namespace


def build_parser() -> OneLineParser:
    """Describe every command; nothing heavy is imported."""
    parser = OneLineParser(
        prog="gan-sde",
        description="Stochastic dynamics of games: from a payoff to its SDE, simulation and measurement.",
        epilog="Exit status: 0; 1 a claim failed or a run was not finished; 2 bad input; 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=_Version())
    entries = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=OneLineParser)
    _add(entries, "games", "list the registered games", commands.games)
    _add(entries, "algorithms", "list the registered algorithms", commands.algorithms)
    _derive(_add(entries, "derive", "field, Jacobian, noise and SDE of a game under an algorithm", commands.derive))
    _simulate(_add(entries, "simulate", "run a training or its SDE over many trajectories", commands.simulate))
    _schedule(_add(entries, "schedule", "derive a learning-rate schedule and try it", commands.schedule))
    analyze = _add(entries, "analyze", "moments, errors and mixing of a stored run", commands.analyze)
    analyze.add_argument("run", metavar="RUN.zarr", help="a store that `simulate --out` wrote")
    figures = _add(entries, "figures", "draw figures; each also checks its claim", commands.figures)
    figures.add_argument("names", nargs="*", metavar="NAME", help="figures to draw; default all")
    _report_options(figures)
    reproduce = _add(entries, "reproduce", "check every claim and write the report", commands.reproduce)
    reproduce.add_argument(
        "--only", nargs="+", action="extend", metavar="CLAIM",
        help="claims to check, whose certificates and rates are printed too; default all, with those in the files only",
    )  # fmt: skip
    reproduce.add_argument("--data", metavar="FILE", help="CSV or NPY: a data set of your own")
    _report_options(reproduce)
    return parser


class _Version:
    """The version, looked up only when it is printed."""

    def __mod__(self, _: object) -> str:
        return str(self)

    def __str__(self) -> str:
        from importlib.metadata import PackageNotFoundError, version

        try:
            return f"gan-sde {version('gan-sde')}"
        except PackageNotFoundError:
            return "gan-sde (not installed)"


def _add(  # type: ignore[no-untyped-def]
    entries, name: str, summary: str, command: Callable[[Namespace], int]
) -> OneLineParser:
    parser: OneLineParser = entries.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.set_defaults(command=command, parser=parser)
    return parser


def _game_options(parser: OneLineParser) -> None:
    many = partial(parser.add_argument, nargs="+", action="extend")
    parser.add_argument("game", metavar="GAME", help="a registered game or a TOML file")
    many(
        "--game-options",
        type=read.option,
        metavar="NAME=VALUE",
        help="options of the game, e.g. dim=2 data=y.csv",
    )
    parser.add_argument("--algorithm", default=None, metavar="A", help="a registered algorithm; default sgda")
    many(
        "--algorithm-options",
        type=read.option,
        metavar="NAME=VALUE",
        help="options of the algorithm, e.g. order=alternating inner_steps.discriminator=2",
    )
    many(
        "--set",
        dest="values",
        type=read.assignment,
        metavar="NAME=VALUE",
        help="values of the game's constants",
    )


def _order(parser: OneLineParser) -> None:
    parser.add_argument("--order", type=int, choices=(1, 2), default=None, help="weak order of the SDE; default 1")


def _derive(parser: OneLineParser) -> None:
    _game_options(parser)
    _order(parser)
    parser.add_argument("--format", choices=("text", "latex", "json"), default="text", help="default text")


def _simulate(parser: OneLineParser) -> None:
    _game_options(parser)
    _order(parser)
    add = parser.add_argument
    add("--process", choices=("training", "sde"), default=None, help="default training")
    add(
        "--x0",
        nargs="+",
        action="extend",
        type=read.assignment,
        metavar="NAME=VALUE",
        help="start; every parameter",
    )
    add(
        "--lr",
        nargs="+",
        type=read.rate,
        metavar="RATE",
        help="learning rate, or PLAYER=RATE of every player",
    )
    add("--batch-size", type=read.batch_size, default=None, metavar="B", help="samples a batch, or inf")
    add("--steps", type=read.count, default=None, metavar="N", help="iterations")
    add("--trajectories", type=read.count, default=None, metavar="N", help="trajectories")
    add("--seed", type=read.seed, default=None, metavar="N", help="default 0")
    add(
        "--every",
        type=read.count,
        default=None,
        metavar="N",
        help="checkpoint distance; default about 100 of them",
    )
    add(
        "--substeps",
        type=read.count,
        default=None,
        metavar="N",
        help="SDE sub-steps of an iteration; default chosen",
    )
    add(
        "--integrator",
        choices=("euler", "euler-weak", "weak2", "weak2-three-point"),
        default=None,
        help="of the SDE; default weak2",
    )
    add("--backend", default=None, metavar="NAME", help="default auto")
    add("--dtype", choices=("float32", "float64"), default=None, help="default float64")
    add(
        "--record",
        nargs="+",
        choices=("moments", "final", "paths"),
        default=None,
        help="default moments final",
    )
    add_statistics_options(parser)
    add(
        "--antithetic",
        action="store_true",
        help="pairs of trajectories under opposite noise: usually smaller errors of means",
    )
    add("--no-noise", action="store_true", help="the deterministic limit")
    add("--scheduler", metavar="ADDRESS", help="run on the workers of this dask scheduler, tcp://host:port")
    add("--out", metavar="RUN.zarr", help="store the run here")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="continue the store; begin anew where there is none")
    group.add_argument("--overwrite", action="store_true", help="replace an existing store")


def _schedule(parser: OneLineParser) -> None:
    _game_options(parser)
    add, many = parser.add_argument, partial(parser.add_argument, nargs="+", action="extend")
    add("--rule", choices=SCHEDULE_RULES, default=None, help="default optimal")
    many("--rule-options", type=read.option, metavar="NAME=VALUE", help="of the rule, e.g. factor=0.5 period=100")
    add("--per-player", action="store_true", help="yaida, stationarity: each player's rate falls on its own")
    many("--x0", type=read.assignment, metavar="NAME=VALUE", help="start; every parameter")
    add("--lr", nargs="+", type=read.rate, metavar="RATE", help="first rate, or PLAYER=RATE; default half of the limit")
    add("--batch-size", type=read.batch_size, default=None, metavar="B", help="samples a batch, or inf")
    add("--steps", type=read.count, default=None, metavar="N", help="iterations")
    add("--trajectories", type=read.count, default=None, metavar="N", help="of the trial")
    add("--seed", type=read.seed, default=None, metavar="N", help="default 0")
    add("--format", choices=("text", "csv", "json"), default="text", help="of what is printed; default text")
    add("--out", metavar="FILE", help="store the schedule, as .csv or .json: one rate an iteration")


def _report_options(parser: OneLineParser) -> None:
    parser.add_argument("--out", default="results", metavar="DIR", help="folder of the results; default results")
    parser.add_argument("--full", action="store_true", help="at the sample sizes of the papers")
    parser.add_argument("--seed", type=read.seed, default=0, metavar="N", help="of every simulation; default 0")
    parser.add_argument("--jobs", type=read.count, metavar="N", help="claims at a time; default one a processor")
