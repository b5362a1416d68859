"""A host that is a directory: the real script under dash, the real nginx, nothing outside the directory."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from deployer import applier
from deployer.applier import Applied, Conversation, Event, Orders, Privilege, Watching
from deployer.applier.command import argv
from deployer.bundle import RELEASE_TOKEN, Bundle, Certificate, File, Service
from deployer.facts import Observation
from deployer.plan import make_plan, unanswered
from deployer.release import Record, Target, parse_record, release_name, target_of
from deployer.transport.local import LocalTransport

OWNER, GROUP = "root", "root"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Machine:
    """One pretended host below `root`, with an nginx of its own on loopback ports."""

    root: Path
    port: int = field(default_factory=free_port)
    endpoint: int = field(default_factory=free_port)
    events: list[Event] = field(default_factory=list)

    @property
    def privilege(self) -> Privilege:
        return Privilege(shell=str(self.root / "bin/shell"), root=str(self.root))

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, *, executable: bool = False) -> Path:
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if executable:
            target.chmod(0o755)
        return target

    def config(self, body: str, *, endpoint: bool = True) -> bytes:
        """A whole nginx.conf of ours that answers every request with `body`."""
        here = f"""server {{ listen 127.0.0.1:{self.endpoint};
            location = /deployer-release {{ default_type text/plain; return 200 "{RELEASE_TOKEN}\\n"; }}
            location = /deployer-connections {{ stub_status; }} }}"""
        release = f"{self.root}/etc/deployer/releases/{RELEASE_TOKEN}/root"
        return f"""
            worker_processes 2; pid {self.root}/run/nginx.pid;
            error_log {self.root}/var/log/nginx/error.log notice;
            events {{ }}
            http {{
                access_log off;
                client_body_temp_path {self.root}/tmp/body; proxy_temp_path {self.root}/tmp/proxy;
                fastcgi_temp_path {self.root}/tmp/fastcgi; uwsgi_temp_path {self.root}/tmp/uwsgi;
                scgi_temp_path {self.root}/tmp/scgi;
                {here if endpoint else ""}
                server {{ listen 127.0.0.1:{self.port}; {body} }}
            }}
            # {release}
        """.encode()

    def bundle(self, body: str = 'return 200 "one";', **files: str) -> Bundle:
        """A bundle of nginx.conf and further files: `srv_www_index="text"` is /srv/www/index."""
        contents = {"/etc/nginx/nginx.conf": self.config(body)} | {
            "/" + name.replace("_", "/"): text.encode() for name, text in files.items()
        }
        return Bundle(
            files={
                path: File(
                    content,
                    owner=OWNER,
                    group=GROUP,
                    validate="nginx -t -q -c %s" if path.endswith("nginx.conf") else "",
                )
                for path, content in contents.items()
            },
            services=(Service("nginx", watches=frozenset({"/etc/nginx/nginx.conf"})),),
        )

    def observe(self, *questions: str) -> Observation:
        async def conversation() -> Observation:
            async with self.conversation() as host:
                return await host.observe(*questions)

        return asyncio.run(conversation())

    @contextlib.asynccontextmanager
    async def conversation(self) -> AsyncIterator[Conversation]:
        host = Conversation(LocalTransport(), self.privilege)
        try:
            yield host
        finally:
            await host.close()

    def phases(self) -> list[str]:
        """Which phases the runs have entered."""
        return [event[0] for event in self.events if event.kind == "phase"]

    def script(self) -> tuple[str, ...]:
        """The command that takes orders without a look before."""
        return argv(self.privilege, "follow")

    def apply(
        self,
        bundle: Bundle,
        *,
        decision: str | Callable[[], str] = "",
        before: Callable[[], object] | None = None,
        certificates: tuple[Certificate, ...] = (),
        change: Callable[[Orders], Orders] = lambda orders: orders,
    ) -> tuple[Applied, str]:
        """Apply `bundle`; `decision` is the reason to go back, `LEAVE`, or empty to confirm.

        `before` is what the controller does before it lets the host switch.
        """
        target = target_of(bundle)
        seen = self.observe()
        seen = self.observe(*unanswered(target, seen))
        release = release_name(seen.clock, target.digest, seen.by_name)
        record = Record(release, seen.current, "2026-11-22T10:15:00Z", "ops@desk", "", "0", (), target)
        orders = self.orders(target, seen, release, certificates=certificates)
        packed = applier.archive(bundle, record, certificates)
        return self.run(change(orders), packed, decision, before=before), release

    def rollback(self, release: str, *, decision: str = "") -> Applied:
        seen = self.observe("manifests")
        if release == "original":
            target = replace(
                self.former(seen), digest="original", files={}, named=frozenset(), absent=frozenset()
            )
        else:
            record = parse_record(seen.by_name[release].meta)
            target = replace(record.target, files=seen.manifests[release])
        return self.run(replace(self.orders(target, seen, release), picked=True), b"", decision)

    def former(self, seen: Observation) -> Target:
        meta = seen.by_name[seen.current].meta if seen.current in seen.by_name else ""
        return parse_record(meta).target if meta else Target("")

    def orders(
        self,
        target: Target,
        seen: Observation,
        release: str,
        *,
        certificates: tuple[Certificate, ...] = (),
    ) -> Orders:
        plan = make_plan(
            target, seen, former=self.former(seen), certificates={each.name: "new" for each in certificates},
            switching=True,
        )  # fmt: skip
        return Orders(
            who="ops@desk",
            current=seen.current,
            target=release,
            picked=False,
            packages=plan.packages,
            directories=target.directories,
            links=plan.links,
            unlinks=plan.unlinks,
            absent=plan.absent,
            restores=plan.restores,
            checks=target.checks,
            commands=target.commands,
            services=[(order.name, order.action, order.enable) for order in plan.services],
            certificates=certificates,
        )

    def run(
        self,
        orders: Orders,
        packed: bytes,
        decision: str | Callable[[], str] = "",
        *,
        before: Callable[[], object] | None = None,
    ) -> Applied:
        async def look_before() -> None:
            if before:
                await asyncio.to_thread(before)

        async def decide() -> str:
            reason = decision if isinstance(decision, str) else await asyncio.to_thread(decision)
            if reason == applier.LEAVE:
                return reason
            return applier.revert(reason) if reason else applier.CONFIRM

        async def conversation() -> Applied:
            async with self.conversation() as host:
                watching = Watching(look_before, decide, self.events.append)
                return await host.apply(orders.encode(packed), watching)

        return asyncio.run(conversation())

    def get(self) -> str:
        """What a visitor gets; empty where nobody answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/").text
        except httpx.TransportError:
            return ""

    def master(self) -> int:
        text = self.path("run/nginx.pid").read_text().strip()
        return int(text)

    def workers(self) -> set[int]:
        """Pids of the workers that take connections."""
        found = set()
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                mine = f"\nPPid:\t{self.master()}\n" in status.read_text()
                title = (status.parent / "cmdline").read_bytes()
            except OSError:
                continue
            if mine and b"shutting down" not in title:
                found.add(int(status.parent.name))
        return found

    def start_nginx(self) -> None:
        """Start what /etc/nginx/nginx.conf says, as an init system would."""
        subprocess.run([self.root / "bin/nginx"], check=True)

    def stop_nginx(self) -> None:
        try:
            os.kill(self.master(), signal.SIGTERM)
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + 10
        while self.get() and time.monotonic() < deadline:
            time.sleep(0.05)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A bare host with nginx installed and stopped."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if nginx is None:
        pytest.fail("these tests need nginx: sudo sh lab/setup")
    made = Machine(tmp_path)
    for folder in ("run", "tmp", "var/log/nginx", "etc/nginx"):
        made.path(folder).mkdir(parents=True)
    made.write(
        "bin/nginx",
        f'#!/bin/sh\ncase " $* " in *" -c "*|*" -v "*|*" -V "*) exec {nginx} "$@" ;; esac\n'
        f'exec {nginx} -c {tmp_path}/etc/nginx/nginx.conf "$@"\n',
        executable=True,
    )
    made.write(
        "bin/dpkg-query",
        '#!/bin/sh\nshift 3\nfor name; do printf "%s\tinstalled\t1.0\n" "$name"; done\n',
        executable=True,
    )
    made.write("bin/shell", f'#!/bin/sh\nPATH={tmp_path}/bin:$PATH exec dash "$@"\n', executable=True)
    assert stat.S_IMODE(made.path("bin/shell").stat().st_mode) == 0o755
    yield made
    made.stop_nginx()
