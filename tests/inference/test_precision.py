"""In which numbers emotion2vec computes."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from benchmarks.layouts import TINY, emotion_shapes, random_tensors
from inference import official, precision
from inference.emotion2vec import Emotion2vec, normalised
from inference.emotion2vec_rows import in_rows
from inference.layout import tensors_of
from inference.precision import NEAR, Choice, Precision, Tried, prepared, scores_of, speechlike
from inference.published import said

WINDOW = 16_000


@pytest.fixture(scope="module")
def net() -> Emotion2vec:
    return official.emotion2vec(random_tensors(emotion_shapes(TINY)), 1e-5, "tiny")


def taking(*seconds: float) -> Callable[[], float]:
    """A clock for kinds that take so long for each window; the first window of each kind is timed three times."""

    def times() -> Iterator[float]:
        now = 0.0
        for each in seconds:
            for _ in range(1 + precision.TRIES):
                yield now
                now += each
                yield now

    clock = times()
    return lambda: next(clock)


def kinds(**distance: float) -> Mapping[Precision, Callable[[Emotion2vec], Emotion2vec]]:
    """Kinds of numbers that add so much to the first label's logits; 0: what float32 gives."""

    def made(by: float) -> Callable[[Emotion2vec], Emotion2vec]:
        def make(net: Emotion2vec) -> Emotion2vec:
            own = copy.deepcopy(net)
            with torch.no_grad():
                own.head.bias[0] += by
            return own

        return make

    return {Precision(name): made(by) for name, by in distance.items()}


def test_the_quickest_kind_that_is_near_is_taken(net: Emotion2vec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "MAKE", kinds(float32=0.0, bfloat16=1e-4, int8=5.0))
    choice = prepared(net, Precision.AUTO, WINDOW, taking(1.0, 0.5, 0.25))
    assert choice.precision is Precision.BFLOAT16
    assert [tried.seconds for tried in choice.tried.values()] == [1.0, 0.5, 0.25]
    assert choice.tried[Precision.BFLOAT16].near
    assert not choice.tried[Precision.INT8].near


def test_a_kind_that_is_slower_than_32_bits_is_not_taken(net: Emotion2vec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "MAKE", kinds(float32=0.0, bfloat16=0.0))
    assert prepared(net, Precision.AUTO, WINDOW, taking(1.0, 1.25)).precision is Precision.FLOAT32
    hopeless = prepared(net, Precision.AUTO, WINDOW, taking(1.0, 2.0))
    assert hopeless.precision is Precision.FLOAT32
    assert hopeless.tried[Precision.BFLOAT16] == Tried(2.0)


def test_a_label_that_differs_rules_a_kind_out() -> None:
    assert Tried(1.0, NEAR, 1.0).near
    assert not Tried(1.0, NEAR, 0.75).near
    assert not Tried(1.0, NEAR + 1e-6, 1.0).near


@pytest.mark.parametrize("wanted", [Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8])
def test_what_is_asked_for_is_taken_and_nothing_is_timed(net: Emotion2vec, wanted: Precision) -> None:
    choice = prepared(net, wanted, WINDOW, taking())
    assert (choice.precision, choice.tried) == (wanted, {})
    windows = normalised(speechlike(2, WINDOW))
    apart = (scores_of(choice.net, windows) - scores_of(net, windows)).abs().max()
    assert apart < (1e-5 if wanted is Precision.FLOAT32 else 0.1)


def test_left_to_itself_it_tries_every_kind(net: Emotion2vec) -> None:
    choice = prepared(net, Precision.AUTO, WINDOW)
    assert list(choice.tried) == [Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8]
    assert choice.tried[Precision.FLOAT32].scores_apart == 0.0


def test_one_kind_is_let_go_of_before_the_next_is_made(net: Emotion2vec, monkeypatch: pytest.MonkeyPatch) -> None:
    there: weakref.WeakSet[Emotion2vec] = weakref.WeakSet()
    most: list[int] = []

    def counted(make: Callable[[Emotion2vec], Emotion2vec]) -> Callable[[Emotion2vec], Emotion2vec]:
        def made(net: Emotion2vec) -> Emotion2vec:
            most.append(len(there))
            own = make(net)
            there.add(own)
            return own

        return made

    monkeypatch.setattr(
        precision, "MAKE", {name: counted(make) for name, make in kinds(float32=0.0, bfloat16=0.0, int8=0.0).items()}
    )
    choice = prepared(net, Precision.AUTO, WINDOW, taking(1.0, 0.25, 0.5))
    assert choice.precision is Precision.BFLOAT16
    assert most == [0, 0, 0, 0], "the one that is chosen is made anew"
    assert list(there) == [choice.net]


@pytest.mark.parametrize("wanted", [Precision.BFLOAT16, Precision.INT8])
def test_in_other_numbers_nothing_of_the_checkpoint_stays_in_memory(wanted: Precision, tmp_path: Path) -> None:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("what is in memory is not told here")
    path = tmp_path / "model.safetensors"
    save_file(random_tensors(emotion_shapes(TINY)), path)
    net = official.emotion2vec(tensors_of(path), 1e-5, "tiny")
    assert str(path) in maps.read_text(encoding="utf-8")
    choice = prepared(net, wanted, WINDOW)
    del net
    gc.collect()
    assert str(path) not in maps.read_text(encoding="utf-8")
    assert bool(scores_of(choice.net, normalised(speechlike(1, WINDOW))).isfinite().all())


def test_bfloat16_is_every_weight_rounded(net: Emotion2vec) -> None:
    whole = copy.deepcopy(in_rows(net)).to(torch.bfloat16).state_dict()
    own = precision.MAKE[Precision.BFLOAT16](in_rows(net)).state_dict()
    assert own.keys() == whole.keys()
    assert all(torch.equal(own[name], whole[name]) for name in whole)


def test_the_choice_is_told_with_its_figures(net: Emotion2vec) -> None:
    tried = {
        Precision.FLOAT32: Tried(0.4, 0.0, 1.0),
        Precision.BFLOAT16: Tried(0.2, 0.0012, 1.0),
        Precision.INT8: Tried(0.1, 0.02, 1.0),
    }
    assert said(Choice(net, Precision.BFLOAT16, tried)) == (
        "it computes in bfloat16 (one window: float32 400 ms; bfloat16 200 ms, scores differ by 0.0012; "
        "int8 100 ms, scores differ by 0.0200: too far)"
    )


def test_the_probes_sound_and_pause() -> None:
    probes = speechlike(4, 3 * WINDOW)
    assert probes.shape == (4, 3 * WINDOW)
    assert bool(torch.isfinite(probes).all())
    assert torch.equal(probes, speechlike(4, 3 * WINDOW))
    levels = probes.unfold(1, 320, 320).square().mean(2).sqrt()
    assert bool((levels.amax(1) > 4 * levels.amin(1)).all())
