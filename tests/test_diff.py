"""`beacon diff`: two files, word by word, with their class; nothing that an answer holds acts on the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli import main


def put(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = put(tmp_path, "a.txt", "The keeper saw 3 birds over the harbour this morning.\n")
    b = put(tmp_path, "b.txt", "The keeper saw 4 birds over the harbour this morning.\n")
    assert main(["diff", a, b]) == 0
    assert capsys.readouterr().out == (
        "@@ the two files: major (numeric)\n"
        "   numbers differ\n"
        "  The keeper saw \n"
        "- 3\n"
        "+ 4\n"
        "   birds over the harbour this morning.\n"
        "\n"
        "1 pairs: 0 identical, 0 noise, 0 minor, 1 major\n"
    )


def test_as_json_both_texts_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = "one two three\n", "one \u202etwo four\n"
    assert main(["diff", put(tmp_path, "a", a), put(tmp_path, "b", b), "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert "".join(text for kind, text in pair["words"] if kind != "insert") == a
    assert "".join(text for kind, text in pair["words"] if kind != "delete") == b


def test_nothing_acts_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[31mred\x1b]8;;https://a.example\x07link\x1b]8;;\x07 \u202eabc\rover\n- not a deletion\n"
    assert main(["diff", put(tmp_path, "a", hostile), put(tmp_path, "b", "plain\n")]) == 0
    said = capsys.readouterr().out
    assert not set(said) & set("\x1b\x07\r\u202e")
    assert all(line.startswith(("@@", "   ", "- ", "+ ", "  ", "1 pairs")) for line in said.splitlines() if line)


def test_what_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"a" * (4 * 1024 * 1024 + 1))
    assert main(["diff", str(large), str(large)]) == 2
    assert "file-too-large" in capsys.readouterr().err
