"""`POST /api/predict/`, as the emotion2vec+ workbench answers that many work with: its clients go on working."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, get_args

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.responses import FileResponse

from stream_server.bodies import JSON, json
from stream_server.faults import Refusal
from stream_server.jobs.entry import Entry
from stream_server.jobs.jobs import Jobs
from stream_server.jobs.uploads import MULTIPART, receive
from stream_server.live.engine import Engine
from stream_server.rest.jobs import NO_STORE, asked_of, file_of, page, wait
from workbench.jobs import Results
from workbench.results import Granularity, Prediction

PATIENCE_S = 600.0
FORMER = re.compile(r"outputs/outputs_\d{8}_\d{6}_(?P<job_id>[0-9a-f]+)/(?P<name>.+)")
TOOLKIT_LABELS = {
    "angry": "生气/angry",
    "disgusted": "厌恶/disgusted",
    "fearful": "恐惧/fearful",
    "happy": "开心/happy",
    "neutral": "中立/neutral",
    "other": "其他/other",
    "sad": "难过/sad",
    "surprised": "吃惊/surprised",
    "unknown": "<unk>",
}
"""What emotion2vec's own toolkit calls the labels, in its order; programs take the places of scores from it."""
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "required": ["audio"],
                    "properties": {
                        "audio": {"type": "string", "format": "binary"},
                        "granularity": {"type": "string", "enum": ["utterance", "frame"]},
                        "extract_embedding": {"type": "string", "enum": ["true", "false"]},
                    },
                }
            }
        },
    }
}
ANSWERED: dict[int | str, dict[str, Any]] = {200: {"content": {JSON: {"schema": {"type": "object"}}}}}


def add_former(app: FastAPI, engine: Engine, jobs: Jobs) -> None:
    @app.post("/api/predict/", tags=["compatibility"], responses=ANSWERED, openapi_extra=FORM)
    @app.post("/api/predict", include_in_schema=False)
    async def predict(request: Request) -> Response:
        """One recording, as the emotion2vec+ workbench has it; for new programs there is `/v1/predict`. All frames
        count, pauses too, so that scores and embeddings are those of emotion2vec's own toolkit."""
        entry = await _submit(request, engine, jobs)
        await wait(request, engine, jobs, entry, PATIENCE_S)
        if not entry.over.is_set():
            raise Refusal("jobs.full", f"it is not done after {PATIENCE_S:g} s; long recordings go to /v1/jobs")
        found = msgspec.json.decode((await page(entry, None, 1)).body, type=Results)
        return json(answer(found.results[0], entry), headers=NO_STORE)

    @app.get("/file={path:path}", include_in_schema=False)
    async def file(path: str) -> FileResponse:
        if (found := FORMER.fullmatch(path)) is None:
            raise Refusal("request.not_found", "there is nothing at this address")
        return file_of(jobs.find(found["job_id"]), found["name"])


async def _submit(request: Request, engine: Engine, jobs: Jobs) -> Entry:
    announced = request.headers.get("content-length")
    with jobs.admit(None if announced is None else int(announced)) as (folder, limits):
        upload = await receive(request, folder, limits, fields=None)
        if len(upload.items) > 1:
            raise Refusal("upload.invalid", "one recording at a time; /v1/predict takes several")
        granularity = upload.fields.get("granularity", "utterance")
        if granularity not in get_args(Granularity):
            raise Refusal("request.invalid", f"granularity {granularity!r} is neither utterance nor frame")
        wanted = upload.fields.get("extract_embedding", "false").strip().casefold() in ("true", "1", "on", "yes")
        asked = asked_of(engine, msgspec.convert(granularity, Granularity), wanted, every_frame=True)
        return jobs.submit(upload, asked, ahead=True)


def answer(found: Prediction, entry: Entry) -> dict[str, Any]:
    """`labels` and `scores` as emotion2vec's own toolkit has them; `emotion` and `confidence` as in `result.json` of a
    run; and where the embedding is. Raises Refusal for a recording that cannot be used."""
    if found.failure is not None:
        raise Refusal("recording.unusable", f"{found.failure.reason.text} {found.failure.remedy.text}")
    reading = found.emotion
    if reading is None:
        raise Refusal("recording.unusable", "monitor.emotion_roles does not admit what has no role")
    out: dict[str, Any] = {
        "labels": list(TOOLKIT_LABELS.values()),
        "scores": [reading.scores[label] for label in TOOLKIT_LABELS],
        "emotion": reading.label,
        "confidence": reading.confidence,
        "granularity": entry.asked.granularity,
        "timestamp": datetime.fromtimestamp(entry.created_at).isoformat(sep=" ", timespec="seconds"),
    }
    if found.frames:
        out["frame_s"] = found.frames[0].frame_s
        out["frame_scores"] = found.frames[0].scores
    if found.embeddings and found.embeddings[0].file is not None:
        run = f"outputs_{datetime.fromtimestamp(entry.created_at):%Y%m%d_%H%M%S}_{entry.job_id}"
        out["embedding_url"] = f"/file=outputs/{run}/{found.embeddings[0].file}"
    return out
