"""Which files are meant, and where their results go."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from workbench.recordings import Places, find


def test_a_folder_stands_for_the_recordings_in_it_and_a_file_for_itself(tmp_path: Path) -> None:
    for name in ("b.wav", "a.MP3", "notes.txt", "deep/c.ogg", "deep/d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find([tmp_path / "notes.txt", tmp_path, tmp_path / "b.wav", tmp_path / "nowhere.wav"])
    names = [Path(item.name).relative_to(tmp_path).as_posix() for item in found]
    assert names == ["notes.txt", "a.MP3", "b.wav", "deep/c.ogg", "deep/d.mp4", "nowhere.wav"]


def test_only_recordings_are_taken_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    for name in ("folder.wav/a.wav", "._a.wav", "b.wav"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "again.wav").symlink_to("b.wav")
    (tmp_path / "lost.wav").symlink_to("nowhere.wav")
    (tmp_path / "round").symlink_to(".")
    names = [Path(item.name).relative_to(tmp_path).as_posix() for item in find([tmp_path])]
    assert names == ["again.wav", "b.wav", "folder.wav/a.wav", "lost.wav"]


def test_a_name_that_is_no_text_is_told_as_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    path.touch()
    (item,) = find([path])
    assert item.name == (tmp_path / "caf\\xe9.wav").as_posix()
    assert item.source == path


def test_places_differ_on_any_disk() -> None:
    places = Places(channels=2)
    assert [str(places.of(name)) for name in ("call.wav", "CALL.wav", "call_1.wav", "other_1.wav", "other.wav")] == [
        "call", "CALL.wav", "call_1.wav", "other_1", "other.wav",
    ]  # fmt: skip
    long = [places.of(f"{'声' * 84}{number}.wav") for number in range(3)]
    assert all(len(f"{place.name}_1.npy".encode()) <= 255 for place in long)
    assert len(set(long)) == 3


def test_results_are_named_as_their_recordings_and_never_alike() -> None:
    places = Places()
    assert places.of("calls/a.wav") == PurePosixPath("calls/a")
    assert places.of("calls/a.mp3") == PurePosixPath("calls/a.mp3")
    assert places.of("../calls/a.wav") == PurePosixPath("calls/a.wav")
    assert places.of("/calls/a.wav") == PurePosixPath("calls/a.wav_3")
    assert places.of("calls/a.wav") == PurePosixPath("calls/a")
    assert places.of("..") == PurePosixPath("recording")


NAMES = st.lists(st.text(st.sampled_from("ab./\\ "), min_size=1, max_size=8), unique=True, max_size=12)


@given(NAMES)
def test_no_name_leads_out_of_the_folder_or_to_anothers_place(names: list[str]) -> None:
    places = Places()
    given_ = [places.of(name) for name in names]
    assert len(set(given_)) == len(names)
    assert all(not place.is_absolute() and ".." not in place.parts for place in given_)
    assert [places.of(name) for name in names] == given_
