"""The sources of countries, each with a real file of its kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.edges.golem.geoip import GeoIp, Located
from runner.errors import Environment

TOR4 = (
    b"# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n#\n16777216,16777471,AU\n16777472,16778239,CN\n16778240,16779263,??\n"
)
TOR6 = b"# six\n2001:200::,2001:200:134:ffff:ffff:ffff:ffff:ffff,JP\n2001:250::,2001:250:ffff::,CN\n"


def write_mmdb(path: Path, records: dict[str, Any], version: int = 6) -> Path:
    netaddr = pytest.importorskip("netaddr")
    writer = pytest.importorskip("mmdb_writer").MMDBWriter(
        ip_version=version, database_type="Test-Country", ipv4_compatible=version == 6
    )
    for prefix, record in records.items():
        writer.insert_network(netaddr.IPSet([prefix]), record)
    writer.to_db_file(str(path))
    return path


def test_an_mmdb_file_is_read_as_different_makers_write_it(tmp_path: Path) -> None:
    records = {
        "192.0.2.0/24": {"country": {"iso_code": "DE"}, "autonomous_system_number": 64500},
        "198.51.100.0/24": {"country_code": "US", "asn": "AS64501"},
        "203.0.113.0/24": {"country": "JP"},
        "100.64.0.0/24": {"country": {"iso_code": "europe"}, "asn": "none"},
        "2001:db8::/32": {"country": {"iso_code": "FR"}},
    }
    geoip = GeoIp.open(write_mmdb(tmp_path / "test.mmdb", records), {})
    assert geoip.look("192.0.2.7") == Located("DE", 64_500)
    assert geoip.look("::ffff:192.0.2.7") == Located("DE", 64_500)
    assert geoip.look("198.51.100.7") == Located("US", 64_501)
    assert geoip.country("203.0.113.1") == "JP"
    assert geoip.look("100.64.0.1") == Located(None, None)
    assert geoip.country("2001:db8::1") == "FR"
    assert geoip.country("10.0.0.1") is None
    assert geoip.country("no address") is None
    assert geoip.network("192.0.2.7") == "192.0.2.0/24"
    assert geoip.source.method == "geolocation"
    assert geoip.source.name.startswith("Test-Country (MMDB, SHA-256 ")
    assert geoip.source.date is not None
    assert str(tmp_path) not in geoip.source.name


def test_the_operators_file_comes_first_and_must_be_one(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "four.mmdb", {"127.101.0.0/16": {"country": {"iso_code": "DE"}}}, version=4)
    geoip = GeoIp.open(None, {"BEACON_GEOIP": str(path)})
    assert geoip.country("127.101.3.1") == "DE"
    assert geoip.country("2001:db8::1") is None
    for name, content in (("absent.mmdb", None), ("text.mmdb", b"no database")):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(Environment) as error:
            GeoIp.open(None, {"BEACON_GEOIP": str(tmp_path / name)})
        assert error.value.code == "geoip-unreadable"


def test_tors_files_are_next(tmp_path: Path) -> None:
    (tmp_path / "geoip").write_bytes(TOR4)
    (tmp_path / "geoip6").write_bytes(TOR6)
    geoip = GeoIp.open(None, {}, tmp_path / "geoip")
    assert (geoip.source.method, geoip.source.date) == ("geolocation", "2026-06-25")
    found = {ip: geoip.country(ip) for ip in ("1.0.0.0", "1.0.0.255", "1.0.1.0", "1.0.4.1", "0.255.255.255", "9.9.9.9")}
    assert list(found.values()) == ["AU", "AU", "CN", None, None, None]
    assert geoip.country("2001:200::1") == "JP"
    assert geoip.country("2001:200:135::") is None
    assert geoip.country("::1") is None
    (tmp_path / "geoip").write_bytes(b"1,2\n")
    with pytest.raises(Environment) as error:
        GeoIp.open(None, {}, tmp_path / "geoip")
    assert error.value.code == "geoip-unreadable"


def test_registrations_are_the_last_and_say_so(tmp_path: Path) -> None:
    pytest.importorskip("iptocc")
    geoip = GeoIp.open(None, {}, tmp_path / "absent")
    assert geoip.source.method == "registration"
    assert "registrations of blocks, not locations" in geoip.source.name
    assert geoip.country("193.0.6.139") == "NL"  # the European registry's own
    assert geoip.country("127.0.0.1") is None
