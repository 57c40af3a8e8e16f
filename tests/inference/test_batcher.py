"""The thread that keeps a model busy. The model is scripted: it waits for a key before each batch, if told so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.batcher import Answer, Batcher, checked
from inference.model import ModelGoneError
from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    EmotionSpec,
    Missing,
    Role,
    SpeakerAnalysis,
    SpeakerSpec,
    Spec,
    SpeechAnalysis,
    SpeechSpec,
    Window,
)
from vad.listener import BLOCK_FRAMES, RUN_BLOCKS

SAMPLES = 4
WAIT_S = 5.0
BROKEN, NOT_A_NUMBER = 666.0, 777.0
"""First samples of windows on which the model fails, or answers nonsense."""


class ScriptedModel:
    """Answers each window with its first sample. While `key` is closed a batch is begun but not done."""

    role = Role.SPEAKER
    spec = SpeakerSpec("scripted", "none", SAMPLES, 1, 0.9, 0.1, 0.1, 0.1)

    def __init__(self, max_batch: int = 8) -> None:
        self.max_batch = max_batch
        self.batches: list[list[float]] = []
        self.begun, self.key = threading.Event(), threading.Event()
        self.key.set()
        self.answers_lost = 0
        self.gone = False

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        firsts = np.stack([window.samples[:1] for window in windows])
        self.batches.append(firsts[:, 0].tolist())
        self.begun.set()
        assert self.key.wait(WAIT_S)
        if self.gone:
            raise ModelGoneError("its process died")
        if BROKEN in firsts:
            raise RuntimeError("scripted failure")
        answers = np.where(firsts == NOT_A_NUMBER, np.float32(np.nan), firsts)
        return [SpeakerAnalysis(row) for row in answers][self.answers_lost :]


class Desk:
    """Collects what is delivered and observed; `wait` until so many windows were answered."""

    def __init__(self) -> None:
        self.deliveries: list[list[Answer]] = []
        self.observed: list[tuple[int, float, float]] = []
        self.outcomes: list[str] = []
        self._changed = threading.Condition()

    def deliver(self, answers: list[Answer]) -> None:
        with self._changed:
            self.deliveries.append(answers)
            self._changed.notify()

    def batch_done(self, role: Role, size: int, waited_s: float, inference_s: float) -> None:
        self.observed.append((size, waited_s, inference_s))

    def windows_done(self, role: Role, outcome: str, number: int) -> None:
        self.outcomes += [outcome] * number

    def wait(self, windows: int) -> dict[int, Analysis]:
        """The answers by window number, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: sum(map(len, self.deliveries)) >= windows, WAIT_S), "not answered"
            return {ticket.window.number: analysis for answers in self.deliveries for ticket, analysis in answers}


Start = Callable[..., Batcher]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def start(desk: Desk) -> Iterator[Start]:
    """Start a batcher that is closed, its model unlocked, when the test is over."""
    started: list[tuple[Batcher, ScriptedModel]] = []

    def begin(model: ScriptedModel, **options: object) -> Batcher:
        batcher = Batcher(model, desk.deliver, observer=desk, **options)  # type: ignore[arg-type]
        started.append((batcher, model))
        batcher.start()
        return batcher

    yield begin
    for batcher, model in started:
        model.key.set()
        batcher.close()


def window(number: int, value: float = 0.5) -> Window:
    return Window(number, Role.SPEAKER, 0, 0, np.full(SAMPLES, value, np.float32))


def busy(model: ScriptedModel, batcher: Batcher, number: int = 0) -> None:
    """Make the model work on a window of its own until `key` is set."""
    model.key.clear()
    batcher.submit("busy", window(number), None)
    assert model.begun.wait(WAIT_S)


def values(answers: dict[int, Analysis]) -> dict[int, float | Missing]:
    return {n: float(a.embedding[0]) if isinstance(a, SpeakerAnalysis) else a for n, a in answers.items()}  # type: ignore[misc]


def test_a_window_gets_its_own_answer(start: Start, desk: Desk) -> None:
    batcher = start(ScriptedModel())
    for number in range(5):
        batcher.submit("a", window(number, number / 8), None)
    assert values(desk.wait(5)) == {number: number / 8 for number in range(5)}


def test_what_waits_when_the_model_is_free_forms_a_batch(start: Start, desk: Desk) -> None:
    model = ScriptedModel()
    batcher = start(model)
    busy(model, batcher)
    for number in range(1, 6):
        batcher.submit("a", window(number), None)
    assert batcher.waiting == 5
    model.key.set()
    desk.wait(6)
    assert [len(batch) for batch in model.batches] == [1, 5]


def test_a_batch_is_no_larger_than_the_model_likes(start: Start, desk: Desk) -> None:
    model = ScriptedModel(max_batch=3)
    batcher = start(model)
    busy(model, batcher)
    for number in range(1, 8):
        batcher.submit("a", window(number), None)
    model.key.set()
    desk.wait(8)
    assert [len(batch) for batch in model.batches] == [1, 3, 3, 1]


def test_a_batch_is_delivered_at_once(start: Start, desk: Desk) -> None:
    model = ScriptedModel()
    batcher = start(model)
    busy(model, batcher)
    for number in range(1, 4):
        batcher.submit("a", window(number), None)
    model.key.set()
    desk.wait(4)
    assert [len(answers) for answers in desk.deliveries] == [1, 3]


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_failing_window_fails_alone(start: Start, desk: Desk, at: int, caplog: pytest.LogCaptureFixture) -> None:
    model = ScriptedModel()
    batcher = start(model)
    busy(model, batcher)
    for number in range(1, 6):
        batcher.submit("a", window(number, BROKEN if number == at else number), None)
    with caplog.at_level(logging.ERROR, "undertone.inference"):
        model.key.set()
        answers = values(desk.wait(6))
    assert {n: answers[n] for n in range(1, 6)} == {n: Missing.FAILED if n == at else n for n in range(1, 6)}
    assert len(caplog.records) == 1


def test_where_the_model_cannot_be_asked_a_batch_is_not_halved(
    start: Start, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    model = ScriptedModel()
    batcher = start(model)
    busy(model, batcher)
    for number in range(1, 6):
        batcher.submit("a", window(number), None)
    model.gone = True
    with caplog.at_level(logging.WARNING, "undertone.inference"):
        model.key.set()
        answers = values(desk.wait(6))
        assert answers == dict.fromkeys(range(6), Missing.FAILED)
        assert len(model.batches) == 2
        model.gone = False
        batcher.submit("a", window(7, 7.0), None)
        assert values(desk.wait(7))[7] == 7
    assert [record.message for record in caplog.records] == ["windows of the speaker model fail: its process died"]


def test_the_batcher_goes_on_after_a_failure(start: Start, desk: Desk) -> None:
    batcher = start(ScriptedModel())
    batcher.submit("a", window(1, BROKEN), None)
    desk.wait(1)
    batcher.submit("a", window(2), None)
    assert values(desk.wait(2)) == {1: Missing.FAILED, 2: 0.5}


def test_an_answer_that_is_no_number_becomes_a_failure_of_its_window_alone(start: Start, desk: Desk) -> None:
    model = ScriptedModel()
    batcher = start(model)
    busy(model, batcher)
    batcher.submit("a", window(1, NOT_A_NUMBER), None)
    batcher.submit("a", window(2), None)
    model.key.set()
    assert values(desk.wait(3)) == {0: 0.5, 1: Missing.FAILED, 2: 0.5}
    assert desk.outcomes == ["analysed", "failed", "analysed"]


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        "happy",
        EmotionAnalysis(np.zeros((3, 9), np.float32), np.float32(0.5)),  # type: ignore[arg-type]
        EmotionAnalysis(np.zeros((3, 9), np.float32), None),  # type: ignore[arg-type]
        EmotionAnalysis([[0.0] * 9] * 3, [0.0] * 3),  # type: ignore[arg-type]
        EmotionAnalysis(np.full((3, 9), "x"), np.zeros(3, np.float32)),
        SpeakerAnalysis(np.zeros(3, np.float32)),
    ],
    ids=["none", "text", "scalar", "no arousal", "lists", "letters", "of the other model"],
)
def test_an_answer_that_is_nonsense_becomes_a_failure_of_its_window_alone(
    start: Start, desk: Desk, nonsense: Analysis
) -> None:
    class Raving(ScriptedModel):
        role = Role.EMOTION
        spec = EmotionSpec("scripted", "none", 3 * 320, ("angry", "sad"))  # type: ignore[assignment]

        def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
            super().analyse(windows)
            fine = EmotionAnalysis(np.zeros((3, 9), np.float32), np.zeros(3, np.float32))
            return [nonsense if window.samples[0] == BROKEN - 1 else fine for window in windows]

    def emotional(number: int, value: float = 0.5) -> Window:
        return Window(number, Role.EMOTION, 0, 0, np.full(3 * 320, value, np.float32))

    model = Raving()
    batcher = start(model)
    model.key.clear()
    batcher.submit("busy", emotional(0), None)
    assert model.begun.wait(WAIT_S)
    for number, value in ((1, 0.5), (2, BROKEN - 1), (3, 0.5)):
        batcher.submit("a", emotional(number, value), None)
    model.key.set()
    answers = desk.wait(4)
    assert {number for number, analysis in answers.items() if analysis is Missing.FAILED} == {2}
    batcher.submit("a", emotional(4), None)
    assert isinstance(desk.wait(5)[4], EmotionAnalysis)


def test_a_model_that_loses_an_answer_confuses_no_windows(start: Start, desk: Desk) -> None:
    model = ScriptedModel()
    model.answers_lost = 1
    batcher = start(model)
    batcher.submit("a", window(1), None)
    assert values(desk.wait(1)) == {1: Missing.FAILED}


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(SAMPLES + 1, np.float32),
        np.zeros((1, SAMPLES), np.float32),
        np.zeros(SAMPLES, np.float64),
        np.zeros(SAMPLES, np.int16),
    ],
    ids=["long", "two axes", "float64", "int16"],
)
def test_a_window_of_another_shape_is_our_mistake_and_joins_no_batch(
    start: Start, samples: NDArray[np.float32]
) -> None:
    model = ScriptedModel()
    batcher = start(model)
    with pytest.raises(ValueError, match="a speaker window must be 1 to 4 float32 samples, not"):
        batcher.submit("a", Window(1, Role.SPEAKER, 0, 0, samples), None)
    assert (batcher.waiting, model.batches) == (0, [])


def test_a_live_window_that_was_overtaken_is_answered_as_skipped(start: Start, desk: Desk) -> None:
    model, now = ScriptedModel(), [0.0]
    batcher = start(model, clock=lambda: now[0])
    busy(model, batcher)
    batcher.submit("a", window(1), 0.5)
    now[0] = 0.4
    batcher.submit("a", window(2), 0.5)
    now[0] = 0.6
    model.key.set()
    assert values(desk.wait(3)) == {0: 0.5, 1: Missing.SKIPPED, 2: 0.5}
    assert desk.outcomes.count("skipped") == 1


def test_when_the_queue_is_full_the_oldest_of_the_fullest_is_answered_as_skipped(start: Start, desk: Desk) -> None:
    model = ScriptedModel()
    batcher = start(model, capacity=2)
    busy(model, batcher)
    for number in (1, 2, 3):
        batcher.submit("a", window(number), 60.0)
    model.key.set()
    assert values(desk.wait(4)) == {0: 0.5, 1: Missing.SKIPPED, 2: 0.5, 3: 0.5}


def test_the_windows_of_an_owner_who_left_are_not_analysed(start: Start, desk: Desk) -> None:
    model = ScriptedModel()
    batcher = start(model)
    busy(model, batcher)
    batcher.submit("gone", window(1), None)
    batcher.submit("here", window(2), None)
    batcher.drop("gone")
    model.key.set()
    assert set(desk.wait(2)) == {0, 2}


def test_the_observer_learns_how_large_how_late_and_how_slow_a_batch_was(start: Start, desk: Desk) -> None:
    model, now = ScriptedModel(), [10.0]
    batcher = start(model, clock=lambda: now[0])
    busy(model, batcher)
    batcher.submit("a", window(1), None)
    now[0] = 10.25
    batcher.submit("b", window(2), None)
    model.key.set()
    desk.wait(3)
    assert desk.observed == [(1, 0.0, 0.25), (2, 0.25, 0.0)]


def test_closing_waits_for_the_batch_at_hand_and_leaves_the_rest(start: Start, desk: Desk) -> None:
    model = ScriptedModel()
    batcher = start(model)
    busy(model, batcher)
    batcher.submit("a", window(1), None)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while batcher._running:
        pass
    model.key.set()
    closing.join(WAIT_S)
    assert not closing.is_alive()
    assert set(desk.wait(1)) == {0}
    assert not batcher._thread.is_alive()


def test_closing_twice_or_before_the_start_is_harmless(start: Start) -> None:
    batcher = start(ScriptedModel())
    batcher.close()
    batcher.close()
    Batcher(ScriptedModel(), lambda answers: None).close()


def test_windows_gather_before_the_next_batch_begins() -> None:
    desk, model = Desk(), ScriptedModel()
    batcher = Batcher(model, desk.deliver, gather_s=0.2)
    batcher.start()
    batcher.submit("a", window(1), None)
    desk.wait(1)
    for number in (2, 3, 4):
        batcher.submit("a", window(number), None)
    desk.wait(4)
    batcher.close()
    assert [len(batch) for batch in model.batches] == [1, 3]


def test_warming_up_measures_batches_up_to_the_largest() -> None:
    model = ScriptedModel(max_batch=6)
    costs = Batcher(model, lambda answers: None).warm_up()
    assert list(costs.seconds) == [1, 2, 4, 6]
    assert max(len(batch) for batch in model.batches) == 6


EMOTION = EmotionSpec("scripted", "none", 3 * 320, ("angry", "sad"))
SPEAKER = SpeakerSpec("scripted", "none", SAMPLES, 3, 0.9, 0.1, 0.1, 0.1)
SPEECH = SpeechSpec("scripted", "none", 3 * 320)
NUMBERS, BAD = np.zeros(3, np.float32), np.array([0, np.inf, 0], np.float32)
LOGITS, BAD_LOGITS = np.zeros((3, 9), np.float32), np.full((3, 9), np.nan, np.float32)


@pytest.mark.parametrize(
    ("analysis", "spec", "fine"),
    [
        (EmotionAnalysis(LOGITS, NUMBERS), EMOTION, True),
        (EmotionAnalysis(LOGITS[:2], NUMBERS[:2]), EMOTION, True),
        (EmotionAnalysis(LOGITS[:2], NUMBERS), EMOTION, False),
        (EmotionAnalysis(np.zeros((4, 9), np.float32), np.zeros(4, np.float32)), EMOTION, False),
        (EmotionAnalysis(LOGITS[:, :7], NUMBERS), EMOTION, False),
        (EmotionAnalysis(BAD_LOGITS, NUMBERS), EMOTION, False),
        (EmotionAnalysis(LOGITS, BAD), EMOTION, False),
        (SpeakerAnalysis(NUMBERS), SPEAKER, True),
        (SpeakerAnalysis(NUMBERS[:2]), SPEAKER, False),
        (SpeakerAnalysis(BAD), SPEAKER, False),
        (SpeakerAnalysis(NUMBERS), EMOTION, False),
        (SpeechAnalysis(bytes([0, 127, 255])), SPEECH, True),
        (SpeechAnalysis(b""), SPEECH, False),
        (SpeechAnalysis(bytes(3 + RUN_BLOCKS * BLOCK_FRAMES)), SPEECH, True),
        (SpeechAnalysis(bytes(4 + RUN_BLOCKS * BLOCK_FRAMES)), SPEECH, False),
        (SpeechAnalysis(NUMBERS), SPEECH, False),  # type: ignore[arg-type]
        (Missing.SKIPPED, SPEAKER, True),
    ],
)
def test_only_finite_numbers_of_the_promised_shape_are_an_answer(analysis: Analysis, spec: Spec, fine: bool) -> None:
    assert checked(analysis, spec) is (analysis if fine else Missing.FAILED)


def test_answers_that_cannot_be_delivered_do_not_stop_the_others() -> None:
    delivered: list[int] = []
    done = threading.Event()

    def deliver(answers: list[Answer]) -> None:
        if not delivered:
            delivered.append(answers[0][0].window.number)
            raise RuntimeError("the loop is closed")
        delivered.append(answers[0][0].window.number)
        done.set()

    batcher = Batcher(ScriptedModel(max_batch=1), deliver)
    batcher.start()
    batcher.submit("a", window(1), None)
    batcher.submit("a", window(2), None)
    assert done.wait(WAIT_S)
    batcher.close()
    assert len(delivered) == 2
