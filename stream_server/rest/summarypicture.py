"""The summary of a call as a picture of one page (SVG), to print, to mail, or to look at. Pure: words and numbers in.

Nothing is loaded and nothing runs in it; every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from monitor.course import distress
from monitor.events import CallSummary, Feeling, SpeakerSummary
from stream_server.live.callbook import CallDetails
from stream_server.live.emotiontimeline import Point
from stream_server.rest.summarywords import Words

WIDTH, MARGIN = 1120, 40
LEFT, RIGHT = 190, WIDTH - MARGIN
"""Where time begins and ends."""
CHART_TOP, CHART_HEIGHT, LANE_HEIGHT, ROW_HEIGHT = 190, 170, 26, 30
COLOURS = ("#2457c5", "#a3527f", "#14808a", "#7d6a12", "#5d7f2e", "#8a5a3b")
INK, QUIET, LINE, ANGER, ALERT = "#16202c", "#556170", "#dfe4ea", "#d55e00", "#fdecea"
SPEAKERS = len(COLOURS)
"""Lanes and rows; of more speakers those who spoke most."""
BINS = 240
GAP_S = 4.0
"""A longer time without a reading is a gap in the curve."""


def picture(call: CallDetails, words: Words) -> str:
    """An SVG document. `call.summary` must be there."""
    summary = call.summary
    assert summary is not None
    speakers = sorted(summary.speakers, key=lambda speaker: -speaker.speech_s)[:SPEAKERS]
    lanes_top = CHART_TOP + CHART_HEIGHT + 40
    table_top = lanes_top + LANE_HEIGHT * max(1, len(speakers)) + 50
    height = table_top + ROW_HEIGHT * (len(speakers) + 1) + 60
    scale = _Scale(summary.duration_s)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' font-family="system-ui, Helvetica, Arial, sans-serif" font-size="14" role="img">',
        f"<title>{escape(call.call_id)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *_head(call, words),
        *_figures(summary, words),
        *_chart(call, summary, speakers, scale, words),
        *_lanes(summary, speakers, scale, lanes_top, words),
        *_table(speakers, table_top, words),
        _text(MARGIN, height - 24, words["caution"], fill=QUIET, size=12),
        "</svg>",
    ]
    return "\n".join(parts)


class _Scale:
    def __init__(self, duration_s: float) -> None:
        self.duration_s = max(1.0, duration_s)

    def x(self, t: float) -> float:
        return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, t / self.duration_s))


def _head(call: CallDetails, words: Words) -> Iterator[str]:
    yield _text(MARGIN, 58, call.call_id, size=26, weight=700)
    tags = [f"{key}: {value}" for key, value in sorted(call.tags.items())][:4]
    roles = [words.get(channel.role, channel.role) for channel in call.channels]
    ended = call.reason if call.reason is not None else words["live"]
    about = " \u00b7 ".join([call.started_at[:19].replace("T", " ") + " UTC", ", ".join(roles), *tags, ended])
    yield _text(MARGIN, 84, about[:150], fill=QUIET)


def _figures(summary: CallSummary, words: Words) -> Iterator[str]:
    """What the call comes to, in a row."""
    quality, alerts = summary.quality, sum(count.raised for count in summary.alerts)
    longest = words["longest"].format(time=_clock(summary.longest_silence_s))
    figures = [(words["duration"], _clock(summary.duration_s), "")]
    figures.append((words["silence"], _share(summary.silence_s, summary.duration_s), longest))
    if summary.overlap_s is not None:
        figures.append((words["overlap"], _share(summary.overlap_s, summary.duration_s), ""))
    rules = ", ".join(f"{count.rule} {count.raised}" for count in summary.alerts[:3])
    figures.append((words["alerts"], str(alerts) if alerts else words["none"], rules))
    if quality is not None and quality.reliability:
        well = quality.reliability["high"] + quality.reliability["medium"]
        unusable = words["unusable"].format(share=_share(quality.reliability["unusable"], 1))
        noise = "" if quality.snr_db is None else words["noise"].format(db=f"{quality.snr_db:.0f}") + ", "
        figures.append((words["quality"], _share(well, 1), noise + unusable))
    step = (WIDTH - 2 * MARGIN) / len(figures)
    for at, (name, value, more) in enumerate(figures):
        x = MARGIN + step * at
        yield _text(x, 114, name, fill=QUIET, size=12)
        yield _text(x, 138, value, size=22, weight=600)
        yield _text(x, 156, more[:42], fill=QUIET, size=12)


def _chart(
    call: CallDetails, summary: CallSummary, speakers: Sequence[SpeakerSummary], scale: _Scale, words: Words
) -> Iterator[str]:
    """Distress over time: a curve for each speaker, alerts behind it, and where it turned."""
    bottom = CHART_TOP + CHART_HEIGHT
    yield _text(MARGIN, CHART_TOP + 14, words["distress"], size=13, weight=600)
    yield _text(MARGIN, CHART_TOP + 32, words["of"], fill=QUIET, size=12)
    for alert in call.alerts:
        x, end = scale.x(alert.start_s), scale.x(alert.end_s)
        size = f'width="{max(2.0, end - x):.1f}" height="{CHART_HEIGHT}"'
        yield f'<rect x="{x:.1f}" y="{CHART_TOP}" {size} fill="{ALERT}"/>'
        yield _text(x + 3, CHART_TOP + 12, alert.rule[:16], fill=ANGER, size=10)
    for level in (0, 0.5, 1):
        y = bottom - CHART_HEIGHT * level
        yield f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{LINE}"/>'
        yield _text(LEFT - 8, y + 4, f"{100 * level:.0f} %", fill=QUIET, size=11, anchor="end")
    roles = {channel.channel: channel.role for channel in call.channels}
    apart = len(call.channels) > 1
    for speaker, colour in zip(speakers, COLOURS, strict=False):
        own = [
            point for point in call.timeline if (roles[point.channel] if apart else point.speaker) == speaker.speaker
        ]
        for curve in _curves(own, scale):
            path = " ".join(f"{x:.1f},{bottom - CHART_HEIGHT * y:.1f}" for x, y in curve)
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'
    for at, point in enumerate(summary.turning_points):
        x, worse = scale.x(point.t), point.after > point.before
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{CHART_TOP}" y2="{bottom}" stroke="{INK}" stroke-dasharray="3 4"/>'
        says = f"{_clock(point.t)} {words['worse' if worse else 'better']}"
        yield _text(min(x + 4, RIGHT - 70), bottom - 6 - 14 * (at % 2), says, size=11)
    for at in range(7):
        t = scale.duration_s * at / 6
        anchor = "start" if at == 0 else "end" if at == 6 else "middle"
        yield _text(scale.x(t), bottom + 18, _clock(t), fill=QUIET, size=11, anchor=anchor)


def _curves(points: Sequence[Point], scale: _Scale) -> Iterator[list[tuple[float, float]]]:
    """Places of a curve, in as many pieces as there are gaps; what falls together is one place, its mean."""
    width_s = scale.duration_s / BINS
    bins: dict[int, list[float]] = {}
    for point in points:
        if point.label is not None:
            bins.setdefault(int(point.t / width_s), []).append(distress(point.scores))
    curve: list[tuple[float, float]] = []
    last = None
    for number, levels in sorted(bins.items()):
        if last is not None and (number - last) * width_s > max(GAP_S, 1.5 * width_s):
            yield curve
            curve = []
        curve.append((scale.x((number + 0.5) * width_s), sum(levels) / len(levels)))
        last = number
    if curve:
        yield curve if len(curve) > 1 else [curve[0], (curve[0][0] + 2, curve[0][1])]


def _lanes(
    summary: CallSummary, speakers: Sequence[SpeakerSummary], scale: _Scale, top: float, words: Words
) -> Iterator[str]:
    """When each of them spoke."""
    for at, (speaker, colour) in enumerate(zip(speakers, COLOURS, strict=False)):
        y = top + LANE_HEIGHT * at
        yield _text(MARGIN, y + 13, words.get(speaker.speaker, speaker.speaker)[:18], size=13)
        spoken = [(turn.start_s, turn.end_s) for turn in summary.turns if turn.speaker == speaker.speaker]
        for start_s, end_s in _joined(spoken, scale.duration_s / 1000):
            x = scale.x(start_s)
            width = max(1.0, scale.x(end_s) - x)
            yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="16" rx="2" fill="{colour}"/>'


def _joined(spans: Iterable[tuple[float, float]], least_s: float) -> Iterator[tuple[float, float]]:
    """Spans with what lies between them, where that is too little to be seen."""
    ordered = sorted(spans)
    start_s = ordered[0][0] if ordered else 0.0
    for (_, end_s), (next_s, _) in pairwise(ordered):
        if next_s - end_s > least_s:
            yield start_s, end_s
            start_s = next_s
    if ordered:
        yield start_s, ordered[-1][1]


def _table(speakers: Sequence[SpeakerSummary], top: float, words: Words) -> Iterator[str]:
    heads = ["who", "talk", "turns_count", "interruptions", "start", "worst", "end", "recovered"]
    places = [MARGIN, 200, 310, 380, 530, 680, 840, 980]
    for x, head in zip(places, heads, strict=True):
        yield _text(x, top, words[head], fill=QUIET, size=12)
    yield f'<line x1="{MARGIN}" x2="{RIGHT}" y1="{top + 8}" y2="{top + 8}" stroke="{LINE}"/>'
    for at, (speaker, colour) in enumerate(zip(speakers, COLOURS, strict=False)):
        y = top + ROW_HEIGHT * (at + 1)
        yield f'<circle cx="{MARGIN + 5}" cy="{y - 5}" r="5" fill="{colour}"/>'
        cells = [words.get(speaker.speaker, speaker.speaker)[:20], _share(speaker.talk_ratio, 1), str(speaker.turns)]
        cells.append("\u2013" if speaker.interruptions is None else str(speaker.interruptions))
        cells += _course(speaker, words)
        for x, cell in zip([MARGIN + 18, *places[1:]], cells, strict=True):
            yield _text(x, y, cell, size=13)


def _course(speaker: SpeakerSummary, words: Words) -> list[str]:
    course = speaker.course
    if course is None:
        return [words["not_inferred"], "\u2013", "\u2013", "\u2013"]
    recovered = words["never"]
    if course.recovered_after_s is not None:
        recovered = words["after"].format(time=_clock(course.recovered_after_s))
    elif course.worst.distress < 0.3:
        recovered = words["calm"]
    return [_felt(course.start, words), f"{_felt(course.worst, words)}, {_clock(course.worst.start_s)}",
            _felt(course.end, words), recovered]  # fmt: skip


def _felt(feeling: Feeling, words: Words) -> str:
    return f"{words.get(feeling.label, feeling.label)} ({_share(feeling.distress, 1)})"


def _text(
    x: float, y: float, text: str, fill: str = INK, size: int = 14, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _clock(seconds: float) -> str:
    """1:05, 1:02:09."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "0 %"
