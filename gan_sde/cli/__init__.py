"""The command line: the top of the house."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from gan_sde.cli.parser import build_parser

FINISHED, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv
        The arguments; default those of the process.

    Returns
    -------
    int
        Exit status: 0; 1 where a claim failed or a run could not be finished; 2 for bad input, with one line
        on standard error that names the argument, what was expected and what came; 130 when interrupted.
    """
    try:
        arguments = build_parser().parse_args(argv)
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            status: int = arguments.command(arguments)
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # --help and --version
        return stop.code if isinstance(stop.code, int) else FINISHED
    except KeyboardInterrupt as interrupt:
        return _say(str(interrupt) or "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader has gone (`| head`). Python would complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ValueError as error:
        return _say(error, BAD_INPUT)
    except MemoryError:
        return _say("expected enough memory for the run, got too little", FAILED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _say(f"{place}{error.strerror or error}", FAILED)
    except Exception as error:
        if os.environ.get("GAN_SDE_TRACEBACK"):
            raise
        return _say(f"{type(error).__name__}: {error} (GAN_SDE_TRACEBACK=1 shows where)", FAILED)


def _say(message: object, status: int) -> int:
    """Print one line on standard error, whatever the message holds."""
    print("gan-sde:", " ".join(str(message).split()), file=sys.stderr)
    return status
