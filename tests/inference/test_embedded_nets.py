from __future__ import annotations

import pytest
import torch

from inference.emotion_net import EmotionNet, EmotionNetConfig
from inference.speaker_net import SpeakerNet, SpeakerNetConfig


@pytest.fixture(scope="module")
def emotion() -> EmotionNet:
    torch.manual_seed(0)
    return EmotionNet(EmotionNetConfig()).eval()


@pytest.fixture(scope="module")
def speaker() -> SpeakerNet:
    torch.manual_seed(0)
    return SpeakerNet(SpeakerNetConfig()).eval()


def test_emotion_has_one_score_vector_per_20_ms(emotion: EmotionNet) -> None:
    with torch.inference_mode():
        labels, arousal = emotion(torch.randn(2, 48_000) * 0.1)
    assert labels.shape == (2, 150, 7)
    assert arousal.shape == (2, 150)


@pytest.mark.parametrize("samples", [8_000, 12_345, 24_000, 48_000])
def test_a_speaker_embedding_has_unit_length_whatever_the_window(speaker: SpeakerNet, samples: int) -> None:
    with torch.inference_mode():
        embedding = speaker(torch.randn(3, samples) * 0.1)
    assert embedding.shape == (3, 128)
    assert torch.allclose(embedding.norm(dim=1), torch.ones(3), atol=1e-5)


def test_too_short_a_speaker_window_is_refused(speaker: SpeakerNet) -> None:
    with pytest.raises(ValueError, match="at least 8000 samples, got 7999"):
        speaker(torch.zeros(1, 7_999))


def test_neighbours_in_a_batch_have_no_influence(emotion: EmotionNet, speaker: SpeakerNet) -> None:
    audio = torch.randn(5, 48_000) * torch.logspace(-3, 0, 5)[:, None] * 0.5
    with torch.inference_mode():
        together, alone = emotion(audio)[0], torch.cat([emotion(window[None])[0] for window in audio])
        assert torch.allclose(together, alone, atol=1e-4)
        together, alone = speaker(audio), torch.cat([speaker(window[None]) for window in audio])
        assert torch.allclose(together, alone, atol=1e-4)


def test_silence_gives_finite_answers(emotion: EmotionNet, speaker: SpeakerNet) -> None:
    with torch.inference_mode():
        assert all(output.isfinite().all() for output in emotion(torch.zeros(1, 48_000)))
        assert speaker(torch.zeros(1, 24_000)).isfinite().all()
