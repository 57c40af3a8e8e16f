"""Flag > environment > file > default; unknown keys and bad values stop the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.rules import Rule
from stream_server.settings import IceServer, Setting, Settings, SettingsError, declared, load, parse_ice_servers


def test_without_anything_every_setting_has_its_default() -> None:
    assert load({}, {}, None) == Settings()


def test_a_flag_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "undertone.toml"
    file.write_text("[server]\nport = 1\nhost = 'filed'\n[monitor]\nhop_s = 0.25\n", encoding="utf-8")
    environ = {"UNDERTONE_SERVER__PORT": "2", "UNDERTONE_SERVER__HOST": "environs"}
    settings = load({"server.port": "3"}, environ, file)
    assert (settings.server.port, settings.server.host, settings.monitor.hop_s) == (3, "environs", 0.25)


def test_lists_are_comma_separated_outside_the_file(tmp_path: Path) -> None:
    assert load({"monitor.emotion_roles": "a, b"}, {}, None).monitor.emotion_roles == ("a", "b")
    file = tmp_path / "u.toml"
    file.write_text('[monitor]\nemotion_roles = ["c"]\n', encoding="utf-8")
    assert load({}, {}, file).monitor.emotion_roles == ("c",)


@pytest.mark.parametrize(
    ("flags", "environ", "words"),
    [
        ({"server.port": "http"}, {}, ["--server.port", "server.port", "integer"]),
        ({"server.port": "70000"}, {}, ["65535"]),
        ({}, {"UNDERTONE_MONITOR__HOPS": "1"}, ["UNDERTONE_MONITOR__HOPS", "monitor.hops", "monitor.hop_s"]),
        ({"models.device": "tpu"}, {}, ["cpu", "cuda"]),
        ({"webrtc.ice_servers": "turn:host:3478"}, {}, ["[webrtc]", "turn:host:3478", "turn:USER:PASSWORD@HOST"]),
        ({"webrtc.ice_servers": "stun:u:p@host"}, {}, ["stun:u:p@host"]),
        ({"webrtc.addresses": "eth0"}, {}, ["[webrtc]", "eth0", "IPv4"]),
        ({"monitor.horizon_s": "0.1"}, {}, ["0.5"]),
        ({"vad.onset": "0.3", "vad.offset": "0.3"}, {}, ["vad", "offset", "onset"]),
        ({"vad.offset": "0.9"}, {}, ["vad", "offset", "0.9", "onset", "0.4"]),
        ({"vad.onset": "0.05"}, {}, ["vad", "offset", "0.1", "onset", "0.05"]),
    ],
)
def test_what_is_wrong_is_said(flags: dict[str, str], environ: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(flags, environ, None)
    assert all(word in str(caught.value) for word in words)


def test_a_list_of_tables_is_json_outside_the_file(tmp_path: Path) -> None:
    rule = Rule(name="loud", score={"angry": 1.0}, above=0.8, for_s=2)
    file = tmp_path / "u.toml"
    file.write_text('[[alerts.rules]]\nname = "loud"\nscore = {angry = 1}\nabove = 0.8\nfor_s = 2\n', encoding="utf-8")
    assert load({}, {}, file).alerts.rules == (rule,)
    text = '[{"name": "loud", "score": {"angry": 1}, "above": 0.8, "for_s": 2}]'
    assert load({"alerts.rules": text}, {}, None).alerts.rules == (rule,)
    assert load({}, {"UNDERTONE_ALERTS__RULES": text}, None).alerts.rules == (rule,)


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ('[{"name": "loud", "above": "a lot"}]', "alerts.rules[0].above: Expected `float | null`, got `str`"),
        ('[{"name": "loud", "abvoe": 0.8}]', "alerts.rules[0]: Object contains unknown field `abvoe`"),
        ('[{"name": "loud", "above": 0.8}]', "alerts.rules[0]: rule 'loud': expected one of `score`"),
        ('{"loud": {"above": 0.8}}', "alerts.rules: expected a list of tables, [[alerts.rules]]"),
        ("loud", "alerts.rules: is not JSON"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_by_its_path(rules: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({}, {"UNDERTONE_ALERTS__RULES": rules}, None)
    assert str(caught.value).startswith(f"UNDERTONE_ALERTS__RULES: {problem}")


def test_two_rules_of_one_name_stop_the_start() -> None:
    rule = '{"name": "loud", "score": {"angry": 1}, "above": 0.8}'
    with pytest.raises(SettingsError, match=r"\[alerts\]: two rules have one name: loud"):
        load({"alerts.rules": f"[{rule}, {rule}]"}, {}, None)


@pytest.mark.parametrize(
    ("text", "word"),
    [("[server]\nprot = 1\n", "prot"), ("port = 1\n", "section"), ("[server\n", "TOML"), (None, "cannot be read")],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str | None, word: str) -> None:
    file = tmp_path / "bad.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=word) as caught:
        load({}, {}, file)
    assert "bad.toml" in str(caught.value)


def test_other_environment_variables_are_left_alone() -> None:
    assert load({}, {"UNDERTONE_DATA": "/somewhere", "PATH": "x"}, None) == Settings()


def test_every_setting_is_explained() -> None:
    assert all(len(setting.help) > 15 for setting in declared())


@pytest.mark.parametrize("setting", [s for s in declared() if isinstance(s.default, float)], ids=lambda s: s.name)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_no_setting_is_infinite_or_no_number(setting: Setting, value: str) -> None:
    with pytest.raises(SettingsError, match=setting.name):
        load({setting.name: value}, {}, None)


def test_ice_servers_have_a_user_and_a_password_where_they_are_turn() -> None:
    servers = parse_ice_servers(("stun:stun.example:3478", "turn:ann:s3:cret@turn.example:3478?transport=tcp"))
    assert servers == [
        IceServer("stun:stun.example:3478"),
        IceServer("turn:turn.example:3478?transport=tcp", "ann", "s3:cret"),
    ]
