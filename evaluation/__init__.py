"""How good the models and the whole pipeline are, on any folder of recordings: `undertone evaluate`."""
