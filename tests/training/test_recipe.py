from __future__ import annotations

from pathlib import Path

import pytest

from inference import checkpoint
from training.recipe import EmotionRecipe, SpeakerRecipe, read_recipe
from training.train import learning_rate

EMOTION, SPEAKER = Path("training/emotion.toml"), Path("training/speaker.toml")
WEIGHTS = Path("inference/weights")


def test_the_committed_recipes_are_valid() -> None:
    assert isinstance(read_recipe(EMOTION), EmotionRecipe)
    assert isinstance(read_recipe(SPEAKER), SpeakerRecipe)


def test_the_committed_weights_have_the_shape_of_their_recipes() -> None:
    for recipe, load in ((EMOTION, checkpoint.load_emotion), (SPEAKER, checkpoint.load_speaker)):
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
