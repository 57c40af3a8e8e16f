"""Where RTP audio belongs: holes are gaps, jumps are none, and no loss moves what comes after it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_server.webrtc.clock import DRIFT, SLACK_S, WRAP, Place, RtpClock

RATE_HZ = 48_000
PIECE = 960
PIECE_S = PIECE / RATE_HZ


def played(clock: RtpClock, numbers: list[int], first: int = 0) -> list[Place]:
    """The places of the pieces of these numbers of one stream, each come when it was spoken."""
    return [clock.place((first + n * PIECE) % WRAP, PIECE, 100 + (n + 1) * PIECE_S) for n in numbers]


def test_what_comes_whole_has_no_gaps() -> None:
    clock = RtpClock(RATE_HZ)
    assert played(clock, list(range(100))) == [Place(0, 0)] * 100
    assert clock.position == 100 * PIECE


def test_lost_pieces_are_a_gap_as_long_as_they_were() -> None:
    clock = RtpClock(RATE_HZ)
    assert played(clock, [0, 1, 5, 6]) == [Place(0, 0), Place(0, 0), Place(3 * PIECE, 0), Place(0, 0)]


def test_a_piece_that_comes_twice_or_too_late_is_known() -> None:
    clock = RtpClock(RATE_HZ)
    played(clock, [0, 1, 2, 4])
    assert clock.place(4 * PIECE, PIECE, 101.0).known == PIECE
    assert clock.place(3 * PIECE, PIECE, 101.0).known == PIECE
    assert clock.position == 5 * PIECE
    assert clock.place(5 * PIECE, PIECE, 101.0) == Place(0, 0)


def test_a_piece_that_was_heard_in_part_is_known_in_part() -> None:
    clock = RtpClock(RATE_HZ)
    played(clock, [0, 1])
    assert clock.place(2 * PIECE - 100, PIECE, 100.06) == Place(0, 100)


@given(st.sets(st.integers(1, 300)), st.integers(0, WRAP - 1))
def test_whatever_is_lost_and_wherever_the_count_begins_audio_and_gaps_are_as_long_as_the_stream(
    lost: set[int], first: int
) -> None:
    clock = RtpClock(RATE_HZ)
    kept = [n for n in range(302) if n not in lost]
    places = played(clock, kept, first)
    assert sum(place.gap for place in places) == len(lost) * PIECE
    assert not any(place.known for place in places)
    assert clock.position == 302 * PIECE


@given(st.integers(1, 200), st.floats(0, 5))
def test_what_a_network_holds_up_and_delivers_at_once_has_no_gap(pieces: int, held_s: float) -> None:
    clock = RtpClock(RATE_HZ)
    played(clock, list(range(50)))
    at_s = 100 + 50 * PIECE_S
    for n in range(50, 50 + pieces):
        at_s = max(at_s + 1e-4, min(100 + (n + 1) * PIECE_S, at_s + held_s if n == 50 else at_s))
        assert clock.place(n * PIECE, PIECE, at_s) == Place(0, 0)


def test_what_a_slow_start_has_gathered_is_heard_once() -> None:
    clock = RtpClock(RATE_HZ)
    for n in range(200):
        assert clock.place(n * PIECE, PIECE, 100 + n * 1e-4) == Place(0, 0)
    assert clock.place(100 * PIECE, PIECE, 100.1).known == 0, "further back than late"
    clock = RtpClock(RATE_HZ)
    for n in range(200):
        clock.place(n * PIECE, PIECE, 100 + n * 1e-4)
    assert clock.place(199 * PIECE, PIECE, 100.1).known == PIECE


@given(st.integers(-(WRAP // 2), WRAP // 2))
def test_a_count_that_jumps_makes_no_gap_that_time_has_no_room_for(jump: int) -> None:
    clock = RtpClock(RATE_HZ)
    played(clock, list(range(50)))
    place = clock.place((50 * PIECE + jump) % WRAP, PIECE, 100 + 51 * PIECE_S)
    assert place.gap <= SLACK_S * RATE_HZ
    after = clock.place((51 * PIECE + jump) % WRAP, PIECE, 100 + 52 * PIECE_S)
    assert after.gap == 0 or -RATE_HZ <= jump < 0


@given(st.lists(st.tuples(st.integers(0, WRAP - 1), st.floats(0, 3)), max_size=60))
def test_gaps_are_never_longer_than_the_time_that_passed(pieces: list[tuple[int, float]]) -> None:
    clock = RtpClock(RATE_HZ)
    now_s, gaps = 0.0, 0
    for pts, wait_s in pieces:
        now_s += wait_s
        gaps += clock.place(pts, PIECE, now_s).gap
    assert gaps <= (now_s * (1 + DRIFT) + SLACK_S + PIECE_S) * RATE_HZ


def test_a_sender_that_begins_anew_after_a_pause_has_a_gap_of_the_pause() -> None:
    clock = RtpClock(RATE_HZ)
    played(clock, list(range(50)))
    place = clock.place(123_456_789, PIECE, 100 + 50 * PIECE_S + 3.0)
    assert abs(place.gap - 3.0 * RATE_HZ) <= PIECE
    assert clock.place(123_456_789 + PIECE, PIECE, 100 + 51 * PIECE_S + 3.0) == Place(0, 0)


def test_a_clock_that_is_a_little_fast_or_slow_makes_no_gaps_in_hours() -> None:
    for drift in (-3e-4, 3e-4):
        clock = RtpClock(RATE_HZ)
        for n in range(0, 500_000, 50):  # a piece of a second, for time's sake
            now_s = n * PIECE_S * (1 + drift)
            assert clock.place(n * PIECE % WRAP, 50 * PIECE, now_s) == Place(0, 0)


def test_pauses_that_are_not_sent_count_as_gaps() -> None:
    """Opus may send a piece every 400 ms in silence (DTX), although it is not asked to here."""
    clock = RtpClock(RATE_HZ)
    places = played(clock, [*range(10), *range(10, 200, 20), *range(200, 210)])
    assert sum(place.gap for place in places) == (210 - 10 - 10 - 10) * PIECE
    assert clock.position == 210 * PIECE
