"""The library on the workbench's page, with real recordings: kept, searched, grouped, looked at on a map, compared."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

pytest.importorskip("sklearn", reason="groups need the extra workbench")

from history.database import Database
from tests.browser.conftest import EXPECT_WITHIN_MS, Visit
from tests.browser.looks import DESKTOP, PHONE, Violations, screenshot
from tests.browser.serving import ServerProcess
from workbench.library import Item, Kind, Library, Shelf
from workbench.sealing import Seal

Open = Callable[..., Page]
DONE_WITHIN_MS = 60_000
EACH, MANY, GROUPS = 6, 5000, 6
SPEAKER_MODEL = "undertone-speaker-small"
MEDIAN_FRAME_MS = 34
"""Two frames of a 60 Hz screen, on a machine that does other things."""
WATCH_FRAMES = """() => {
  window.frames_ms = [];
  let last = performance.now();
  const next = (now) => { window.frames_ms.push(now - last); last = now; requestAnimationFrame(next); };
  requestAnimationFrame(next);
}"""
MEDIAN = "() => window.frames_ms.sort((a, b) => a - b)[window.frames_ms.length >> 1]"
PAINTED = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(v => v)"


def feelings(recordings: Path, letter: str) -> list[Path]:
    """Recordings of EmoDB with a feeling: W is anger, N is neutral."""
    return sorted((recordings / "emotion" / "emodb").glob(f"*{letter}[a-z].flac"))[:EACH]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library")


def database_in(folder: Path) -> str:
    return f"sqlite:///{folder}/kept.sqlite3"


@pytest.fixture(scope="module")
def keeper(folder: Path, recordings: Path) -> Iterator[ServerProcess]:
    """A server that keeps the emotion embeddings of angry and of calm recordings."""
    server = ServerProcess(folder / "log", "--history.url", database_in(folder))
    server.start()
    files = [("audio", (path.name, path.read_bytes())) for letter in "WN" for path in feelings(recordings, letter)]
    answer = httpx.post(f"{server.url}/v1/library?kind=emotion", files=files, timeout=120)
    assert len(answer.json()["kept"]) == 2 * EACH
    yield server
    server.stop()


def made_up() -> Shelf:
    """Voices that lie about as many middles as there are groups."""
    rng = np.random.default_rng(7)
    middles = rng.standard_normal((GROUPS, 64)) * 3
    rows = middles[np.arange(MANY) % GROUPS] + rng.standard_normal((MANY, 64))
    names = [Item(f"calls/{number % 10}/{number:05}.wav") for number in range(MANY)]
    return Shelf(Kind.SPEAKER, SPEAKER_MODEL, names, rows.astype(np.float32))


@pytest.fixture
def opened(visit: Visit, keeper: ServerProcess) -> Open:
    """Opens the workbench of the server that keeps something, with recordings chosen."""

    def open_page(*chosen: Path, size: tuple[int, int] = DESKTOP, **options: Any) -> Page:
        page = visit(f"{keeper.url}/workbench", size, **options)
        if chosen:
            page.locator("#work-files").set_input_files(chosen)
        page.on("dialog", lambda dialog: dialog.accept())
        expect(page.locator(".library .kept summary")).to_contain_text(f"{2 * EACH}")
        return page

    return open_page


def library(page: Page) -> Locator:
    return page.locator(".library")


def view(page: Page, number: int) -> Locator:
    """One of: search, groups, comparison."""
    library(page).get_by_role("tab").nth(number).click()
    return library(page).get_by_role("tabpanel")


def grouped(page: Page, count: str = "2") -> Locator:
    """Groups are made of what was chosen; the view."""
    groups = view(page, 1)
    groups.locator("input[type=number]").fill(count)
    groups.locator("form .button.primary").click()
    expect(groups.locator(".grouped")).to_be_visible(timeout=DONE_WITHIN_MS)
    return groups


def downloaded(page: Page, button: Locator) -> bytes:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_bytes()


def names_kept(server: ServerProcess) -> list[str]:
    """Those whose voices are kept."""
    models = httpx.get(f"{server.url}/v1/library?kind=speaker").json()["models"]
    return [name for names in models.values() for name in names]


def test_what_is_kept_is_said_before_and_each_failure_has_its_reason(
    opened: Open, recordings: Path, keeper: ServerProcess, tmp_path: Path
) -> None:
    httpx.delete(f"{keeper.url}/v1/library?kind=speaker")
    (tmp_path / "letter.wav").write_text("Dear Sir or Madam,")
    chosen = [*feelings(recordings, "T")[:3], tmp_path / "letter.wav"]
    page = opened()
    keep, kept = library(page).locator(".keep"), library(page).locator(".kept")
    expect(keep).to_contain_text("Not kept: the recording")
    expect(keep.locator(".button.primary")).to_be_disabled()
    library(page).locator("select").first.select_option("speaker")
    expect(keep).to_contain_text("biometric data")
    expect(kept.locator("summary")).to_have_text("0 recordings are kept by their voices.")
    page.locator("#work-files").set_input_files(chosen)
    for name in ("letter.wav", chosen[0].name):
        page.locator(".list tbody tr").filter(has_text=name).get_by_role("checkbox").check()
    keep.get_by_role("button", name="Keep the 2 ticked").click()
    expect(keep.locator(".status")).to_have_text("1 was kept.", timeout=DONE_WITHIN_MS)
    page.locator(".list tbody tr").filter(has_text="letter.wav").get_by_role("checkbox").uncheck()
    keep.get_by_role("button", name="Keep 3 recordings of this page").click()
    expect(keep.locator(".status")).to_have_text("2 were kept.", timeout=DONE_WITHIN_MS)
    expect(keep.locator(".remarks li")).to_have_text([re.compile("letter.wav: FFmpeg cannot read it as a recording")])
    assert names_kept(keeper) == [path.name for path in chosen[:3]]
    expect(keep.get_by_role("button", name="Keep 1 recording of this page")).to_be_enabled()

    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    kept.locator("summary").click()
    rows = kept.locator(".names li")
    kept.get_by_role("button", name=f"Forget {chosen[0].name}").click()
    expect(rows).to_have_count(2)
    assert names_kept(keeper) == [path.name for path in chosen[1:3]]
    kept.get_by_role("button", name="Forget all").click()
    expect(rows).to_have_count(0)
    assert names_kept(keeper) == []
    assert [chosen[0].name in asked[0], asked[1]] == [True, "Forget the voice embeddings of all 2 recordings?"]


def test_what_is_alike_is_found_by_a_recording_or_by_a_name_and_heard_where_the_page_has_it(
    opened: Open, recordings: Path, keeper: ServerProcess, tmp_path: Path
) -> None:
    (here, *_), (away, *_) = feelings(recordings, "W"), feelings(recordings, "N")
    new = max((recordings / "emotion" / "emodb").glob("*Wc.flac"))
    letter = tmp_path / "letter.wav"
    letter.write_text("Dear Sir or Madam,")
    page = opened(here, new, letter)
    search = view(page, 0)
    query, rows = search.get_by_label("Recording, of this page or kept"), search.locator(".answer tbody tr")
    query.fill("nobody.wav")
    expect(search.locator(".status")).to_contain_text("no recording of this name")
    expect(search.get_by_role("button", name="Find alike")).to_be_disabled()

    for name, asked, files in ((away.name, f"&source={away.name}", None), (new.name, "", sent(new))):
        query.fill(name)
        query.press("Enter")
        expect(search.locator(".answer .says")).to_have_text(f"Most like {name}:", timeout=DONE_WITHIN_MS)
        hits = httpx.post(f"{keeper.url}/v1/search?kind=emotion{asked}", files=files, timeout=60).json()["hits"]
        assert [row.locator("th").inner_text() for row in rows.all()] == [hit["source"] for hit in hits]
        first = rows.first.locator("td").all_inner_texts()
        assert first[:2] == [f"{hits[0]['cosine']:.2f}", hits[0]["sentence"]["text"]]

    query.fill(letter.name)
    query.press("Enter")
    expect(search.locator(".remarks")).to_have_text("FFmpeg cannot read it as a recording.")
    query.fill(away.name)
    query.press("Enter")
    heard = rows.filter(has=page.get_by_role("rowheader", name=here.name, exact=True))
    heard.get_by_role("button", name=f"Play: {here.name}").click()
    expect(heard.get_by_role("button", name=f"Pause: {here.name}")).to_be_visible()
    silent = search.locator(".answer tbody tr", has_not=page.locator(".plays"))
    expect(silent.first).to_contain_text("not on this page")


def sent(path: Path) -> list[tuple[str, tuple[str, bytes]]]:
    return [("audio", (path.name, path.read_bytes()))]


def test_groups_are_looked_at_on_a_map_gone_through_by_keys_and_listened_to(
    opened: Open, recordings: Path, keeper: ServerProcess
) -> None:
    angry = feelings(recordings, "W")
    page = opened(*angry)
    groups = grouped(page)
    field, point = groups.locator(".field"), groups.locator(".point")
    assert groups.locator("canvas").evaluate(PAINTED)
    expect(groups.locator(".groups > li")).to_have_count(2)
    told = httpx.post(f"{keeper.url}/v1/cluster?kind=emotion&count=2&map=pca", timeout=60).json()
    expect(groups.locator(".says")).to_have_text(told["clustering"]["sentence"]["text"])

    field.focus()
    leftmost = min(told["items"], key=lambda item: item["x"])
    field.press("ArrowRight")
    expect(point.locator(".name")).to_have_text(leftmost["source"])
    while (name := point.locator(".name").inner_text()) not in [path.name for path in angry]:
        field.press("ArrowRight")
        expect(point.locator(".name")).not_to_have_text(name)
    expect(groups.locator("tr.open th")).to_have_text(name)
    field.press("Enter")
    expect(point.get_by_role("button", name=f"Pause: {name}")).to_be_visible()
    field.press("Enter")
    expect(point.get_by_role("button", name=f"Play: {name}")).to_be_visible()

    groups.get_by_label("Colour and shape by").select_option("label")
    expect(groups.locator(".key button").first).to_have_text("Angry")
    calm = groups.get_by_role("button", name=feelings(recordings, "N")[0].name, exact=True)
    calm.click()
    expect(point).to_contain_text("not on this page")
    place = groups.locator(".here").bounding_box()
    assert place is not None
    field.press("+")
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    expect(point).to_contain_text(feelings(recordings, "N")[0].name)
    point.get_by_role("button", name="Find alike").click()
    expect(library(page).locator(".answer .says").first).to_contain_text("Most like")


def test_groups_of_the_page_alone_go_to_other_tools(opened: Open, recordings: Path) -> None:
    chosen = [*feelings(recordings, "W")[:3], *feelings(recordings, "N")[:2]]
    page = opened(*chosen)
    view(page, 1).locator("form select").first.select_option("here")
    groups = grouped(page)
    rows = list(
        csv.DictReader(io.StringIO(downloaded(page, groups.get_by_role("button", name="Groups as CSV")).decode()))
    )
    assert [row["source"] for row in rows] == [path.name for path in chosen]
    assert {row["label"] for row in rows[:3]} == {"angry"}
    archive = zipfile.ZipFile(io.BytesIO(downloaded(page, groups.get_by_role("button", name="For other tools"))))
    vectors = np.load(io.BytesIO(archive.read("embeddings.npy")))
    assert vectors.shape == (5, 96)
    table = list(csv.DictReader(io.StringIO(archive.read("embeddings.csv").decode())))
    assert [(row["source"], row["group"]) for row in table] == [(row["source"], row["group"]) for row in rows]


def test_a_group_is_compared_with_a_reference_set_and_told_why(
    opened: Open, recordings: Path, keeper: ServerProcess
) -> None:
    angry, calm = ([path.name for path in feelings(recordings, letter)] for letter in "WN")
    page = opened()
    compared = view(page, 2)
    ask = compared.get_by_role("button", name="Compare", exact=True)
    expect(ask).to_be_disabled()
    for place, names in enumerate((angry, calm)):
        picked = compared.locator("fieldset").nth(place)
        for name in names:
            picked.get_by_label("Find a name").fill(name)
            picked.get_by_role("checkbox", name=name).check()
        expect(picked.locator(".marks")).to_contain_text(f"{EACH} chosen")
    ask.click()
    body = {"group": angry, "reference": calm, "kind": "emotion"}
    told = httpx.post(f"{keeper.url}/v1/compare", json=body, timeout=60).json()
    expect(compared.locator(".answer .says")).to_have_text(told["sentence"]["text"], timeout=DONE_WITHIN_MS)
    rows = compared.locator(".answer tbody tr")
    expect(rows.locator("th")).to_have_text([each["source"] for each in told["recordings"]])
    expect(rows.first).to_contain_text("At risk")
    expect(compared.locator(".differences li")).to_have_count(len(told["differences"]))
    expect(compared.locator(".differences")).to_contain_text("Angry: more")


@pytest.mark.heavy
def test_a_large_map_stays_smooth(opened: Open, folder: Path) -> None:
    with closing(Database(database_in(folder))) as database:
        Library(database, Seal("")).add(made_up(), time.time())
    page = opened()
    library(page).locator("select").first.select_option("speaker")
    expect(library(page).locator(".kept summary")).to_contain_text(f"{MANY}")
    groups = grouped(page, str(GROUPS))
    expect(groups.locator(".groups > li")).to_have_count(GROUPS)
    field = groups.locator(".field")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    page.evaluate(WATCH_FRAMES)
    field.focus()
    for _ in range(4):
        field.press("+")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 150)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(box["x"] + box["width"] / 2 + 3 * step, box["y"] + 150 + step)
    page.mouse.up()
    for step in range(60):
        page.mouse.move(box["x"] + 60 + 8 * step, box["y"] + 150)
    median_ms = page.evaluate(MEDIAN)
    print(f"{MANY} points: the median frame takes {median_ms:.0f} ms")
    assert median_ms < MEDIAN_FRAME_MS
    field.press("0")
    field.press("ArrowRight")
    expect(groups.locator("tr.open")).to_have_count(1)
    groups.get_by_role("button", name="Next", exact=True).click()
    expect(groups.locator(".actions .quiet")).to_contain_text(f"of {MANY}")
    field.scroll_into_view_if_needed()
    screenshot(page, "library-thousands")


def test_where_scikit_learn_is_missing_it_is_said_what_to_install(opened: Open) -> None:
    error = {"error": {"code": "library.unavailable", "reason": "this needs scikit-learn"}}
    page = opened()
    page.route("**/v1/cluster*", lambda route: route.fulfill(status=501, body=json.dumps(error)))
    groups = view(page, 1)
    groups.locator("form .button.primary").click()
    expect(groups.locator(".remarks")).to_contain_text("pip install 'undertone[workbench]'")
    expect(groups.locator("form .button.primary")).to_have_text("Make groups")


def test_groups_that_take_too_long_can_be_given_up(opened: Open) -> None:
    page = opened()
    held: list[Route] = []
    page.route("**/v1/cluster*", lambda route: held.append(route))
    groups = view(page, 1)
    button = groups.locator("form .button.primary")
    button.click()
    expect(groups.locator(".status")).to_contain_text("Looking at 12 recordings")
    expect(button).to_have_text("Stop")
    button.click()
    expect(button).to_have_text("Make groups")
    expect(groups.locator(".remarks")).to_have_count(0)
    held.pop().abort()


def test_a_server_that_keeps_nothing_says_so(visit: Visit) -> None:
    page = visit("/workbench")
    expect(library(page).locator(".remarks")).to_contain_text("This server keeps nothing")
    expect(library(page).locator(".tabs")).to_be_hidden()


@pytest.mark.parametrize(("size", "dark", "locale"), [(DESKTOP, True, "zh-CN"), (PHONE, False, "en-GB")])
def test_everyone_can_use_it(
    opened: Open, recordings: Path, violations: Violations, size: tuple[int, int], dark: bool, locale: str
) -> None:
    calm = feelings(recordings, "N")[0]
    page = opened(*feelings(recordings, "W"), size=size, dark=dark, locale=locale)
    page.set_default_timeout(EXPECT_WITHIN_MS)
    groups = grouped(page, "3")
    groups.locator(".field").press("ArrowRight")
    looks(page, violations, f"library-groups-{locale}")
    search = view(page, 0)
    search.locator("input[type=search]").fill(calm.name)
    search.locator("input[type=search]").press("Enter")
    expect(search.locator(".answer tbody tr").first).to_be_visible()
    library(page).locator(".kept summary").click()
    looks(page, violations, f"library-search-{locale}")
    library(page).locator(".kept summary").click()
    compared = view(page, 2)
    for place, letter in enumerate("WN"):
        picked = compared.locator("fieldset").nth(place)
        picked.locator("input[type=search]").fill(letter)
        picked.locator(".marks button").first.click()
    compared.locator(".actions .button").click()
    expect(compared.locator(".answer .says")).to_be_visible()
    looks(page, violations, f"library-comparison-{locale}")


def looks(page: Page, violations: Violations, name: str) -> None:
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    screenshot(page, name, full=True)
