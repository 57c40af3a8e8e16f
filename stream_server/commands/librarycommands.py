"""`undertone search`, `cluster`, `compare` and `library`: what they take. What they do is in `librarywork.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from stream_server.commands.voicecommands import AddSettings, Options, Parser, ReadSettings, guarded

SECTIONS = ("models", "vad", "history", "workbench")
KINDS = ("speaker", "emotion")
PATHS = "recordings, folders of them, or folders of runs with embeddings"


def add_commands(commands: argparse._SubParsersAction[Parser], add: AddSettings, settings: ReadSettings) -> None:
    """Declare the commands."""

    def command(name: str, text: str, sections: tuple[str, ...] = SECTIONS) -> Parser:
        about = text[0].upper() + text[1:] + ". See docs/library.md."
        parser = commands.add_parser(name, help=text, description=about)
        parser.set_defaults(run=lambda options: _run(name, options, settings))
        parser.add_argument("--kind", choices=KINDS, default="speaker", help="what to compare (default speaker)")
        add(parser, sections)
        return parser

    search = command("search", "which recordings are most like this one?")
    search.add_argument("query", type=Path, nargs="?", help="a recording, a folder of a run, or a .npy")
    search.add_argument("--source", metavar="RECORDING", help="instead: one whose embedding is kept, by its name")
    _add_among(search)
    search.add_argument("--count", type=int, default=10, help="how many to name (default 10)")
    search.add_argument("--json", action="store_true", help="a line of JSON for each")
    cluster = command("cluster", "which recordings are alike?")
    _add_among(cluster)
    cluster.add_argument("--method", choices=("kmeans", "hdbscan"), default="kmeans")
    cluster.add_argument("--count", type=int, help="groups of k-means (default: as many as fit best)")
    cluster.add_argument("--map", choices=("pca", "tsne"), help="also where each lies on a map of two dimensions")
    cluster.add_argument(
        "--export", type=Path, metavar="DIR", help="also .npy, CSV and files for TensorBoard's projector"
    )
    cluster.add_argument("--dimensions", type=int, help="for --export: reduced by PCA to so many at most")
    cluster.add_argument("--json", action="store_true", help="print one JSON document")
    compare = command("compare", "how like a reference set is a group, and where does it differ?")
    compare.add_argument("--group", type=Path, nargs="+", required=True, help=PATHS)
    compare.add_argument("--reference", type=Path, nargs="+", required=True, help="such as excellent calls")
    compare.add_argument("--json", action="store_true", help="print one JSON document")
    library = command("library", "which embeddings are kept, and to forget them", ("history", "workbench"))
    library.add_argument("--forget", nargs="+", default=[], metavar="RECORDING", help="all that is kept of these")
    library.add_argument("--forget-all", action="store_true", help="all of the kind")


def _add_among(parser: Parser) -> None:
    parser.add_argument("among", type=Path, nargs="*", help=f"{PATHS} (default: what is kept)")
    parser.add_argument("--keep", action="store_true", help="keep the embeddings in the database")


def _run(name: str, options: Options, settings: ReadSettings) -> int:
    def work() -> Callable[..., int]:
        from stream_server.commands.librarywork import COMMANDS

        return COMMANDS[name]

    return guarded(work, options, settings)
