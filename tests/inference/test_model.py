"""The embedded models as the rest of Undertone sees them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.loading import WEIGHTS, load, named, resolve_device
from inference.model import CheckpointError, Model, Models, specs
from monitor.analysis import EmotionAnalysis, EmotionSpec, Role, SpeakerAnalysis, SpeakerSpec, Specs, Window
from monitor.labels import LABELS
from stream_server.settings import ModelsConfig
from tests.scripted import silence, voice

EMBEDDED_EMOTION, EMBEDDED_SPEAKER = ModelsConfig().emotion, ModelsConfig().speaker


@pytest.fixture(scope="module")
def models() -> Models:
    return load(EMBEDDED_EMOTION, EMBEDDED_SPEAKER, "cpu")


def batch(model: Model) -> list[Window]:
    """Four windows that differ in pitch and level, one of them silence."""
    seconds = model.spec.window_samples / 16_000
    audio = [voice(110, seconds, 1), voice(260, seconds, 2, 0.05), silence(seconds), voice(180, seconds, 3, 0.9)]
    return [Window(at, model.role, 0, len(samples), samples) for at, samples in enumerate(audio)]


def test_both_embedded_models_load_without_a_network(models: Models) -> None:
    assert set(models) == {Role.EMOTION, Role.SPEAKER}
    assert all(model.role is role for role, model in models.items())


def test_the_emotion_model_answers_every_frame_with_nine_logits_and_an_arousal(models: Models) -> None:
    model = models[Role.EMOTION]
    analyses = model.analyse(batch(model))
    assert len(analyses) == 4
    for analysis in analyses:
        assert isinstance(analysis, EmotionAnalysis)
        assert analysis.logits.shape == (model.spec.window_samples // 320, len(LABELS))
        assert analysis.arousal.shape == analysis.logits.shape[:1]
        assert analysis.logits.dtype == np.float32


def test_the_speaker_model_answers_with_an_embedding_of_the_size_it_declares(models: Models) -> None:
    model = models[Role.SPEAKER]
    assert isinstance(model.spec, SpeakerSpec)
    for analysis in model.analyse(batch(model)):
        assert isinstance(analysis, SpeakerAnalysis)
        assert analysis.embedding.shape == (model.spec.embedding_size,)
        assert np.isfinite(analysis.embedding).all()


def test_an_emotion_window_has_the_same_answer_alone_and_among_others(models: Models) -> None:
    model = models[Role.EMOTION]
    for at, together in enumerate(model.analyse(batch(model))):
        (alone,) = model.analyse(batch(model)[at : at + 1])
        assert isinstance(alone, EmotionAnalysis)
        assert isinstance(together, EmotionAnalysis)
        np.testing.assert_allclose(together.logits, alone.logits, atol=1e-5, rtol=1e-5)
        np.testing.assert_allclose(together.arousal, alone.arousal, atol=1e-5, rtol=1e-5)


def test_a_speaker_window_has_the_same_answer_alone_and_among_others(models: Models) -> None:
    model = models[Role.SPEAKER]
    for at, together in enumerate(model.analyse(batch(model))):
        (alone,) = model.analyse(batch(model)[at : at + 1])
        assert isinstance(alone, SpeakerAnalysis)
        assert isinstance(together, SpeakerAnalysis)
        np.testing.assert_allclose(together.embedding, alone.embedding, atol=1e-5)


def test_different_windows_have_different_answers(models: Models) -> None:
    model = models[Role.SPEAKER]
    one, other, *_ = model.analyse(batch(model))
    assert isinstance(one, SpeakerAnalysis)
    assert isinstance(other, SpeakerAnalysis)
    assert np.abs(one.embedding - other.embedding).max() > 0.01


def test_labels_that_the_model_does_not_know_have_no_logits(models: Models) -> None:
    model = models[Role.EMOTION]
    assert isinstance(model.spec, EmotionSpec)
    (analysis,) = model.analyse(batch(model)[:1])
    assert isinstance(analysis, EmotionAnalysis)
    silent = {label for at, label in enumerate(LABELS) if not analysis.logits[:, at].any()}
    assert silent == set(LABELS) - set(model.spec.labels)


def test_a_model_says_where_it_comes_from(models: Models) -> None:
    assert [models[role].spec.name for role in (Role.EMOTION, Role.SPEAKER)] == [EMBEDDED_EMOTION, EMBEDDED_SPEAKER]
    assert all(model.spec.licence for model in models.values())


def test_the_thresholds_of_the_emotion_model_are_in_order(models: Models) -> None:
    spec = models[Role.EMOTION].spec
    assert isinstance(spec, EmotionSpec)
    assert 0 < spec.medium_from < spec.high_from < 1


def test_the_cosines_of_the_speaker_model_tell_same_from_different(models: Models) -> None:
    spec = models[Role.SPEAKER].spec
    assert isinstance(spec, SpeakerSpec)
    assert 1 > spec.same_mean > spec.different_mean > -1
    assert min(spec.same_std, spec.different_std) > 0


def test_a_session_gets_the_specs_of_the_models_there_are(models: Models) -> None:
    emotion, speaker = models[Role.EMOTION].spec, models[Role.SPEAKER].spec
    assert specs(models) == Specs(emotion, speaker, None)  # type: ignore[arg-type]
    assert specs({Role.SPEAKER: models[Role.SPEAKER]}) == Specs(None, speaker, None)  # type: ignore[arg-type]
    assert specs({}) == Specs()


def test_none_loads_nothing() -> None:
    assert load("none", "none", "cpu") == {}


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(CheckpointError, match=f"no model 'wav2vec'.*{EMBEDDED_EMOTION}.*nor a file"):
        load("wav2vec", "none", "cpu")


def test_a_model_of_the_other_role_is_refused() -> None:
    with pytest.raises(CheckpointError, match="role is 'speaker'"):
        load(EMBEDDED_SPEAKER, "none", "cpu")


def test_a_model_can_be_named_by_its_path() -> None:
    path = WEIGHTS / f"{EMBEDDED_EMOTION}.safetensors"
    assert named(str(path), Role.EMOTION, "cpu").spec == named(EMBEDDED_EMOTION, Role.EMOTION, "cpu").spec


@pytest.mark.parametrize(("there", "place"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_cuda_where_there_is_one(there: bool, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert resolve_device("auto") == place
    assert resolve_device("cpu") == "cpu"


def test_cuda_where_there_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CheckpointError, match="torch finds no CUDA device"):
        load("none", "none", "cuda")
