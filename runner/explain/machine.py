"""Codes of this machine, of the command line, and of jobs that wait."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "benchmark-path": Note(
        "A benchmark's file has an unusable name",
        "Names with `..`, a leading slash or control characters could reach outside its folder.",
        "use plain relative paths",
    ),
    "budget-spent": Note(
        "The month's budget does not cover the run",
        "The policy caps what an owner and the registry may reserve in a month.",
        "wait for the next month, or have the maintainers raise the cap",
    ),
    "code-unknown": Note("No error has this code", "`beacon explain` alone lists them all.", "look for a misspelling"),
    "demo-files-missing": Note(
        "The demo's jobs are not there",
        "They stand in registry/ of Beacon Runner's own repository.",
        "run the demo in a clone of it",
    ),
    "entry-unknown": Note("The log has no such entry", "Entries count from 0.", "beacon log show"),
    "executor-refuses": Note(
        "This runner cannot run the job's target",
        "The message says what is missing here.",
        "use a runner that can, or give the image in another form",
    ),
    "file-misplaced": Note(
        "A job's file stands in the wrong place",
        "Its path names owner, suite and job.",
        "registry/jobs/OWNER/[SUITE/]NAME.yaml",
    ),
    "file-unreadable": Note(
        "A file cannot be read", "It does not exist, or the permissions stand against it.", "check the path"
    ),
    "file-unwritable": Note(
        "A file cannot be written", "The folder is not there, or not yours to write.", "give another path"
    ),
    "folder-empty": Note(
        "The folder has no files", "The CID of a benchmark covers its files.", "give the benchmark's folder"
    ),
    "folder-exists": Note("The folder is there already", "Nothing is overwritten.", "give a new folder"),
    "folder-not-empty": Note("The folder is not empty", "Nothing is overwritten.", "give a new folder"),
    "image-form": Note(
        "The image cannot run here",
        "The local executor runs the forms `source` and `oci`; the message says why each cannot run on this machine.",
        "mend one of them, give another form, or use a runner on Golem",
    ),
    "install-failed": Note(
        "A benchmark's packages could not be installed",
        "They are installed by hash before the sandbox starts; the message holds the installer's words.",
        "check the network, the hashes, and that each package has a wheel for this platform",
    ),
    "installer-missing": Note(
        "There is no installer for packages", "Neither uv nor pip is here.", "python -m ensurepip"
    ),
    "internal-error": Note(
        "A mistake of the program",
        "`beacon daemon` goes on all the same: it waits, tries again, and does again what a new head asks for.",
        "report it with the message, which names the place; `beacon reconcile` on the same clone shows all of it",
    ),
    "key-not-logged": Note(
        "The job's key is not in the log yet",
        "A key enters the log in one tick, and what it signed counts from the next.",
        "nothing: the next reconcile takes the job",
    ),
    "name-malformed": Note(
        "A name has a form that no registry accepts",
        "Names stand in paths, keys and signatures.",
        "use lower-case letters, digits and dashes",
    ),
    "no-registry": Note(
        "There is no registry here",
        "A registry has registry/policy.yaml and registry/trust.json on its branch.",
        "beacon init, then commit; or give the folder of a clone",
    ),
    "not-due": Note(
        "The schedule wants no run now",
        "The run of the last due time was taken.",
        "nothing: the next due time is in the schedule",
    ),
    "outside-window": Note(
        "No run may start at this time",
        "The policy's windows name the minutes in which runs may start; the plan says when the next window opens.",
        "wait, or have the maintainers change windows in registry/policy.yaml; what runs already goes on",
    ),
    "options-clash": Note(
        "These options do not go together", "Each asks for another thing.", "give one of them at a time"
    ),
    "output-unwritable": Note(
        "What a verb prints cannot be written",
        "The disk that stdout leads to is full, or went away.",
        "make room, or print elsewhere; what the verb did before is done",
    ),
    "path-unsafe": Note(
        "A file has an unusable name",
        "It could reach outside its folder, or be read differently elsewhere.",
        "rename the file",
    ),
    "pdf-missing": Note(
        "The program that makes PDFs is not installed",
        "WeasyPrint is the extra `pdf`; it needs the system's Pango.",
        "pip install weasyprint; Debian, Ubuntu: apt install libpango-1.0-0 libharfbuzz-subset0",
    ),
    "registry-exists": Note("There is a registry already", "`init` overwrites nothing.", "change it by pull request"),
    "requirement-not-pinned": Note(
        "A benchmark's requirement is not pinned by hash",
        "What is installed must be what its author meant.",
        "name==version --hash=sha256:…, for each package and its dependencies",
    ),
    "requirements-not-text": Note(
        "A benchmark's requirements are not text", "requirements.txt is UTF-8.", "save it as UTF-8"
    ),
    "revision-replayed": Note(
        "A revision came back",
        "metadata.revision rises with every change, so that an old signed file cannot be replayed.",
        "raise metadata.revision and sign again",
    ),
    "run-ambiguous": Note(
        "More than one run is meant", "A PDF is of one run.", "name it by its first digits, which `beacon report` lists"
    ),
    "run-unknown": Note(
        "No run, or more than one, begins like this",
        "A run is named by the first digits of its id.",
        "beacon status, beacon report; give more digits",
    ),
    "sandbox-broken": Note(
        "The sandbox does not start",
        "Often unprivileged user namespaces are switched off.",
        "allow them for bubblewrap (sysctl or AppArmor), or use a newer one",
    ),
    "sandbox-leaks": Note(
        "The sandbox does not isolate",
        "Its self-test reached what it must not reach, so nothing runs in it.",
        "use a newer bubblewrap",
    ),
    "sandbox-missing": Note(
        "There is no sandbox",
        "Benchmarks are strangers' programs and never run without one.",
        "install bubblewrap and util-linux",
    ),
    "sandbox-python": Note(
        "Python's own files were not found",
        "The sandbox shows the benchmark this machine's Python, in its usual layout.",
        "run Beacon on a CPython of the usual layout",
    ),
    "sandbox-unsupported": Note(
        "The sandbox needs Linux",
        "It is made of Linux namespaces.",
        "use a Linux machine, virtual machine or container",
    ),
    "schema-unknown": Note(
        "There is no such schema", "`beacon schema` alone lists them all.", "look for a misspelling"
    ),
    "state-damaged": Note(
        "What was signed or seen last cannot be read",
        "It lives outside the clone, because a rewound clone must not rewind it. Nothing is guessed.",
        "compare the log's checkpoint with other clones; delete the file only if it holds",
    ),
    "system-refused": Note(
        "The operating system refused",
        "A disk is full, a file is not ours, or a limit is reached. `beacon daemon` waits and tries again.",
        "the message names the file or the limit; df -h, ls -l, ulimit -a",
    ),
    "target-refused": Note(
        "A target cannot run on this executor",
        "The message says why.",
        "use another runner, or give the image in another form",
    ),
    "read-failed": Note("A file cannot be read", "The disk fails, or the permissions stand against it.", "check both"),
    "write-failed": Note(
        "A file cannot be written", "The disk is full, or the permissions stand against it.", "check both"
    ),
}
