"""Behind `./beacon`, in a clone: installs what the hashed requirements files pin into `.venv`, then runs any verb.

    ./beacon demo      the whole story on this machine, with a real model
    ./beacon test      the tests          ./beacon lint   style, types, imports, workflows
    ./beacon lock      pin the requirements again           ./beacon build  the package, into dist/
    ./beacon --help    everything else

Standard library only, imported where it is needed: each verb starts here. Uses uv where it is on the PATH, else pip.
The package that is built leaves this module out.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parents[2]
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
EXTRAS = ("audit", "devnet", "golem", "local")
LINT = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("actionlint",),
    ("zizmor", "--offline", "--quiet", "."),
    ("check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/*.yml"),
    ("check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"),
    ("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"),
    ("check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[0-9]*.yml"),
    ("check-jsonschema", "--builtin-schema", "vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
)


def die(message: str) -> NoReturn:
    """Say why nothing can be run, and exit with 4."""
    print(f"beacon: {message}", file=sys.stderr)
    sys.exit(4)


def installed(name: str) -> bool:
    """Whether `.venv` holds what the requirements file pins, by the stamp that the last complete install left."""
    try:
        return (VENV / f"{name}.sha256").read_text() == digest(name)
    except OSError:
        return False


def digest(name: str) -> str:
    """SHA-256 of a requirements file, in hex."""
    return hashlib.sha256((HERE / name).read_bytes()).hexdigest()


def install(name: str) -> None:
    """Install one requirements file. The stamp comes last: a run that was cut off installs again."""
    import fcntl
    import shutil
    import subprocess

    if not shutil.which("git"):
        die("needs git on the PATH (Debian, Ubuntu: apt install git)")
    with (HERE / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at once: the second finds the work done
        if installed(name):
            return
        print(f"beacon: installing {name} into .venv", file=sys.stderr)
        uv = shutil.which("uv")
        if not PYTHON.exists():
            create(uv)
        if uv:
            command = [uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
        else:  # an environment that uv made, on another day, has no pip
            subprocess.run([str(PYTHON), "-m", "ensurepip"], capture_output=True)
            command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*command, "--require-hashes", "-r", str(HERE / name)]).returncode:
            die(f"could not install {name}; see above")
        (VENV / f"{name}.sha256").write_text(digest(name))


def create(uv: str | None) -> None:
    """Make `.venv`, by uv where it is there."""
    import shutil
    import subprocess

    if uv:
        code = subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)]).returncode
    else:
        code = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True).returncode
    if code:
        shutil.rmtree(VENV, ignore_errors=True)
        die("this Python cannot make a virtual environment: install uv, or python3-venv (Debian, Ubuntu)")


def again(arguments: list[str]) -> None:
    """Start over with the environment's own interpreter."""
    os.execv(PYTHON, [str(PYTHON), "-E", "-s", str(HERE / "beacon"), *arguments])


def test(arguments: list[str]) -> int:
    """The quick tests, all of them with `--slow`, or what the arguments choose."""
    import subprocess

    quick = [] if "-m" in arguments else ["-m", "not long" if "--slow" in arguments else "not slow"]
    if not arguments:
        # the whole suite, on every core; in the order of the files, since those with the longest tests come first
        quick += ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    arguments = [argument for argument in arguments if argument != "--slow"]
    # compiled once, and not by every process of every test, whatever the shell says
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([str(PYTHON), "-m", "pytest", "-rs", *quick, *arguments], cwd=HERE, env=environ).returncode


def lint() -> int:
    """Every linter, whatever the others found."""
    import subprocess

    failed = []
    for tool, *arguments in LINT:
        words = [str(path) for word in arguments for path in (sorted(HERE.glob(word)) if "*" in word else [word])]
        if subprocess.run([str(VENV / "bin" / tool), *words], cwd=HERE).returncode:
            failed.append(tool)
    print(f"lint: {' and '.join(failed)} failed" if failed else "lint: clean", file=sys.stderr)
    return 1 if failed else 0


def lock() -> int:
    """Pin names, versions and hashes; no download address is written."""
    import shutil
    import subprocess

    uv = shutil.which("uv") or die("locking needs uv on the PATH")
    common = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
    common += ["--no-emit-index-url", "--no-emit-find-links"]
    files = {
        "requirements.txt": ["pyproject.toml", *(f"--extra={name}" for name in EXTRAS)],
        "requirements-dev.txt": ["requirements-dev.in", "-c", "requirements.txt"],
    }
    for name, sources in files.items():
        if subprocess.run([uv, "pip", "compile", *common, *sources, "-o", name], cwd=HERE).returncode:
            return 1
    return 0


def build() -> int:
    """The package, into dist/. What builds it is pinned by hash, like everything else."""
    import subprocess

    return subprocess.run([str(VENV / "bin" / "hatchling"), "build"], cwd=HERE).returncode


def main(arguments: list[str]) -> int:
    """Install what is missing, then run a verb. Returns the exit code."""
    verb = arguments[0] if arguments else ""
    needs = ["requirements.txt"] + (["requirements-dev.txt"] if verb in ("test", "lint", "build") else [])
    missing = [name for name in needs if not installed(name)]
    for name in missing:
        install(name)
    if missing or Path(sys.prefix) != VENV:
        again(arguments)
    if verb == "test":
        return test(arguments[1:])
    if verb == "lint":
        return lint()
    if verb == "lock":
        return lock()
    if verb == "build":
        return build()
    from runner.cli import main as beacon

    return beacon()
