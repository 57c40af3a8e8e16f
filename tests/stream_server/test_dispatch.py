"""What is submitted in one turn of the loop reaches the model at once."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence

import numpy as np
import pytest

from inference.batcher import Batcher
from monitor.analysis import Missing, Role, Window
from stream_server.live.dispatch import Dispatch
from tests.scripted import EMOTION, SPEAKER
from tests.stream_server.serving import ScriptedModel, scripted_models


class Watched(Batcher):
    """A batcher that has not begun to work; it tells what was handed to it, and what became of windows."""

    def __init__(self, model: ScriptedModel) -> None:
        super().__init__(model, lambda answers: None, observer=self)
        self.handed: list[list[tuple[Hashable, int]]] = []
        self.outcomes: list[tuple[str, int]] = []

    def submit_all(self, windows: Sequence[tuple[Hashable, Window, float | None]]) -> None:
        self.handed.append([(owner, window.number) for owner, window, _ in windows])
        super().submit_all(windows)

    def batch_done(self, role: Role, size: int, waited_s: float, inference_s: float) -> None:
        raise AssertionError("it has not begun")

    def windows_done(self, role: Role, outcome: str, number: int) -> None:
        self.outcomes.append((outcome, number))


@pytest.fixture
def batchers() -> dict[Role, Watched]:
    return {role: Watched(model) for role, model in scripted_models().items()}  # type: ignore[arg-type]


def window(number: int, role: Role = Role.EMOTION, samples: int | None = None) -> Window:
    size = (EMOTION if role is Role.EMOTION else SPEAKER).window_samples if samples is None else samples
    return Window(number, role, 0, size, np.zeros(size, np.float32))


async def turn() -> None:
    """Let the loop handle all that is ready."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_the_windows_of_one_turn_reach_each_model_at_once_and_in_order(batchers: dict[Role, Watched]) -> None:
    dispatch, loop = Dispatch(batchers), asyncio.get_running_loop()
    for number, (owner, role) in enumerate(
        [("a", Role.EMOTION), ("b", Role.SPEAKER), ("b", Role.EMOTION), ("a", Role.EMOTION), ("a", Role.SPEAKER)]
    ):
        loop.call_soon(dispatch.submit, owner, window(number, role), None)
    await turn()
    assert batchers[Role.EMOTION].handed == [[("a", 0), ("b", 2), ("a", 3)]]
    assert batchers[Role.SPEAKER].handed == [[("b", 1), ("a", 4)]]


async def test_a_model_without_windows_is_not_woken(batchers: dict[Role, Watched]) -> None:
    dispatch = Dispatch(batchers)
    dispatch.submit("a", window(1), None)
    await turn()
    assert [len(batchers[role].handed) for role in (Role.EMOTION, Role.SPEAKER)] == [1, 0]


async def test_nothing_is_handed_over_before_the_turn_has_ended(batchers: dict[Role, Watched]) -> None:
    dispatch = Dispatch(batchers)
    dispatch.submit("a", window(1), None)
    assert batchers[Role.EMOTION].handed == []
    assert batchers[Role.EMOTION].waiting == 0


async def test_every_turn_hands_over_its_own_windows(batchers: dict[Role, Watched]) -> None:
    dispatch = Dispatch(batchers)
    for number in range(3):
        dispatch.submit("a", window(number), None)
        await turn()
    await turn()
    assert batchers[Role.EMOTION].handed == [[("a", 0)], [("a", 1)], [("a", 2)]]


async def test_a_window_of_another_shape_is_our_mistake_and_hinders_no_others(batchers: dict[Role, Watched]) -> None:
    dispatch = Dispatch(batchers)
    dispatch.submit("a", window(1), None)
    with pytest.raises(ValueError, match="must be 48000 float32 samples"):
        dispatch.submit("a", window(2, samples=320), None)
    dispatch.submit("a", window(3), None)
    await turn()
    assert batchers[Role.EMOTION].handed == [[("a", 1), ("a", 3)]]


async def test_windows_of_an_owner_who_left_are_dropped_although_they_were_only_gathered(
    batchers: dict[Role, Watched],
) -> None:
    dispatch = Dispatch(batchers)
    dispatch.submit("gone", window(1), None)
    await turn()
    dispatch.submit("gone", window(2), None)
    dispatch.submit("here", window(3), None)
    dispatch.submit("gone", window(4, Role.SPEAKER), None)
    dispatch.drop("gone")
    await turn()
    assert [batchers[role].waiting for role in (Role.EMOTION, Role.SPEAKER)] == [1, 0]
    assert batchers[Role.EMOTION].outcomes == [(Missing.SKIPPED.value, 2)]
    assert batchers[Role.SPEAKER].outcomes == [(Missing.SKIPPED.value, 1)]


async def test_after_a_drop_the_turn_goes_on(batchers: dict[Role, Watched]) -> None:
    dispatch = Dispatch(batchers)
    dispatch.submit("here", window(1), None)
    dispatch.drop("gone")
    dispatch.submit("here", window(2), None)
    await turn()
    assert batchers[Role.EMOTION].handed == [[("here", 1)], [("here", 2)]]
    assert batchers[Role.EMOTION].waiting == 2
