import pytest
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
