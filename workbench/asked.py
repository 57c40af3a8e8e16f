"""What is asked of recordings, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from monitor.session import MonitorConfig
from monitor.tracking import TrackingConfig
from vad.endpointing import EndpointingConfig
from workbench.media import Source
from workbench.results import Granularity

EmbeddingsOf = Literal["emotion", "speaker"]


@dataclass(frozen=True, slots=True)
class Item:
    """A recording, and the name that its results go by."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class Asked:
    """`granularity`: of what there are embeddings, if `embeddings`; with `frame` the scores of every frame are told.
    `every_frame`: pauses count like speech, as in the official toolkit of emotion2vec, else only speech does.
    `speakers`: who spoke when on one channel is found out, which takes as long again. `keep_audio`: what the models
    heard is written beside the results. `roles`: who is on each channel;
    one alone: all channels are mixed. `longest_s`: longer recordings are refused. `kind`: of `speaker` there are
    embeddings of voices, one of each recording, and nothing else.
    """

    granularity: Granularity = "utterance"
    embeddings: bool = False
    every_frame: bool = False
    speakers: bool = False
    keep_audio: bool = False
    roles: tuple[str, ...] = ("mixed",)
    longest_s: float = 6 * 3600.0
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    endpointing: EndpointingConfig = field(default_factory=EndpointingConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    kind: EmbeddingsOf = "emotion"

    @property
    def mixes(self) -> bool:
        """Whether all channels are heard as one."""
        return len(self.roles) == 1

    @property
    def turns(self) -> bool:
        """Whether turns are told one by one."""
        return self.speakers or not self.mixes or self.granularity == "turn"

    @property
    def frame_embeddings(self) -> bool:
        return self.embeddings and self.granularity == "frame"
