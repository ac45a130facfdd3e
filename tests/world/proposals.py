"""Repositories as a manager makes them, the honest and the other kind, for the tests of pins."""

import hashlib
import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

from hived.world import repos

FILES = {
    "agent.toml": b'model = "opus"\n',
    "prompt.md": b"You are ada.\n",
    "skills/one/read.md": b"one\n",
}


class Pair:
    """A proposed and an applied repository in one folder, and real git to edit the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proposed, self.applied = folder / "config", folder / "applied"
        self.first = repos.make_proposed(self.proposed, FILES, "queen", 1_700_000_000.0)
        repos.make_applied(self.applied)
        self.marker = folder / "it-ran"

    @property
    def objects(self) -> Path:
        return self.proposed / ".git" / "objects"

    def git(self, *args: str, at: Path | None = None, stdin: bytes | None = None) -> str:
        """Real git, as the manager runs it."""
        done = subprocess.run(
            ("git", *args),
            cwd=at or self.proposed,
            input=stdin,
            capture_output=True,
            check=True,
            env={
                **{name: value for name, value in os.environ.items() if "GIT" not in name},
                "HOME": str(self.folder),
                "GIT_CONFIG_NOSYSTEM": "1",
            },
            timeout=60,
        )
        return done.stdout.decode().strip()

    def commit(self, files: dict[str, bytes], *, at: Path | None = None) -> str:
        """Write the files and commit them; gives the commit."""
        root = at or self.proposed
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "-m", "change", at=at)
        return self.git("rev-parse", "HEAD", at=at)

    def pin(self, ref: str, id: str = "a1") -> repos.Pinned:
        return repos.pin(self.applied, self.proposed, ref, id, base_files=FILES)

    def script(self) -> Path:
        """A program that leaves the marker behind."""
        path = self.folder / "evil.sh"
        path.write_text(f"#!/bin/sh\ntouch {self.marker}\ncat\n")
        path.chmod(0o755)
        return path

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """A tree object of any entries (mode, name, id), checked by nobody."""
        body = b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(id) for mode, name, id in entries
        )
        return self.put("tree", body)

    def commit_tree(self, tree: str) -> str:
        return self.put(
            "commit",
            f"tree {tree}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n".encode(),
        )

    def put(self, kind: str, body: bytes) -> str:
        """A loose object of any content."""
        data = b"%s %d\0%s" % (kind.encode(), len(body), body)
        id = hashlib.sha1(data).hexdigest()
        self.put_raw(id, zlib.compress(data))
        return id

    def put_raw(self, id: str, stored: bytes) -> None:
        """A loose object's file, whatever it holds."""
        (self.objects / id[:2]).mkdir(exist_ok=True)
        (self.objects / id[:2] / id[2:]).write_bytes(stored)

    def destroy_proposed(self) -> None:
        shutil.rmtree(self.proposed)


def zeros(head: bytes, mebibytes: int) -> bytes:
    """What unpacks to `head` and so many MiB of zeros, made at no cost: one block, repeated."""
    packer = zlib.compressobj(9)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    a, b = (adler := zlib.adler32(head)) & 0xFFFF, adler >> 16
    b = (b + (mebibytes << 20) * a) % 65_521
    return start + block * mebibytes + b"\x03\x00" + struct.pack(">I", b << 16 | a)


def pack(folder: Path, entries: Iterable[tuple[str, int, int, bytes]]) -> None:
    """A pack and its index of entries (id, type, size it says, bytes stored), checked by nobody."""
    listed = sorted(entries)
    body = struct.pack(">4sII", b"PACK", 2, len(listed))
    rows = []
    for id, kind, size, stored in listed:
        rows.append((bytes.fromhex(id), zlib.crc32(stored), len(body)))
        first, size = kind << 4 | size & 15, size >> 4
        head = bytearray()
        while size:
            head.append(first | 0x80)
            first, size = size & 0x7F, size >> 7
        head.append(first)
        body += bytes(head) + stored
    body += hashlib.sha1(body).digest()
    index = b"\xfftOc" + struct.pack(">I", 2)
    index += b"".join(struct.pack(">I", sum(id[0] <= n for id, _, _ in rows)) for n in range(256))
    index += b"".join(id for id, _, _ in rows)
    index += b"".join(struct.pack(">I", crc) for _, crc, _ in rows)
    index += b"".join(struct.pack(">I", at) for _, _, at in rows)
    index += body[-20:]
    index += hashlib.sha1(index).digest()
    name = hashlib.sha1(body).hexdigest()
    (folder / "pack").mkdir(exist_ok=True)
    (folder / "pack" / f"pack-{name}.pack").write_bytes(body)
    (folder / "pack" / f"pack-{name}.idx").write_bytes(index)
