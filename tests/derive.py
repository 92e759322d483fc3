"""What follows from bundles, derived by whatever Python runs this: `python -m tests.derive FROM TO`.

FROM has a folder for each case: `bundle/`, and `cid` with the CID that its page names. TO gets `diff.json` and the page
of each, and `characters.txt`: what this Python makes of every character, as far as the product asks it.
"""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from runner.bundle import open_bundle
from runner.compare.tokens import normalize
from runner.compare.verdict import compare
from runner.rendering.render import run_page

EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
MARKED = [char for char in EVERY if char < "\u3400" or "\ua000" < char < "\uac00" or "\ud7af" < char < "\U00017000"]
MARKED += map(chr, range(0x1A000, 0x1FC00))
"""Where Unicode puts letters and marks that compose or change places; Han and Hangul do not."""
ASKED: Mapping[str, Callable[[], Iterable[str]]] = {
    "casefold": lambda: map(str.casefold, EVERY),
    "lower": lambda: map(str.lower, EVERY),
    "isspace": lambda: filter(str.isspace, EVERY),
    "splitlines": lambda: " ".join(EVERY).splitlines(),
    "NFC": lambda: (normalize(f"q\u0345{char}\u0316\u0301", "NFC") for char in MARKED),
    "NFD": lambda: (normalize(f"q\u0345{char}\u0316\u0301", "NFD") for char in MARKED),
    "NFKC": lambda: (normalize(f"q\u0345{char}\u0316\u0301", "NFKC") for char in MARKED),
}


def derive(bundle: Mapping[str, bytes], cid: str) -> dict[str, bytes]:
    """`diff.json` and the page of a bundle, by name."""
    opened = open_bundle(bundle)
    diff = compare(opened)
    return {"diff.json": diff.canonical(), **run_page(opened, diff, cid)}


def characters() -> bytes:
    """A line for each thing that is asked of characters: its name, and a digest of the answers for all of them."""
    digests = {name: hashlib.sha256("\0".join(ask()).encode()).hexdigest() for name, ask in ASKED.items()}
    return "".join(f"{name} {digest}\n" for name, digest in digests.items()).encode()


def read(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """The opposite of `read`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def main(source: Path, target: Path) -> None:
    """Derive everything, and say on which Python."""
    for case in sorted(source.iterdir()):
        write(target / case.name, derive(read(case / "bundle"), (case / "cid").read_text()))
    write(target, {"characters.txt": characters()})
    print(sys.version.split()[0], unicodedata.unidata_version)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
