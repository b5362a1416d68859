from typing import Any

from deployer.lab.status import SERVICES, LabStatus, status_of


def inspected(
    service: str, *, health: str = "healthy", ports: dict[str, str] | None = None
) -> dict[str, Any]:
    """What `docker inspect` says of one container, shortened."""
    bound = {port: [{"HostIp": "127.0.0.1", "HostPort": at}] for port, at in (ports or {}).items()}
    return {
        "Name": f"/deployer-main-12345678_{service}_1",
        "Config": {"Labels": {"com.docker.compose.service": service}},
        "State": {"Status": "running", "Health": {"Status": health}},
        "NetworkSettings": {
            "Ports": {"9000/tcp": None, **bound},
            "Networks": {"deployer-main-12345678_default": {"IPAddress": "10.213.7.11"}},
        },
    }


def whole_lab() -> LabStatus:
    edge1 = inspected("edge1", ports={"22/tcp": "32801", "80/tcp": "32802", "443/tcp": "32803"})
    edge3 = inspected("edge3", ports={"80/tcp": "32808", "443/tcp": "32809"})
    rest = [inspected(service) for service in SERVICES if service not in ("edge1", "edge3")]
    return status_of([*reversed(rest), edge3, edge1], ca="/lab/ca.pem")


def test_the_json_has_the_form_of_the_design() -> None:
    document = whole_lab().to_json()

    assert document["running"] is True
    assert document["ca"] == "/lab/ca.pem"
    assert document["hosts"]["edge1"] == {
        "ssh": "127.0.0.1:32801",
        "http": "127.0.0.1:32802",
        "https": "127.0.0.1:32803",
    }


def test_a_host_without_sshd_claims_no_ssh() -> None:
    assert whole_lab().to_json()["hosts"]["edge3"] == {"http": "127.0.0.1:32808", "https": "127.0.0.1:32809"}


def test_only_hosts_to_deploy_to_are_listed_in_their_order() -> None:
    assert list(whole_lab().to_json()["hosts"]) == ["edge1", "edge2", "edge3"]


def test_no_containers_is_a_lab_that_is_not_running() -> None:
    assert status_of([], ca="/lab/ca.pem").to_json() == {"running": False, "ca": "/lab/ca.pem", "hosts": {}}


def test_one_unhealthy_backend_and_the_lab_is_not_running() -> None:
    containers = [
        inspected(service, health="starting" if service == "tomcat" else "healthy") for service in SERVICES
    ]

    status = status_of(containers, ca="")

    assert not status.running
    assert status.waiting == ("tomcat",)


def test_a_stopped_container_has_no_ports_and_is_waited_for() -> None:
    stopped = inspected("echo")
    stopped["State"] = {"Status": "exited"}
    stopped["NetworkSettings"] = {"Ports": {}, "Networks": {"default": {"IPAddress": ""}}}

    echo = status_of([stopped], ca="").member("echo")

    assert echo is not None
    assert not echo.ready
    assert (echo.ports, echo.address) == ({}, "")


def test_a_container_of_an_older_lab_is_left_out() -> None:
    assert status_of([inspected("memcached")], ca="").members == ()
