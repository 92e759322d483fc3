"""Which country an address is in, looked up offline. No address ever leaves this machine.

The first of these that is there is used, alone, and receipts name it, its digest and its date:

    an MMDB file      the operator's own (`BEACON_GEOIP`): MaxMind, DB-IP, IPinfo, or a devnet's map of loopback
    Tor's text files  Debian's package `tor-geoipdb`: IPFire's database (geofeeds and registries)
    iptocc            the Python package: where the five registries assigned a block, which is often a company's seat;
                      it says `registration`, and no grade above `listed` rests on it

Formats: MaxMind DB 2.0; for Tor, lines of `low,high,CC` with IPv4 as integers and `#` before remarks.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import os
import re
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from runner.errors import Environment
from runner.providers import geography
from runner.providers.geography import Source

VARIABLE = "BEACON_GEOIP"
TOR = Path("/usr/share/tor/geoip")
_COUNTRY = re.compile(r"[A-Z]{2}")
_HINT = f"point {VARIABLE} to an MMDB file, install Debian's `tor-geoipdb`, or the extra `golem`"


class Located(NamedTuple):
    """What a source knows of one address; None where it knows nothing."""

    country: str | None
    asn: int | None


class GeoIp:
    """One source of countries. `source` goes into receipts."""

    def __init__(self, source: Source, look: Callable[[str], Located]) -> None:
        self.source = source
        self._look = look

    @classmethod
    def open(cls, path: Path | None, environ: Mapping[str, str] = os.environ, tor: Path = TOR) -> GeoIp:
        """The source to use: this MMDB file, else the operator's, else what is installed. Raises `Environment`."""
        if path is None and environ.get(VARIABLE):
            path = Path(environ[VARIABLE])
        if path is not None:
            return _mmdb(path)
        return _tor(tor) if tor.is_file() else _registrations()

    def country(self, address: str) -> str | None:
        """The country of an address (ISO 3166-1 alpha-2), or None."""
        return self.look(address).country

    def network(self, address: str) -> str | None:
        """The /24 or /48 of an address, or None where it is none."""
        return geography.network(address)

    def look(self, address: str) -> Located:
        """Country and autonomous system. What is no address has neither."""
        plain = geography.plain(address)
        found = self._look(plain.partition("%")[0]) if plain else Located(None, None)
        return found if found.country and _COUNTRY.fullmatch(found.country) else Located(None, found.asn)


def _mmdb(path: Path) -> GeoIp:
    import maxminddb

    try:
        reader = maxminddb.open_database(str(path), maxminddb.MODE_MMAP)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        said = "no such file" if isinstance(error, FileNotFoundError) else type(error).__name__
        raise Environment("geoip-unreadable", f"{path.name} cannot be read as an MMDB file: {said}", _HINT) from None
    about = reader.metadata()
    day = datetime.fromtimestamp(about.build_epoch, UTC).date().isoformat()

    def look(address: str) -> Located:
        try:
            return _record(reader.get(address))
        except ValueError:  # an IPv6 address in a file of IPv4 ones
            return Located(None, None)

    return GeoIp(Source(f"{about.database_type[:100]} (MMDB, SHA-256 {digest[:16]})", day, "geolocation"), look)


def _record(record: Any) -> Located:
    """The country and the system of one record: MaxMind nests the code, others write it flat."""
    if not isinstance(record, dict):
        return Located(None, None)
    country = record.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else record.get("country_code", country)
    asn = record.get("autonomous_system_number", record.get("asn"))
    number = int(asn[2:]) if isinstance(asn, str) and re.fullmatch(r"AS[0-9]{1,10}", asn) else asn
    return Located(code if isinstance(code, str) else None, number if isinstance(number, int) and number > 0 else None)


def _tor(path: Path) -> GeoIp:
    raw = path.read_bytes()
    made = re.search(rb"^# Generated: *([^\n]{1,60})$", raw[:4096], re.MULTILINE)
    try:
        day = parsedate_to_datetime(made[1].decode()).date().isoformat() if made else None
    except ValueError:
        day = None
    digest = hashlib.sha256(raw).hexdigest()
    four = _Ranges.parse(raw)
    six = functools.cache(lambda: _Ranges.parse(path.with_name("geoip6").read_bytes()))

    def look(address: str) -> Located:
        if ":" not in address:
            return Located(four.find(int.from_bytes(socket.inet_aton(address), "big")), None)
        try:
            return Located(six().find(int.from_bytes(socket.inet_pton(socket.AF_INET6, address), "big")), None)
        except OSError:
            return Located(None, None)

    return GeoIp(Source(f"tor-geoipdb, from IPFire (SHA-256 {digest[:16]})", day, "geolocation"), look)


class _Ranges(NamedTuple):
    """Ranges of addresses in rising order, as integers, and their countries."""

    lows: list[int]
    highs: list[int]
    countries: list[str]

    @classmethod
    def parse(cls, raw: bytes) -> _Ranges:
        """The lines of a file of Tor's. Raises `Environment`."""
        found = cls([], [], [])
        try:
            for line in raw.decode("ascii").splitlines():
                if line and line[0] != "#":
                    low, high, country = line.split(",")
                    found.lows.append(_integer(low))
                    found.highs.append(_integer(high))
                    found.countries.append(country)
        except (ValueError, OSError):
            raise Environment("geoip-unreadable", "Tor's geoip file has a line of another form", _HINT) from None
        return found

    def find(self, address: int) -> str | None:
        """The country of the range that holds an address."""
        place = bisect.bisect_right(self.lows, address) - 1
        return self.countries[place] if place >= 0 and address <= self.highs[place] else None


def _integer(text: str) -> int:
    return int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big") if ":" in text else int(text)


def _registrations() -> GeoIp:
    try:
        import iptocc
    except ImportError:
        raise Environment("geoip-missing", "nothing on this machine tells the country of an address", _HINT) from None
    version = metadata.version("iptocc")

    def look(address: str) -> Located:
        return Located(iptocc.country_code(address), None)

    return GeoIp(Source(f"iptocc {version}: registrations of blocks, not locations", None, "registration"), look)
