"""A call as its driver sees it. The gate is scripted: `loud` frames are speech, `quiet` ones are not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest

from monitor.analysis import Analysis, EmotionAnalysis, Missing, Role, SpeakerAnalysis, Specs, Window
from monitor.events import (
    CallEnded,
    CallStarted,
    ChannelInfo,
    Emotion,
    EmotionFrames,
    EmotionTurn,
    Error,
    Event,
    SpeakerChanged,
    SpeakerUpdated,
    SpeechEnded,
    SpeechStarted,
    Warning,
)
from monitor.session import MonitorConfig, Session, State
from tests.scripted import (
    EMOTION,
    JUDGED,
    SPEAKER,
    SPECS,
    Driver,
    LoudnessGate,
    answer,
    by_type_and_channel,
    conversation,
    events_of,
    known_voices,
    loud,
    quiet,
)
from vad.endpointing import EndpointingConfig
from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Samples

Kind = TypeVar("Kind", bound=Event)
TALK = np.concatenate([quiet(50), loud(90), quiet(60), loud(110), quiet(200)])
PARTIES = ("customer", "agent")
ENDPOINTING = EndpointingConfig("cascade", onset=0.5, offset=0.1, onset_s=0.2, hangover_s=0.4)


@pytest.fixture(autouse=True)
def scripted_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vad.listener.WebrtcDetector", LoudnessGate)


def session(
    specs: Specs = SPECS, roles: tuple[str, ...] = ("mixed",), monitor: MonitorConfig = MonitorConfig()
) -> Session:
    tags = {"queue": "sales"}
    return Session("call", roles, specs, transport="test", tags=tags, monitor=monitor, endpointing=ENDPOINTING)


def call(audio: Samples = TALK, specs: Specs = SPECS, frames: bool = False) -> list[Event]:
    """The events of a whole call."""
    driver = Driver(session(specs))
    driver.session.send_frames(frames)
    driver.feed(audio)
    return driver.finish()


def stereo(customer: Samples, agent: Samples, monitor: MonitorConfig = MonitorConfig()) -> Driver:
    driver = Driver(session(roles=PARTIES, monitor=monitor))
    driver.feed(customer, 0)
    driver.feed(agent, 1)
    return driver


def of(events: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def codes(events: list[Event]) -> list[str]:
    return [event.code for event in of(events, Warning)]


def answering(live: Session, how: Callable[[Window], Analysis]) -> list[Event]:
    """Answer all windows of a session that has all its audio, and end it."""
    live.finish("finished")
    while live.unanswered:
        for window in live.take_windows():
            live.receive_analysis(window.number, how(window))
    return live.take_events()


# --- the frame of a call


def test_a_call_starts_with_what_it_is() -> None:
    (event,) = session(JUDGED).take_events()
    assert isinstance(event, CallStarted)
    assert (event.seq, event.t, event.channel, event.call_id, event.transport) == (1, 0.0, None, "call", "test")
    assert event.channels == [ChannelInfo(0, "mixed", True)]
    assert set(event.models) == {"emotion", "speaker", "speech"}
    assert event.models["emotion"].labels == list(EMOTION.labels)
    assert (event.horizon_s, event.hop_s, event.tags) == (3.0, 0.5, {"queue": "sales"})


def test_seq_counts_every_event_from_one_on() -> None:
    assert [event.seq for event in call()] == list(range(1, len(call()) + 1))


def test_the_end_comes_last_and_once() -> None:
    events = call()
    assert [type(event) for event in events].count(CallEnded) == 1
    assert isinstance(events[-1], CallEnded)


def test_the_end_says_why_and_sums_up() -> None:
    end = of(call(), CallEnded)[0]
    assert (end.reason, end.t, end.summary.duration_s) == ("finished", 10.2, 10.2)
    assert end.summary.speech_s == 4.0
    assert end.summary.emotion is not None


def test_the_end_waits_for_every_window() -> None:
    live = session()
    live.receive_audio(0, TALK)
    live.finish("finished")
    windows = live.take_windows()
    for window in windows[:-1]:
        live.receive_analysis(window.number, answer(window))
    assert (live.state, live.unanswered) == (State.FINISHING, 1)
    live.receive_analysis(windows[-1].number, answer(windows[-1]))
    assert (live.state, live.unanswered) == (State.ENDED, 0)


def test_speech_that_goes_on_at_the_end_is_ended() -> None:
    events = call(np.concatenate([quiet(50), loud(60)]))
    assert [event.t for event in of(events, SpeechEnded)] == [2.2]


def test_to_finish_twice_changes_nothing() -> None:
    driver = Driver(session())
    driver.feed(TALK)
    events = list(driver.finish("finished"))
    assert driver.finish("again") == events
    assert of(events, CallEnded)[0].reason == "finished"


def test_audio_after_the_finish_is_ignored() -> None:
    driver = Driver(session())
    driver.feed(TALK)
    driver.session.finish("finished")
    driver.feed(loud(100))
    driver.session.receive_gap(0, 16_000)
    end = of(driver.finish(), CallEnded)[0]
    assert (end.summary.duration_s, end.summary.speech_s) == (10.2, 4.0)
    assert codes(driver.events) == []


@pytest.mark.parametrize("samples", [0, 1, 100, 320])
@pytest.mark.parametrize("specs", [SPECS, JUDGED, Specs()], ids=["gate", "judge", "no models"])
def test_a_very_short_call_starts_and_ends(samples: int, specs: Specs) -> None:
    events = call(loud(1)[:samples], specs)
    assert [type(event) for event in events] == [CallStarted, CallEnded]
    assert events[-1].t == round(samples / SAMPLE_RATE_HZ, 3)


def test_a_call_without_models_still_says_when_there_was_speech() -> None:
    events = call(specs=Specs())
    assert [event.t for event in of(events, SpeechStarted)] == [1.0, 4.0]
    assert of(events, CallEnded)[0].summary.windows == {}


# --- abort


@pytest.mark.parametrize("specs", [SPECS, JUDGED], ids=["gate", "judge"])
def test_an_aborted_call_ends_at_once_although_windows_are_out(specs: Specs) -> None:
    live = session(specs)
    live.receive_audio(0, TALK)
    live.abort("hung up")
    events = live.take_events()
    assert (live.state, live.unanswered) == (State.ENDED, 0)
    assert isinstance(events[-1], CallEnded)
    assert (events[-1].reason, len(of(events, CallEnded))) == ("hung up", 1)


def test_windows_that_were_out_at_an_abort_count_as_skipped() -> None:
    live = session(Specs(EMOTION))
    live.receive_audio(0, TALK)
    out = live.unanswered
    live.abort("hung up")
    assert of(live.take_events(), CallEnded)[0].summary.windows == {"emotion.skipped": out}


def test_after_an_abort_nothing_more_is_said() -> None:
    live = session()
    live.receive_audio(0, TALK)
    windows = live.take_windows()
    live.abort("hung up")
    live.take_events()
    live.abort("again")
    live.finish("again")
    live.warn("audio.gap", "late")
    live.reject("protocol", "late", call_survives=True)
    live.receive_audio(0, TALK)
    for window in windows:
        live.receive_analysis(window.number, answer(window))
    assert live.take_events() == []


def test_an_abort_while_finishing_ends_the_call_with_the_first_reason() -> None:
    live = session()
    live.receive_audio(0, TALK)
    live.finish("finished")
    live.abort("hung up")
    assert [event.reason for event in of(live.take_events(), CallEnded)] == ["finished"]


# --- a hop that is changed


def with_hops(
    audio: Samples, hops: dict[int, float], chunk: int, specs: Specs = SPECS, monitor: MonitorConfig = MonitorConfig()
) -> list[Event]:
    """The events of a call fed in chunks, with another hop, in seconds, from the frames on that `hops` names."""
    driver = Driver(session(specs, monitor=monitor))
    at = 0
    for frame in [*hops, len(audio) // FRAME_SAMPLES]:
        part = audio[at * FRAME_SAMPLES : frame * FRAME_SAMPLES]
        for start in range(0, len(part), chunk):
            driver.feed(part[start : start + chunk])
        if frame in hops:
            driver.session.set_hop(hops[frame])
        at = frame
    return driver.finish()


def test_scores_come_at_the_new_hop_from_then_on_and_back() -> None:
    talk = np.concatenate([quiet(50), loud(600)])
    scores = [event.t for event in of(with_hops(talk, {200: 1.0, 400: 0.5}, 1600), Emotion)]
    assert scores == [1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, *(8.5 + 0.5 * at for at in range(10))]


def test_that_scores_come_less_often_is_said_once_in_a_call() -> None:
    talk = np.concatenate([quiet(50), loud(2_400)])  # longer than a warning is kept back
    events = with_hops(talk, {200: 1.0, 300: 2.0, 400: 0.5, 2_200: 1.0, 2_300: 0.5}, 1600)
    (warning,) = of(events, Warning)
    assert (warning.code, warning.t) == ("hop.widened", 4.0)
    assert "every 1 s" in warning.reason


def test_that_scores_come_more_often_or_as_often_as_before_is_not_said() -> None:
    calm = MonitorConfig(hop_s=1.0)
    assert codes(with_hops(TALK, {100: 0.5, 200: 1.0, 300: 0.1, 400: 0.9}, 1600, monitor=calm)) == []


def test_of_a_call_that_has_ended_the_hop_is_not_told() -> None:
    live = session()
    live.abort("hung up")
    live.take_events()
    live.set_hop(2.0)
    assert live.take_events() == []


@pytest.mark.parametrize("specs", [SPECS, JUDGED], ids=["gate", "judge"])
@pytest.mark.parametrize("chunk", [333, 1600, 10**9])
def test_a_hop_that_is_changed_at_the_same_frame_gives_equal_events_for_any_chunking(specs: Specs, chunk: int) -> None:
    hops = {125: 2.0, 330: 1.0, 430: 0.5}
    events = with_hops(TALK, hops, chunk, specs)
    assert by_type_and_channel(events) == by_type_and_channel(with_hops(TALK, hops, 160, specs))
    assert len(of(events, Emotion)) > 5
    assert by_type_and_channel(events) != by_type_and_channel(call(specs=specs))


@pytest.mark.parametrize("hop_s", [1.0, 2.0])
def test_turns_and_edges_do_not_depend_on_the_hop(hop_s: float) -> None:
    wide, narrow = with_hops(TALK, {120: hop_s, 390: 0.5}, 1600), call()
    for kind in (SpeechStarted, SpeechEnded):
        assert [event.t for event in of(wide, kind)] == [event.t for event in of(narrow, kind)]
    said = [[(turn.start_s, turn.t, turn.speech_s) for turn in of(each, EmotionTurn)] for each in (wide, narrow)]
    assert said[0] == said[1]
    assert len(said[0]) == 2


def test_at_a_wide_hop_models_are_not_asked_for_all_that_is_new() -> None:
    driver = Driver(session())
    wanted: dict[float, set[tuple[Role, int]]] = {}
    for hop_s in (0.5, 1.0, 2.0, 0.5):
        driver.session.set_hop(hop_s, hop_s - 0.5)
        driver.session.receive_audio(0, loud(400))
        windows = driver.session.take_windows()
        wanted[hop_s] = {(window.role, window.wanted) for window in windows}
        for window in windows:
            driver.session.receive_analysis(window.number, Missing.FAILED)
    assert wanted == {
        0.5: {(Role.EMOTION, 0), (Role.SPEAKER, 0)},
        1.0: {(Role.EMOTION, 8_000), (Role.SPEAKER, 16_000)},
        2.0: {(Role.EMOTION, 16_000), (Role.SPEAKER, 16_000)},
    }


def test_both_channels_change_their_hop() -> None:
    everyone = MonitorConfig(emotion_roles=("*",))
    driver = Driver(session(roles=PARTIES, monitor=everyone))
    driver.session.set_hop(1.0)
    for channel in (0, 1):
        driver.feed(np.concatenate([quiet(50), loud(200)]), channel)
    events = driver.finish()
    for channel in (0, 1):
        assert [event.t for event in of(events, Emotion) if event.channel == channel] == [2.0, 3.0, 4.0, 5.0]


# --- windows


def test_a_window_is_handed_out_once() -> None:
    live = session()
    live.receive_audio(0, TALK)
    assert live.take_windows() != []
    assert live.take_windows() == []


def test_windows_are_numbered_and_shaped_for_their_model() -> None:
    live = session()
    live.receive_audio(0, TALK)
    windows = live.take_windows()
    assert [window.number for window in windows] == list(range(1, len(windows) + 1))
    assert {window.role for window in windows} == {Role.EMOTION, Role.SPEAKER}
    for window in windows:
        emotion = window.role is Role.EMOTION
        assert window.samples.ndim == 1
        assert (EMOTION if emotion else SPEAKER).window_samples >= len(window.samples) > 0
        assert len(window.samples) == EMOTION.window_samples or not emotion
        assert window.samples.dtype == np.float32


def test_a_window_ends_where_it_says() -> None:
    live = session(Specs(EMOTION))
    live.receive_audio(0, TALK)
    window = live.take_windows()[-1]
    np.testing.assert_array_equal(window.samples, TALK[window.end_sample - EMOTION.window_samples : window.end_sample])


def test_an_answer_to_no_window_is_ignored() -> None:
    live = session()
    live.take_events()
    live.receive_analysis(99, Missing.FAILED)
    assert live.take_events() == []


def test_an_answer_counts_once() -> None:
    live = session(Specs(EMOTION))
    live.receive_audio(0, TALK)
    window = live.take_windows()[0]
    live.receive_analysis(window.number, answer(window))
    live.receive_analysis(window.number, answer(window))
    assert live.summary().windows == {"emotion.analysed": 1}


def test_the_first_answer_of_a_window_stands() -> None:
    live = session(Specs(EMOTION))
    live.receive_audio(0, TALK)
    first, second, *_ = live.take_windows()
    for window, analysis in ((second, answer(second)), (second, Missing.FAILED), (first, answer(first))):
        live.receive_analysis(window.number, analysis)
    assert live.summary().windows == {"emotion.analysed": 2}


def test_answers_are_applied_in_the_order_of_the_windows() -> None:
    live = session(Specs(EMOTION))
    live.receive_audio(0, TALK)
    first, second, *_ = live.take_windows()
    live.receive_analysis(second.number, answer(second))
    assert of(live.take_events(), Emotion) == []
    live.receive_analysis(first.number, answer(first))
    assert [event.t for event in of(live.take_events(), Emotion)] == [1.5, 2.0]


@pytest.mark.parametrize("missing", Missing)
def test_a_window_without_an_answer_is_counted_and_warned_of(missing: Missing) -> None:
    live = session(Specs(EMOTION))
    live.receive_audio(0, TALK)
    lost = live.take_windows()[0].number
    live.receive_analysis(lost, missing)
    assert [(event.code, event.t) for event in of(live.take_events(), Warning)] == [(f"windows.{missing}", 1.5)]
    assert live.summary().windows == {f"emotion.{missing}": 1}


def test_a_window_without_an_answer_leaves_the_others_be() -> None:
    live = session(Specs(EMOTION))
    live.receive_audio(0, TALK)
    lost, *others = live.take_windows()
    for window in others:
        live.receive_analysis(window.number, answer(window))
    live.receive_analysis(lost.number, Missing.SKIPPED)
    events = live.take_events()
    assert [event.t for event in of(events, Emotion)][:2] == [2.0, 2.5]


def test_where_the_judge_fails_the_gate_stands() -> None:
    live = session(JUDGED)
    live.receive_audio(0, TALK)
    events = answering(live, lambda window: Missing.FAILED if window.role is Role.SPEECH else answer(window))
    assert [event.t for event in of(events, SpeechStarted)] == [1.0, 4.0]


# --- emotion


def test_emotion_is_told_at_every_hop_with_new_speech() -> None:
    assert [event.t for event in of(call(), Emotion)][:4] == [1.5, 2.0, 2.5, 3.0]


def test_one_horizon_after_the_last_speech_one_emotion_is_unusable() -> None:
    unusable = [
        event for event in of(call(np.concatenate([TALK, quiet(500)])), Emotion) if event.reliability == "unusable"
    ]
    assert [(event.t, event.label, set(event.scores.values())) for event in unusable] == [(9.5, None, {0.0})]


def test_an_emotion_names_the_speaker() -> None:
    assert [event.speaker for event in of(call(), Emotion)][-2] == "S1"


def test_a_turn_has_its_emotion_after_its_end() -> None:
    events = call()
    turns = of(events, EmotionTurn)
    assert [(turn.start_s, turn.t) for turn in turns] == [(1.0, 2.8), (4.0, 6.2)]
    for turn in turns:
        assert next(event.seq for event in of(events, SpeechEnded) if event.t == turn.t) < turn.seq


@pytest.mark.parametrize("hop_s", [0.1, 0.26, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("talk", [[50, 110], [50, 90, 60, 113], [50, 90, 60, 110, 400], [3, 77, 25, 61, 250, 99]])
def test_a_turn_is_scored_with_its_last_window(hop_s: float, talk: list[int]) -> None:
    audio = np.concatenate([(loud if at % 2 else quiet)(frames) for at, frames in enumerate(talk)])
    driver = Driver(session(monitor=MonitorConfig(hop_s=hop_s)))
    driver.feed(audio)
    events = driver.finish()
    turns = of(events, EmotionTurn)
    assert [(turn.start_s, turn.t) for turn in turns] == [
        (pytest.approx(0.02 * sum(talk[:at])), pytest.approx(0.02 * sum(talk[: at + 1])))
        for at in range(1, len(talk), 2)
    ]
    for turn in turns:
        assert turn.speech_s == pytest.approx(turn.t - turn.start_s)
        covering = next(event for event in of(events, Emotion) if event.t >= turn.t)
        assert covering.seq < turn.seq


def test_a_turn_whose_last_window_was_lost_is_still_said() -> None:
    live = session(Specs(EMOTION))
    live.receive_audio(0, np.concatenate([quiet(50), loud(110)]))
    live.finish("finished")
    *windows, last = live.take_windows()
    for window in windows:
        live.receive_analysis(window.number, answer(window))
    live.receive_analysis(last.number, Missing.FAILED)
    (turn,) = of(live.take_events(), EmotionTurn)
    assert (turn.start_s, turn.t, turn.speech_s) == (1.0, 3.2, 2.0)


@pytest.mark.parametrize(("said", "used"), [(0.25, 0.24), (0.33, 0.32), (0.51, 0.52), (0.5, 0.5)])
def test_the_hop_that_is_announced_is_the_hop_that_is_used(said: float, used: float) -> None:
    driver = Driver(session(monitor=MonitorConfig(hop_s=said, horizon_s=2.013)))
    driver.feed(TALK)
    events = driver.finish()
    started = of(events, CallStarted)[0]
    assert (started.hop_s, started.horizon_s) == (used, 2.02)
    first, second = of(events, Emotion)[:2]
    assert second.t - first.t == pytest.approx(used)


def test_frames_come_only_on_request() -> None:
    assert of(call(), EmotionFrames) == []
    frames = of(call(frames=True), EmotionFrames)
    assert [event.t for event in frames][:2] == [1.5, 2.0]
    assert all(one.t == pytest.approx(other.start_s) for one, other in pairwise(frames[:4]))


@pytest.mark.parametrize(
    ("roles", "role", "inferred"),
    [
        (("*", "!agent"), "customer", True),
        (("*", "!agent"), "agent", False),
        (("customer",), "customer", True),
        (("customer",), "mixed", False),
        (("*",), "agent", True),
        (("agent", "!agent"), "agent", False),
        (("*", "!agent"), "Agent", False),
        (("*", "!agent"), "AGENT", False),
        (("*", "!Agent"), "agent", False),
        (("Customer",), "customer", True),
        ((), "customer", False),
    ],
)
def test_emotion_is_inferred_for_the_roles_listed_only(roles: tuple[str, ...], role: str, inferred: bool) -> None:
    assert MonitorConfig(emotion_roles=roles).infers_emotion(role) is inferred


def test_a_role_without_emotion_has_no_emotion_windows() -> None:
    driver = stereo(TALK, TALK)
    driver.session.finish("finished")
    events = driver.finish()
    assert {event.channel for event in of(events, Emotion)} == {0}
    assert {event.channel for event in of(events, EmotionTurn)} == {0}
    assert [channel.emotion for channel in of(events, CallStarted)[0].channels] == [True, False]


def test_a_role_without_emotion_costs_no_windows() -> None:
    live = session(roles=PARTIES)
    live.receive_audio(0, quiet(450))
    live.receive_audio(1, TALK)
    live.finish("finished")
    assert live.take_windows() == []


# --- speakers


def test_the_first_speaker_has_the_floor_where_speech_began() -> None:
    change = of(call(), SpeakerChanged)[0]
    assert (change.t, change.from_, change.to, change.channel) == (1.0, None, "S1", 0)


def test_a_change_within_a_segment_ends_the_turn_of_whoever_spoke_before() -> None:
    def two_voices(window: Window) -> Analysis:
        if window.role is Role.EMOTION:
            return answer(window)
        return SpeakerAnalysis(np.eye(8, dtype=np.float32)[int(window.end_sample > 300 * FRAME_SAMPLES)])

    live = session()
    live.receive_audio(0, np.concatenate([quiet(50), loud(450), quiet(200)]))
    events = answering(live, two_voices)
    _, change = of(events, SpeakerChanged)
    assert [(turn.start_s, turn.t, turn.speaker) for turn in of(events, EmotionTurn)] == [
        (1.0, change.t, "S1"),
        (change.t, 10.0, "S2"),
    ]
    assert [turn.speaker for turn in of(events, CallEnded)[0].summary.turns] == ["S1", "S2"]


def test_a_speaker_is_confirmed_when_enough_was_heard() -> None:
    assert [(event.speaker, event.confirmed) for event in of(call(), SpeakerUpdated)] == [("S1", True)]


def test_where_channels_separate_the_parties_the_floor_passes_to_whoever_begins() -> None:
    customer = np.concatenate([quiet(50), loud(100), quiet(250)])
    agent = np.concatenate([quiet(200), loud(60), quiet(140)])
    changes = of(stereo(customer, agent).finish(), SpeakerChanged)
    assert [(each.t, each.from_, each.to, each.channel) for each in changes] == [
        (1.0, None, "customer", None),
        (4.0, "customer", "agent", None),
    ]


def test_whoever_has_the_floor_does_not_get_it_again() -> None:
    changes = of(stereo(TALK, quiet(510)).finish(), SpeakerChanged)
    assert [each.to for each in changes] == ["customer"]


def test_where_channels_separate_the_parties_no_speaker_is_tracked() -> None:
    events = stereo(TALK, TALK).finish()
    assert "speaker.analysed" not in of(events, CallEnded)[0].summary.windows
    assert {event.speaker for event in of(events, Emotion)} == {"customer"}


def test_of_two_channels_that_speak_at_once_the_events_come_in_the_order_of_time() -> None:
    customer = np.concatenate([quiet(60), loud(60), quiet(280)])
    agent = np.concatenate([quiet(50), loud(100), quiet(250)])
    starts = of(stereo(customer, agent).finish(), SpeechStarted)
    assert [(each.channel, each.t) for each in starts] == [(1, 1.0), (0, 1.2)]


def test_a_channel_waits_for_the_other() -> None:
    live = session(roles=PARTIES)
    live.receive_audio(0, TALK)
    assert of(live.take_events(), SpeechStarted) == []
    live.receive_audio(1, quiet(100))
    assert [event.t for event in of(live.take_events(), SpeechStarted)] == [1.0]


def test_a_channel_that_ended_early_holds_nothing_back() -> None:
    driver = stereo(TALK, quiet(10))
    assert [event.t for event in of(driver.finish(), SpeechStarted)] == [1.0, 4.0]


# --- warnings and errors


def test_a_gap_is_warned_of_and_keeps_the_clock() -> None:
    driver = Driver(session())
    driver.feed(quiet(50))
    driver.session.receive_gap(0, 100 * FRAME_SAMPLES)
    driver.feed(np.concatenate([loud(50), quiet(50)]))
    events = driver.finish()
    (warning,) = of(events, Warning)
    assert (warning.code, warning.t, warning.channel) == ("audio.gap", 1.0, 0)
    assert "2.00 s" in warning.reason
    assert [event.t for event in of(events, SpeechStarted)] == [3.0]


def test_a_warning_comes_at_most_once_in_half_a_minute() -> None:
    live = session(Specs(), monitor=MonitorConfig(no_speech_s=1000))
    for _ in range(62):
        live.warn("overload", "busy")
        live.receive_audio(0, quiet(50))
    assert [event.t for event in of(live.take_events(), Warning)] == [0.0, 30.0, 60.0]


def test_warnings_of_different_codes_do_not_keep_each_other_back() -> None:
    live = session()
    live.warn("overload", "busy")
    live.warn("audio.gap", "lost")
    assert codes(live.take_events()) == ["overload", "audio.gap"]


def test_clipping_is_warned_of() -> None:
    (warning,) = of(call(np.concatenate([quiet(55), loud(20, level=1.0), quiet(100)])), Warning)
    assert (warning.code, warning.t) == ("audio.clipped", 1.5)


def test_half_a_minute_without_speech_is_warned_of_once() -> None:
    events = call(quiet(3_400), Specs())
    assert [(event.code, event.t) for event in of(events, Warning)] == [("audio.no_speech", 30.0)]


def test_warnings_do_not_depend_on_chunks() -> None:
    audio = np.concatenate([quiet(50), loud(50, level=1.0), quiet(1_700), loud(50, level=1.0), quiet(50)])
    driver = Driver(session(Specs()))
    for at in range(0, len(audio), 3_200):
        driver.feed(audio[at : at + 3_200])
    in_chunks = of(driver.finish(), Warning)
    assert [event.code for event in in_chunks] == ["audio.clipped", "audio.no_speech", "audio.clipped"]
    assert in_chunks == of(call(audio, Specs()), Warning)


def test_that_one_party_only_listens_is_no_fault() -> None:
    short = MonitorConfig(no_speech_s=5.0)
    customer = np.concatenate([quiet(20), loud(350), quiet(20)])
    assert codes(stereo(customer, quiet(390), short).finish()) == []
    assert codes(stereo(quiet(390), quiet(390), short).finish()) == ["audio.no_speech"]


def test_a_mistake_of_the_peer_is_told_with_its_consequence() -> None:
    live = session()
    live.receive_audio(0, quiet(50))
    live.reject("protocol.message", "no such message", call_survives=True)
    (error,) = of(live.take_events(), Error)
    assert (error.code, error.t, error.call_survives) == ("protocol.message", 1.0, True)
    assert live.state is State.LIVE


def test_an_answer_of_the_wrong_kind_does_no_harm() -> None:
    live = session(Specs(None, SPEAKER))
    live.receive_audio(0, TALK)
    wrong = EmotionAnalysis(np.zeros((1, 9), np.float32), np.zeros(1, np.float32))
    events = answering(live, lambda window: wrong)
    assert isinstance(events[-1], CallEnded)
    assert of(events, SpeakerChanged) == []


def named(events: list[Event]) -> dict[str, set[str | None]]:
    found: dict[str, set[str | None]] = {}
    for event in of(events, SpeakerUpdated):
        found.setdefault(event.speaker, set()).add(event.name)
    return found


@pytest.mark.parametrize("chunk", [160, 1600, 400_000])
def test_speakers_whose_voices_are_known_get_their_names(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real gate: what is to be heard is a conversation
    driver = Driver(Session("call", ("mixed",), SPECS, transport="test", gallery=known_voices()))
    audio = conversation()
    for at in range(0, len(audio), chunk):
        driver.feed(audio[at : at + chunk])
    events = driver.finish()
    assert "Low" in named(events)["S1"]
    assert "High" in named(events)["S2"]
    assert [change.name for change in of(events, SpeakerChanged)][-1] in ("Low", "High")


def test_nobody_is_named_unless_people_are_to_be_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    events = events_of(conversation(), 1600)
    assert {event.name for event in of(events, SpeakerUpdated)} | {
        event.name for event in of(events, SpeakerChanged)
    } == {None}


def test_people_may_become_known_in_mid_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    driver = Driver(Session("call", ("mixed",), SPECS, transport="test"))
    audio = conversation()
    driver.feed(audio[: len(audio) // 2])
    assert set().union(*named(driver.events).values()) == {None}
    driver.session.recognise(known_voices())
    driver.feed(audio[len(audio) // 2 :])
    assert "Low" in set().union(*named(driver.finish()).values())
