"""Files on the workbench's page: whatever they are called, whatever becomes of them, ticked or not, by the keyboard."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Bench
from tests.browser.serving import ServerProcess
from tests.browser.test_workbench import DONE_WITHIN_MS, analyse, downloaded, jobs, line
from workbench.results import decode

ANGRY, SAD, CALM = (f"emotion/emodb/{name}.flac" for name in ("03a01Wa", "03a02Ta", "03a02Nc"))
ODD = ['say "hi".flac', "\U0001fae8 50% off.flac", "=1+1.flac", "张伟 %22.flac"]
"""Browsers write quotes otherwise on the way, servers know no new sign, a spreadsheet takes the third for a sum."""
FOLDER_LOCKED = """() => {
  const file = (name) => ({isFile: true, fullPath: `/calls/${name}`, name, file: (done) => done(new File([], name))});
  const folder = (name, readEntries) => ({fullPath: `/${name}`, name, createReader: () => ({readEntries})});
  const locked = folder("calls/locked", (_, failed) => failed(new Error()));
  const given = [file("one.wav"), locked, file("a.txt"), file("two.wav")];
  const calls = folder("calls", (done) => done(given.splice(0)));
  const drop = new DragEvent("drop", {bubbles: true, cancelable: true});
  const items = [{kind: "file", webkitGetAsEntry: () => calls, getAsFile: () => null}];
  Object.defineProperty(drop, "dataTransfer", {value: {items, types: ["Files"]}});
  document.body.dispatchEvent(drop);
}"""
"""Drops a folder of two recordings and a text, and of a folder that may not be read."""


@pytest.fixture
def odd(recordings: Path, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ODD]
    for path in paths:
        shutil.copy(recordings / ANGRY, path)
    return paths


def tick(page: Page, name: str) -> None:
    page.get_by_role("checkbox", name=f"Tick {name}", exact=True).check()


def test_a_file_may_be_called_what_it_likes(bench: Bench, odd: list[Path]) -> None:
    page = bench(*odd)
    analyse(page, len(odd))
    expect(page.locator(".status").first).to_have_text(f"{len(odd)} done.")
    expect(page.locator(".list tbody th")).to_have_text(ODD)
    told = [decode(text).file for text in downloaded(page, page.get_by_role("button", name="JSON lines")).splitlines()]
    assert told == ODD
    assert "\n'=1+1.flac,done," in downloaded(page, page.get_by_role("button", name="CSV")).decode()


def test_names_that_collide_have_files_of_their_own_in_the_archive(
    bench: Bench, recordings: Path, tmp_path: Path
) -> None:
    """Each of them goes in a job of its own, where it would be called the same."""
    for name, source in {"call.flac": ANGRY, "Call.FLAC": SAD, "call.wav": CALM}.items():
        shutil.copy(recordings / source, tmp_path / name)
    page = bench()
    page.get_by_role("switch").click()
    for count, name in enumerate(("call.flac", "Call.FLAC", "call.wav"), 1):
        page.locator("#work-files").set_input_files(tmp_path / name)
        analyse(page, count)
    whole = zipfile.ZipFile(io.BytesIO(downloaded(page, page.get_by_role("button", name="Results and embeddings"))))
    named = [json.loads(text)["embeddings"][0]["file"] for text in whole.read("results.jsonl").splitlines()]
    assert named == ["embeddings/call.npy", "embeddings/Call.FLAC.npy", "embeddings/call.wav.npy"]
    rows = [np.load(io.BytesIO(whole.read(name))) for name in named]
    assert len({row.tobytes() for row in rows}) == 3


def test_a_file_that_is_deleted_after_it_was_chosen_fails_alone(bench: Bench, recordings: Path, tmp_path: Path) -> None:
    shutil.copy(recordings / SAD, tmp_path / "gone.flac")
    page = bench(ANGRY, tmp_path / "gone.flac")
    (tmp_path / "gone.flac").unlink()
    analyse(page, 2)
    expect(line(page, "03a01Wa.flac")).to_have_attribute("data-state", "done")
    expect(line(page, "gone.flac")).to_contain_text("moved, deleted or changed after it was chosen. Choose it again.")
    expect(page.locator(".start")).to_have_text("Analyse again")


@pytest.mark.heavy
def test_a_server_that_is_killed_in_the_middle_has_it_all_done_when_it_is_back(
    bench: Bench, recordings: Path, server: ServerProcess
) -> None:
    page = bench(ANGRY, SAD, CALM)
    held: list[Route] = []
    page.route("**/v1/jobs/*/results*", lambda route: held.append(route))
    with page.expect_request("**/v1/jobs/*/results*"):
        page.locator(".start").click()
    expect(page.locator("tr[data-state=working]")).to_have_count(3)
    server.kill()
    held.pop().abort()
    page.unroute_all()
    expect(page.locator(".status").first).to_contain_text("The server cannot be reached.")
    server.start()
    expect(page.locator("tr[data-state=done]")).to_have_count(3, timeout=DONE_WITHIN_MS)


def test_a_folder_that_cannot_be_read_costs_nothing_else(bench: Bench) -> None:
    page = bench()
    page.evaluate(FOLDER_LOCKED)
    expect(page.locator(".list tbody th")).to_have_text(["calls/one.wav", "calls/two.wav"])
    expect(page.locator(".intake .note")).to_have_text(
        "2 files added. 1 that is no recording was left out. 1 could not be read."
    )


def test_what_is_ticked_is_what_is_analysed_downloaded_and_removed(bench: Bench, server: ServerProcess) -> None:
    page = bench(ANGRY, SAD, CALM)
    page.on("dialog", lambda dialog: dialog.accept())
    tick(page, "03a02Ta.flac")
    tick(page, "03a02Nc.flac")
    expect(page.locator(".list .head")).to_contain_text("3 files, 2 ticked")
    page.locator(".start").click()
    expect(page.locator("tr[data-state=done]")).to_have_count(2, timeout=DONE_WITHIN_MS)
    expect(line(page, "03a01Wa.flac")).to_have_attribute("data-state", "waiting")
    expect(page.locator(".start")).to_have_text("Analyse the 2 ticked files again")
    page.get_by_role("checkbox", name="Tick 03a02Ta.flac").uncheck()
    assert len(downloaded(page, page.get_by_role("button", name="JSON lines")).splitlines()) == 1
    page.get_by_label("Find a file").fill("Ta")
    expect(page.locator(".list .head")).to_contain_text("1 of 3 files, 1 ticked")
    page.get_by_role("button", name="Remove the ticked file").click()
    expect(page.locator(".list .head")).to_contain_text("1 of 2 files")
    assert len(jobs(server)) > 0, "another file's results are still there"
    page.get_by_role("checkbox", name="Tick all that are listed").check()
    page.get_by_label("Find a file").fill("")
    page.get_by_role("button", name="Untick all").click()
    expect(page.locator(".start")).to_have_text("Analyse 1 file")


def test_all_of_it_goes_by_the_keyboard(bench: Bench) -> None:
    page = bench(ANGRY, SAD)
    page.on("dialog", lambda dialog: dialog.accept())
    keys = page.keyboard
    expect(page.locator(".start")).to_have_text("Analyse 2 files")
    page.locator(".start").focus()
    keys.press("Enter")
    expect(page.locator("tr[data-state=done]")).to_have_count(2, timeout=DONE_WITHIN_MS)
    page.get_by_role("checkbox", name="Tick 03a01Wa.flac").focus()
    keys.press("Space")
    expect(page.get_by_role("checkbox", name="Tick 03a01Wa.flac")).to_be_focused()
    expect(page.get_by_role("checkbox", name="Tick 03a01Wa.flac")).to_be_checked()
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator(".result h2")).to_be_focused()
    page.get_by_role("button", name="Close").focus()
    keys.press("Enter")
    expect(page.get_by_role("button", name="03a01Wa.flac", exact=True)).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_role("button", name="03a02Ta.flac", exact=True)).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator(".list")).to_be_hidden()
    expect(page.locator("#work-files")).to_be_focused()
