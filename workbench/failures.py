"""Why a recording has no result: every reason has a code, a sentence, and what to do about it."""

from __future__ import annotations

from workbench.results import AudioFacts, Failure
from workbench.sentences import SENTENCES, say

CODES = tuple(key.removeprefix("failed.") for key in SENTENCES if key.startswith("failed."))
LEAST_S = 0.5
LEAST_SPEECH_S = 0.3
"""As `monitor.reading.USABLE_SPEECH_S`: less says nothing."""
SILENT_DBFS = -60.0
CLIPPED_SHARE = 0.1
MISSING_SHARE = 0.5


def failed(code: str, **values: str | float) -> Failure:
    """`values`: what the sentence of the code needs."""
    return Failure(code, say(f"failed.{code}", **values), say(f"remedy.{code}"))


def of_facts(facts: AudioFacts, declared_s: float | None, silence_counts: bool) -> Failure | None:
    """What keeps a recording that was decoded from being used; None if it can be. `silence_counts`: it need not hold
    speech."""
    duration_s = round(facts.duration_s, 2)
    if declared_s is not None and declared_s - facts.duration_s > max(LEAST_S, MISSING_SHARE * declared_s):
        missing_s = round(declared_s - facts.duration_s, 1)
        return failed("cut_off", missing_s=missing_s, declared_s=round(declared_s, 1))
    if facts.duration_s < LEAST_S:
        return failed("too_short", duration_s=duration_s, least_s=LEAST_S)
    if facts.peak_dbfs < SILENT_DBFS:
        return failed("silent", peak_dbfs=SILENT_DBFS)
    if facts.clipped_share > CLIPPED_SHARE:
        return failed("clipped", percent=round(100 * facts.clipped_share, 1))
    if facts.speech_s < LEAST_SPEECH_S and not silence_counts:
        return failed("no_speech", speech_s=facts.speech_s, duration_s=duration_s)
    return None
