"""Voices on the workbench's page, with real recordings: who is the same, whose voice it is, and who is known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from stream_server.rest.jobs import AT_ONCE
from tests.browser.conftest import Bench
from tests.browser.looks import Violations, screenshot
from tests.browser.serving import ServerProcess

ANSWERED_WITHIN_MS = 90_000


@pytest.fixture(scope="session")
def spoken(recordings: Path) -> dict[str, list[Path]]:
    """Recordings by speaker, of those with two at least."""
    found: dict[str, list[Path]] = {}
    for path in sorted((recordings / "speakers/librispeech").glob("*__*__*.ogg")):
        found.setdefault(path.name.split("__")[1], []).append(path)
    return {speaker: paths for speaker, paths in found.items() if len(paths) > 1}


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that keeps voiceprints."""
    folder = tmp_path_factory.mktemp("keeping")
    server = ServerProcess(folder / "log", "--history.url", f"sqlite:///{folder}/history.db")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def page(browser: Browser, keeping: ServerProcess) -> Iterator[Page]:
    """The workbench of the server that keeps voiceprints, none so far; whatever it asks is agreed to."""
    httpx.delete(f"{keeping.url}/v1/voices").raise_for_status()
    page = browser.new_page(base_url=keeping.url, locale="en-GB")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/workbench")
    yield page
    page.close()


def choose(page: Page, *paths: Path) -> None:
    """Add recordings, and tick them alone."""
    page.locator("#work-files").set_input_files(list(paths))
    untick = page.get_by_role("button", name="Untick all")
    if untick.is_visible():
        untick.click()
    for path in paths:
        page.get_by_role("checkbox", name=f"Tick {path.name}", exact=True).check()


def enrol(page: Page, name: str, *paths: Path) -> None:
    """Make a voiceprint of recordings that are on the page already."""
    voices = section(page)
    voices.get_by_label("Name", exact=True).fill(name)
    voices.get_by_label("What they agreed to").fill("a test")
    voices.get_by_role("button", name="Make a voiceprint").click()
    expect(voices.locator(".says").last).to_contain_text(f"{name} is known now", timeout=ANSWERED_WITHIN_MS)


def section(page: Page) -> Any:
    return page.get_by_label("Voices", exact=True)


def known(url: str) -> list[dict[str, Any]]:
    voices: list[dict[str, Any]] = httpx.get(f"{url}/v1/voices").json()["voices"]
    return voices


def test_voices_are_compared_as_the_server_compares_them(
    bench: Bench, spoken: dict[str, list[Path]], server: ServerProcess
) -> None:
    (one, again, *_), (other, *_) = list(spoken.values())[:2]
    page = bench()
    voices = section(page)
    ask = voices.get_by_role("button", name="Same speaker?")
    expect(voices.locator(".meant")).to_have_text("Add recordings above.")
    page.locator("#work-files").set_input_files([one, again, other])
    expect(voices.locator(".meant")).to_contain_text("Tick the recordings")
    expect(ask).to_be_disabled()
    page.get_by_role("checkbox", name="Tick all that are listed").check()
    expect(voices.locator(".meant")).to_have_text(f"Ticked: {one.name}, {again.name}, {other.name}")
    voices.locator("select").select_option("grouping")
    ask.click()
    rows = voices.locator(".answer tbody tr")
    expect(rows).to_have_count(3, timeout=ANSWERED_WITHIN_MS)
    files = [("audio", (path.name, path.read_bytes())) for path in (one, again, other)]
    answer = httpx.post(f"{server.url}/v1/verify?purpose=grouping", files=files, timeout=60).json()["verification"]
    expect(voices.locator(".says")).to_have_text(answer["sentence"]["text"])
    expect(voices.locator(".answer").first).to_contain_text("This does not authenticate anyone")
    for row, pair in zip(rows.all(), answer["pairs"], strict=True):
        told = [pair["other"], "yes" if pair["same"] else "no", f"{pair['probability'] * 100:.0f}\u00a0%"]
        assert row.locator("td").all_inner_texts()[:3] == told
    expect(voices.locator("summary")).to_be_hidden()


def test_more_than_the_server_takes_at_once_is_said_before_it_is_sent(bench: Bench, recordings: Path) -> None:
    many = sorted((recordings / "emotion/emodb").glob("*.flac"))[: AT_ONCE + 1]
    page = bench(*many)
    page.get_by_role("checkbox", name="Tick all that are listed").check()
    voices = section(page)
    expect(voices.locator(".meant")).to_contain_text(f"{AT_ONCE + 1} are ticked, and {AT_ONCE} can be asked about")
    expect(voices.get_by_role("button", name="Same speaker?")).to_be_disabled()
    page.locator(".list tbody").get_by_role("checkbox").first.uncheck()
    expect(voices.get_by_role("button", name="Same speaker?")).to_be_enabled()


def test_who_agreed_is_known_by_their_voice_until_they_are_forgotten(
    page: Page, keeping: ServerProcess, spoken: dict[str, list[Path]], violations: Violations
) -> None:
    first, second = next(iter(spoken.values()))[:2]
    voices = section(page)
    voices.get_by_text("Voiceprints (0)").click()
    expect(voices.locator(".known")).to_have_text("Nobody has a voiceprint.")
    choose(page, first, second)
    voices.get_by_label("For how many days").fill("7")
    enrol(page, "Ada", first, second)
    row = voices.locator(".known tbody tr")
    expect(row).to_contain_text("a test")
    expect(row).to_contain_text("s in 2 recordings")
    expect(row).to_contain_text("7 days left")
    [kept] = known(keeping.url)
    expect(row).to_contain_text("Good" if not kept["problems"] else kept["problems"][0]["text"])
    page.get_by_role("checkbox", name=f"Tick {first.name}", exact=True).uncheck()
    voices.get_by_role("button", name="Whose voice?").click()
    expect(voices.locator(".answer").first).to_contain_text("Ada", timeout=ANSWERED_WITHIN_MS)
    assert violations(page) == []
    screenshot(page, "workbench-voices", full=True)
    voices.get_by_role("button", name="Delete the voiceprint of Ada").click()
    expect(voices.locator(".known")).to_have_text("Nobody has a voiceprint.")
    assert known(keeping.url) == []


def test_a_person_is_renamed_in_place_and_not_to_a_name_that_is_taken(
    page: Page, keeping: ServerProcess, spoken: dict[str, list[Path]]
) -> None:
    (one, *_), (other, *_) = list(spoken.values())[:2]
    section(page).get_by_text("Voiceprints (0)").click()
    for name, path in (("Ada", one), ("Ben/1", other)):
        choose(page, path)
        enrol(page, name, path)
    voices = section(page)
    voices.get_by_role("button", name="Rename Ben/1").click()
    field = voices.get_by_role("textbox", name="Another name for Ben/1")
    expect(field).to_be_focused()
    field.fill("Ada")
    field.press("Enter")
    expect(voices.locator(".answer").last).to_contain_text("already")
    expect(field).to_be_focused()
    field.fill("Bengt Åkerlund")
    field.press("Enter")
    expect(voices.locator(".known tbody th")).to_have_text(["Ada", "Bengt Åkerlund"])
    assert [each["name"] for each in known(keeping.url)] == ["Ada", "Bengt Åkerlund"]


def test_voiceprints_are_saved_to_a_file_deleted_and_brought_in_again(
    page: Page, keeping: ServerProcess, spoken: dict[str, list[Path]], tmp_path: Path
) -> None:
    path = next(iter(spoken.values()))[0]
    voices = section(page)
    voices.get_by_text("Voiceprints (0)").click()
    choose(page, path)
    enrol(page, "Ada", path)
    with page.expect_download() as download:
        voices.get_by_role("button", name="Save to a file").click()
    saved = tmp_path / "voiceprints.json"
    download.value.save_as(saved)
    assert [each["name"] for each in json.loads(saved.read_bytes())["voiceprints"]] == ["Ada"]
    page.locator("#voices-import").set_input_files(saved)
    expect(voices.locator(".answer").last).to_contain_text("0 voiceprints were brought in")
    expect(voices.locator(".answer").last).to_contain_text("Ada: ")
    voices.get_by_role("button", name="Delete all voiceprints").click()
    expect(voices.locator(".known")).to_have_text("Nobody has a voiceprint.")
    page.locator("#voices-import").set_input_files(saved)
    expect(voices.locator(".answer").last).to_contain_text("1 voiceprint was brought in.")
    expect(voices.locator(".known tbody th")).to_have_text("Ada")
    saved.write_text("Dear Sir or Madam,")
    page.locator("#voices-import").set_input_files(saved)
    expect(voices.locator(".answer .remarks").last).to_be_visible()
    assert [each["name"] for each in known(keeping.url)] == ["Ada"]


def test_nothing_is_deleted_or_saved_by_who_thinks_better_of_it(
    browser: Browser, keeping: ServerProcess, page: Page, spoken: dict[str, list[Path]]
) -> None:
    path = next(iter(spoken.values()))[0]
    section(page).get_by_text("Voiceprints (0)").click()
    choose(page, path)
    enrol(page, "Ada", path)
    other = browser.new_page(base_url=keeping.url, locale="zh-CN")
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    other.on("dialog", refuse)
    other.goto("/workbench")
    other.locator(".voices summary").click()
    for name in ("删除全部声纹", "保存为文件", "删除 Ada 的声纹"):
        other.get_by_role("button", name=name).click()
    other.close()
    assert len(asked) == 3
    assert [each["name"] for each in known(keeping.url)] == ["Ada"]


def test_what_is_refused_is_said_in_the_language_of_the_page(
    browser: Browser, keeping: ServerProcess, spoken: dict[str, list[Path]]
) -> None:
    (one, *_), (other, *_) = list(spoken.values())[:2]
    page = browser.new_page(base_url=keeping.url, locale="zh-CN")
    page.goto("/workbench")
    page.locator("#work-files").set_input_files([one, other])
    page.get_by_role("checkbox", name="勾选列出的全部文件").check()
    page.locator(".voices summary").click()
    page.get_by_label("姓名").fill("张伟")
    page.get_by_label("同意的用途").fill("回访")
    page.get_by_role("button", name="用勾选的 2 段录音登记声纹").click()
    said = page.locator(".voices .remarks").last
    expect(said).to_have_text(re.compile("^librispeech.*听起来与其他录音不是同一人"), timeout=ANSWERED_WITHIN_MS)
    page.close()
