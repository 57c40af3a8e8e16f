"""What of an offer is used, and the answer to the rest."""

from __future__ import annotations

import pytest

from stream_server.faults import Refusal
from stream_server.webrtc.sdp import MAX_MESSAGE_BYTES, Offer, compose_answer, parse_fragment, parse_offer

HEAD = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1 2 3", "a=ice-options:trickle"]
ICE = ["a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=setup:actpass", "a=rtcp-mux"]
VIDEO = ["m=video 9 UDP/TLS/RTP/SAVPF 45", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendonly", "a=rtpmap:45 AV1/90000", *ICE]
AUDIO = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0",
    "c=IN IP4 0.0.0.0",
    "a=mid:1",
    "a=sendonly",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:63 red/48000/2",
    "a=fmtp:63 111/111",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:0 PCMU/8000",
    *ICE,
]
DATA = [
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=mid:2",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
    *ICE,
]
CANDIDATE = "a=candidate:1 1 udp 2122 192.0.2.7 5000 typ host generation 0"


def text(*sections: list[str], head: list[str] = HEAD) -> str:
    return "".join(f"{line}\r\n" for line in [*head, *(line for section in sections for line in section)])


def lines(sdp: str, start: str) -> list[str]:
    return [line for line in sdp.splitlines() if line.startswith(start)]


def refused(offer: str, channels: int = 1) -> str:
    with pytest.raises(Refusal) as refusal:
        parse_offer(offer, channels)
    return refusal.value.fault.code


def test_only_the_audio_and_the_data_channels_are_used() -> None:
    offer = parse_offer(text(VIDEO, AUDIO, DATA), 1)
    assert [line.split()[0] for line in lines(offer.used, "m=")] == ["m=audio", "m=application"]
    assert lines(offer.used, "a=group:") == ["a=group:BUNDLE 1 2"]
    assert (offer.mid, offer.ufrag, offer.most_bytes) == ("1", "abcd", 262_144)


def test_of_the_audio_only_the_codecs_that_are_understood_are_used() -> None:
    offer = parse_offer(text(AUDIO), 1)
    assert lines(offer.used, "m=audio") == ["m=audio 9 UDP/TLS/RTP/SAVPF 111 0"]
    assert lines(offer.used, "a=rtpmap:") == ["a=rtpmap:111 opus/48000/2", "a=rtpmap:0 PCMU/8000"]
    assert lines(offer.used, "a=fmtp:") == ["a=fmtp:111 minptime=10;useinbandfec=1"]


def test_a_payload_type_that_means_a_codec_needs_no_rtpmap() -> None:
    audio = ["m=audio 9 UDP/TLS/RTP/SAVPF 8", "a=mid:1", "a=sendrecv", *ICE]
    assert lines(parse_offer(text(audio), 1).used, "a=rtpmap:") == ["a=rtpmap:8 PCMA/8000"]


def test_candidates_of_the_section_that_is_left_out_are_kept_and_hidden_names_are_not() -> None:
    hidden = "a=candidate:2 1 udp 2121 0d3e-44.local 5001 typ host"
    offer = parse_offer(text([*VIDEO, CANDIDATE, hidden, "a=end-of-candidates"], AUDIO, DATA), 1)
    assert lines(offer.used, "a=candidate") == [CANDIDATE]
    assert lines(offer.used, "a=end-of-candidates") == ["a=end-of-candidates"]


def test_the_first_audio_that_is_sent_is_used() -> None:
    listening = [line.replace("sendonly", "recvonly").replace("mid:1", "mid:0") for line in AUDIO]
    second = [line.replace("mid:1", "mid:3") for line in AUDIO]
    assert parse_offer(text(listening, AUDIO, second), 1).mid == "1"


def answered(offer: Offer) -> str:
    own = text([*AUDIO, CANDIDATE], DATA, head=["v=0", "o=- 2 2 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 1 2"])
    return compose_answer(own, offer)


def test_in_the_answer_the_rest_is_inactive_in_its_place_and_in_the_bundle() -> None:
    answer = answered(parse_offer(text(VIDEO, AUDIO, DATA), 1))
    assert [line.split()[0] for line in lines(answer, "m=")] == ["m=video", "m=audio", "m=application"]
    assert lines(answer, "m=video") == ["m=video 9 UDP/TLS/RTP/SAVPF 45"]
    assert lines(answer, "a=rtpmap:45") == ["a=rtpmap:45 AV1/90000"]
    assert len(lines(answer, "a=inactive")) == 1
    assert lines(answer, "a=candidate:") == [CANDIDATE, CANDIDATE]
    assert lines(answer, "a=mid:") == ["a=mid:0", "a=mid:1", "a=mid:2"]
    assert lines(answer, "a=group:BUNDLE") == ["a=group:BUNDLE 0 1 2"]


def test_what_is_outside_of_the_bundle_is_rejected() -> None:
    head = [line.replace("BUNDLE 0 1 2 3", "BUNDLE 1 2") for line in HEAD]
    answer = answered(parse_offer(text(VIDEO, AUDIO, DATA, head=head), 1))
    assert lines(answer, "m=video") == ["m=video 0 UDP/TLS/RTP/SAVPF 45"]
    assert lines(answer, "a=group:BUNDLE") == ["a=group:BUNDLE 1 2"]


@pytest.mark.parametrize(("channels", "asked"), [(1, "stereo=0"), (2, "stereo=1")])
def test_two_channels_are_asked_for_only_where_they_are_wanted(channels: int, asked: str) -> None:
    offer = parse_offer(text(AUDIO), channels)
    (fmtp,) = lines(compose_answer(text([line for line in AUDIO if "fmtp" not in line]), offer), "a=fmtp:111")
    assert asked in fmtp


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ("", "offer.invalid"),
        ("hello", "offer.invalid"),
        (text(), "offer.invalid"),
        (text(["m=audio"]), "offer.invalid"),
        (text([line for line in AUDIO if "ice-" not in line]), "offer.invalid"),
        (text(VIDEO), "offer.no_audio"),
        (text([line.replace("sendonly", "recvonly") for line in AUDIO]), "offer.no_audio"),
        (text([AUDIO[0].replace(" 9 ", " 0 "), *AUDIO[1:]]), "offer.no_audio"),
        (text(["m=audio 9 UDP/TLS/RTP/SAVPF 9", "a=mid:1", "a=rtpmap:9 G722/8000", *ICE]), "offer.no_codec"),
        (text(*([AUDIO] * 65)), "offer.invalid"),
    ],
)
def test_what_is_no_offer_of_audio_is_refused(offer: str, code: str) -> None:
    assert refused(offer) == code


def test_two_channels_need_opus() -> None:
    mono = ["m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:1", *ICE]
    assert parse_offer(text(mono), 1).mid == "1"
    assert refused(text(mono), 2) == "offer.no_codec"


def test_data_channels_outside_of_the_bundle_are_not_used() -> None:
    offer = parse_offer(text(AUDIO, DATA, head=[line for line in HEAD if "group" not in line]), 1)
    assert offer.data is None
    assert offer.most_bytes == 0


@pytest.mark.parametrize(("said", "most"), [("", MAX_MESSAGE_BYTES), ("a=max-message-size:0", 1 << 24)])
def test_how_large_a_message_of_the_data_channel_may_be(said: str, most: int) -> None:
    data = [line for line in DATA if "max-message" not in line]
    assert parse_offer(text(AUDIO, [*data, *filter(None, [said])]), 1).most_bytes == most


def test_a_fragment_has_the_candidates_and_says_when_there_are_no_more() -> None:
    fragment = parse_fragment(
        text([*ICE[:2], "m=audio 9 RTP/AVP 0", "a=mid:1", CANDIDATE, "a=end-of-candidates"], head=[])
    )
    assert fragment.ufrag == "abcd"
    assert fragment.candidates == [CANDIDATE.removeprefix("a=candidate:")]
    assert fragment.complete


@pytest.mark.parametrize("body", ["", "v=0\r\n", "a=mid:1\r\n"])
def test_a_fragment_without_anything_of_ice_is_refused(body: str) -> None:
    with pytest.raises(Refusal, match="neither"):
        parse_fragment(body)


def test_a_candidate_that_is_none_is_left_out() -> None:
    assert parse_fragment("a=candidate:nonsense\r\na=candidate:1 x udp y 1.2.3.4 z typ host\r\n").candidates == []
