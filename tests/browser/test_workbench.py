"""The workbench in a browser, with real recordings: files in, a line each, results to look at and to listen to."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import Bench
from tests.browser.hooks import until
from tests.browser.looks import DESKTOP, PHONE, Violations, screenshot
from tests.browser.serving import ServerProcess
from workbench import tables
from workbench.results import Prediction, decode

DONE_WITHIN_MS = 90_000
THOUSAND = 1000
MEDIAN_FRAME_MS = 20
"""A frame of a 60 Hz screen, and some."""
WATCH_FRAMES = """() => {
  window.frames_ms = [];
  let last = performance.now();
  const next = (now) => { window.frames_ms.push(now - last); last = now; requestAnimationFrame(next); };
  requestAnimationFrame(next);
}"""
FRAMES = """() => {
  const all = window.frames_ms.sort((a, b) => a - b);
  return [all[all.length >> 1], all.at(-1)];
}"""
PAINTED = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(v => v)"
DROP = """() => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(["x"], "dropped.mp3"));
  const drop = new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true});
  document.querySelector("main > .notice").dispatchEvent(drop);
}"""
LOOKS = [(DESKTOP, False, "en-GB"), (DESKTOP, True, "zh-CN"), (PHONE, True, "en-GB"), (PHONE, False, "zh-CN")]
TWO, REPAIRS = "conversations/two_speakers_30s.flac", "conversations/auto_repairs_40_stereo.flac"
MUSIC = "nonspeech/music/hungarian_dance_number_5_allegro_in_f_sharp_minor_string_orchestra.ogg"
ANGRY, SAD, CALM = (f"emotion/emodb/{name}.flac" for name in ("03a01Wa", "03a02Ta", "03a02Nc"))


@pytest.fixture(scope="session")
def not_audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "letter.wav"
    path.write_text("Dear Sir or Madam,")
    return path


@pytest.fixture
def folder(recordings: Path, tmp_path: Path) -> Path:
    """Three recordings in two folders, two of one name, and what is none."""
    root = tmp_path / "calls"
    for name, source in {"a/one.wav": ANGRY, "b/one.wav": SAD, "b/two.wav": CALM}.items():
        samples, rate = soundfile.read(recordings / source)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, samples, rate)
    (root / "notes.txt").write_text("none of these")
    return root


@pytest.fixture(scope="session")
def long(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conversation of an hour: one of half a minute, over and over."""
    samples, rate = soundfile.read(recordings / TWO, dtype="int16")
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, np.tile(samples, 120), rate)
    return path


def line(page: Page, name: str) -> Any:
    return page.locator(".list tbody tr").filter(has=page.get_by_text(name, exact=True))


def analyse(page: Page, lines: int) -> None:
    """Start, and wait until all lines are done or failed."""
    page.locator(".start").click()
    over = page.locator(".list tbody tr[data-state=done], .list tbody tr[data-state=failed]")
    expect(over).to_have_count(lines, timeout=DONE_WITHIN_MS)
    expect(page.locator("main > .go progress")).to_be_hidden()


def downloaded(page: Page, button: Any) -> bytes:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_bytes()


def test_one_recording_is_told_in_a_word_with_all_that_stands_behind_it(bench: Bench) -> None:
    page = bench(ANGRY)
    analyse(page, 1)
    result = page.locator(".result")
    expect(result.locator("h2")).to_be_focused()
    expect(result.locator(".feels .word")).to_have_text(re.compile("^(Perhaps a|A)ngry$"))
    expect(result.locator(".feels .says")).to_contain_text("Sounds angry")
    expect(result.locator(".scores li")).to_have_count(9)
    expect(result.locator(".scores li").first).to_contain_text("Angry")
    expect(result.locator(".facts")).to_contain_text("one feeling alone")
    expect(page.get_by_label("The recording as sound")).to_contain_text("16 kHz")
    expect(page.get_by_label("Embeddings", exact=True)).to_contain_text("None were written")
    expect(result.locator(".frames")).to_be_hidden()


def test_each_file_has_its_own_line_and_a_bad_one_spoils_none(bench: Bench, not_audio: Path) -> None:
    page = bench(
        ANGRY, not_audio, SAD, "nonspeech/music/hungarian_dance_number_5_allegro_in_f_sharp_minor_string_orchestra.ogg"
    )
    expect(page.locator(".start")).to_have_text("Analyse 4 files")
    analyse(page, 4)
    expect(line(page, "03a01Wa.flac")).to_contain_text("ngry")
    expect(line(page, "03a02Ta.flac")).to_contain_text("dB")
    expect(line(page, "letter.wav")).to_contain_text("FFmpeg cannot read it as a recording. Is it a recording")
    expect(page.locator("tr[data-state=failed]").last).to_contain_text("Nobody speaks in it")
    expect(page.locator(".status").first).to_contain_text("2 done. 2 failed.")
    line(page, "letter.wav").get_by_role("button", name="letter.wav", exact=True).click()
    expect(page.locator(".result .failed")).to_contain_text("FFmpeg cannot read it")
    expect(page.locator(".result .course")).to_be_hidden()


def test_a_folder_is_sorted_filtered_and_kept_as_a_table(bench: Bench, folder: Path) -> None:
    page = bench()
    page.locator("#work-folder").set_input_files(folder)
    expect(page.locator(".intake .note")).to_have_text("3 files added. 1 that is no recording was left out.")
    analyse(page, 3)
    names = page.locator(".list tbody th")
    page.get_by_role("button", name="Score", exact=True).click()
    rising = names.all_inner_texts()
    page.get_by_role("button", name="Score", exact=True).click()
    assert names.all_inner_texts() == rising[::-1]
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Score")

    lines = downloaded(page, page.get_by_role("button", name="Results as JSON lines")).splitlines()
    predictions = [decode(text) for text in lines]
    assert [prediction.file for prediction in predictions] == rising[::-1]
    assert sorted(rising) == ["calls/a/one.wav", "calls/b/one.wav", "calls/b/two.wav"]
    table = downloaded(page, page.get_by_role("button", name="Table as CSV")).decode()
    assert_same_table(table, predictions)

    page.get_by_label("Find a file").fill("b/")
    expect(names).to_have_count(2)
    expect(page.locator(".list .head")).to_contain_text("2 of 3 files")
    page.get_by_label("Feeling").select_option("sad")
    expect(names).to_have_text(["calls/b/one.wav"])
    assert len(downloaded(page, page.get_by_role("button", name="Results as JSON lines")).splitlines()) == 1


def assert_same_table(table: str, predictions: list[Prediction]) -> None:
    """What the page writes is what the command line writes; numbers may be written otherwise (3, 3.0)."""
    head, *rows = csv.reader(io.StringIO(table))
    assert tuple(head) == tables.COLUMNS
    for row, prediction in zip(rows, predictions, strict=True):
        for cell, expected in zip(row, tables.row(prediction).values(), strict=True):
            if isinstance(expected, float):
                assert float(cell) == expected
            else:
                assert cell == ("" if expected is None else str(expected))


def test_what_will_be_written_is_said_before_and_can_be_fetched_after(bench: Bench) -> None:
    page = bench(ANGRY, SAD)
    switch = page.get_by_role("switch")
    expect(switch).not_to_be_checked()
    expect(page.locator("#work-written")).to_contain_text("No embeddings will be written")
    switch.click()
    expect(switch).to_be_checked()
    expect(page.locator("#work-written")).to_contain_text("96 numbers each, 1.0\u00a0KB in all")
    expect(page.locator("#work-written")).to_contain_text("kept on the server until you leave")
    analyse(page, 2)
    line(page, "03a01Wa.flac").get_by_role("button").first.click()
    card = page.get_by_label("Embeddings", exact=True)
    expect(card).to_contain_text("1 x 96 numbers, all finite, of usual length.")
    rows = np.load(io.BytesIO(downloaded(page, card.get_by_role("button", name="Download 03a01Wa.npy"))))
    assert rows.shape == (1, 96)
    expect(card).to_contain_text(f"{np.linalg.norm(rows):.3f}"[:-1])
    whole = zipfile.ZipFile(io.BytesIO(downloaded(page, page.get_by_role("button", name="Results and embeddings"))))
    assert sorted(whole.namelist()) == [
        "embeddings/03a01Wa.npy",
        "embeddings/03a02Ta.npy",
        "results.csv",
        "results.jsonl",
    ]
    assert np.array_equal(np.load(io.BytesIO(whole.read("embeddings/03a01Wa.npy"))), rows)


def test_leaving_with_what_was_not_downloaded_warns_and_with_all_of_it_does_not(
    bench: Bench, server: ServerProcess
) -> None:
    page = bench(ANGRY)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("switch").click()
    analyse(page, 1)
    result = json.loads(downloaded(page, page.get_by_role("button", name="Download result.json")))
    assert result["file"] == "03a01Wa.flac"
    page.close(run_before_unload=True)
    expect(page.locator(".result")).to_be_visible()
    assert asked == ["beforeunload"]
    downloaded(page, page.get_by_label("Embeddings", exact=True).get_by_role("button"))
    before = jobs(server)
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
    until(lambda: len(jobs(server)) == len(before) - 1, 10, "the job of the page to be deleted")


def jobs(server: ServerProcess) -> list[str]:
    return [job["job_id"] for job in httpx.get(f"{server.url}/v1/jobs").json()["jobs"]]


def test_nothing_stays_on_the_server_when_files_are_removed(bench: Bench, server: ServerProcess) -> None:
    page = bench(CALM)
    page.on("dialog", lambda dialog: dialog.accept())
    analyse(page, 1)
    with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        page.get_by_role("button", name="Remove all files").click()
    assert deleted.value.status == 204
    assert httpx.get(deleted.value.url).status_code == 404
    expect(page.locator(".list")).to_be_hidden()


def test_a_conversation_is_played_from_its_telling_moments_and_by_the_keyboard(bench: Bench) -> None:
    page = bench(TWO)
    page.locator("input[value=frame]").check()
    page.get_by_label("Tell voices apart").check()
    analyse(page, 1)
    glass = page.get_by_role("slider", name="Place in the recording")
    expect(page.locator(".course .time")).to_have_text("0:00 / 0:30")
    moments = page.locator(".moments button")
    assert moments.count() >= 1
    begins = page.locator(".moments button").last
    match = re.search(r"(\d+):(\d\d)", begins.inner_text())
    assert match is not None
    begins.click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    from_s = int(match[1]) * 60 + int(match[2])
    expect(glass).to_have_attribute("aria-valuenow", str(from_s + 1))
    page.get_by_role("button", name="Pause").click()
    glass.focus()
    glass.press("Home")
    glass.press("PageUp")
    expect(glass).to_have_attribute("aria-valuenow", "10")
    expect(glass).to_have_attribute("aria-valuetext", re.compile(r"0:10 \w+"))
    glass.click(position={"x": 5, "y": 40})
    expect(glass).to_have_attribute("aria-valuenow", "0")
    expect(page.get_by_label("Who speaks").first.locator("tbody tr")).to_have_count(2)
    frames = page.locator(".frames canvas")
    expect(page.locator(".frames")).to_contain_text("1500 frames of 20 ms")
    assert frames.evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(v => v)"
    )


def test_two_channels_are_kept_apart_and_the_agent_is_not_judged(bench: Bench) -> None:
    page = bench(REPAIRS)
    page.get_by_label("Channels").first.select_option("customer,agent")
    analyse(page, 1)
    people = page.get_by_label("Who speaks").first
    expect(people.locator("tr").filter(has_text="Agent")).to_contain_text("Not judged")
    expect(people.locator("tr").filter(has_text="Customer")).not_to_contain_text("Not judged")


def test_what_is_spoken_into_the_microphone_is_a_recording_like_any_other(bench: Bench) -> None:
    page = bench()
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator(".recording .time")).to_have_text("0:04 / 10:00")
    page.get_by_role("button", name="Stop recording").click()
    expect(page.locator(".list tbody th")).to_have_text([re.compile(r"^recording_\d{8}_\d{6}\.webm$")])
    analyse(page, 1)
    expect(page.get_by_label("The recording as sound")).to_contain_text("opus")
    expect(page.locator(".list tr[data-state=done]")).to_have_count(1)


def test_what_is_dropped_anywhere_is_taken(bench: Bench) -> None:
    page = bench()
    page.evaluate(DROP)
    expect(page.locator(".list tbody th")).to_have_text(["dropped.mp3"])
    analyse(page, 1)
    expect(line(page, "dropped.mp3")).to_contain_text("FFmpeg cannot read it")


def test_a_long_recording_shows_how_much_of_it_is_heard_and_can_be_stopped(
    bench: Bench, long: Path, server: ServerProcess
) -> None:
    page = bench(long)
    page.locator(".start").click()
    expect(page.get_by_role("switch")).to_be_disabled()
    row = page.locator("tr[data-state=working]")
    expect(row).to_contain_text(re.compile(r"At work, [1-9]\d?\u00a0% heard"), timeout=DONE_WITHIN_MS)
    heard = float(page.locator("main > .go progress").get_attribute("value") or 0)
    assert 0 < heard < 1
    expect(page.locator(".status").first).to_contain_text(re.compile(r"About \d+ (s|min) left"))
    before = jobs(server)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("tr[data-state=waiting]")).to_have_count(1)
    expect(page.locator(".start")).to_have_text("Analyse 1 file")
    until(lambda: len(jobs(server)) == len(before) - 1, 10, "the job of which nothing is done to be deleted")


def test_what_is_done_when_work_is_stopped_stays_and_the_rest_can_be_taken_up(bench: Bench, long: Path) -> None:
    page = bench(ANGRY, long)
    page.get_by_role("switch").click()
    page.locator(".start").click()
    expect(line(page, "03a01Wa.flac")).to_have_attribute("data-state", "done", timeout=DONE_WITHIN_MS)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(line(page, "long.wav")).to_have_attribute("data-state", "waiting")
    expect(page.locator(".start")).to_have_text("Analyse 1 file")
    page.get_by_role("button", name="03a01Wa.flac", exact=True).click()
    card = page.get_by_label("Embeddings", exact=True)
    rows = np.load(io.BytesIO(downloaded(page, card.get_by_role("button", name="Download 03a01Wa.npy"))))
    assert rows.shape == (1, 96)
    page.locator(".start").click()
    expect(line(page, "long.wav")).to_contain_text("heard", timeout=DONE_WITHIN_MS)
    expect(line(page, "03a01Wa.flac")).to_have_attribute("data-state", "done")


@pytest.mark.heavy
def test_a_thousand_recordings_leave_the_page_smooth(bench: Bench, recordings: Path) -> None:
    """What it took is printed (-s): the README's figure."""
    chosen = [path for path in sorted((recordings / "emotion").rglob("*")) if path.suffix in (".flac", ".ogg", ".wav")]
    chosen = chosen[:: max(1, len(chosen) // THOUSAND)][:THOUSAND]
    page = bench(*chosen)
    page.get_by_role("switch").click()
    page.evaluate(WATCH_FRAMES)
    began_s = time.monotonic()
    page.locator(".start").click()
    expect(page.locator(".status").first).to_contain_text(re.compile(r"About \d+ (s|min) left"), timeout=DONE_WITHIN_MS)
    expect(page.locator("main > .go progress")).to_be_hidden(timeout=4 * DONE_WITHIN_MS)
    taken_s = time.monotonic() - began_s
    median_ms, longest_ms = page.evaluate(FRAMES)
    print(f"{len(chosen)} recordings: {taken_s:.0f} s; frames of {median_ms:.0f} ms, at most {longest_ms:.0f} ms")
    counted = re.findall(r"(\d+) (?:done|failed)", page.locator(".status").first.inner_text())
    assert sum(map(int, counted)) == len(chosen)
    expect(page.locator(".list tbody tr")).to_have_count(100)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".list tbody tr")).to_have_count(200)
    assert median_ms < MEDIAN_FRAME_MS


def test_a_server_that_is_away_is_waited_for(bench: Bench, server: ServerProcess) -> None:
    page = bench(ANGRY)
    server.stop()
    page.locator(".start").click()
    expect(page.locator(".status").first).to_contain_text("The server cannot be reached.")
    server.start()
    expect(page.locator("tr[data-state=done]")).to_have_count(1, timeout=DONE_WITHIN_MS)
    expect(page.locator(".status").first).not_to_contain_text("cannot be reached")


@pytest.mark.parametrize(
    ("size", "dark", "locale"),
    [
        (DESKTOP, False, "en-GB"),
        (PHONE, True, "zh-CN"),
        pytest.param(DESKTOP, True, "zh-CN", marks=pytest.mark.heavy),
        pytest.param(PHONE, False, "en-GB", marks=pytest.mark.heavy),
    ],
)
def test_everyone_can_use_it(
    bench: Bench, violations: Violations, not_audio: Path, size: tuple[int, int], dark: bool, locale: str
) -> None:
    page = bench(size=size, dark=dark, locale=locale)
    assert violations(page) == []
    page.close()
    page = bench(TWO, not_audio, SAD, size=size, dark=dark, locale=locale)
    page.get_by_role("switch").click()
    page.locator("input[value=frame]").check()
    page.locator(".box input").first.check()
    analyse(page, 3)
    page.locator(".list tbody button.link").first.click()
    expect(page.locator(".result")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    screenshot(page, f"workbench-{'phone' if size == PHONE else 'desktop'}-{locale}", full=True)


def test_the_other_language_says_it_all_anew(bench: Bench) -> None:
    page = bench(ANGRY)
    analyse(page, 1)
    page.get_by_role("button", name="中文").click()
    expect(page.locator("h1")).to_have_text("工作台")
    expect(page.locator(".result .word")).to_have_text(re.compile("愤怒"))
    expect(page.locator(".result .says")).to_contain_text("愤怒")
    expect(page.locator(".list tr[data-state=done]")).to_contain_text("愤怒")
