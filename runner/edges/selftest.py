"""What a probe inside the sandbox must not be able to do. The sandbox is used only where it found nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

PROBE = """
import errno, json, os, resource, socket
def failure(act):
    try: act()
    except OSError as error: return errno.errorcode.get(error.errno, "OSError")
    return "possible"
def connect():
    with socket.socket() as s: s.settimeout(1); s.connect(("192.0.2.1", 9))
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({
    "uid": os.getuid(), "groups": os.getgroups(), "pids": sum(name.isdigit() for name in os.listdir("/proc")),
    "capabilities": status["CapInh"] + status["CapPrm"] + status["CapEff"] + status["CapAmb"],
    "locked": status["NoNewPrivs"], "gain": failure(lambda: os.setuid(0)),
    "interfaces": [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]],
    "connect": failure(connect), "write": failure(lambda: open("/opt/benchmark/x", "w")),
    "top": failure(lambda: os.rename("/no-such", "/x")),
    "limits": [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1]
               for name in ("NPROC", "NOFILE", "FSIZE", "CPU", "AS", "CORE")],
    "root": sorted(os.listdir("/")), "environment": sorted(os.environ),
}))
"""
"""Python for the inside; prints one JSON document."""

_ROOM = frozenset({"bin", "dev", "etc", "lib", "lib32", "lib64", "opt", "proc", "tmp", "usr", ".beacon"})
_OURS = frozenset({"HOME", "LANG", "PATH", "PWD", "PYTHONHASHSEED", "PYTHONUTF8", "TZ", "LD_LIBRARY_PATH", "LC_CTYPE"})


def leaks(seen: Mapping[str, object], limits: Collection[int]) -> list[str]:
    """What the probe saw and should not have. `limits` are the ones it should be under, in the probe's order."""
    checks = {
        "the program is root": seen["uid"] != 0,
        "it is in a group of root's": isinstance(seen["groups"], list) and 0 not in seen["groups"],
        "it sees other processes": isinstance(seen["pids"], int) and seen["pids"] <= 3,
        "it has capabilities": not str(seen["capabilities"]).strip("0"),
        "it can gain privileges": seen["locked"] == "1" and seen["gain"] in ("EPERM", "EINVAL"),
        "it sees network interfaces": seen["interfaces"] == ["lo"],
        "it reaches the network": seen["connect"] in ("ENETUNREACH", "EHOSTUNREACH", "EPERM", "EACCES"),
        "it can write to its own folder": seen["write"] in ("EROFS", "EACCES"),
        "it can write to the root folder": seen["top"] in ("EROFS", "EACCES"),
        "it is under other limits": seen["limits"] == list(limits),
        "it sees other folders": isinstance(seen["root"], list) and _ROOM.issuperset(seen["root"]),
        "it sees our environment": isinstance(seen["environment"], list) and _OURS.issuperset(seen["environment"]),
    }
    return [leak for leak, holds in checks.items() if not holds]
