"""What an evaluation of speakers found, as a row of a table and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import percentile, precision_recall_f1


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one recording or of several pooled. Times in seconds; `latencies_s` are in call audio, to which
    the time that the models take is to be added."""

    name: str
    expected_changes: int
    found_changes: int
    matched_changes: int
    speech_s: float
    confusion_s: float
    missed_s: float
    false_alarm_s: float
    expected_speakers: int
    found_speakers: int
    latencies_s: tuple[float, ...]

    @property
    def precision(self) -> float:
        return precision_recall_f1(self.matched_changes, self.found_changes, self.expected_changes)[0]

    @property
    def recall(self) -> float:
        return precision_recall_f1(self.matched_changes, self.found_changes, self.expected_changes)[1]

    @property
    def f1(self) -> float:
        return precision_recall_f1(self.matched_changes, self.found_changes, self.expected_changes)[2]

    @property
    def der(self) -> float:
        """Diarization error rate: wrong, missed and invented speaker time over the time spoken in the reference."""
        return (self.confusion_s + self.missed_s + self.false_alarm_s) / self.speech_s if self.speech_s else 0.0

    def document(self) -> dict[str, object]:
        return {
            "name": self.name,
            "change_f1": round(self.f1, 4),
            "change_precision": round(self.precision, 4),
            "change_recall": round(self.recall, 4),
            "changes": {
                "expected": self.expected_changes,
                "found": self.found_changes,
                "matched": self.matched_changes,
            },
            "der": round(self.der, 4),
            "confusion": round(self.confusion_s / self.speech_s, 4) if self.speech_s else 0.0,
            "missed": round(self.missed_s / self.speech_s, 4) if self.speech_s else 0.0,
            "false_alarm": round(self.false_alarm_s / self.speech_s, 4) if self.speech_s else 0.0,
            "speech_s": round(self.speech_s, 2),
            "speakers": {"expected": self.expected_speakers, "found": self.found_speakers},
            "latency_s_p50": round(percentile(self.latencies_s, 0.5), 3) if self.latencies_s else None,
        }

    def line(self) -> str:
        """One row under HEADING."""
        total = self.speech_s or 1.0
        parts = (self.der, self.confusion_s / total, self.missed_s / total, self.false_alarm_s / total)
        latency = f"{percentile(self.latencies_s, 0.5):6.2f}" if self.latencies_s else "     -"
        return (
            f"{self.name:24}{self.f1:6.3f}{self.precision:7.3f}{self.recall:7.3f}"
            f"{f'{self.matched_changes}/{self.found_changes}/{self.expected_changes}':>10}"
            + "".join(f"{100 * part:7.1f}" for part in parts)
            + f"{f'{self.found_speakers}/{self.expected_speakers}':>8}{latency:>9}"
        )


HEADING = (
    f"{'':24}{'change':>6}{'':7}{'':7}{'matched/':>10}{'DER':>7}{'confu-':>7}{'':7}{'false':>7}{'speakers':>9}{'latency':>8}\n"
    f"{'':24}{'F1':>6}{'prec.':>7}{'recall':>7}{'found/ref':>10}{'%':>7}{'sion':>7}{'missed':>7}{'alarm':>7}"
    f"{'found/ref':>9}{'p50 s':>8}"
)


def pooled(results: Sequence[Result], name: str = "pooled") -> Result:
    """The recordings as if they were one; speakers are counted per recording."""
    return Result(
        name,
        sum(result.expected_changes for result in results),
        sum(result.found_changes for result in results),
        sum(result.matched_changes for result in results),
        sum(result.speech_s for result in results),
        sum(result.confusion_s for result in results),
        sum(result.missed_s for result in results),
        sum(result.false_alarm_s for result in results),
        sum(result.expected_speakers for result in results),
        sum(result.found_speakers for result in results),
        tuple(latency for result in results for latency in result.latencies_s),
    )
