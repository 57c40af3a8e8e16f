"""When speakers of a call get their names, and when these are taken back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.gallery import Candidate, Gallery, RecognitionConfig
from monitor.naming import MEMORY, ChannelVoice, Naming
from tests.scripted import SPEAKER
from vad.cuts import SpeechCut

TOTAL = np.ones(SPEAKER.embedding_size)


class Scripted(Gallery):
    """Answers with the names it is given, one after the other, then with the last, and notes how much was heard."""

    def __init__(self, *names: str | None) -> None:
        super().__init__(SPEAKER, [], config=RecognitionConfig(listen_s=3.0))
        self.names = ("Ann", "Bob")
        self.asked: list[float] = []
        self._answers = list(names)

    def identify(self, vector: NDArray[np.floating], windows: float, so_far: str | None = None) -> Candidate | None:
        self.asked.append(windows)
        name = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return None if name is None else Candidate(name, 0.8, 4.0, 0.95)


def test_it_asks_after_three_seconds_and_with_every_doubling() -> None:
    gallery = Scripted("Ann")
    naming = Naming(gallery)
    told = [naming.hear("S1", TOTAL, windows) for windows in (1.0, 1.9, 2.0, 2.5, 3.9, 4.0, 8.0, 9.0)]
    assert gallery.asked == [2.0, 4.0, 8.0]
    assert told == [False, False, True, False, False, False, False, False]
    assert naming.name("S1") == "Ann"


def test_it_asks_again_after_half_a_minute_however_much_was_heard_before() -> None:
    gallery = Scripted("Ann")
    naming = Naming(gallery)
    for windows in (40.0, 59.9, 60.0):
        naming.hear("S1", TOTAL, windows)
    assert gallery.asked == [40.0, 60.0]


def test_a_name_that_no_longer_fits_is_taken_back() -> None:
    naming = Naming(Scripted("Ann", None))
    assert naming.hear("S1", TOTAL, 2.0)
    assert naming.hear("S1", TOTAL, 4.0)
    assert naming.name("S1") is None


def test_a_new_gallery_is_asked_at_once() -> None:
    naming = Naming(Scripted(None))
    assert not naming.hear("S1", TOTAL, 2.0)
    naming.use(Scripted("Bob"))
    assert naming.hear("S1", TOTAL, 2.1)
    assert naming.name("S1") == "Bob"


def test_whoever_is_known_no_more_is_not_named_from_then_on() -> None:
    naming = Naming(Scripted("Ann"))
    naming.hear("S1", TOTAL, 2.0)
    naming.use(Gallery(SPEAKER, []))
    assert naming.name("S1") is None
    assert naming.hear("S1", TOTAL, 2.1), "the call must be told"


def test_without_a_gallery_nobody_is_named() -> None:
    naming = Naming(None)
    assert not naming.hear("S1", TOTAL, 100.0)
    assert naming.name("S1") is None


def test_two_that_were_one_are_asked_about_again() -> None:
    gallery = Scripted("Ann", "Bob", "Ann")
    naming = Naming(gallery)
    naming.hear("S1", TOTAL, 2.0)
    naming.hear("S2", TOTAL, 2.0)
    naming.merge("S2", "S1")
    assert naming.name("S2") is None
    naming.hear("S1", TOTAL, 2.2)
    assert gallery.asked == [2.0, 2.0, 2.2]


def cut(start: int, frames: int = 75, size: int = 24_000) -> SpeechCut:
    """`frames` of the 75 of a full window."""
    return SpeechCut(start + frames, start, start, start + frames, np.zeros(size, np.float32), 1.0)


def direction(place: int, length: float = 1.0) -> NDArray[np.float32]:
    return (length * np.eye(SPEAKER.embedding_size)[place]).astype(np.float32)


def test_who_takes_a_channel_over_is_heard_out_within_as_much_speech_as_is_remembered() -> None:
    channel = ChannelVoice(SPEAKER)
    for place in range(100):
        channel.hear(cut(75 * place), direction(0, length=3.0))
    assert channel.heard == 100.0
    assert channel.windows <= MEMORY + 1
    assert channel.total.argmax() == 0
    for place in range(100, 100 + round(MEMORY)):
        channel.hear(cut(75 * place), direction(1))
    assert channel.total.argmax() == 1


def test_what_overlaps_is_heard_once_and_silence_of_a_model_not_at_all() -> None:
    channel = ChannelVoice(SPEAKER)
    channel.hear(cut(0), direction(0))
    channel.hear(cut(25), direction(0))
    channel.hear(cut(50), np.zeros(SPEAKER.embedding_size, np.float32))
    assert channel.heard == 100 / 75
