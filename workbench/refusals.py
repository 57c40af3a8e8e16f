"""What cannot be done with voices, as people are told: on the command line, over REST and on the page."""

from __future__ import annotations

from workbench.sentences import say


class RefusalError(ValueError):
    """`sentence`: why, and what would help; the message is its text."""

    def __init__(self, key: str, **values: str | float) -> None:
        """`key`: of a sentence, without `refused.` before it. Of text among the values is told what can be printed."""
        shown = {
            name: value if not isinstance(value, str) else "".join(filter(str.isprintable, value))
            for name, value in values.items()
        }
        self.sentence = say(f"refused.{key}", **shown)
        super().__init__(self.sentence.text)
