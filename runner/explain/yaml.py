"""Codes of `formats/strictyaml.py` and `formats/yamltext.py`."""

from __future__ import annotations

from runner.explain.entry import Entry

ENTRIES = {
    "yaml-alias": Entry(
        "yaml",
        "An alias",
        "An alias repeats a part of the file under another name, so a few lines can stand for gigabytes. "
        "What is signed should read as it is meant: write the value out.",
        "us: *base\n",
        "us: {memory: 64}\n",
    ),
    "yaml-ambiguous": Entry(
        "yaml",
        "A text without quotes that YAML versions read differently",
        "NO is false in YAML 1.1 and a text in YAML 1.2; 010 is eight or ten; 1:30 is ninety or a text. Signed files "
        "mean one thing only: texts that do not begin with a letter, _ or /, and words like yes, stand in quotes.",
        "country: NO\n",
        'country: "NO"\n',
    ),
    "yaml-anchor": Entry(
        "yaml",
        "An anchor",
        "An anchor names a part of the file for aliases, which are not read. Remove the anchor.",
        "regions: &all [EU, US]\n",
        "regions: [EU, US]\n",
    ),
    "yaml-bom": Entry(
        "yaml",
        "A byte order mark",
        "Some editors begin a file with an invisible U+FEFF, and some parsers take it for a part of the first key. "
        "Save the file as UTF-8 without BOM.",
        "\ufeffname: who\n",
        "name: who\n",
    ),
    "yaml-control": Entry(
        "yaml",
        "A control character or one that turns the reading direction",
        "Such characters are invisible, end lines in some parsers only, or show a line in another order "
        "than it is read. A reviewer must see what is signed: write an escape in double quotes.",
        'text: "a\u202eb"\n',
        'text: "a\\u202eb"\n',
    ),
    "yaml-cr": Entry(
        "yaml",
        "A carriage return",
        "The signature covers the exact bytes, and Windows line ends change on their way through git. "
        "Save the file with Unix line ends.",
        "name: who\r\n",
        "name: who\n",
    ),
    "yaml-depth": Entry(
        "yaml",
        "More than 20 levels",
        "No document here needs more than a handful of levels; deep nesting only serves to exhaust parsers.",
        "a: " + "[" * 20 + "1" + "]" * 20 + "\n",
        "a: [[1]]\n",
    ),
    "yaml-directive": Entry(
        "yaml",
        "A directive",
        "A %YAML or %TAG line changes what the rest of the file means. Remove it.",
        "%YAML 1.1\n---\nname: who\n",
        "name: who\n",
    ),
    "yaml-documents": Entry(
        "yaml",
        "More than one document",
        "Parsers disagree about whether the first, the last or every document of a file counts. One file, "
        "one document.",
        "name: who\n---\nname: what\n",
        "name: who\n",
    ),
    "yaml-duplicate-key": Entry(
        "yaml",
        "A key that stands twice",
        "Some parsers keep the first value, some the last, some refuse: the same signed bytes would ask for different "
        "things. Keep one of them.",
        "retries: 1\nretries: 5\n",
        "retries: 1\n",
    ),
    "yaml-empty": Entry(
        "yaml",
        "A value is missing",
        "Nothing after a key means null, which is seldom meant. Write the value, or leave the field out.",
        "schedule:\n",
        'schedule: "0 3 * * 1"\n',
    ),
    "yaml-escape": Entry(
        "yaml",
        "An escape that is no character",
        "NUL, halves of surrogate pairs and numbers beyond U+10FFFF cannot be written as UTF-8. "
        "YAML writes a character beyond U+FFFF as one escape, not as two as JSON does.",
        'text: "\\ud83d\\ude00"\n',
        'text: "\\U0001F600"\n',
    ),
    "yaml-float": Entry(
        "yaml",
        "A float",
        "0.1 has no exact value in a computer, so two programs may print and hash it differently. "
        "Decimal numbers are quoted texts here.",
        "total: 0.25\n",
        'total: "0.25"\n',
    ),
    "yaml-integer": Entry(
        "yaml",
        "An integer that not every parser holds",
        "Beyond 2^53 - 1 many parsers round silently, and -0 is 0 only for some. Write a quoted text where "
        "you mean a name.",
        "seed: 9007199254740993\n",
        "seed: 9007199254740991\n",
    ),
    "yaml-key": Entry(
        "yaml",
        "A key that is no text",
        "JSON, and so this data, knows texts as keys only. Write the key in quotes.",
        "1: one\n",
        '"1": one\n',
    ),
    "yaml-merge": Entry(
        "yaml",
        "A merge key",
        "Only some parsers know <<, and they disagree about which field wins. Write the fields out.",
        "<<: {memory: 64}\ncpus: 1\n",
        "memory: 64\ncpus: 1\n",
    ),
    "yaml-newline": Entry(
        "yaml",
        "The last line has no end",
        "Editors and git add the missing line feed sooner or later, and the signature over the exact bytes breaks.",
        "name: who",
        "name: who\n",
    ),
    "yaml-size": Entry(
        "words",
        "More than 64 KiB",
        "A job that a reviewer can read is smaller by far. Larger inputs belong into the benchmark's folder.",
        "a file of 10 MB",
        "a file of 2 KB, and the inputs in registry/benchmarks/NAME/",
    ),
    "yaml-syntax": Entry(
        "yaml",
        "This is no YAML",
        "The parser stopped here; what follows was not judged. Often the mistake stands a line above: "
        "a missing quote, bracket or space after a colon.",
        "regions: [EU, US\nname: who\n",
        "regions: [EU, US]\nname: who\n",
    ),
    "yaml-tab": Entry(
        "yaml",
        "A tab",
        "YAML forbids tabs where lines are indented, and parsers disagree elsewhere. Use spaces, or \\t in "
        "double quotes.",
        "name:\twho\n",
        "name: who\n",
    ),
    "yaml-tag": Entry(
        "yaml",
        "A tag",
        "Tags make parsers create objects of other types, even run code. Values here are texts, integers, true, false, "
        "null, lists and mappings.",
        "revision: !!str 1\n",
        'revision: "1"\n',
    ),
    "yaml-utf8": Entry(
        "words",
        "Bytes that are not UTF-8",
        "Every file here is UTF-8, so that everybody reads the same characters. Save the file again in that encoding.",
        "a file in Latin-1, where é is the byte 0xE9",
        "a file in UTF-8, where é is the bytes 0xC3 0xA9",
    ),
}
