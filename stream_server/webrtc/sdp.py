"""Offers, answers and ICE fragments as text (RFC 8866, 8840): what of an offer is used, and the answer to all of it.

One audio section is used, and the section of data channels if there is one. The rest (video, a second audio) is left
out of what the WebRTC library is given, and inactive in the answer, so that nothing of it is sent, let alone decoded.
It stays in the bundle: not every publisher bears that a section is rejected which its transport began with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stream_server.faults import Refusal

CODECS = {"opus/48000/2": "Opus", "pcmu/8000": "PCMU", "pcma/8000": "PCMA"}
"""What is understood: `a=rtpmap` in lower case, without a channel count of 1, and its name."""
STATIC = {"0": "pcmu/8000", "8": "pcma/8000"}
"""Payload types that mean a codec without `a=rtpmap` (RFC 3551)."""
MOST_CANDIDATES = 64
MOST_SECTIONS = 64
MAX_MESSAGE_BYTES = 65_536
"""What a peer takes in one message of a data channel if it does not say (RFC 8841)."""
MOST_MESSAGE_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a description, from its line `m=` on."""

    lines: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.lines[0][2:].split(" ")[0]

    @property
    def formats(self) -> list[str]:
        return self.lines[0].split(" ")[3:]

    @property
    def rejected(self) -> bool:
        return self.lines[0].split(" ")[1] == "0" and not self.has("bundle-only")

    def has(self, attribute: str) -> bool:
        return f"a={attribute}" in self.lines

    def values(self, attribute: str) -> list[str]:
        """What stands behind `a=attribute:`, of each such line."""
        start = f"a={attribute}:"
        return [line[len(start) :] for line in self.lines if line.startswith(start)]

    def value(self, attribute: str) -> str:
        """The first of `values`; empty if there is none."""
        return next(iter(self.values(attribute)), "")

    @property
    def mid(self) -> str:
        return self.value("mid")

    @property
    def codecs(self) -> dict[str, str]:
        """Of the codecs that are understood: payload type -> `rtpmap` in lower case."""
        mapped = {}
        for value in self.values("rtpmap"):
            payload, _, name = value.partition(" ")
            mapped[payload] = name.strip().lower().removesuffix("/1")
        named = {payload: mapped.get(payload, STATIC.get(payload, "")) for payload in self.formats}
        return {payload: name for payload, name in named.items() if name in CODECS}


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer: what of it is used, as text, and what an answer must be made of. `channels`: of the audio that is
    wanted; `mid`: of its section; `ufrag`: the ICE username, which tells one ICE session from the next; `most_bytes`:
    the largest message of a data channel that the peer takes, 0 if it has none."""

    used: str
    sections: tuple[Section, ...]
    bundled: frozenset[int]
    audio: int
    data: int | None
    channels: int
    ufrag: str
    most_bytes: int

    @property
    def mid(self) -> str:
        return self.sections[self.audio].mid

    @property
    def codecs(self) -> dict[int, str]:
        """Of the audio: payload type -> `rtpmap` in lower case."""
        return {int(payload): name for payload, name in self.sections[self.audio].codecs.items()}


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a peer tells of ICE after its offer: more candidates, as in `a=candidate:`, and whether those are all."""

    ufrag: str
    candidates: list[str]
    complete: bool


def parse_offer(text: str, channels: int) -> Offer:
    """Raises Refusal if it is no offer, or has no audio that can be used."""
    head, sections = _split(text)
    if not text.startswith("v=0") or not sections:
        raise Refusal("offer.invalid", "the body is no SDP offer: it must begin with v=0 and have a section m=audio")
    if len(sections) > MOST_SECTIONS:
        raise Refusal("offer.invalid", f"the offer has more than {MOST_SECTIONS} sections")
    audio = _audio(sections, channels)
    ufrag = sections[audio].value("ice-ufrag") or head.value("ice-ufrag")
    if not ufrag or not (sections[audio].value("ice-pwd") or head.value("ice-pwd")):
        raise Refusal("offer.invalid", "the offer has no ICE username and password (a=ice-ufrag, a=ice-pwd)")
    bundle = next((value.split()[1:] for value in head.values("group") if value.startswith("BUNDLE ")), [])
    bundled = [at for at, section in enumerate(sections) if section.mid in bundle]
    data = next((at for at in bundled if sections[at].kind == "application" and audio in bundled), None)
    used = [audio] if data is None else sorted((audio, data))
    return Offer(
        "".join(f"{line}\r\n" for line in _used(head, sections, audio, used, bundled)),
        tuple(sections),
        frozenset(at for at in bundled if at in used or sections[at].kind in ("audio", "video")),
        audio,
        data,
        channels,
        ufrag,
        0 if data is None else _most_bytes(sections[data]),
    )


def compose_answer(answer: str, offer: Offer) -> str:
    """The answer to the whole offer, of the answer to what of it is used: the other sections are inactive (rejected, if
    they are outside of the bundle), and two channels are asked for if they are wanted."""
    head, answered = _split(answer)
    sections = {section.mid: section for section in answered}
    audio = sections[offer.mid]
    mids = " ".join(each.mid for at, each in enumerate(offer.sections) if at in offer.bundled or at == offer.audio)
    lines = [f"a=group:BUNDLE {mids}" if line.startswith("a=group:BUNDLE") else line for line in head.lines]
    for at, section in enumerate(offer.sections):
        if at == offer.audio:
            lines += _asking(audio, offer.channels)
        elif at == offer.data:
            lines += sections[section.mid].lines
        elif at in offer.bundled:
            lines += _inactive(section, audio)
        else:
            lines += _rejected(section)
    return "".join(f"{line}\r\n" for line in lines)


def parse_fragment(text: str) -> Fragment:
    """A body of `application/trickle-ice-sdpfrag`. Raises Refusal if there is nothing in it."""
    lines = Section(tuple(text.splitlines()))
    candidates = _candidates(lines)
    complete = lines.has("end-of-candidates")
    ufrag = lines.value("ice-ufrag")
    if not (lines.values("candidate") or complete or ufrag):
        raise Refusal("candidates.invalid", "the body has neither a=candidate nor a=end-of-candidates nor a=ice-ufrag")
    return Fragment(ufrag, candidates, complete)


def _split(text: str) -> tuple[Section, list[Section]]:
    """The lines of the session, and the sections."""
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("m="):
            parts.append([])
        if line:
            parts[-1].append(line)
    head, *sections = (Section(tuple(part)) for part in parts)
    if not all(re.fullmatch(r"m=[a-z]+ \d+ \S+( \S+)+", section.lines[0]) for section in sections):
        raise Refusal("offer.invalid", "a line m= of the offer is not as SDP has it")
    return head, sections


def _audio(sections: list[Section], channels: int) -> int:
    """Which section is the audio to be used: the first that is sent and has a codec that is understood."""
    sent = [
        at
        for at, section in enumerate(sections)
        if section.kind == "audio" and not (section.rejected or section.has("recvonly") or section.has("inactive"))
    ]
    if not sent:
        raise Refusal("offer.no_audio", "the offer has no audio that is sent (m=audio, a=sendonly or a=sendrecv)")
    wanted = {name for name in CODECS if channels == 1 or name.startswith("opus")}
    for at in sent:
        if wanted & set(sections[at].codecs.values()):
            return at
    known = ", ".join(CODECS.values()) if channels == 1 else "Opus, which alone has two channels"
    raise Refusal("offer.no_codec", f"the audio of the offer has no codec that is understood here: {known}")


def _most_bytes(data: Section) -> int:
    """The largest message of a data channel that the peer takes; it may say 0 for any."""
    told = data.value("max-message-size")
    if not (told.isascii() and told.isdigit()):
        return MAX_MESSAGE_BYTES
    return min(int(told[:12]), MOST_MESSAGE_BYTES) or MOST_MESSAGE_BYTES


def _used(head: Section, sections: list[Section], audio: int, used: list[int], bundled: list[int]) -> Iterator[str]:
    """The lines of an offer that has only the sections `used`. What others of the bundle say about ICE is said of the
    audio: a bundle has one transport, and its first section may be one that is left out."""
    mids = " ".join(sections[at].mid for at in (audio, *(at for at in used if at != audio)))
    for line in head.lines:
        if not line.startswith("a=group:"):
            yield line
        elif line.startswith("a=group:BUNDLE") and audio in bundled:
            yield f"a=group:BUNDLE {mids}"
    for at in used:
        section = sections[at]
        lines = [
            line for line in section.lines if not line.startswith("a=candidate:") and line != "a=end-of-candidates"
        ]
        if at == audio:
            lines = _only_known(section, lines)
            told = [sections[each] for each in (bundled if audio in bundled else [audio])]
            candidates = [each for one in told for each in _candidates(one)]
            lines += [f"a=candidate:{each}" for each in dict.fromkeys(candidates)]
            if any(one.has("end-of-candidates") for one in told):
                lines.append("a=end-of-candidates")
        yield from lines


def _only_known(section: Section, lines: list[str]) -> list[str]:
    """The lines of an audio section without the codecs that are not understood."""
    codecs = section.codecs
    first = " ".join(section.lines[0].split(" ")[:3] + list(codecs))
    about = re.compile(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+) ")
    kept = [line for line in lines[1:] if not (found := about.match(line)) or found.group(1) in codecs]
    told = {value.partition(" ")[0] for value in section.values("rtpmap")}
    return [
        first,
        *kept,
        *(f"a=rtpmap:{payload} {codecs[payload].upper()}" for payload in codecs if payload not in told),
    ]


def _candidates(section: Section) -> list[str]:
    """The candidates of a section, at most MOST_CANDIDATES. Names that hide an address (`.local`) are left out: such a
    peer is found when it speaks first, and asking the whole network for the name would take a second."""
    found = [value.split() for value in section.values("candidate")[:MOST_CANDIDATES]]
    whole = [
        words for words in found if len(words) >= 8 and words[1].isdigit() and words[3].isdigit() and words[5].isdigit()
    ]
    return [" ".join(words) for words in whole if not words[4].lower().endswith(".local")]


def _asking(section: Section, channels: int) -> Iterator[str]:
    """The audio of an answer; Opus is to be sent in stereo where two channels are wanted, otherwise not."""
    opus = [value.split(" ")[0] for value in section.values("rtpmap") if value.lower().endswith(" opus/48000/2")]
    for line in section.lines:
        yield line
        for payload in opus:
            if line.startswith(f"a=rtpmap:{payload} "):
                yield f"a=fmtp:{payload} minptime=10;stereo={channels - 1};sprop-stereo=0"


def _inactive(section: Section, audio: Section) -> Iterator[str]:
    """A section of which nothing is to be sent, over the transport of the audio that is answered."""
    words, format_ = section.lines[0].split(" "), section.formats[0]
    yield " ".join([words[0], "9", words[2], format_])
    yield "c=IN IP4 0.0.0.0"
    yield "a=inactive"
    yield f"a=mid:{section.mid}"
    yield "a=rtcp-mux"
    yield from (line for line in section.lines if re.match(rf"a=(rtpmap|fmtp):{re.escape(format_)} ", line))
    yield from (line for line in audio.lines if re.match("a=(candidate|end-of|ice-|fingerprint|setup)", line))


def _rejected(section: Section) -> Iterator[str]:
    kind, _, rest = section.lines[0].partition(" ")
    yield f"{kind} 0 {rest.partition(' ')[2]}"
    yield "c=IN IP4 0.0.0.0"
    if section.mid:
        yield f"a=mid:{section.mid}"
    yield "a=inactive"
