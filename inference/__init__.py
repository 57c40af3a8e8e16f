"""The slow part: models, features, and the micro-batching that feeds them."""
