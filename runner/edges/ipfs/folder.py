"""A folder as a `Pinner`: `<CID>.car` for each bundle, whole or absent. For backups on a disk, a share, a stick."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from runner.edges import durable
from runner.errors import Environment
from runner.ports import PinFailed, Standing

_PIECE = 1 << 20


class Folder:
    """See `Pinner`. `path` is made where it is not there; what it stands in has to be, so that a disk that is not
    mounted is no empty folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def standings(self, cids: Collection[str]) -> Mapping[str, Standing]:
        """See `Pinner.standings`. Whether a file is whole, `fetch` shows."""
        with self._failing():
            self._reachable()
            return {cid: "pinned" if self._file(cid).is_file() else "absent" for cid in cids}

    def put(self, cid: str, car: Callable[[], Iterable[bytes]]) -> None:
        """See `Pinner.put`."""
        with self._failing():
            self._reachable()
            durable.write(self._file(cid), car())

    def pin(self, cid: str, name: str) -> Standing:
        """See `Pinner.pin`. What is there stays."""
        return self.standings([cid])[cid]

    def fetch(self, cid: str) -> Iterator[bytes]:
        """See `Pinner.fetch`."""
        with self._failing(), self._file(cid).open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def close(self) -> None:
        """See `Pinner.close`."""

    def _file(self, cid: str) -> Path:
        if not cid.isalnum():  # it becomes a file's name
            raise PinFailed(f"{cid!r} is no CID", retryable=False)
        return self._path / f"{cid}.car"

    def _reachable(self) -> None:
        if not self._path.parent.is_dir():
            raise PinFailed(f"{self._path.parent} is not there: is it mounted?", away=True)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise PinFailed("the file is not there", missing=True) from None
        except Environment as error:
            raise PinFailed(error.message) from None
        except OSError as error:
            raise PinFailed(f"{self._path}: {error.strerror}") from None
