from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from inference import checkpoint
from inference.emotion_net import EmotionNet
from inference.speaker_net import SpeakerNet
from training.compare import shortened
from training.recipe import EmotionRecipe, SpeakerRecipe, read_recipe, replaced
from training.train import learning_rate

EMOTION, SPEAKER = Path("training/emotion.toml"), Path("training/speaker.toml")
PERMISSIVE = Path("training/speaker-permissive.toml")
WEIGHTS = Path("inference/weights")


def test_the_committed_recipes_are_valid() -> None:
    assert isinstance(read_recipe(EMOTION), EmotionRecipe)
    assert isinstance(read_recipe(SPEAKER), SpeakerRecipe)


def test_the_committed_weights_have_the_shape_of_their_recipes() -> None:
    for recipe in (EMOTION, SPEAKER, PERMISSIVE):
        load = checkpoint.load_emotion if recipe is EMOTION else checkpoint.load_speaker
        read = read_recipe(recipe)
        net, header = load(WEIGHTS / f"{read.name}.safetensors")
        assert net.config == read.net
        assert header["name"] == read.name
        assert header["results"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 1", "seed = 1\nluck = 3", r"unknown keys \['luck'\]"),
        ("seed = 1\n", "", r"missing keys \['seed'\]"),
        ("seed = 1", 'seed = "1"', "expected <class 'int'>, got '1'"),
        ("seed = 1", "seed = true", "expected <class 'int'>, got True"),
        ('role = "emotion"', 'role = "singing"', "role must be 'emotion' or 'speaker'"),
        ("[calls]", "[shouts]", r"unknown keys \[.shouts.\], missing keys \[.calls.\]"),
    ],
)
def test_a_recipe_that_says_something_else_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "changed.toml"
    path.write_text(EMOTION.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        read_recipe(path)


def test_learning_rate_rises_linearly_and_falls_to_zero() -> None:
    recipe = read_recipe(EMOTION).optimisation
    assert learning_rate(recipe, 0) == pytest.approx(recipe.learning_rate / recipe.warmup_steps)
    assert learning_rate(recipe, recipe.warmup_steps) == pytest.approx(recipe.learning_rate, rel=1e-3)
    assert learning_rate(recipe, recipe.steps) == pytest.approx(0, abs=1e-9)


def test_a_shortened_recipe_keeps_its_stages_in_proportion() -> None:
    recipe = read_recipe(Path("training/speaker.toml"))
    assert isinstance(recipe, SpeakerRecipe)
    half = shortened(recipe, recipe.optimisation.steps // 2)
    assert half.optimisation.steps == recipe.optimisation.steps // 2
    assert half.optimisation.hold_steps == recipe.optimisation.hold_steps // 2
    assert half.loss.margin_until == recipe.loss.margin_until // 2
    assert half.sampling.late_from == recipe.sampling.late_from // 2
    assert replace(half, optimisation=recipe.optimisation, loss=recipe.loss, sampling=recipe.sampling) == recipe


@pytest.mark.parametrize(
    ("recipe", "kinds"),
    [
        ("training/emotion.toml", "training/kinds.toml"),
        ("training/search.toml", "training/kinds.toml"),
        ("training/speaker.toml", "training/speaker-kinds.toml"),
    ],
)
def test_every_kind_that_can_be_compared_is_a_recipe_of_a_network(recipe: str, kinds: str) -> None:
    read = read_recipe(Path(recipe))
    for name, tables in tomllib.loads(Path(kinds).read_text()).items():
        changed = replaced(read, tables)
        net = EmotionNet(changed.net) if isinstance(changed, EmotionRecipe) else SpeakerNet(changed.net)
        assert sum(parameter.numel() for parameter in net.parameters()) > 50_000, name
