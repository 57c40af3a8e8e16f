"""Channels as people write them down; what is wrong is said at the start, and no secret with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from notify.alertmanager import Alertmanager
from notify.channel import ChannelError
from notify.opening import open_channels
from notify.settings import AlertmanagerConfig, AppriseConfig, NotifyConfig, WebhookConfig
from notify.webhook import Webhook
from stream_server.settings import SettingsError, load
from tests.notify.receiving import SECRET

ROOT = Path(__file__).resolve().parent.parent.parent
DESK = f'[notify.channels.desk]\nkind = "webhook"\nurl = "https://desk.example/hook"\nsecret = "{SECRET}"\n'


def loaded(tmp_path: Path, text: str) -> NotifyConfig:
    file = tmp_path / "undertone.toml"
    file.write_text(text, encoding="utf-8")
    return load({}, {}, file).notify


def test_a_channel_is_a_table_by_name(tmp_path: Path) -> None:
    text = DESK + '[notify.channels.ops]\nkind = "alertmanager"\nurl = "http://localhost:9093"\nupdates = true\n'
    config = loaded(tmp_path, text + '[notify.channels.chat]\nkind = "apprise"\nurl_env = "CHAT_URL"\n')
    assert config.channels == {
        "desk": WebhookConfig(url="https://desk.example/hook", secret=SECRET),
        "ops": AlertmanagerConfig(url="http://localhost:9093", updates=True),
        "chat": AppriseConfig(url_env="CHAT_URL"),
    }


def test_the_example_of_the_documentation_can_be_used(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "notification.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    config = loaded(tmp_path, example)
    opened = open_channels(config, {"DESK_SECRET": SECRET, "TEAM_URL": "json://localhost"})
    assert [channel.kind for channel in opened] == ["webhook", "alertmanager", "apprise"]


def test_in_the_environment_it_is_json() -> None:
    text = '{"ops": {"kind": "alertmanager", "url": "http://localhost:9093"}}'
    config = load({}, {"UNDERTONE_NOTIFY__CHANNELS": text}, None).notify
    assert config.channels == {"ops": AlertmanagerConfig(url="http://localhost:9093")}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"webhook"', '"pager"', "notify.channels.desk.kind: Invalid value 'pager'"),
        ('kind = "webhook"\n', "", "notify.channels.desk: Object missing required field `kind`"),
        ('url = "https://desk.example/hook"', "url = 3", "notify.channels.desk.url: Expected `str`, got `int`"),
        ("secret =", "secrt =", "notify.channels.desk: Object contains unknown field `secrt`"),
        (f'secret = "{SECRET}"', "", "notify.channels.desk: expected one of `secret` and `secret_env`"),
        (SECRET, "hunter2", "notify.channels.desk: a secret is 24 to 64 bytes in base64"),
        (f'secret = "{SECRET}"', 'secret_env = "UNDERTONE_KEY"', "must not begin with UNDERTONE_"),
        ("https://desk.example/hook", "ftp://desk.example", "notify.channels.desk: url: expected http://HOST"),
        ("https://desk.example/hook", "https://u:hunter2@desk.example", "a user, a password"),
        ("https://desk.example/hook", "https://desk.example:99999/", "notify.channels.desk: Port out of range"),
        ("https://desk.example/hook", "http://127.0.0.1/hook", "allow_private = true allows it"),
        ("https://desk.example/hook", "http://[::ffff:10.0.0.1]/hook", "allow_private = true allows it"),
        ("https://desk.example/hook", "http://localhost/hook", "allow_private = true allows it"),
        ("channels.desk", 'channels."a b"', "'a b' is no name"),
        ("channels.desk", "channel.desk", "there is no setting 'notify.channel'"),
    ],
)
def test_what_is_wrong_is_said_by_its_path(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in DESK
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, DESK.replace(old, new))
    assert problem in str(refused.value)
    assert "undertone.toml" in str(refused.value) or "[notify]" in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_pauses_do_not_shrink() -> None:
    with pytest.raises(SettingsError, match=r"\[notify\]: first_retry_s is more than longest_retry_s"):
        load({"notify.first_retry_s": "60", "notify.longest_retry_s": "5"}, {}, None)


def test_channels_are_opened_with_what_the_environment_holds() -> None:
    config = NotifyConfig(
        channels={
            "desk": WebhookConfig(url="https://desk.example/hook?token=1", secret_env="DESK_SECRET"),
            "ops": AlertmanagerConfig(url="http://localhost:9093/"),
            "chat": AppriseConfig(url_env="CHAT_URL", updates=True),
        }
    )
    desk, ops, chat = open_channels(config, {"DESK_SECRET": SECRET, "CHAT_URL": "json://localhost/secret"})
    assert isinstance(desk, Webhook)
    assert isinstance(ops, Alertmanager)
    shown = [(each.name, each.kind, each.target, each.updates) for each in (desk, ops, chat)]
    assert shown == [
        ("desk", "webhook", "desk.example", False),
        ("ops", "alertmanager", "localhost:9093", False),
        ("chat", "apprise", "json", True),
    ]


@pytest.mark.parametrize(
    ("channel", "problem"),
    [
        (WebhookConfig(url="https://desk.example/", secret_env="DESK_SECRET"), "variable DESK_SECRET is not set"),
        (AppriseConfig(url="nonsense://hunter2"), "none of a service that Apprise knows"),
        (AppriseConfig(url="slack://hunter2"), "none of a service that Apprise knows"),
    ],
)
def test_a_channel_that_cannot_be_used_is_named_at_the_start(
    channel: WebhookConfig | AppriseConfig, problem: str
) -> None:
    with pytest.raises(ChannelError, match=r"notify\.channels\.desk: ") as refused:
        open_channels(NotifyConfig(channels={"desk": channel}), {})
    assert problem in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_without_its_library_a_service_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(ChannelError, match=r"pip install 'undertone\[services\]'"):
        open_channels(NotifyConfig(channels={"chat": AppriseConfig(url="json://localhost")}), {})
