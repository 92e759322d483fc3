"""Strict YAML means one thing only: whatever is accepted reads alike everywhere, whatever does not is refused in its
place, by both of PyYAML's parsers, quickly, however hostile the file."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import Invalid, Problem
from runner.formats.strictyaml import MAX_PROBLEMS, Mark, load, parse_with

ENGINES = [yaml.BaseLoader, *([yaml.CBaseLoader] if yaml.__with_libyaml__ else [])]


def problems(text: str | bytes, engine: Any = ENGINES[-1]) -> tuple[Problem, ...]:
    """What is wrong with a file, if anything is."""
    try:
        parse_with(engine, text.encode() if isinstance(text, str) else text, "x.yaml")
    except Invalid as error:
        return error.problems
    return ()


def codes(text: str | bytes, engine: Any = ENGINES[-1]) -> list[str]:
    return [problem.code for problem in problems(text, engine)]


# The same bytes with different meanings in PyYAML, in a YAML 1.2 and in a YAML 1.1 parser of another language,
# and what two of them refuse. Each with the codes that must be reported.
CASES = [
    ("duplicate key", "region: eu\nregion: us\n", ["yaml-duplicate-key"]),
    ("anchor and alias", "a: &x [1]\nb: *x\n", ["yaml-anchor", "yaml-alias"]),
    ("merge key", "base: &b {cost: 1}\njob:\n  <<: *b\n  cost: 2\n", ["yaml-anchor", "yaml-merge", "yaml-alias"]),
    ("the Norway problem", "country: no\n", ["yaml-ambiguous"]),
    ("the Norway problem in capitals", "country: NO\n", ["yaml-ambiguous"]),
    ("a key that is true", "on: push\n", ["yaml-ambiguous"]),
    ("octal of YAML 1.2", "mode: 0o17\n", ["yaml-ambiguous"]),
    ("a key that is false", "n: 1\n", ["yaml-ambiguous"]),
    ("octal of YAML 1.1", "val: 010\n", ["yaml-ambiguous"]),
    ("sexagesimal", "t: 1:30\n", ["yaml-ambiguous"]),
    ("underscores", "val: 1_000\n", ["yaml-ambiguous"]),
    ("float with an exponent", "val: 1e3\n", ["yaml-float"]),
    ("float with both", "val: 1.0e+3\n", ["yaml-float"]),
    ("infinity", "val: .inf\n", ["yaml-float"]),
    ("not a number", "val: .nan\n", ["yaml-float"]),
    ("large integer", "val: 123456789012345678901234567890\n", ["yaml-integer"]),
    ("huge integer", "val: " + "9" * 5_000 + "\n", ["yaml-integer"]),
    ("first integer beyond", "val: 9007199254740992\n", ["yaml-integer"]),
    ("minus zero", "val: -0\n", ["yaml-integer"]),
    ("float", "val: 0.1000000000000000055511151231257827\n", ["yaml-float"]),
    ("date", "d: 2026-01-01\n", ["yaml-ambiguous"]),
    ("null as key", "~: 1\n", ["yaml-ambiguous"]),
    ("integer as key", "1: a\n", ["yaml-key"]),
    ("true as key", "true: a\n", ["yaml-key"]),
    ("list as key", "[a]: b\n", ["yaml-key"]),
    ("tag", "x: !!python/object/apply:os.system [id]\n", ["yaml-tag"]),
    ("tag of a text", "x: !!str 1\n", ["yaml-tag"]),
    ("bare tag", "x: ! z\n", ["yaml-tag"]),
    ("binary", "x: !!binary aGk=\n", ["yaml-tag"]),
    ("set", "x: !!set {a}\n", ["yaml-tag", "yaml-empty"]),
    ("two documents", "a: 1\n---\na: 2\n", ["yaml-documents"]),
    ("end of document", "a: 1\n...\n", ["yaml-documents"]),
    ("directive", "%YAML 1.1\n---\na: yes\n", ["yaml-directive", "yaml-ambiguous"]),
    ("unknown directive", "# c\n%FOO\n---\na: b\n", ["yaml-directive"]),
    ("byte order mark", "\ufeffa: 1\n", ["yaml-bom"]),
    ("CRLF", "a: 1\r\nb: |\r\n  x\r\n  y\r\n", ["yaml-cr"]),
    ("tab", "a:\tb\n", ["yaml-tab"]),
    ("NUL", 'a: "\\0"\n', ["yaml-escape"]),
    ("surrogate pair", 'a: "\\ud83d\\ude00"\n', ["yaml-escape"]),
    ("half a surrogate pair", 'a: "\\ud800"\n', ["yaml-escape"]),
    ("beyond Unicode", 'a: "\\U00110000"\n', ["yaml-escape"]),
    ("far beyond Unicode", 'a: "\\Uffffffff"\n', ["yaml-escape"]),
    ("next line", 'a: "x\u0085y"\n', ["yaml-control"]),
    ("line separator", 'a: "x\u2028y"\n', ["yaml-control"]),
    ("escape character", 'a: "\x1b[2J"\n', ["yaml-control"]),
    ("bidi override", 'a: "\u202egnp.exe"\n', ["yaml-control"]),
    ("missing value", "a:\n", ["yaml-empty"]),
    ("tilde", "a: ~\n", ["yaml-ambiguous"]),
    ("equals sign", "a: =\n", ["yaml-ambiguous"]),
    ("billion laughs", "a: &a [x,x]\nb: &b [*a,*a]\n", ["yaml-anchor", "yaml-anchor", "yaml-alias", "yaml-alias"]),
    ("hexadecimal", "a: 0xff\n", ["yaml-ambiguous"]),
    ("leading plus", "a: +1\n", ["yaml-ambiguous"]),
    ("leading point", "a: .5\n", ["yaml-float"]),
    ("trailing point", "a: 5.\n", ["yaml-float"]),
    ("no line end", "a: b", ["yaml-newline"]),
    ("nothing", "", ["yaml-empty"]),
    ("only a comment", "# c\n", ["yaml-empty"]),
    ("unclosed list", "a: [1\n", ["yaml-syntax"]),
    ("not UTF-8", b"a: \xff\n", ["yaml-utf8"]),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_two_readers_could_take_differently_is_refused(
    text: str | bytes, expected: list[str], engine: Any
) -> None:
    assert codes(text, engine) == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: b:c\n", {"a": "b:c"}),
        ("a: e\u0301\n", {"a": "e\u0301"}),
        ("a: x\n  y\n", {"a": "x y"}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("- true\n- false\n- null\n- -7\n- 0\n- 9007199254740991\n", [True, False, None, -7, 0, 2**53 - 1]),
        ('"NO": "010"\n', {"NO": "010"}),
        ("a: ['1:30', \"1e3\", '', '<<', '~', '=']\n", {"a": ["1:30", "1e3", "", "<<", "~", "="]}),
        ("path: /usr/bin/x # comment\n", {"path": "/usr/bin/x"}),
        ('a: "\\U0001F600\\t\\x1b"\n', {"a": "\U0001f600\t\x1b"}),
        ("---\n{a: [], b: {}}\n", {"a": [], "b": {}}),
    ],
)
def test_what_reads_alike_everywhere_is_accepted(text: str, data: Any, engine: Any) -> None:
    assert parse_with(engine, text.encode(), "x.yaml").data == data


def test_every_mistake_is_reported_in_its_place() -> None:
    text = "name: who\nname: what\ncountry: NO\nlist:\n  - 1.5\n  - *x\n  - &y 010\nname: again\n"
    assert [(found.line, found.column, found.width, found.code) for found in problems(text)] == [
        (2, 1, 4, "yaml-duplicate-key"),
        (3, 10, 2, "yaml-ambiguous"),
        (5, 5, 3, "yaml-float"),
        (6, 5, 2, "yaml-alias"),
        (7, 5, 6, "yaml-anchor"),
        (7, 5, 6, "yaml-ambiguous"),
        (8, 1, 4, "yaml-duplicate-key"),
    ]
    assert problems(text)[1].excerpt == "country: NO"
    assert problems(text)[1].help == 'write "NO", in quotes'


def test_every_value_and_key_keeps_its_place() -> None:
    parsed = load(b'metadata:\n  owner: alice\n  "na\\u006de": w\nlist: [1, {a: "b c"}]\n', "x.yaml")
    assert parsed.data == {"metadata": {"owner": "alice", "name": "w"}, "list": [1, {"a": "b c"}]}
    assert parsed.marks[("metadata", "owner")] == Mark(2, 10, 5)
    assert parsed.keys[("metadata", "name")] == Mark(3, 3, 11)
    assert parsed.marks[("list", 1, "a")] == Mark(4, 15, 5)
    assert parsed.marks[("list", 1)] == Mark(4, 11, 1)
    assert parsed.keys[("list",)] == Mark(4, 1, 4)
    assert parsed.lines[1] == "  owner: alice"


def test_a_problem_with_what_is_absent_stands_at_what_it_would_be_in() -> None:
    parsed = load(b"metadata:\n  owner: alice\n", "x.yaml")
    assert parsed.problem(("metadata", "title"), "code", "message")[:3] == ("x.yaml", 1, 1)
    assert parsed.problem(("metadata", "owner"), "code", "message")[1:3] == (2, 10)
    assert parsed.problem(("metadata", "owner"), "code", "message", key=True)[1:3] == (2, 3)
    assert parsed.problem(("spec", "targets", 0), "code", "message")[1:3] == (1, 1)


HOSTILE = [
    ("10 MB", b"a: " + b"x" * 10_000_000 + b"\n", "yaml-size"),
    ("depth 1,000 in a flow", b"[" * 1_000 + b"]" * 1_000 + b"\n", "yaml-depth"),
    ("depth 30,000 in a flow", b"{a: " * 16_000 + b"\n", "yaml-depth"),
    ("depth 300 in blocks", b"".join(b" " * i + b"a:\n" for i in range(300)), "yaml-depth"),
    ("depth 30,000 on one line", b"- " * 30_000 + b"x\n", "yaml-depth"),
    (
        "alias bomb",
        b"a: &a [x,x]\n" + b"".join(b"k%d: &k%d [*k%d,*k%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 999)),
        "yaml-anchor",
    ),
    ("60,000 digits", b"a: " + b"1" * 60_000 + b"\n", "yaml-integer"),
    ("60,000 digits and a letter", b"a: " + b"1" * 60_000 + b"x\n", "yaml-ambiguous"),
    ("60,000 underscores", b"a: 1" + b"_" * 60_000 + b"x\n", "yaml-ambiguous"),
    ("60,000 tabs", b"\t" * 60_000 + b"\n", "yaml-tab"),
    ("20,000 control characters", "".join(map(chr, range(0x80, 0xA0))).encode() * 900 + b"\n", "yaml-control"),
    ("30,000 line ends", b"\n" * 60_000, "yaml-empty"),
    ("20,000 ambiguous texts", b"- no\n" * 13_000, "yaml-ambiguous"),
    ("20,000 duplicate keys", b"aa: b\n" * 10_000, "yaml-duplicate-key"),
    ("60,000 open quotes", b"'" * 60_001 + b"\n", "yaml-syntax"),
    ("30,000 comments before a directive", b"#\n" * 30_000 + b"%\n", "yaml-directive"),
]


@pytest.mark.parametrize(("raw", "code"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_files_are_refused_fast(raw: bytes, code: str) -> None:
    for engine in ENGINES:
        start = time.process_time()
        found = problems(raw, engine)
        assert time.process_time() - start < 3
        assert code in {problem.code for problem in found}
        assert len(found) <= MAX_PROBLEMS + 5


def test_hostile_files_are_refused_in_bounded_memory() -> None:
    tracemalloc.start()
    for _, raw, _ in HOSTILE:
        assert problems(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000


json_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), inner, max_size=5
        )
    ),
    max_leaves=25,
).filter(lambda data: isinstance(data, list | dict))


class Quoting(yaml.SafeDumper):
    """Writes every text in double quotes, and nothing else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


@given(data=json_data, flow=st.booleans())
@settings(derandomize=True, deadline=None, max_examples=60)
def test_json_data_comes_back_as_it_was(data: Any, flow: bool) -> None:
    text = yaml.dump(data, Dumper=Quoting, default_flow_style=flow)
    for engine in ENGINES:
        assert parse_with(engine, text.encode(), "x.yaml").data == data


WORDS = ["a", "b1", "no", "NO", "true", "True", "null", "~", "1", "-1", "010", "1e3", "0x1f", "1:30", "2026-01-01"]
WORDS += ["-", "?", ":", "a:b", "<<", "=", "''", '"x"', '"\\n"', "[]", "{}", "x y", "#c", "&a", "*a", "!t", "|", ">"]
WORDS += ["é", "٣", "_", "/", "+1", ".5", ".inf", "0", "-0", "%", "@", "`", "'", '"', "1_0", "a #b", "[a, b]", "{a: b}"]

fragments = st.sampled_from(WORDS) | st.text("abno1.:-_ [],{}\"'#&*!|>?%@~=+\n", max_size=6)
entries = st.tuples(
    st.sampled_from(["", "  ", "- ", "  - "]), fragments, st.sampled_from([": ", ":", "\n", ", "]), fragments
)
documents = st.lists(entries.map("".join), max_size=6).map(lambda lines: "\n".join(lines) + "\n")


@given(text=documents)
@settings(derandomize=True, deadline=None, max_examples=600)
def test_whatever_is_accepted_means_the_same_to_others(text: str) -> None:
    """PyYAML's own resolver and constructor, which know all of YAML 1.1, are the others."""
    judged = []
    for engine in ENGINES:
        try:
            data = parse_with(engine, text.encode(), "x.yaml").data
        except Invalid:
            judged.append("refused")
            continue
        judged.append(json.dumps(data))
        assert json.dumps(yaml.safe_load(text)) == judged[-1]
    assert len(set(judged)) == 1, "both parsers judge alike"


@given(raw=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_any_bytes_are_either_a_document_or_problems(raw: bytes) -> None:
    for engine in ENGINES:
        for problem in problems(raw, engine):
            assert problem.line >= 0
            assert problem.message
