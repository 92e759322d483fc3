"""Benchmarks' images: OCI archives read and written, Golem VM images written. Pure bytes, no engine, no network.

    rootfs.py     a root file system as values
    tar.py        members of a tar archive that is not trusted
    archive.py    an OCI archive: its blobs, its manifest, its configuration
    layers.py     an image's layers, laid over each other
    benchmark.py  what turns a root file system into a benchmark's image
    oci.py        writes an OCI archive
    squashfs.py   writes a squashfs
    gvmi.py       writes a Golem VM image

What is written depends on the root file system alone, never on machine, time, umask or library version: a JobSpec
pins it by its digest.
"""
