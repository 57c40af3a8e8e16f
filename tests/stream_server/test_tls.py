"""HTTPS, which browsers ask for before they give a microphone to another machine's page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from monitor.events import CallEnded
from stream_server.commands.serve import check_tls, greeting
from stream_server.rest import health
from stream_server.settings import ServerConfig, SettingsError
from tests.scripted import of, voice
from tests.stream_server.certificates import CertificateFiles, write_certificate
from tests.stream_server.serving import heard, send_all, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return write_certificate(tmp_path_factory.mktemp("tls"))


async def test_pages_and_calls_go_over_tls(certificate: CertificateFiles) -> None:
    async with serving(server_config=certificate.config) as served:
        async with httpx.AsyncClient(verify=certificate.trust) as client:
            assert (await client.get(f"https://localhost:{served.port}/readyz")).status_code == 200
        url = f"wss://localhost:{served.port}/v1/stream"
        async with connect(url, ssl=certificate.trust, compression=None) as call:
            await send_all(call, voice(120, 2.0))
            assert of(await heard(call), CallEnded)[0].reason == "finished"


async def test_the_greeting_names_the_address_with_https(certificate: CertificateFiles) -> None:
    async with serving(server_config=certificate.config) as served:
        assert f"https://localhost:{served.port}/" in greeting(served.engine, "127.0.0.1", served.port)


def test_a_key_without_a_certificate_is_said(certificate: CertificateFiles) -> None:
    with pytest.raises(SettingsError, match=r"tls_cert is not"):
        check_tls(ServerConfig(tls_key=str(certificate.key)))


def test_a_file_that_is_not_there_is_said(certificate: CertificateFiles) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.pem: cannot be read: No such file"):
        check_tls(ServerConfig(tls_cert="nowhere.pem", tls_key=str(certificate.key)))


def test_what_is_no_certificate_and_its_key_is_said(certificate: CertificateFiles, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense", encoding="utf-8")
    for cert, key in ((nonsense, certificate.key), (certificate.cert, nonsense), (certificate.cert, certificate.cert)):
        with pytest.raises(SettingsError, match="no certificate and its key"):
            check_tls(ServerConfig(tls_cert=str(cert), tls_key=str(key)))
    with pytest.raises(SettingsError, match="the same file"):
        check_tls(ServerConfig(tls_cert=str(certificate.cert)))


def test_a_certificate_and_its_key_are_taken_from_two_files_or_one(
    certificate: CertificateFiles, tmp_path: Path
) -> None:
    check_tls(certificate.config)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.cert.read_bytes() + certificate.key.read_bytes())
    check_tls(ServerConfig(tls_cert=str(both)))
    check_tls(ServerConfig())


async def test_a_container_asks_by_https_where_http_is_not_served(certificate: CertificateFiles) -> None:
    async with serving(server_config=certificate.config) as served:
        assert await asyncio.to_thread(health.main, [str(served.port)]) == 0
