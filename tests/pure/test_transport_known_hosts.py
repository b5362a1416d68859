from pathlib import Path

import asyncssh

from deployer.errors import Place
from deployer.transport.known_hosts import known_hosts

HASHED = "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg="  # 192.168.1.61, from sshd(8)'s scheme


def key() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


def test_an_entry_is_found_by_name_address_pattern_and_hash(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(
        f"# ours\nedge1.example.com,10.0.0.1 {key()}\n*.lab {key()}\n\n"
        f"{HASHED} {key()}\n[edge9]:2222 {key()}\n"
    )
    known = known_hosts([tmp_path / "absent", file])

    def line(host: str, address: str = "", port: int = 22) -> list[Place]:
        return known.places(host, address, port)

    assert line("edge1.example.com") == [Place(str(file), 2)]
    assert line("other", "10.0.0.1") == [Place(str(file), 2)]
    assert line("web.lab") == [Place(str(file), 3)]
    assert line("192.168.1.61") == [Place(str(file), 5)]
    assert line("edge9", port=2222) == [Place(str(file), 6)]
    assert line("edge9") == []


def test_a_file_that_changes_during_a_run_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    known = known_hosts([file])
    before = known.trusted().match("edge1", "", None)[0]
    file.write_text(f"edge1 {key()}\n")

    assert (len(before), len(known.trusted().match("edge1", "", None)[0])) == (0, 1)
