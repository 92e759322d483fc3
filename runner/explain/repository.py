"""Codes of keys, git and the remote: what stands between a runner and its repository."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "bare-repository": Note(
        "A bare repository has no files",
        "The verb reads or writes files of a work tree.",
        "clone it without --bare, or name a commit, where the verb takes --rev",
    ),
    "branch-other": Note(
        "The clone is on another branch than its policy names",
        "A runner writes the log to one branch only, the policy's.",
        "git switch; in a bare repository git symbolic-ref HEAD refs/heads/BRANCH",
    ),
    "branch-missing": Note("The branch has no commit", "There is nothing to work on yet.", "push a first commit"),
    "branch-moved": Note(
        "Somebody else wrote first",
        "The branch moved between reading and writing; nothing was written.",
        "nothing: the next try reads again",
    ),
    "clone-busy": Note(
        "Another beacon works in this clone",
        "Two at once would get in each other's way.",
        "wait, or use a clone of its own",
    ),
    "clone-shallow": Note(
        "The clone holds only a part of the history",
        "Each commit since the first is judged, and what a start named may stand in an old one.",
        "git fetch --unshallow, or clone again",
    ),
    "clone-partial": Note(
        "The clone left out what is asked for",
        "A clone made with --filter has few contents, and only verbs that work with a remote fetch others.",
        "git fetch --refetch --no-filter, or clone again without --filter",
    ),
    "remote-withholds": Note(
        "The remote gives no single objects",
        "Git's old protocol, which an sshd speaks that does not accept GIT_PROTOCOL, gives whole histories only.",
        "uploadpack.allowAnySHA1InWant or AcceptEnv GIT_PROTOCOL on the server; or clone without --filter and --depth",
    ),
    "git-failed": Note(
        "A git command failed",
        "The message holds git's own words.",
        "see `git fsck`, the free space and the permissions",
    ),
    "git-missing": Note(
        "Git is not installed", "The repository is the only state, and git keeps it.", "install git 2.36 or later"
    ),
    "git-name": Note(
        "A branch or a remote has no plain name",
        "Names go into command lines and refs, so only plain ones are used.",
        "rename it: letters, digits, dots, dashes, slashes",
    ),
    "git-object-damaged": Note(
        "A git object cannot be read", "Its bytes are not those of a tree or a commit.", "see `git fsck`; clone again"
    ),
    "git-object-format": Note(
        "The repository names objects by another hash than SHA-1",
        "Ids of 40 digits stand in the formats.",
        "make the registry with git init --object-format=sha1",
    ),
    "git-object-missing": Note(
        "An object is not in this clone",
        "The clone is damaged, or a name is wrong.",
        "see `git fsck`; git fetch, or clone again",
    ),
    "git-repository-missing": Note(
        "There is no git repository", "A registry is a git repository.", "git init, or give the folder of a clone"
    ),
    "git-timeout": Note(
        "A git command did not end in time", "The network or the remote hangs; the command was ended.", "try again"
    ),
    "history-missing": Note(
        "The clone lacks what a pull request brings",
        "Every commit between the base and the proposed one is judged.",
        "fetch both with their whole history; in Actions: `fetch-depth: 0`",
    ),
    "intent-foreign": Note(
        "The intent was not made by a runner",
        "Whoever can push refs/beacon/intent could otherwise have anything signed.",
        "find out who pushed it, then git push origin :refs/beacon/intent",
    ),
    "intent-moved": Note(
        "Another writer completed this intent",
        "What was begun is published already.",
        "nothing: the next try reads again",
    ),
    "intent-late": Note(
        "The intent came when another one had just taken its turn",
        "Two writers planned on the same branch; the second one's intent was withdrawn, and nothing was signed for it.",
        "nothing: the next try plans anew",
    ),
    "intent-stale": Note(
        "The intent was made for another state of reports/",
        "Somebody wrote reports/ besides the runner, so that completing the intent would lose or repeat entries.",
        "compare both; where nothing was signed for it, delete refs/beacon/intent",
    ),
    "intent-stands": Note(
        "Another writer is at work",
        "Writers take turns by refs/beacon/intent; nothing was written.",
        "nothing: the next try completes or finds what the other began",
    ),
    "job-unknown": Note(
        "No job, or more than one, is called so",
        "A job is named by its path, by OWNER/NAME, or by its name alone where no other job has that.",
        "`beacon status` lists all jobs",
    ),
    "key-encrypted": Note(
        "A private key has a passphrase",
        "A runner works unattended, and nothing here asks for a passphrase.",
        "sign with `ssh-keygen -Y sign`, which asks, or use a key without one",
    ),
    "key-exists": Note(
        "A key is there already",
        "Keys are never overwritten: what they signed would lose its meaning.",
        "choose another name",
    ),
    "key-exposed": Note(
        "Others can read a private key",
        "Whoever can read it can sign as you.",
        "chmod 600 FILE; make a new key if others had access",
    ),
    "key-malformed": Note(
        "A public key cannot be read",
        "It is one line: ssh-ed25519, base64, and words of your choice.",
        "copy the line from the .pub file",
    ),
    "key-missing": Note(
        "A private key is missing",
        "The runner needs three keys, git, receipt and log, each for its own role.",
        "beacon keygen --runner FOLDER, then --keys FOLDER or BEACON_KEYS; or BEACON_KEY_GIT, _RECEIPT and _LOG",
    ),
    "key-small-order": Note(
        "A public key is no honest one",
        "Its point has a small order, so that one signature fits many messages.",
        "make a new one with `beacon keygen`",
    ),
    "key-unreadable": Note(
        "A private key cannot be read",
        "It is an unencrypted OpenSSH private key of the type Ed25519.",
        "make one with `beacon keygen`",
    ),
    "key-unwritable": Note(
        "A private key cannot be written",
        "The folder does not take it.",
        "check that the folder exists, its permissions and the free space",
    ),
    "keys-inside": Note(
        "Private keys would stand inside the repository", "They would be committed one day.", "choose a folder outside"
    ),
    "keys-shared": Note(
        "One key serves two roles",
        "What is signed in one role could be replayed in the other.",
        "make a key for each role with `beacon keygen --runner FOLDER`",
    ),
    "keys-unusable": Note(
        "Several private keys cannot be used", "The message names each of them.", "mend them one by one"
    ),
    "log-behind": Note(
        "The remote is older than what this runner signed",
        "Planning over it would sign a second log of the same size. The runner's own state says what it signed.",
        "find out who moved the branch back, and push the newest commit again",
    ),
    "log-empty": Note("There is no log yet", "The first reconcile writes its first entry.", "beacon reconcile"),
    "not-a-repository": Note(
        "The folder is in no git work tree",
        "A registry is a git repository.",
        "git init, or give the folder of a clone",
    ),
    "push-failed": Note(
        "A push did not arrive",
        "The connection was cut, or the server let nobody in; the branch is as it was.",
        "check the network and the access rights; the next run tries again",
    ),
    "push-refused": Note(
        "The remote refused a push",
        "Access rights or rules of the branch stand against it.",
        "let the runner push to the branch and to refs/beacon/*",
    ),
    "push-unknown": Note(
        "Whether a push arrived is unknown",
        "The connection was lost; nothing is lost.",
        "nothing: the next run looks whether it arrived",
    ),
    "ref-update-failed": Note(
        "A ref could not be moved",
        "Another process holds its lock, or left one behind.",
        "remove the *.lock file in the git directory once no git runs",
    ),
    "remote-unknown": Note(
        "There is no remote of this name",
        "git remote lists the ones that there are.",
        "--remote NAME, or --remote none for the local branch alone",
    ),
    "remote-unreachable": Note(
        "The remote does not answer", "The network, the address or the access rights.", "try `git ls-remote`"
    ),
    "remote-unsafe": Note(
        "The remote's address starts a program",
        "Addresses like ext:: run commands of whoever wrote them.",
        "use a path, https or ssh",
    ),
    "revision-fixed": Note(
        "A job's revision cannot be raised in place",
        "`beacon rerun` changes the number and nothing else, so it has to stand there as a plain integer.",
        "write `revision: 1`, or one more than before, below `metadata:`, and sign the file",
    ),
    "revision-unknown": Note(
        "No commit has this name",
        "It is no branch, tag or id of this clone, or not in the branch's history.",
        "see `git log`; fetch it first",
    ),
    "runner-not-logged": Note(
        "The log does not hold this runner's key yet",
        "registry/keys/runners lists it, but what it signs counts only after a log entry that says so.",
        "run `beacon reconcile` once: it logs the new keys",
    ),
    "runner-unknown": Note(
        "The keys are not those of a runner of this registry",
        "registry/keys/runners lists a git and a receipt key under one name, registry/keys/log.vkey the log's key.",
        "use the right folder of keys, or have yours added by the maintainers",
    ),
    "shell-unknown": Note(
        "There is no completion for this shell",
        "Each shell asks for candidates in its own way.",
        "name one of bash, zsh, fish and powershell",
    ),
    "tree-too-large": Note(
        "A folder unfolds to more files than any registry has",
        "Such a tree is made to exhaust its readers: few objects, nested millions of times.",
        "refuse the commit that brought it",
    ),
    "work-tree-in-the-way": Note(
        "Files that are not committed are in the way",
        "The branch is checked out, and its files would be overwritten.",
        "commit or stash them",
    ),
}
