"""Published models: what a folder must hold, and what is fetched once, checked, and kept whole or not at all."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from benchmarks.layouts import TOKENS_TXT, write_emotion, write_speaker
from inference import official
from inference.catalogue import MODELS, Published
from inference.graphed import GraphedEmotion2vec
from inference.hub import pull
from inference.layout import block_eps, labels_of, load, tensors_of, weights_in
from inference.model import CheckpointError
from inference.published import Scoring, WholeEmotion
from monitor.analysis import EmotionAnalysis, EmotionSpec, Missing, Role, SpeakerAnalysis, Window
from monitor.labels import LABELS

PLUS = "iic/emotion2vec_plus_base"
CAM = "iic/speech_campplus_sv_zh-cn_16k-common"


def window(role: Role, seconds: float, seed: int = 0) -> Window:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)
    return Window(0, role, 0, len(samples), samples)


# --- a folder of one's own


def test_a_folder_gives_an_emotion_model_with_a_score_for_every_frame(tmp_path: Path) -> None:
    model = load(str(write_emotion(tmp_path / "mine")), Role.EMOTION, "cpu")
    assert isinstance(model.spec, EmotionSpec)
    assert (model.spec.name, model.spec.labels, model.spec.window_samples) == ("mine", tuple(LABELS), 48_000)
    one, other = model.analyse([window(Role.EMOTION, 3.0), window(Role.EMOTION, 3.0, 1)])
    (alone,) = model.analyse([window(Role.EMOTION, 3.0, 1)])
    assert isinstance(one, EmotionAnalysis)
    assert isinstance(other, EmotionAnalysis)
    assert isinstance(alone, EmotionAnalysis)
    assert (one.logits.shape, one.arousal.shape, one.first) == ((149, 9), (149,), 0)
    np.testing.assert_allclose(other.logits, alone.logits, atol=1e-4)
    assert np.abs(one.logits - other.logits).max() > 1e-2


def test_whole_windows_in_batches_of_fixed_sizes_score_as_windows_alone_do(tmp_path: Path) -> None:
    folder = write_emotion(tmp_path / "mine")
    model = load(str(folder), Role.EMOTION, "cpu")
    net = official.emotion2vec(tensors_of(weights_in(folder)), 1e-5, "mine")
    graphed = GraphedEmotion2vec(net, 48_000, "cpu", torch.float32, (1, 2))
    whole = WholeEmotion(graphed, Scoring(EmotionSpec("mine", "", 48_000, tuple(LABELS))))
    windows = [window(Role.EMOTION, 3.0, seed) for seed in range(3)]
    odd = window(Role.EMOTION, 2.0)
    found = whole.analyse([*windows[:2], odd, windows[2]])
    assert found[2] is Missing.FAILED
    assert whole.analyse([odd]) == [Missing.FAILED]
    for said, expected in zip([*found[:2], found[3]], model.analyse(windows), strict=True):
        assert isinstance(said, EmotionAnalysis)
        assert isinstance(expected, EmotionAnalysis)
        np.testing.assert_allclose(said.logits, expected.logits, atol=1e-4)
        np.testing.assert_allclose(said.arousal, expected.arousal, atol=1e-4)
        assert said.first == expected.first == 0


def test_arousal_is_the_odds_of_the_labels_of_an_activated_voice(tmp_path: Path) -> None:
    (said,) = load(str(write_emotion(tmp_path)), Role.EMOTION, "cpu").analyse([window(Role.EMOTION, 3.0)])
    assert isinstance(said, EmotionAnalysis)
    shares = np.exp(said.logits) / np.exp(said.logits).sum(1, keepdims=True)
    aroused = shares[:, [LABELS.index(label) for label in ("angry", "fearful", "happy", "surprised")]].sum(1)
    np.testing.assert_allclose(1 / (1 + np.exp(-said.arousal)), aroused, atol=1e-5)


def test_a_folder_gives_a_speaker_model_that_takes_windows_of_any_length(tmp_path: Path) -> None:
    model = load(str(write_speaker(tmp_path)), Role.SPEAKER, "cpu")
    windows = [window(Role.SPEAKER, seconds, n) for n, seconds in enumerate((1.5, 0.6, 1.5, 0.3, 0.6))]
    for each, analysis in zip(windows, model.analyse(windows), strict=True):
        (alone,) = model.analyse([each])
        assert isinstance(analysis, SpeakerAnalysis)
        assert isinstance(alone, SpeakerAnalysis)
        assert analysis.embedding.shape == (12,)
        np.testing.assert_allclose(analysis.embedding, alone.embedding, atol=1e-4)


def test_a_window_too_short_for_a_frame_fails_alone(tmp_path: Path) -> None:
    for model in (
        load(str(write_emotion(tmp_path / "e")), Role.EMOTION, "cpu"),
        load(str(write_speaker(tmp_path / "s")), Role.SPEAKER, "cpu"),
    ):
        short, long = model.analyse([window(model.role, 0.02), window(model.role, model.spec.window_samples / 16_000)])
        assert short is Missing.FAILED
        assert long is not Missing.FAILED


def test_a_file_does_as_well_as_its_folder(tmp_path: Path) -> None:
    assert weights_in(write_speaker(tmp_path)) == weights_in(tmp_path / "campplus_cn_common.bin")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such file or folder"):
        load(str(tmp_path / "nothing"), Role.EMOTION, "cpu")
    with pytest.raises(CheckpointError, match=r"holds no weights; expected one of model\.safetensors, model\.pt"):
        load(str(tmp_path), Role.EMOTION, "cpu")
    folder = write_emotion(tmp_path / "bare")
    (folder / "tokens.txt").unlink()
    with pytest.raises(CheckpointError, match=r"tokens\.txt: is needed beside the weights"):
        load(str(folder), Role.EMOTION, "cpu")


def test_a_model_of_the_other_kind_is_told_from_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such network has; is it another kind of model"):
        official.emotion2vec(tensors_of(write_speaker(tmp_path) / "campplus_cn_common.bin"), 1e-5, "somewhere")
    with pytest.raises(CheckpointError, match="is no speaker model, it is for emotion"):
        load(PLUS, Role.SPEAKER, "cpu")


# --- what is in the files


class Command:
    """What an unfriendly pickle would have run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(Path(os.environ["TRAP"])),)


def test_nothing_in_a_pickle_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    torch.save({"model": {"proj.weight": Command()}}, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="holds something other than tensors, which is not run"):
        tensors_of(tmp_path / "model.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Command()))
    with pytest.raises(CheckpointError):
        tensors_of(tmp_path / "plain.pt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 but cut off"])
@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_damaged_file_is_said_to_be(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        tensors_of(tmp_path / name)


def test_a_pickle_of_something_else_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="is no table of tensors"):
        tensors_of(tmp_path / "model.pt")


def test_labels_come_in_the_order_of_the_outputs(tmp_path: Path) -> None:
    (tmp_path / "tokens.txt").write_text(TOKENS_TXT, "utf-8")
    assert labels_of(tmp_path / "tokens.txt") == list(LABELS)


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ("生气/angry\nunuse_0\nunuse_1\n<unk>\n", "2 of its 4 labels are unuse_0 and the like: an early revision"),
        ("生气/angry\n无聊/bored\n", "unknown label\\(s\\) bored; known are angry"),
        ("angry\nangry\n", "some of them twice"),
        ("", "is empty"),
    ],
)
def test_other_labels_are_refused(tmp_path: Path, tokens: str, said: str) -> None:
    (tmp_path / "tokens.txt").write_text(tokens, "utf-8")
    with pytest.raises(CheckpointError, match=said):
        labels_of(tmp_path / "tokens.txt")


@pytest.mark.parametrize(("written", "expected"), [("1e-05", 1e-5), ("1e-6", 1e-6), ("0.00001", 1e-5)])
def test_an_epsilon_may_be_written_as_yaml_does_not_know_it(tmp_path: Path, written: str, expected: float) -> None:
    (tmp_path / "config.yaml").write_text(f"model_conf:\n  norm_eps: {written}\n", "utf-8")
    assert block_eps(tmp_path / "config.yaml") == expected


@pytest.mark.parametrize("content", ["", "model_conf: {}\n", "model_conf:\n  norm_eps: small\n", "a: [\n"])
def test_a_config_without_an_epsilon_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content, "utf-8")
    with pytest.raises(CheckpointError, match=r"does not say model_conf\.norm_eps"):
        block_eps(tmp_path / "config.yaml")


# --- what is fetched


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDERTONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fetched(name: str, about: Published, folder: Path) -> Path:
    """As if from ModelScope: its folders, and a file that is not needed."""
    got = folder / "models" / name
    got.mkdir(parents=True)
    write_emotion(got) if about.role is Role.EMOTION else write_speaker(got)
    return got


def kept(cache: Path) -> list[str]:
    return sorted(
        str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"
    )


@pytest.mark.parametrize("name", [PLUS, CAM])
def test_a_model_is_fetched_once_and_kept_without_its_pickle(own_cache: Path, name: str) -> None:
    attempts: list[str] = []

    def download(name: str, about: Published, folder: Path) -> Path:
        attempts.append(name)
        return fetched(name, about, folder)

    folder = pull(name, download)
    assert pull(name, download) == folder
    assert attempts == [name]
    extra = ["config.yaml", "model.safetensors", "tokens.txt"] if name == PLUS else ["model.safetensors"]
    assert kept(own_cache) == [f"models/{name.replace('/', '--')}/{file}" for file in extra]
    model = load(name, MODELS[name].role, "cpu")
    assert (model.spec.name, model.spec.licence) == (name, MODELS[name].licence)
    assert len(model.analyse([window(model.role, 1.5)])) == 1


def test_of_a_download_that_does_not_fit_nothing_is_kept(own_cache: Path) -> None:
    def wrong(name: str, about: Published, folder: Path) -> Path:
        got = fetched(name, about, folder)
        (got / "tokens.txt").write_text("unuse_0\n", "utf-8")
        return got

    with pytest.raises(CheckpointError, match="early revision"):
        pull(PLUS, wrong)
    assert not [path for path in kept(own_cache) if path.startswith("models")]
    shutil.rmtree(own_cache / "downloads")
    assert pull(PLUS, fetched).is_dir()


@pytest.mark.parametrize(("code", "said"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "cannot be kept in")])
def test_a_disk_that_is_full_or_closed_is_said_to_be(own_cache: Path, code: int, said: str) -> None:
    def fail(name: str, about: Published, folder: Path) -> Path:
        raise OSError(code, os.strerror(code))

    with pytest.raises(CheckpointError, match=said):
        pull(PLUS, fail)
    assert kept(own_cache) == []


def test_an_unknown_id_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="iic/emotion2vec_plus_large"):
        pull("iic/emotion2vec_minus")


def test_without_the_package_or_a_network_it_is_said_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    with pytest.raises(CheckpointError, match=r"pip install 'undertone\[hub\]'"):
        pull(PLUS)
    fake = ModuleType("modelscope")

    dead = Mock(side_effect=ConnectionError("name resolution failed\nand more"))
    monkeypatch.setattr(fake, "snapshot_download", dead, raising=False)
    monkeypatch.setitem(sys.modules, "modelscope", fake)
    with pytest.raises(CheckpointError, match=r"ConnectionError: name resolution failed.*a folder of your own"):
        pull(PLUS)
    full = RuntimeError("a file could not be written")
    full.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(fake, "snapshot_download", Mock(side_effect=full))
    with pytest.raises(CheckpointError, match="the disk is full; some 4 GB must be free"):
        pull(PLUS)
