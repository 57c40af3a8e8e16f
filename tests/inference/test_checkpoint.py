"""A checkpoint gives a whole network or a `CheckpointError` that says what was wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference import checkpoint
from inference.emotion_net import HISTORY_SAMPLES, EmotionNet, EmotionNetConfig
from inference.model import CheckpointError
from inference.speaker_net import SpeakerNet, SpeakerNetConfig

Document = dict[str, Any]
Tensors = dict[str, Tensor]

EMOTION = EmotionNetConfig(labels=3, mels=8, stem_channels=4, channels=8, blocks="cvc", dilations=(1, 2))
SPEAKER = SpeakerNetConfig(
    embedding=6, mels=8, stem_channels=4, channels=8, blocks="cc", dilations=(1, 2), values=8, heads=2
)
HEADER: Document = {"name": "tiny", "licence": "MIT", "thresholds": {}, "trained_on": [], "results": {}}
LABELS = {"labels": ["angry", "neutral", "sad"]}


@pytest.fixture
def emotion_file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "emotion.safetensors"
    checkpoint.save(path, EmotionNet(EMOTION).eval(), HEADER | LABELS)
    return path


@pytest.fixture
def speaker_file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "speaker.safetensors"
    checkpoint.save(path, SpeakerNet(SPEAKER).eval(), HEADER)
    return path


def document_of(path: Path) -> Document:
    document: Document = checkpoint._read(path)[0]
    return document


def rewrite(path: Path, change: Callable[[Document, Tensors], object]) -> None:
    document, tensors = document_of(path), load_file(path)
    change(document, tensors)
    save_file(tensors, path, metadata={checkpoint.HEADER_KEY: json.dumps(document)})


def test_an_emotion_network_comes_back_with_the_same_answers(emotion_file: Path) -> None:
    torch.manual_seed(0)
    original = EmotionNet(EMOTION).eval()
    net, document = checkpoint.load_emotion(emotion_file)
    audio = torch.randn(2, HISTORY_SAMPLES + 6400) * 0.1
    with torch.inference_mode():
        for mine, theirs in zip(original(audio), net(audio), strict=True):
            assert torch.equal(mine, theirs)
    assert not net.training
    assert document["labels"] == LABELS["labels"]
    assert (document["window_samples"], document["frame_samples"]) == (48_000, 320)


def test_a_speaker_network_comes_back_with_the_same_answers(speaker_file: Path) -> None:
    torch.manual_seed(0)
    original = SpeakerNet(SPEAKER).eval()
    net, document = checkpoint.load_speaker(speaker_file)
    audio = torch.randn(2, 24_000) * 0.1
    with torch.inference_mode():
        assert torch.equal(original(audio), net(audio))
    assert document["window_samples"] == 24_000


def test_a_checkpoint_of_the_other_role_is_refused(emotion_file: Path, speaker_file: Path) -> None:
    with pytest.raises(CheckpointError, match="role is 'emotion', expected 'speaker'"):
        checkpoint.load_speaker(emotion_file)
    with pytest.raises(CheckpointError, match="role is 'speaker', expected 'emotion'"):
        checkpoint.load_emotion(speaker_file)


def set_header(key: str, value: object) -> Callable[[Document, Tensors], object]:
    return lambda document, tensors: document.__setitem__(key, value)


def set_net(key: str, value: object) -> Callable[[Document, Tensors], object]:
    return lambda document, tensors: document["net"].__setitem__(key, value)


def set_tensor(key: str, value: Tensor) -> Callable[[Document, Tensors], object]:
    return lambda document, tensors: tensors.__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_header("format", 2), "format is 2, expected 1"),
        (set_header("role", "singing"), "role is 'singing'"),
        (set_header("sample_rate_hz", 8000), "sample_rate_hz is 8000, expected 16000"),
        (set_header("window_samples", 1), "window_samples is 1"),
        (set_header("colour", "red"), "unknown header keys: colour"),
        (set_header("thresholds", None), "thresholds is None, expected a dict"),
        (set_header("labels", ["angry", "cross", "sad"]), "unknown labels \\['cross'\\]"),
        (set_header("labels", ["sad", "angry", "neutral"]), "in the order angry"),
        (set_header("labels", ["angry", "angry", "sad"]), "must be distinct"),
        (set_header("labels", ["angry", "sad"]), "2 labels for a network with 3 outputs"),
        (set_header("labels", [["angry"], "neutral", "sad"]), "unknown labels"),
        (set_net("depth", 3), "unknown keys \\['depth'\\]"),
        (set_net("channels", "8"), "net.channels is '8'"),
        (set_net("channels", True), "net.channels is True"),
        (set_net("channels", -8), "net.channels is -8"),
        (set_net("channels", 10**9), "net.channels is 1000000000"),
        (set_net("dilations", [1, "2"]), "net.dilations"),
        (set_net("blocks", "cxc"), "blocks"),
        (set_net("blocks", "cccc"), "dilations"),
        (set_net("mels", 7), "mels must be a multiple of 4"),
        (set_net("high_hz", 9000.0), "mel band must lie within"),
        (lambda document, tensors: document["net"].pop("mels"), "lacks \\['mels'\\]"),
        (lambda document, tensors: document.pop("licence"), "licence is None, expected a str"),
        (lambda document, tensors: tensors.pop("label_head.bias"), "missing tensors \\['label_head.bias'\\]"),
        (set_tensor("extra", torch.zeros(1)), "surplus tensors \\['extra'\\]"),
        (
            set_tensor("label_head.bias", torch.zeros(4)),
            "label_head.bias is torch.float32 \\(4,\\), expected",
        ),
        (
            set_tensor("label_head.bias", torch.zeros(3, dtype=torch.float16)),
            "label_head.bias is torch.float16",
        ),
        (set_tensor("label_head.bias", torch.full((3,), float("nan"))), "not finite"),
    ],
)
def test_a_file_that_says_something_else_is_refused(
    emotion_file: Path, change: Callable[[Document, Tensors], object], message: str
) -> None:
    rewrite(emotion_file, change)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load_emotion(emotion_file)


def test_a_damaged_file_is_refused(emotion_file: Path) -> None:
    emotion_file.write_bytes(emotion_file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        checkpoint.load_emotion(emotion_file)


@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 64])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        checkpoint.load_speaker(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load_speaker(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"format": "pt"}, "not an Undertone checkpoint"),
        ({checkpoint.HEADER_KEY: "{"}, "not JSON"),
        ({checkpoint.HEADER_KEY: "[]"}, "must be a JSON object"),
        ({checkpoint.HEADER_KEY: "{}"}, "format is None, expected 1"),
    ],
)
def test_safetensors_of_another_maker_are_refused(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load_emotion(path)


def test_nothing_is_written_that_could_not_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "never.safetensors"
    with pytest.raises(CheckpointError, match="unknown labels"):
        checkpoint.save(path, EmotionNet(EMOTION), HEADER | {"labels": ["angry", "bored", "sad"]})
    assert not path.exists()
