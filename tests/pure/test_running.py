from typing import Any

from deployer import probes
from deployer.deploy.running import asked
from deployer.model.host import Host, HostVariables


def questions_of(*locations: dict[str, Any]) -> dict[tuple[str, ...], str]:
    """Key of each question about a site with these locations, and its digest."""
    site = {"name": "abc", "server_names": ["abc.test"], "locations": list(locations)}
    host = Host("edge1", settings=HostVariables.model_validate({"sites": [site]}))
    known = (asked(question) for question in probes.questions(host))
    return {key[:3]: key[3] for key in known}


def test_a_redirect_that_leads_elsewhere_is_another_question() -> None:
    one = questions_of({"path": "/old", "redirect": {"to": "/one"}})
    two = questions_of({"path": "/old", "redirect": {"to": "/two"}})

    assert one.keys() == two.keys()
    assert one != two


def test_a_location_whose_backend_moved_is_the_same_question() -> None:
    here = questions_of({"path": "/api/", "proxy": {"upstream": "10.0.0.7:3000"}})
    there = questions_of({"path": "/api/", "proxy": {"upstream": "10.0.0.8:3000"}, "max_body_size": "16m"})

    assert here == there


def test_another_expected_status_is_another_question() -> None:
    usual = questions_of({"path": "/api/", "proxy": {"upstream": "10.0.0.7:3000"}})
    strict = questions_of({"path": "/api/", "proxy": {"upstream": "10.0.0.7:3000"}, "probe": {"status": 204}})

    assert usual != strict
