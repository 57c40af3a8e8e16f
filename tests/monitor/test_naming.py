"""When speakers of a call get their names, and when these are taken back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.gallery import Candidate, Gallery, RecognitionConfig
from monitor.naming import Naming
from tests.scripted import SPEAKER

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
