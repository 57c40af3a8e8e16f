"""The trends in a browser, and the page of a call that is long over: a server that has had some weeks of calls."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.looks import PHONE, Violations, screenshot
from tests.browser.past import with_past
from tests.browser.serving import ServerProcess

DAYS, CALLS_A_DAY = 40, 12
TALL = (1280, 1900)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that has had calls for some weeks up to yesterday, two parties each, with teams and agents."""
    process = with_past(tmp_path_factory.mktemp("past"), DAYS, CALLS_A_DAY)
    process.start()
    yield process
    process.stop()


def opened(visit: Visit, past: ServerProcess, path: str = "/trends", **options: object) -> Page:
    page = visit(past.url + path, **options)
    expect(page.locator("main .panel").first).to_be_visible()
    return page


def alerted(past: ServerProcess) -> str:
    """The newest call with an alert."""
    answer = httpx.get(f"{past.url}/v1/calls?alert=anger&limit=1").json()
    return str(answer["calls"][0]["call_id"])


def test_a_lead_reads_how_it_goes_in_sentences(visit: Visit, past: ServerProcess) -> None:
    page = opened(visit, past)
    words = page.locator(".words")
    expect(words).to_contain_text(re.compile(r"\d{3} calls in the last 30 days\."))
    expect(words).to_contain_text(re.compile(r"Anger and fear made up \d+\s% of the feelings that were heard"))
    expect(words).to_contain_text(re.compile(r"\d+ alerts; \d+\s% of the calls had one"))
    expect(page.get_by_text(re.compile(r"Most was heard on \w+days from \d+ o'clock: \d+\s%"))).to_be_visible()
    screenshot(page, "trends")


def test_every_day_has_its_bar_and_its_row(visit: Visit, past: ServerProcess) -> None:
    page = opened(visit, past, "/trends#days=90")
    expect(page.locator(".bars .calls")).to_have_count(DAYS)
    page.get_by_text("As a table").click()
    expect(page.locator("details tbody tr")).to_have_count(DAYS)
    expect(page.locator("details tbody tr").first.locator("td").first).to_have_text(str(CALLS_A_DAY))


def test_what_is_chosen_is_in_the_address_and_a_link_shows_the_same(visit: Visit, past: ServerProcess) -> None:
    page = opened(visit, past)
    page.get_by_label("Compare by").select_option("tag:team")
    page.get_by_role("link", name="north").click()
    expect(page).to_have_url(re.compile(r"#tag=team%3Anorth&by=tag%3Ateam"))
    page.get_by_label("Whose feelings").select_option("customer")
    expect(page).to_have_url(re.compile("role=customer"))
    expect(page.get_by_role("button", name="Only team:north")).to_be_visible()
    calls = page.locator(".words p").first.inner_text()
    again = opened(visit, past, f"/trends{page.url[page.url.index('#') :]}")
    expect(again.locator(".words p").first).to_have_text(calls)
    again.get_by_role("button", name="Only team:north").click()
    expect(again.locator(".words p").first).not_to_have_text(calls)


def test_a_call_with_an_alert_is_opened_from_the_list(visit: Visit, past: ServerProcess) -> None:
    page = opened(visit, past)
    call_id = alerted(past)
    page.get_by_role("link", name=call_id).click()
    expect(page.get_by_role("heading", name=call_id)).to_be_visible()


def test_the_page_of_a_call_long_over_says_how_it_went(
    visit: Visit, past: ServerProcess, violations: Violations
) -> None:
    call_id = alerted(past)
    page = visit(f"{past.url}/dashboard#call={call_id}", size=TALL)
    course = page.locator(".course")
    expect(course.get_by_role("row", name=re.compile("Customer"))).to_contain_text(
        re.compile(r"Angry \(\d\d\s%\), 2:\d\d")
    )
    expect(course.get_by_role("row", name=re.compile("Agent"))).to_contain_text("not inferred")
    points = course.locator(".points button")
    expect(points.first).to_contain_text(re.compile(r"Customer: distress rose from \d+\s% to \d+\s%"))
    assert violations(page) == []
    screenshot(page, "past-call", full=True)
    points.first.click()
    expect(page).to_have_url(re.compile(r"span=\d+&end=\d+"))
    with page.expect_popup() as popup:
        course.get_by_role("link", name="As a picture").click()
    expect(popup.value.locator("svg")).to_contain_text(call_id)
    screenshot(popup.value, "summary")


def test_the_trends_speak_chinese_and_switch_in_place(visit: Visit, past: ServerProcess) -> None:
    page = opened(visit, past, locale="zh-CN")
    expect(page.locator(".words")).to_contain_text(re.compile(r"最近 30 天共有 \d+ 通电话。"))
    page.get_by_role("button", name="English").click()
    expect(page.locator(".words")).to_contain_text("calls in the last 30 days")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_trends_can_be_read_by_everyone(
    visit: Visit, past: ServerProcess, violations: Violations, dark: bool
) -> None:
    page = opened(visit, past, size=TALL, dark=dark)
    assert violations(page) == []
    screenshot(page, f"trends-{'dark' if dark else 'light'}", full=True)


def test_on_a_phone_nothing_is_wider_than_the_screen(visit: Visit, past: ServerProcess) -> None:
    page = opened(visit, past, size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    screenshot(page, "trends-phone", full=True)


def test_without_calls_the_page_says_so(visit: Visit, server: ServerProcess) -> None:
    page = visit(f"{server.url}/trends#days=7")
    expect(page.get_by_text(re.compile("There were no calls in this time|calls? in the last 7 days"))).to_be_visible()
