"""The command line: `undertone COMMAND`; each has its own --help."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stream_server.settings import SECTIONS, Settings, SettingsError, declared, load

DEFAULT_URL = "http://127.0.0.1:8000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. Bad usage and bad settings give 2, a failure 1."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if given[:1] == ["bench"]:
            return _bench(given[1:])
        options = _parser().parse_args(given)
        status: int = options.run(options)
        return status
    except SettingsError as error:
        print(f"undertone: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("undertone: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    from evaluation import command  # this command line is where everything comes together, above all packages
    from stream_server.commands import librarycommands, voicecommands

    parser = argparse.ArgumentParser(
        prog="undertone",
        description="Says, while people talk, how they feel and who is speaking.",
        epilog="Each command has its own --help.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="listen for live calls")
    _add_settings(serve, tuple(SECTIONS))
    serve.set_defaults(run=_serve)

    stream = commands.add_parser("stream", help="play a recording to a server as a live call")
    _add_recording(stream)
    stream.add_argument("--url", default=DEFAULT_URL, help=f"the server (default {DEFAULT_URL})")
    stream.add_argument("--speed", type=_speed, default=1.0, help="times real time (default 1)")
    stream.add_argument("--call-id", help="the call's id (default: made up by the server)")
    stream.add_argument("--json", action="store_true", help="print the events as lines of JSON")
    stream.set_defaults(run=_stream)

    replay = commands.add_parser("replay", help="analyse a recording offline; events as lines of JSON")
    _add_recording(replay)
    replay.add_argument("--plot", type=Path, metavar="PNG", help="also draw a picture of the call")
    replay.add_argument("--rttm", type=Path, help="also write the speaker turns as RTTM")
    replay.add_argument(
        "--rules", type=Path, metavar="TOML", help="alert by the [[alerts.rules]] of this file, and tell"
    )
    replay.add_argument("--tag", type=_tag, action="append", default=[], metavar="KEY=VALUE", help="a tag of the call")
    _add_settings(replay, ("models", "vad", "monitor", "tracking", "alerts", "history", "voiceprints", "workbench"))
    replay.set_defaults(run=_replay)

    predict = commands.add_parser("predict", help="how recordings sound: their emotion, and what the audio is like")
    _add_recordings(predict)
    predict.add_argument("--embeddings", action="store_true", help="also write embeddings to the folder of the run")
    predict.set_defaults(run=_predict, of_embeddings=False)

    embed = commands.add_parser("embed", help="embeddings of recordings, as .npy files")
    _add_recordings(embed)
    embed.add_argument(
        "--kind",
        choices=("emotion", "speaker"),
        default="emotion",
        help="of how people sound, or of their voices, as undertone voices embed makes them (default emotion)",
    )
    embed.set_defaults(run=_embed, embeddings=True, of_embeddings=True)

    verify = commands.add_parser("verify", help="do two or more recordings have the same speaker?")
    voicecommands.add_verify(verify, _add_settings, _settings)

    voices = commands.add_parser("voices", help="voiceprints: enroll, list, rename, delete, import, export, identify")
    voicecommands.add_voices(voices, _add_settings, _settings)

    librarycommands.add_commands(commands, _add_settings, _settings)

    evaluate = commands.add_parser("evaluate", help="measure the models on recordings of your own")
    command.add_arguments(evaluate, _add_settings, _settings)

    models = commands.add_parser("models", help="list the models that are there, fetch others, check them")
    models.add_argument("--json", action="store_true", help="as JSON")
    models.set_defaults(run=_models)
    about_models = models.add_subparsers(metavar="COMMAND")
    pull = about_models.add_parser("pull", help="fetch published models into the cache")
    pull.add_argument("names", nargs="+", metavar="NAME", help="such as iic/emotion2vec_plus_large")
    pull.set_defaults(run=_models_pull)
    check = about_models.add_parser("check", help="whether a checkpoint is whole, what it is, and how fast")
    check.add_argument("path", type=Path, help="a file, or a folder as it is published")
    check.set_defaults(run=_models_check)

    commands.add_parser("bench", help="how many live calls a server holds on this machine", add_help=False)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from stream_server.version import VERSION

        print(f"undertone {VERSION}")
        parser.exit()


def _add_recording(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, help="anything FFmpeg reads")
    parser.add_argument("--channels", type=int, choices=(1, 2), default=1, help="2 keeps the parties apart (default 1)")
    parser.add_argument("--roles", help="who is on each channel, such as customer,agent")


def _add_recordings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recordings", type=Path, nargs="+", metavar="FILE", help="recordings, videos, or folders")
    parser.add_argument(
        "--granularity",
        choices=("utterance", "turn", "frame"),
        default="utterance",
        help="what embeddings are of; with frame, scores of every 20 ms as well (default utterance)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder of the run; if an earlier run ended there, it is taken up (default: outputs/outputs_<time> if "
        "embeddings are asked for, else nothing is written)",
    )
    parser.add_argument(
        "--format",
        choices=("table", "jsonl", "csv", "parquet"),
        default="table",
        help="what is printed (default table); csv and parquet are also written into the folder of the run",
    )
    parser.add_argument("--speakers", action="store_true", help="also who speaks when, and each speaker's emotion")
    parser.add_argument("--every-frame", action="store_true", help="let pauses count like speech")
    parser.add_argument("--keep-audio", action="store_true", help="also write what the models heard, as WAV")
    parser.add_argument("--channels", type=int, choices=(1, 2), default=1, help="2 keeps the parties apart (default 1)")
    parser.add_argument("--roles", help="who is on each channel, such as customer,agent")
    _add_settings(parser, ("models", "vad", "monitor", "tracking"))


def _add_settings(parser: argparse.ArgumentParser, sections: tuple[str, ...]) -> None:
    parser.add_argument("--config", type=Path, help="settings file (default undertone.toml, if there is one)")
    group = parser.add_argument_group("settings", "also in undertone.toml and as UNDERTONE_SECTION__KEY")
    for setting in declared():
        if setting.section not in sections:
            continue
        group.add_argument(
            *setting.flags,
            dest=setting.name,
            metavar="VALUE",
            help=f"{setting.help} (default {setting.shown or 'none'})",
        )


def _tag(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not (key and found):
        raise argparse.ArgumentTypeError(f"{text!r} is no tag; write KEY=VALUE")
    return key, value


def _speed(text: str) -> float:
    with suppress(ValueError):
        if 0.1 <= float(text) <= 1000:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.1 to 1000")


def _settings(options: argparse.Namespace) -> Settings:
    flags = {
        setting.name: value for setting in declared() if (value := getattr(options, setting.name, None)) is not None
    }
    return load(flags, os.environ, options.config)


def _roles(options: argparse.Namespace) -> tuple[str, ...]:
    from stream_server.faults import Refusal
    from stream_server.live.intake import parse_roles

    try:
        return parse_roles(options.roles, options.channels)
    except Refusal as refusal:
        raise SettingsError(refusal.reason) from None


def _serve(options: argparse.Namespace) -> int:
    from stream_server.commands.serve import serve  # torch and uvicorn take a second that other commands need not wait

    return serve(_settings(options))


def _stream(options: argparse.Namespace) -> int:
    from stream_server.commands import terminal
    from stream_server.live import sender

    sending = sender.Sending(options.recording, options.url, _roles(options), options.speed, options.call_id)
    if options.json:
        return sender.run(sending, terminal.print_json, lambda *_: None)
    with terminal.LiveView(options.recording.name) as view:
        return sender.run(sending, view.hear, view.level)


def _replay(options: argparse.Namespace) -> int:
    from history.database import DatabaseError
    from inference.model import CheckpointError
    from stream_server.commands.plot import PlotError
    from stream_server.commands.replay import replay
    from workbench.media import MediaError
    from workbench.sealing import SealError

    try:
        return replay(
            _settings(options),
            options.recording,
            _roles(options),
            sys.stdout.buffer,
            options.plot,
            options.rttm,
            options.rules,
            dict(options.tag),
        )
    except (MediaError, CheckpointError, DatabaseError, SealError, PlotError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(f"undertone: {error}", file=sys.stderr)
        return 1


def _predict(options: argparse.Namespace) -> int:
    from inference.model import CheckpointError
    from stream_server.commands import predicting
    from workbench.asked import Asked
    from workbench.ledger import RunError
    from workbench.recordings import find
    from workbench.tables import TableError

    settings = _settings(options)
    asked = Asked(
        options.granularity,
        options.embeddings,
        options.every_frame,
        options.speakers,
        options.keep_audio,
        _roles(options),
        monitor=settings.monitor,
        endpointing=settings.vad,
        tracking=settings.tracking,
    )
    try:
        items = find(options.recordings)
        if not items:
            raise RunError(f"{', '.join(map(str, options.recordings))}: no recording in it")
        wanted = predicting.Predicting(asked, options.format, options.out, options.of_embeddings)
        return predicting.run(settings, items, wanted)
    except (CheckpointError, RunError, TableError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(f"undertone: {error}", file=sys.stderr)
        return 1


def _embed(options: argparse.Namespace) -> int:
    if options.kind == "emotion":
        return _predict(options)
    from stream_server.commands import voicecommands

    own = {
        "--granularity": options.granularity != "utterance",
        "--format": options.format != "table",
        "--speakers": options.speakers,
        "--every-frame": options.every_frame,
        "--keep-audio": options.keep_audio,
        "--channels": options.channels != 1,
        "--roles": options.roles is not None,
    }
    if foreign := [flag for flag, given in own.items() if given]:
        raise SettingsError(f"{', '.join(foreign)}: of emotion; leave out with --kind speaker")
    return voicecommands.run("embed", options, _settings)


def _models(options: argparse.Namespace) -> int:
    from stream_server.commands.modellist import show

    return show(options.json)


def _models_pull(options: argparse.Namespace) -> int:
    from stream_server.commands.modelstore import pull

    return pull(options.names)


def _models_check(options: argparse.Namespace) -> int:
    from stream_server.commands.modelstore import check

    return check(options.path)


def _bench(arguments: Sequence[str]) -> int:
    """Everything behind `bench` is for benchmarks.live, its --help as well."""
    try:
        from benchmarks import live
    except ModuleNotFoundError as error:
        if error.name != "psutil":
            raise
        print("undertone: bench needs psutil: pip install 'undertone[bench]' (make install does)", file=sys.stderr)
        return 1
    return live.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
