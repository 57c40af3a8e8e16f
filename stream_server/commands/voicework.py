"""What `undertone verify` and `undertone voices` do; each answers with the exit status."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from history.tally import DAY_S
from stream_server.jobs.voicestore import hear, open_ears, open_store
from stream_server.settings import Settings
from workbench.enrolment import portray
from workbench.exchange import exported, read, take_in
from workbench.identification import identify, open_gallery
from workbench.library import Item, Kind, Shelf
from workbench.recordings import find
from workbench.runfolder import named_for
from workbench.sealing import Seal, new_key
from workbench.verification import Purpose, verify
from workbench.voicefolder import VoiceFolder, VoiceLine
from workbench.voiceprints import Consent

SHOWN_MATCHES = 3


def _verify(options: Namespace, settings: Settings) -> int:
    ears = open_ears(settings)
    named = find(options.recordings)
    voices = {each.name: each for each in hear(ears, named)}
    ordered = [voices[item.name] for item in named if item.name in voices]
    told = verify(ordered, ears.spec, Purpose(options.purpose), options.prior)
    if options.json:
        _print_json(told)
        return 0
    for pair in told.pairs:
        print(pair.sentence.text)
        print(f"  probability {pair.probability:.0%} (before hearing {told.prior:.0%})")
        verdict = "reached" if pair.same else "not reached"
        print(f"  cosine {pair.cosine:.3f}; for {told.purpose} {pair.threshold:.3f} is needed: {verdict}")
    if len(told.pairs) > 1:
        print(told.sentence.text)
    print(told.caution.text)
    return 0


def _embed(options: Namespace, settings: Settings) -> int:
    items = {item.name: item for item in find(options.recordings)}
    ears = open_ears(settings)
    counts = {"done": 0, "failed": 0}
    with VoiceFolder(options.out or named_for(datetime.now()), ears.spec.name, len(items) == 1) as folder:
        left = folder.left(items.values())
        for heard in ears.hear_files(left):
            line = folder.keep(items[heard.name], heard)
            counts[line.status] += 1
            print(_embedded(line), flush=True)
        folder.finish(datetime.now())
    before = f", {len(items) - len(left)} done before" if len(left) < len(items) else ""
    print(f"{counts['done']} done, {counts['failed']} failed{before}; embeddings are in {folder.path}")
    return 0 if counts["done"] or before else 1


def _embedded(line: VoiceLine) -> str:
    if line.failure is not None:
        return f"{line.file}  failed: {line.failure.reason.text} {line.failure.remedy.text}"
    (facts,) = line.embeddings
    return f"{line.file}  done: {facts.file}, {facts.shape[1]} numbers, mean {facts.mean:.4f}, std {facts.std:.4f}"


def _enroll(options: Namespace, settings: Settings) -> int:
    now = time.time()
    expires_at = options.expires if options.expires is not None else now + options.days * DAY_S
    consent = Consent(options.consent, now, expires_at, options.note)
    ears = open_ears(settings)
    portrait = portray(list(hear(ears, find(options.recordings))), ears.spec)
    with open_store(settings) as store:
        kept = store.voiceprints.enrol(options.name, portrait, consent, now, options.replace)
    locked = "encrypted" if kept.encrypted else "not encrypted: workbench.key is not set"
    print(f"{kept.name} is known by {kept.speech_s:g} s of speech, until {_day(expires_at)}; {locked}")
    for problem in kept.problems:
        print(f"  {problem.text}")
    return 0


def _list(options: Namespace, settings: Settings) -> int:
    with open_store(settings) as store:
        known = store.voiceprints.known(time.time())
    if options.json:
        _print_json(known)
        return 0
    table = Table(title=f"{len(known)} voiceprints", title_justify="left")
    for column in ("name", "model", "speech, s", "recordings", "consent to", "until", "encrypted"):
        table.add_column(column)
    for each in known:
        until, locked = _day(each.consent.expires_at), "yes" if each.encrypted else "no"
        heard = f"{each.speech_s:.1f}", str(each.recordings)
        table.add_row(each.name, each.model, *heard, each.consent.purpose, until, locked)
    Console().print(table)
    return 0


def _rename(options: Namespace, settings: Settings) -> int:
    with open_store(settings) as store:
        store.voiceprints.rename(options.name, options.new, time.time())
    print(f"{options.name} is {options.new} now")
    return 0


def _delete(options: Namespace, settings: Settings) -> int:
    if options.all == (options.name is not None):
        raise ValueError("name one voiceprint, or ask for --all")
    with open_store(settings) as store:
        count = store.voiceprints.delete_all() if options.all else store.voiceprints.delete(options.name)
    print(f"{count} voiceprint(s) deleted")
    return 0


def _export(options: Namespace, settings: Settings) -> int:
    spec = open_ears(settings).spec
    with open_store(settings) as store:
        seal = Seal() if options.unencrypted else store.seal
        document = msgspec.json.encode(exported(store.voiceprints, spec, time.time(), seal))
    if options.file is None:
        print(document.decode())
    else:
        options.file.touch(mode=0o600)
        options.file.write_bytes(document)
    return 0


def _import(options: Namespace, settings: Settings) -> int:
    spec = open_ears(settings).spec
    with open_store(settings) as store:
        document = read(options.file.read_bytes(), spec, store.seal)
        done = take_in(store.voiceprints, document, time.time(), options.replace)
    for name, reason in done.left_out.items():
        print(f"{name} was left out: {reason.text}")
    print(f"{len(done.added)} voiceprint(s) taken in, {len(done.left_out)} left out")
    return 0


def _identify(options: Namespace, settings: Settings) -> int:
    ears = open_ears(settings)
    with open_store(settings) as store:
        gallery = open_gallery(store.voiceprints, store.library, ears.spec, settings.voiceprints, time.time())
    for voice in hear(ears, find(options.recordings)):
        told = identify(voice, gallery)
        if options.json:
            print(msgspec.json.encode(told).decode())
            continue
        print(told.sentence.text)
        for match in told.matches[:SHOWN_MATCHES]:
            print(f"  {match.name}: {match.probability:.0%} (cosine {match.cosine:.3f})")
    return 0


def _cohort(options: Namespace, settings: Settings) -> int:
    if options.folder is None:
        with open_store(settings) as store:
            print(f"{store.library.delete_all(Kind.COHORT)} voices deleted")
        return 0
    ears = open_ears(settings)
    vectors = [voice.vector for voice in hear(ears, find([options.folder]))]
    if not vectors:
        raise ValueError(f"{options.folder}: there is no recording with a voice")
    nameless = Shelf(Kind.COHORT, ears.spec.name, [Item("cohort")] * len(vectors), np.array(vectors))
    with open_store(settings) as store:
        store.library.delete_all(Kind.COHORT)
        store.library.add(nameless, time.time())
    print(f"{len(vectors)} voices are there to compare with")
    return 0


def _new_key(_: Namespace, __: Settings) -> int:
    print(new_key())
    return 0


def _rotate_key(options: Namespace, settings: Settings) -> int:
    key = options.file.read_text(encoding="utf-8").strip() if options.file is not None else ""
    if options.file is not None and not key:
        raise ValueError(f"{options.file}: there is no key in it; without a file everything is decrypted")
    seal = Seal(key)
    with open_store(settings) as store, store.database.erasing() as connection:
        count = store.voiceprints.reseal(seal, connection) + store.library.reseal(seal, connection)
    told = f"encrypted with {seal.name}: set that key as workbench.key" if seal.name else "not encrypted any more"
    print(f"{count} voiceprints and embeddings are {told}")
    return 0


COMMANDS: Mapping[str, Callable[[Namespace, Settings], int]] = {
    "verify": _verify,
    "embed": _embed,
    "enroll": _enroll,
    "list": _list,
    "rename": _rename,
    "delete": _delete,
    "export": _export,
    "import": _import,
    "identify": _identify,
    "cohort": _cohort,
    "new-key": _new_key,
    "rotate-key": _rotate_key,
}


def _print_json(document: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(document), indent=1).decode())


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
