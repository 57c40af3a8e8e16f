"""Every error and warning code in one table: what it means, how a socket is closed, and whether the call survives.

docs/protocol.md shows this table; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Fault:
    """`close` is the WebSocket close code, None where the socket stays open; `status` the HTTP status in REST."""

    code: str
    meaning: str
    close: int | None = None
    status: int | None = None

    @property
    def call_survives(self) -> bool:
        """Whether a live call goes on after this."""
        return self.close is None


class Refusal(Exception):
    """A peer's mistake, found where a value cannot be returned; `reason` says what was wrong and what is expected.
    `retry_after_s`: when the same may be granted; `sentence`: the reason so that a page can say it otherwise."""

    def __init__(
        self, code: str, reason: str, retry_after_s: float | None = None, sentence: Sentence | None = None
    ) -> None:
        super().__init__(reason)
        self.fault = FAULTS[code]
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.sentence = sentence


ERRORS: tuple[Fault, ...] = (
    Fault("stream.encoding_unknown", "`encoding` is none of pcm_s16le, pcm_f32le, mulaw, alaw", 4400),
    Fault("stream.sample_rate_out_of_range", "`sample_rate` is not a whole number from 8000 to 48000", 4400),
    Fault("stream.channels_invalid", "`channels` is neither 1 nor 2", 4400, 422),
    Fault(
        "stream.roles_invalid",
        "`roles` does not name each channel once, in letters, digits, `_` and `-`",
        4400,
        422,
    ),
    Fault("call.id_invalid", "`call_id` is not 1 to 128 of letters, digits, `.`, `_`, `:`, `-`", 4400, 422),
    Fault("call.id_in_use", "a live call has this `call_id` already", 4409, 409),
    Fault("call.idle", "no audio came for `stream.idle_timeout_s`", 4408),
    Fault("call.too_long", "the call reached `stream.max_call_s`", 4413),
    Fault("message.too_big", "a message was larger than 1 MiB", 1009),
    Fault("message.not_control", "a text message was not one of the control messages; audio must be binary"),
    Fault("message.flood", "text messages that are no control messages kept coming", 1008),
    Fault(
        "client.too_slow",
        "the client did not read its events, and only such were left as must not be lost",
        1008,
    ),
    Fault("server.warming_up", "the models are not warm yet; try again in some seconds", 1013, 503),
    Fault("server.busy", "the server has as many calls as it can serve in time; try again later", 1013, 503),
    Fault("server.stopping", "the server is shutting down", 1012, 503),
    Fault("server.failed", "something broke on our side; the log has it", 1011, 500),
    Fault("call.not_found", "there is no call of this id", None, 404),
    Fault("call.live", "a live call cannot be deleted; end it first", None, 409),
    Fault("alert.not_found", "there is no alert of this id", None, 404),
    Fault("alert.resolved", "the alert is resolved: it can be commented on, and nothing else", None, 409),
    Fault("history.unavailable", "no history is kept, or its database does not answer; try again later", None, 503),
    Fault("export.unavailable", "what writes this format is not installed on the server", None, 501),
    Fault("rule.not_found", "there is no rule of this name", None, 404),
    Fault("rule.invalid", "the rule makes no sense, or names a channel that is not there", None, 422),
    Fault("rule.fixed", "the rule was not set over REST; set one of its name with `enabled: false` instead", None, 409),
    Fault("channel.not_found", "there is no channel of this name in `notify.channels`", None, 404),
    Fault("notification.not_found", "there is no notification of this id, or no longer", None, 404),
    Fault("notification.delivered", "the notification was delivered; it is not sent again", None, 409),
    Fault("upload.invalid", "the body is no form with recordings, or ended before its time", None, 422),
    Fault("upload.too_big", "the upload is larger, or holds more recordings, than `jobs` allows", None, 413),
    Fault("recording.unusable", "the recording cannot be used; the reason says why, and what would be", None, 422),
    Fault("voices.refused", "the recordings hold too few voices, or no voiceprint can be made of them", None, 422),
    Fault("voice.not_found", "there is no voiceprint of this name", None, 404),
    Fault("voice.invalid", "the name, or the consent, of a voiceprint is not as documented, or taken", None, 422),
    Fault("library.refused", "too little is kept to do that, or not what was named", None, 422),
    Fault("library.unavailable", "what makes groups and maps is not installed on the server", None, 501),
    Fault("job.not_found", "there is no job of this id, or no longer", None, 404),
    Fault("jobs.full", "as many jobs wait as may, or there is no room on the disk; try again later", None, 503),
    Fault("jobs.unavailable", "recordings cannot be worked on; the reason says why", None, 503),
    Fault("request.invalid", "a parameter of the request is not as documented", 4400, 422),
    Fault("offer.invalid", "the offer is none, or cannot be answered", None, 400),
    Fault("offer.no_audio", "the offer has no audio that its sender would send", None, 422),
    Fault(
        "offer.no_codec",
        "the offer's audio is neither Opus nor PCMU nor PCMA; for two channels only Opus will do",
        None,
        422,
    ),
    Fault("candidates.invalid", "an ICE fragment has nothing in it that can be used", None, 400),
    Fault("candidates.outdated", "`If-Match` names another ICE session than this one", None, 412),
    Fault("candidates.restart", "an ICE restart was asked for; make a new call instead", None, 422),
    Fault("webrtc.unavailable", "WebRTC does not run on this server; try again later or use a WebSocket", None, 503),
    Fault(
        "request.unauthorized",
        "the `Authorization: Bearer` that `webrtc.token` asks for is missing or wrong",
        None,
        401,
    ),
    Fault("request.media_type", "the `Content-Type` of a request is not the documented one", None, 415),
    Fault(
        "request.too_big",
        "the body of a request was larger than 64 KiB (a list of recordings: 4 MiB; voiceprints: 8 MiB)",
        None,
        413,
    ),
    Fault("request.not_found", "there is nothing at this address", None, 404),
    Fault("request.method_not_allowed", "this address does not take this method", None, 405),
    Fault("request.forbidden", "a page of another site, or a host name that is not this server's, asked", None, 403),
)
WARNINGS: tuple[Fault, ...] = (
    Fault("audio.remainder", "the stream ended in the middle of a sample; the odd bytes were dropped"),
    Fault("audio.not_finite", "samples were NaN or infinite; they count as 0"),
    Fault("audio.gap", "audio was lost on the way; it counts as silence (WebRTC only: a WebSocket loses none)"),
    Fault("audio.clipped", "the audio reaches full scale"),
    Fault("audio.no_speech", "nothing like speech was heard for `monitor.no_speech_s`"),
    Fault(
        "audio.too_fast",
        "audio comes faster than real time; a WebSocket is held back and loses nothing, of WebRTC it is left out",
    ),
    Fault(
        "hop.widened",
        "the server is busy and looks less often, every 1 or 2 s, at the newest speech; told once in a call",
    ),
    Fault("windows.skipped", "the server is busy and left windows out"),
    Fault("windows.failed", "a model failed on a window"),
    Fault("client.events_dropped", "the client reads too slowly; scores were left out of its events"),
)
FAULTS: dict[str, Fault] = {fault.code: fault for fault in (*ERRORS, *WARNINGS)}
