"""Installs PostgreSQL and RabbitMQ from Debian's own packages, as root, without starting either as a service."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.children import ServerFailed

# Debian asks this program before it starts a service after an installation; 101 is its "no".
_POLICY = Path("/usr/sbin/policy-rc.d")
# For PostgreSQL: no cluster of the system's own either.
_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")


def install(*packages: str) -> None:
    """Installs them. Raises ServerFailed when this is not Debian (or a child of it), we are not root, or apt refuses."""
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        raise ServerFailed("not a Debian system, so nothing was installed")
    if os.getuid():
        raise ServerFailed("not root, so nothing was installed")
    print(f"Installing {', '.join(packages)} (Debian packages; no service is started) …", file=sys.stderr, flush=True)
    with _no_services():
        _apt("update", "-q")
        _apt("install", "-y", "-q", "--no-install-recommends", *packages)


def _apt(*arguments: str) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ServerFailed(f"apt-get {arguments[0]} failed: {lines[-1] if lines else done.returncode}")


@contextmanager
def _no_services() -> Iterator[None]:
    mine: list[Path] = []
    try:
        for path, text, mode in (
            (_POLICY, "#!/bin/sh\nexit 101\n", 0o755),
            (_CLUSTER, "create_main_cluster = false\n", 0o644),
        ):
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
                path.chmod(mode)
                mine.append(path)
        yield
    finally:
        for path in mine:
            # dpkg may have put its own configuration in the place of ours; the package's file is not ours to remove.
            if path == _POLICY or path.read_text("utf-8") == "create_main_cluster = false\n":
                path.unlink(missing_ok=True)
