"""`undertone verify` and `undertone voices`: what they take.

What they do is in `voicework.py`, imported when one runs: torch takes a second that other commands need not wait.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from stream_server.settings import Settings

DAY_S = 86_400.0
Options = argparse.Namespace
Parser = argparse.ArgumentParser
AddSettings = Callable[[Parser, tuple[str, ...]], None]
ReadSettings = Callable[[Options], Settings]
PURPOSES = ("access", "identity", "grouping")


def add_verify(parser: Parser, add_settings: AddSettings, settings: ReadSettings) -> None:
    """Declare what `undertone verify` takes."""
    parser.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING", help="two or more")
    parser.add_argument("--purpose", choices=PURPOSES, default="identity", help="how many strangers pass (identity)")
    parser.add_argument("--prior", type=float, default=0.5, help="probability of one speaker beforehand (default 0.5)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_settings(parser, ("models", "vad"))
    parser.set_defaults(run=lambda options: run("verify", options, settings))


def add_voices(parser: Parser, add_settings: AddSettings, settings: ReadSettings) -> None:
    """Declare what `undertone voices` takes."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, sections: tuple[str, ...]) -> Parser:
        about = text[0].upper() + text[1:] + ". See docs/voiceprints.md."
        sub = commands.add_parser(name, help=text, description=about)
        add_settings(sub, sections)
        sub.set_defaults(run=lambda options: run(name, options, settings))
        return sub

    kept, heard = ("history", "workbench"), ("models", "vad", "history", "workbench", "voiceprints")
    enroll = command("enroll", "keep the voiceprint of a person who has agreed to it", heard)
    enroll.add_argument("name")
    enroll.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING", help="of that person alone")
    enroll.add_argument("--consent", required=True, metavar="PURPOSE", help="the purpose that the person agreed to")
    until = enroll.add_mutually_exclusive_group(required=True)
    until.add_argument("--expires", type=_date, metavar="YYYY-MM-DD", help="until when")
    until.add_argument("--days", type=float, help="for how many days from now")
    enroll.add_argument("--note", default="", help="how the consent was recorded, such as the number of a form")
    enroll.add_argument("--replace", action="store_true", help="in place of the voiceprint of that name")
    embed = command(
        "embed", "write the embedding of each recording as .npy, into the folder of a run", ("models", "vad")
    )
    embed.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING", help="or folders of them")
    embed.add_argument("--out", type=Path, metavar="DIR", help="the folder (default outputs/outputs_TIME)")
    listed = command("list", "who is known, until when, for what", kept)
    listed.add_argument("--json", action="store_true", help="as JSON")
    rename = command("rename", "give a voiceprint another name", kept)
    rename.add_argument("name")
    rename.add_argument("new", metavar="NEW-NAME")
    delete = command("delete", "delete a voiceprint, or all of them", kept)
    delete.add_argument("name", nargs="?")
    delete.add_argument("--all", action="store_true", help="everyone's")
    export = command("export", "write the voiceprints of the model in use as JSON, encrypted if there is a key", heard)
    export.add_argument("file", type=Path, nargs="?", help="(default: standard output)")
    export.add_argument("--unencrypted", action="store_true", help="for an Undertone with another key, or none")
    taken = command("import", "take in voiceprints that were exported for the same model", heard)
    taken.add_argument("file", type=Path)
    taken.add_argument("--replace", action="store_true", help="in place of those of the same names")
    identify = command("identify", "whose voice is it, of those who are known?", heard)
    identify.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING")
    identify.add_argument("--json", action="store_true", help="a line of JSON for each recording")
    cohort = command("cohort", "voices of other people to compare with, nameless, instead of those before", heard)
    cohort.add_argument("folder", type=Path, nargs="?", help="recordings, one of each person; without: delete them")
    command("new-key", "print a new key for workbench.key", ())
    rotate = command("rotate-key", "encrypt all that is kept with another key, or with none", kept)
    rotate.add_argument("file", type=Path, nargs="?", help="a file that holds the new key (default: none, decrypt)")


def run(name: str, options: Options, settings: ReadSettings) -> int:
    """Run a command of speakers; the exit status."""

    def work() -> Callable[[Options, Settings], int]:
        from stream_server.commands.voicework import COMMANDS

        return COMMANDS[name]

    return guarded(work, options, settings)


def guarded(work: Callable[[], Callable[[Options, Settings], int]], options: Options, settings: ReadSettings) -> int:
    """Import a command and run it; the exit status: 1 if what was asked for cannot be done."""
    from history.database import DatabaseError
    from inference.model import CheckpointError
    from workbench.ledger import RunError
    from workbench.sealing import SealError

    try:
        return work()(options, settings(options))
    except BrokenPipeError:
        raise
    except (CheckpointError, DatabaseError, RunError, SealError, ValueError, OSError) as error:
        print(f"undertone: {error}", file=sys.stderr)
        return 1


def _date(text: str) -> float:
    """The end of a day in UTC, in seconds since 1970."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() + DAY_S
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2027-12-31") from None
