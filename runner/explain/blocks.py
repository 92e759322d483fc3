"""What can be wrong with CIDs, blocks and CARs."""

from __future__ import annotations

from collections.abc import Mapping

from runner.explain.entry import Note

ENTRIES: Mapping[str, Note] = {
    "block-missing": Note(
        "A block is not there",
        "A CAR, or all that was fetched, lacks a block that another one links to. A graph is used whole or not at all.",
        "get the CAR again, or from somewhere else",
    ),
    "block-wrong": Note(
        "A block's bytes are not those that its CID names",
        "Whoever sent it changed it, or it was damaged on the way. Nothing of it was used.",
        "take it from another gateway, node or copy: beacon fetch CID --from …",
    ),
    "bundle-file-kind": Note(
        "Something in the folder cannot be part of a bundle",
        "Bundles hold files and folders with UTF-8 names. A link could lead to any file of this machine.",
        "remove it, or copy what it leads to",
    ),
    "bundle-file-large": Note(
        "A file of the bundle is too large to judge",
        "Limits keep outputs, transcripts and receipts far smaller; whoever made this one did not run a benchmark.",
        "look at it yourself; its blocks are those that the CID names",
    ),
    "bundle-none": Note(
        "The run published no bundle",
        "It is still open, or was called off or abandoned before anything was observed.",
        "beacon describe RUN tells where it stands",
    ),
    "car-malformed": Note(
        "The bytes are no CARv1",
        "It is another kind of file, it was damaged, or somebody made it so on purpose.",
        "ipfs dag export CID writes one, and so does beacon bundle car FOLDER",
    ),
    "car-roots": Note(
        "The CAR does not say which CID to unpack",
        "It names no root, or several.",
        "beacon bundle extract FILE --cid CID --out FOLDER",
    ),
    "car-too-big": Note(
        "The CAR is larger than what is read",
        "Bytes and blocks are bounded, since a stream from a stranger need not end.",
        "raise the limit if you expect so much",
    ),
    "car-truncated": Note(
        "The CAR ends too early",
        "The connection broke, or the sender gave up. What came before was good.",
        "get it again, or from somewhere else",
    ),
    "car-version": Note(
        "The file is a CARv2",
        "CARv2 wraps a CARv1 with an index; only version 1 is read here.",
        "ipfs dag import FILE, then ipfs dag export CID, writes version 1",
    ),
    "cid-malformed": Note(
        "The text is no CID",
        "Here a CID is version 1 in base32, in lower case: bafybei… (folders, large files) or bafkrei….",
        "ipfs cid base32 CID converts other forms",
    ),
    "cid-unknown": Note(
        "The CID is of another kind than this project makes",
        "Bundles are CIDv1 with SHA2-256, their nodes dag-pb and their leaves raw: the profile unixfs-v1-2025.",
        "use the CID that the log, a manifest or beacon bundle cid names",
    ),
    "fetch-failed": Note(
        "Nobody gave the whole bundle",
        "Each was asked for it, and what was wrong with each stands in the message. Nothing was written.",
        "--from another gateway, node or folder; any clone of the registry can pin it again: beacon pin",
    ),
    "fetch-source": Note(
        "The place to fetch from is not known",
        "--from takes a kind with an address, or the name of a target in the registry's policy.",
        "--from gateway=https://trustless-gateway.link, --from kubo=http://127.0.0.1:5001, --from folder=PATH",
    ),
    "gateway-url": Note(
        "The address is not one of a gateway",
        "A gateway is an http or https address without user, query or fragment; /ipfs/CID is added to it.",
        "--from gateway=https://trustless-gateway.link",
    ),
    "node-malformed": Note(
        "A node of the graph is not well-formed",
        "A node has one encoding; what was read is written again and has to be the same bytes.",
        "take it from somewhere else; if it is the same there, whoever made the CID used another program",
    ),
    "target-taken": Note(
        "Something stands where the result would go",
        "Nothing is ever written over, or into, what is there.",
        "give another path, or move what is there away",
    ),
    "unixfs-foreign": Note(
        "The graph is not one that the profile unixfs-v1-2025 makes",
        "Bundles have one layout, so that anybody computes the same CID. Links, modes, other chunk sizes and sizes "
        "that do not add up are not part of it.",
        "ipfs config profile apply unixfs-v1-2025, before adding a folder with another program",
    ),
    "unpacked-too-big": Note(
        "What the blocks stand for is too large",
        "A few blocks that share each other can stand for more files than any disk holds, so it is bounded.",
        "--most MIB, if you expect so much",
    ),
}
