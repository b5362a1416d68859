from collections.abc import Iterator
from pathlib import Path

import pytest
from matrix import Matrix, Ward
from operating import Desk, as_the_lab_is
from patient import Patient
from visiting import Lab

from deployer import lab as the_lab
from deployer.errors import LabError


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The running lab. Without one the tests fail with the command that starts it: they never skip."""
    try:
        status = the_lab.status()
    except LabError as error:
        pytest.fail(f"{error.message}\n  next: {error.next_step}", pytrace=False)
    if not status.running:
        pytest.fail(
            f"the lab is not up (no {', '.join(status.waiting)})\n  next: deployer lab up", pytrace=False
        )
    return Lab()


@pytest.fixture(scope="session")
def applied_lab(lab: Lab) -> Lab:
    """The lab as its own inventory says, whatever was done to it before."""
    as_the_lab_is("edge1", "edge2")
    return lab


@pytest.fixture
def desk(applied_lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """An operator's copy of the lab's inventory; afterwards edge1 and edge2 are as the lab's own says."""
    yield Desk.of_the_lab(tmp_path)
    as_the_lab_is("edge1", "edge2")


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    """What the rows of the fault matrix show."""
    return Matrix()


@pytest.fixture(scope="module")
def ward(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Where servers for faults come from."""
    with Ward(lab, lambda: tmp_path_factory.mktemp("patient")) as open_ward:
        yield open_ward


@pytest.fixture
def patient(ward: Ward) -> Patient:
    """A server in good health, for one row of the fault matrix."""
    return ward.patient()
