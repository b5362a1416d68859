"""What passes a scheduler: nobody reads it without the key, and no other key is believed."""

import pickle

import pytest

from deployer.errors import UsageError
from deployer.model.host import Host, HostVariables
from deployer.secret import Secret
from deployer.workers.sealing import VARIABLE, BrokenSealError, Seal

KEY = Secret("one random text that both sides have")
PASSWORD = "correct-horse-battery"
HOST = Host(
    "edge1",
    settings=HostVariables(ansible_become_password=Secret(PASSWORD)),
    variables={"token": PASSWORD},
)


def test_what_is_sealed_comes_back_as_it_was() -> None:
    there = Seal.by(KEY).open(Seal.by(KEY).close(HOST))

    assert there == HOST
    assert there.settings.ansible_become_password.reveal() == PASSWORD


def test_what_is_sealed_shows_nothing_of_itself() -> None:
    sealed = Seal.by(KEY).close(HOST)

    assert PASSWORD.encode() in pickle.dumps(HOST)
    assert PASSWORD.encode() not in sealed
    assert b"edge1" not in sealed


def test_the_seal_shows_nothing_of_its_key() -> None:
    assert KEY.reveal() not in f"{Seal.by(KEY)!r} {Seal.by(KEY)}"


class Bomb:
    """Something that does harm when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("it was unpickled",))


def test_what_another_key_sealed_is_not_even_unpickled() -> None:
    foreign = Seal.by(Secret("another random text of some length")).close(Bomb())

    with pytest.raises(BrokenSealError):
        Seal.by(KEY).open(foreign)


def test_what_was_changed_on_its_way_is_not_even_unpickled() -> None:
    sealed = bytearray(Seal.by(KEY).close(Bomb()))
    sealed[40] ^= 1

    with pytest.raises(BrokenSealError):
        Seal.by(KEY).open(bytes(sealed))


@pytest.mark.parametrize("said", [None, "", "short"])
def test_a_key_that_is_missing_or_can_be_guessed_is_no_key(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, said)

    with pytest.raises(UsageError) as caught:
        Seal.of_environment()

    assert VARIABLE in caught.value.message
    assert "openssl rand" in caught.value.next_step
