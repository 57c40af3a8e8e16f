"""What `undertone stream` shows while a call plays: level, speech, speaker, emotion, changes, lag."""

from __future__ import annotations

import sys
from collections import deque
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from monitor.events import (
    CallEnded,
    CallStarted,
    Emotion,
    Error,
    Event,
    SpeakerChanged,
    SpeechEnded,
    SpeechStarted,
    Warning,
    encode,
)

FLOOR_DB = -60.0
BAR = 30
COLOURS = {"angry": "red", "fearful": "magenta", "happy": "yellow", "sad": "blue", "surprised": "green"}
NEWS = 8


def print_json(event: Event) -> None:
    """An event as a line of JSON on standard output."""
    sys.stdout.buffer.write(encode(event) + b"\n")
    sys.stdout.buffer.flush()


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{seconds % 60:04.1f}"


def bar(share: float, width: int = BAR) -> str:
    """A bar of `share` of `width` characters, in eighths."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


class CallPicture:
    """The newest of everything, folded from events; `render` draws it."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.ended: CallEnded | None = None
        self._started: CallStarted | None = None
        self._emotions: dict[int, Emotion] = {}
        self._speaking: set[int] = set()
        self._speaker: str | None = None
        self._lag_ms: float | None = None
        self._news: deque[tuple[float, str, str]] = deque(maxlen=NEWS)
        self._sent_s = 0.0
        self._level_db = FLOOR_DB

    def level(self, sent_s: float, level_db: float) -> None:
        self._sent_s, self._level_db = sent_s, level_db

    def hear(self, event: Event) -> None:
        match event:
            case CallStarted():
                self._started = event
            case CallEnded():
                self.ended = event
            case SpeechStarted(channel=int(channel)):
                self._speaking.add(channel)
            case SpeechEnded(channel=int(channel)):
                self._speaking.discard(channel)
            case Emotion(channel=int(channel)):
                self._emotions[channel] = event
                self._lag_ms = event.lag_ms
            case SpeakerChanged():
                self._speaker = event.to
                words = f"{event.to} speaks" if event.from_ is None else f"{event.from_} → {event.to}"
                self._news.append((event.t, f"{words} ({event.confidence:.0%})", "cyan"))
            case Warning():
                self._news.append((event.t, f"{event.code}: {event.reason}", "yellow"))
            case Error():
                self._news.append((event.t, f"{event.code}: {event.reason}", "red"))

    def render(self) -> RenderableType:
        body: list[RenderableType] = [self._status()]
        if self._started is not None:
            for channel in self._started.channels:
                if channel.emotion:
                    body.append(self._emotion(channel.role, self._emotions.get(channel.channel)))
                elif len(self._started.channels) > 1:
                    body.append(Text(f"\n{channel.role}: emotion is not inferred for this role", style="dim"))
        if self._news:
            body.append(Text("\nchanges", style="bold"))
            body += [Text(f"  {clock(t)}  {words}", style=style) for t, words, style in self._news]
        return Panel(Group(*body), title=self.title, title_align="left", border_style="dim", width=84)

    def _status(self) -> RenderableType:
        share = (self._level_db - FLOOR_DB) / -FLOOR_DB
        names = [channel.role for channel in self._started.channels] if self._started else []
        talking = [names[channel] for channel in sorted(self._speaking) if channel < len(names)]
        who = self._speaker or "nobody yet"
        table = Table.grid(padding=(0, 2))
        table.add_row("call", Text(self._started.call_id if self._started else "connecting", style="bold"), "")
        table.add_row("time", clock(self._sent_s), "")
        table.add_row("level", Text(f"{bar(share, 20):<20} {self._level_db:4.0f} dB", style="green"), "")
        table.add_row("speech", Text(f"● {', '.join(talking)}" if talking else "○ silence"), "")
        table.add_row("speaker", Text(who, style="bold cyan"), "")
        table.add_row("lag", "-" if self._lag_ms is None else f"{self._lag_ms:.0f} ms", "")
        return table

    def _emotion(self, role: str, emotion: Emotion | None) -> RenderableType:
        if emotion is None or emotion.label is None:
            return Text(f"\n{role}: no usable speech", style="dim")
        heading = Text(f"\n{role}: ")
        heading.append(emotion.label, style=f"bold {COLOURS.get(emotion.label, 'white')}")
        heading.append(f" {emotion.confidence:.0%}, reliability {emotion.reliability}, arousal {emotion.arousal:.2f}")
        table = Table.grid(padding=(0, 1))
        known = self._started.models["emotion"].labels if self._started else list(emotion.scores)
        for label in known:
            style = COLOURS.get(label, "white") if label == emotion.label else "dim"
            table.add_row(
                f"  {label:<10}",
                Text(f"{bar(emotion.scores[label]):<{BAR}}", style=style),
                f"{emotion.scores[label]:4.0%}",
            )
        return Group(heading, table)


class LiveView:
    """A CallPicture kept up to date on the terminal; a plain last state where there is no terminal."""

    def __init__(self, title: str) -> None:
        self._console = Console()
        self._picture = CallPicture(title)
        self._live = Live(get_renderable=self._picture.render, console=self._console, refresh_per_second=8)

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)
        if not self._console.is_terminal:
            self._console.print()
        if self._picture.ended is not None:
            self._console.print(_farewell(self._picture.ended))

    def hear(self, event: Event) -> None:
        self._picture.hear(event)

    def level(self, sent_s: float, level_db: float) -> None:
        self._picture.level(sent_s, level_db)


def _farewell(event: CallEnded) -> RenderableType:
    """The summary of a call, by speaker."""
    summary = event.summary
    table = Table(
        title=f"{event.reason}: {clock(summary.duration_s)}, changes of speaker: {summary.speaker_changes}",
        title_justify="left",
    )
    for column in ("speaker", "spoke", "turns", "mostly", "arousal"):
        table.add_column(column)
    for speaker in summary.speakers:
        scores = speaker.emotion
        mostly = "-" if scores is None else max(scores, key=lambda label: scores[label])
        table.add_row(
            speaker.speaker,
            f"{speaker.speech_s:.1f} s",
            str(speaker.turns),
            mostly if scores is None else f"{mostly} {scores[mostly]:.0%}",
            "-" if speaker.arousal is None else f"{speaker.arousal:.2f}",
        )
    return table
