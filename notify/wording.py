"""What people are told, in words. All of it stands here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from monitor.events import Alert, AlertCleared, AlertRaised, Scores
from notify.notice import Notice, Told, Trial

Tone = Literal["info", "warning", "critical", "over"]
FEELINGS = {
    "angry": "angry",
    "disgusted": "disgusted",
    "fearful": "afraid",
    "happy": "happy",
    "sad": "sad",
    "surprised": "surprised",
}
PARTIES = {
    "customer": "the customer",
    "agent": "the agent",
    "left": "the party on the left",
    "right": "the party on the right",
}
LONGEST_TAG = 64


@dataclass(frozen=True, slots=True)
class Words:
    """A headline, a sentence, and where to look. `tone`: how bad it is."""

    title: str
    sentence: str
    link: str
    tone: Tone

    @property
    def body(self) -> str:
        return f"{self.sentence}\n{self.link}"


def words(told: Told) -> Words:
    """`told` for a person who does not know Undertone's terms."""
    if isinstance(told, Trial):
        return Words(
            f"Trial of {told.channel}", "If you can read this, alerts of Undertone reach you here.", told.link, "info"
        )
    event = told.event
    name, call = event.rule.replace("_", " ").replace("-", " "), f"call {event.call_id}{_tags(told.call.tags)}"
    match event:
        case AlertCleared():
            lasted = _span(event.end_s - event.start_s)
            return Words(f"{_capital(name)} is over in {call}", f"It has lasted {lasted}.", told.link, "over")
        case AlertRaised():
            title = f"{name} in {call}"
        case _:
            title = f"{name} goes on in {call}"
    if event.severity == "critical":
        title = f"critical: {title}"
    return Words(_capital(title), _capital(_happening(told)) + ".", told.link, _tone(event))


def _happening(notice: Notice) -> str:
    """Whose what is how much, and from where on it counts."""
    event, who = notice.event, _party(notice)
    span, over = _span(event.end_s - event.start_s), event.value >= event.threshold
    share, share_from = f"{event.value:.0%}", f"{event.threshold:.0%}"
    level = f"{event.value:.2f}, {'from' if over else 'down to'} {event.threshold:.2f}"
    match event.measure, over:
        case "score", True if event.scores and (feeling := _feeling(event.scores)):
            return f"{who} has sounded {feeling} for {span} ({level})"
        case "arousal", True:
            return f"{who} has sounded agitated for {span} (arousal {level})"
        case "arousal", False:
            return f"{who} has sounded listless for {span} (arousal {level})"
        case "silence_s", True:
            whose = "nobody has spoken" if notice.role is None else f"{who} has said nothing"
            return f"{whose} for {_span(event.value)} (from {_span(event.threshold)})"
        case "talk_ratio", _:
            return f"{who} has had {share} of the talk ({'from' if over else 'down to'} {share_from})"
        case "overlap_ratio", True:
            return f"both parties have talked at once for {share} of the time (from {share_from})"
        case "interruptions", True:
            return f"{who} has interrupted {event.value:.0f} times (from {event.threshold:.0f})"
    return f"{who}: {event.measure.replace('_', ' ')} for {span} ({level})"


def _party(notice: Notice) -> str:
    """Who is meant, as the subject of a sentence."""
    role, speaker = notice.role, notice.event.speaker
    if role is not None and role != "mixed":
        return PARTIES.get(role, role)
    return "somebody" if speaker is None else PARTIES.get(speaker, f"speaker {speaker}")


def _feeling(scores: Scores) -> str | None:
    """The strongest feeling that is one; what is heard is not always mostly that."""
    return FEELINGS[max(FEELINGS, key=lambda label: scores.get(label, 0.0))] if any(map(scores.get, FEELINGS)) else None


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _tags(tags: dict[str, str]) -> str:
    """The call's tags in brackets; they come from outside and keep to one line."""
    shown = ", ".join(f"{_printable(key)}: {_printable(value)}" for key, value in sorted(tags.items()))
    return f" ({shown})" if shown else ""


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:LONGEST_TAG]


def _tone(event: Alert) -> Tone:
    return "critical" if event.severity == "critical" else "info" if event.severity == "info" else "warning"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
