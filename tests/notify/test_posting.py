"""What a POST comes to: which answers are final, which ask for another try, and what is never done."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from notify.addresses import Address
from notify.network import PublicOnly, resolve
from notify.posting import DELIVERED, MOST_BYTES, Answer, Poster, judged
from tests.notify.receiving import Received, receiving, status
from tests.stream_server.certificates import write_certificate


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_a_good_answer_is_a_delivery(code: int) -> None:
    assert judged(code, None) == DELIVERED


@pytest.mark.parametrize(
    ("code", "lasting"),
    [
        (301, True), (307, True), (400, True), (401, True), (404, True), (410, True), (422, True),
        (408, False), (425, False), (429, False), (500, False), (502, False), (503, False), (599, False),
    ],
)  # fmt: skip
def test_an_answer_that_others_will_not_mend_is_lasting(code: int, lasting: bool) -> None:
    answer = judged(code, None)
    assert answer.lasting is lasting
    assert str(code) in (answer.problem or "")


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as elsewhere, receiving() as receiver:
        receiver.answer = lambda _: status(307, f"Location: {elsewhere.url}")
        answer = await Poster(receiver.url, 5).post(b"{}", {})
        assert answer.lasting
        assert "redirect" in (answer.problem or "")
        assert elsewhere.requests == []


async def test_retry_after_is_seconds_or_a_date() -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _: status(429, "Retry-After: 17")
        assert await Poster(receiver.url, 5).post(b"{}", {}) == Answer("429 Too Many Requests", False, 17.0)
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        receiver.answer = lambda _: status(503, f"Retry-After: {date}")
        answer = await Poster(receiver.url, 5).post(b"{}", {})
        assert answer.retry_after_s == pytest.approx(60, abs=3)
        receiver.answer = lambda _: status(503, "Retry-After: soon")
        assert (await Poster(receiver.url, 5).post(b"{}", {})).retry_after_s is None


async def test_who_does_not_answer_is_left_in_time() -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _: None
        assert await Poster(receiver.url, 0.2).post(b"{}", {}) == Answer("no answer within 0.2 s")


async def test_who_answers_drop_by_drop_is_left_in_time_too() -> None:
    async with receiving() as receiver:
        receiver.dripping = True
        receiver.answer = lambda _: status(200, body=bytes(100))
        assert (await Poster(receiver.url, 0.4).post(b"{}", {})).problem == "no answer within 0.4 s"


async def test_of_a_long_answer_the_rest_is_not_read() -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _: status(200, body=bytes(50 * MOST_BYTES))
        assert await Poster(receiver.url, 5).post(b"{}", {}) == DELIVERED


async def test_nobody_there_and_no_http_are_problems_that_may_pass() -> None:
    async with receiving() as receiver:
        poster = Poster(receiver.url, 5)
        receiver.answer = lambda _: b"SSH-2.0-nonsense\r\n"
        garbled = await poster.post(b"{}", {})
        receiver.answer = lambda _: b""
        cut = await poster.post(b"{}", {})
    gone = await poster.post(b"{}", {})
    assert all(answer.problem and not answer.lasting for answer in (garbled, cut, gone))


def leading_to(*addresses: str) -> PublicOnly:
    """A network in which every name has these addresses."""
    found: list[Address] = [ip_address(address) for address in addresses]
    return PublicOnly(lambda host, port: found)


@pytest.mark.parametrize(
    "network",
    [
        PublicOnly(),  # localhost is looked up for real
        leading_to("127.0.0.1"),
        leading_to("::ffff:127.0.0.1"),
        leading_to("10.0.0.1", "169.254.169.254"),
    ],
)
async def test_a_name_that_leads_to_no_public_address_is_not_connected_to(network: PublicOnly) -> None:
    async with receiving() as receiver:
        poster = Poster(f"http://localhost:{receiver.port}/", 5, network)
        answer = await poster.post(b"{}", {})
        await poster.close()
        assert answer.lasting
        assert "leads to no address of the public internet" in (answer.problem or "")
        assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "0"])
async def test_a_literal_address_is_looked_at_however_it_is_written(host: str) -> None:
    async with receiving() as receiver:
        answer = await Poster(f"http://{host}:{receiver.port}/", 5, PublicOnly()).post(b"{}", {})
        assert answer.lasting
        assert receiver.requests == []


async def test_the_address_that_was_looked_at_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is resolved once; what it would lead to a moment later, this server itself, is of no account."""
    answers = iter([["203.0.113.7"], ["127.0.0.1"]])
    asked = []

    def rebinding(host: str, port: int) -> list[Address]:
        asked.append(host)
        return [ip_address(address) for address in next(answers)]

    monkeypatch.setattr("notify.network.is_public", lambda address: str(address) == "203.0.113.7")
    async with receiving() as receiver:
        answer = await Poster(f"http://rebinding.example:{receiver.port}/", 0.5, PublicOnly(rebinding)).post(b"{}", {})
        assert answer.problem is not None
        assert asked == ["rebinding.example"]
        assert receiver.requests == []


async def test_of_several_addresses_the_first_public_one_that_answers_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify.network.is_public", lambda address: str(address) != "127.0.0.9")
    async with receiving() as receiver:
        network = leading_to("127.0.0.9", "127.0.0.2", "127.0.0.1")  # refused, nobody there, the receiver
        poster = Poster(f"http://several.example:{receiver.port}/", 5, network)
        assert await poster.post(b"{}", {}) == DELIVERED
        assert receiver.requests[0].headers["host"] == f"several.example:{receiver.port}"


async def test_the_certificate_must_be_that_of_the_name_whatever_address_was_connected_to(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("notify.network.is_public", lambda address: True)
    certificate = write_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate.cert, certificate.key)
    async with receiving(tls=tls) as receiver:
        unknown = await Poster(f"https://localhost:{receiver.port}/", 5, leading_to("127.0.0.1")).post(b"{}", {})
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
        other = await Poster(f"https://other.example:{receiver.port}/", 5, leading_to("127.0.0.1")).post(b"{}", {})
        assert receiver.requests == []
        assert (
            await Poster(f"https://localhost:{receiver.port}/", 5, leading_to("127.0.0.1")).post(b"{}", {}) == DELIVERED
        )
    assert "certificate verify failed" in (unknown.problem or "")
    assert "not valid for 'other.example'" in (other.problem or "")


async def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    def unknown(host: str, port: int) -> list[Address]:
        return resolve("nobody.invalid", port)

    answer = await Poster("http://nobody.invalid/", 20, PublicOnly(unknown)).post(b"{}", {})
    assert answer.problem is not None
    assert not answer.lasting


async def test_the_body_arrives_as_it_was_given_with_its_headers() -> None:
    seen: list[Received] = []
    async with receiving() as receiver:
        receiver.answer = lambda request: (seen.append(request), status(200))[1]
        await Poster(receiver.url, 5).post(b'{"a": 1}', {"webhook-id": "msg_1"})
    assert (seen[0].body, seen[0].path) == (b'{"a": 1}', "/hook")
    assert (seen[0].headers["webhook-id"], seen[0].headers["content-type"]) == ("msg_1", "application/json")
