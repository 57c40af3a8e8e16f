"""Where speech begins and ends. A course such as ".5 #30" means 5 frames of silence, then 30 voiced ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripted import pieces
from vad.endpointing import Closed, Edge, Endpointer, EndpointingConfig, Opened, State

CONFIG = EndpointingConfig(onset=0.5, offset=0.1, onset_s=0.2, hangover_s=0.4)
ONSET, HANGOVER = 10, 20


def course(text: str) -> bytes:
    levels = {".": 0, "#": 255, "~": 76}
    return b"".join(bytes([levels[word[0]]]) * int(word[1:]) for word in text.split())


def edges(text: str, config: EndpointingConfig = CONFIG, *, flush: bool = False) -> list[Edge]:
    endpointer = Endpointer(config)
    return endpointer.feed(course(text)) + (endpointer.flush() if flush else [])


def test_speech_starts_at_its_first_voiced_frame_once_half_the_onset_span_is_voiced() -> None:
    assert edges(".30 #20") == [Opened(30, 35)]


def test_speech_from_the_first_frame_on_starts_there() -> None:
    assert edges("#20") == [Opened(0, 5)]


def test_the_start_is_dated_back_over_a_hesitant_onset() -> None:
    assert edges(".30 #2 .3 #3") == [Opened(30, 38)]


def test_voiced_frames_older_than_the_onset_span_do_not_count() -> None:
    assert edges(".30 #1 .10 #4 .30") == []


def test_a_lone_voiced_frame_opens_nothing() -> None:
    assert edges(".30 #1 .30 #1 .30", flush=True) == []


def test_pause_shorter_than_hangover_keeps_speech_open() -> None:
    assert edges(".30 #20 .18 #20") == [Opened(30, 35)]


def test_pause_longer_than_hangover_ends_speech_where_it_fell_silent() -> None:
    assert edges(".30 #20 .25") == [Opened(30, 35), Closed(30, 50, 69)]


def test_a_lone_voiced_frame_does_not_prolong_speech() -> None:
    plain, lone = edges(".30 #20 .40"), edges(".30 #20 .10 #1 .40")
    assert [edge.end for edge in plain if isinstance(edge, Closed)] == [50]
    assert [edge.end for edge in lone if isinstance(edge, Closed)] == [50]


def test_a_pair_of_voiced_frames_prolongs_speech() -> None:
    assert edges(".30 #20 .10 #2 .40")[1:] == [Closed(30, 62, 81)]


def test_unsure_frames_do_not_open_speech() -> None:
    assert edges("~200", flush=True) == []


def test_unsure_frames_keep_open_speech_open() -> None:
    assert edges(".30 #20 ~200") == [Opened(30, 35)]


def test_a_segment_shorter_than_the_hangover_is_not_closed_before_the_hangover_has_passed() -> None:
    assert edges(".30 #5 .40") == [Opened(30, 35), Closed(30, 35, 54)]


def test_silence_before_a_segment_does_not_count_towards_its_end() -> None:
    assert edges(".30 #25", EndpointingConfig(onset=0.5, offset=0.4, onset_s=0.2, hangover_s=0.4)) == [Opened(30, 35)]


def test_the_end_of_the_stream_closes_speech_after_its_last_voiced_pair() -> None:
    assert edges(".30 #20 .5", flush=True) == [Opened(30, 35), Closed(30, 50, 55)]


def test_the_end_of_the_stream_in_silence_says_nothing() -> None:
    assert edges(".30 #20 .40", flush=True)[2:] == []


def test_the_state_tells_whether_someone_speaks() -> None:
    endpointer = Endpointer(CONFIG)
    endpointer.feed(course(".30 #20"))
    assert (endpointer.state, endpointer.segment_start) == (State.SPEECH, 30)
    endpointer.feed(course(".40"))
    assert (endpointer.state, endpointer.segment_start) == (State.SILENCE, None)


def test_a_hangover_shorter_than_the_onset_span_does_not_hear_the_same_speech_twice() -> None:
    short = EndpointingConfig(onset=0.5, offset=0.1, onset_s=0.4, hangover_s=0.1)
    assert edges(".30 #20 .60", short) == [Opened(30, 40), Closed(30, 50, 55)]


def test_speech_after_a_short_hangover_is_heard_again() -> None:
    short = EndpointingConfig(onset=0.5, offset=0.1, onset_s=0.4, hangover_s=0.1)
    starts = [edge.start for edge in edges(".30 #20 .8 #30", short) if isinstance(edge, Opened)]
    assert starts == [30, 58]


@pytest.mark.parametrize(("field", "frames"), [("onset_frames", 1), ("hangover_frames", 2)])
def test_spans_never_round_to_nothing(field: str, frames: int) -> None:
    assert getattr(EndpointingConfig(onset_s=0.001, hangover_s=0.001), field) == frames


LEVELS = st.lists(
    st.tuples(st.sampled_from([0, 25, 76, 128, 153, 255]), st.integers(1, 40)), min_size=1, max_size=12
).map(lambda runs: b"".join(bytes([level]) * n for level, n in runs))
CONFIGS = st.builds(
    EndpointingConfig,
    onset=st.sampled_from([0.2, 0.5, 0.9]),
    offset=st.sampled_from([0.05, 0.1, 0.15]),
    onset_s=st.sampled_from([0.02, 0.2, 0.6]),
    hangover_s=st.sampled_from([0.04, 0.2, 0.4]),
)


@given(LEVELS, CONFIGS, st.lists(st.integers(0, 30), max_size=20))
@settings(max_examples=80, deadline=None)
def test_any_chunking_gives_equal_edges(levels: bytes, config: EndpointingConfig, sizes: list[int]) -> None:
    whole, cut = Endpointer(config), Endpointer(config)
    parts = [edge for piece in pieces(levels, sizes) for edge in cut.feed(piece)]
    assert parts + cut.flush() == whole.feed(levels) + whole.flush()


@given(LEVELS, CONFIGS)
@settings(max_examples=80, deadline=None)
def test_segments_alternate_and_never_overlap(levels: bytes, config: EndpointingConfig) -> None:
    endpointer = Endpointer(config)
    found = endpointer.feed(levels) + endpointer.flush()
    assert [type(edge) for edge in found] == [Opened, Closed] * (len(found) // 2)
    last_end = last_decided = 0
    for opened, closed in zip(found[::2], found[1::2], strict=True):
        assert isinstance(closed, Closed)
        assert last_end <= opened.start == closed.start < closed.end <= closed.decided <= len(levels)
        assert last_decided <= opened.decided <= closed.decided
        last_end, last_decided = closed.end, closed.decided
