"""Which site is to blame for a refusal, and what takes its place. The walk itself is in the applier ring."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich_host import FACTS, Ports, make_host, render_nginx, variables

from deployer.applier import Applied
from deployer.deploy import kept_sites
from deployer.deploy.accusing import accused, accused_by
from deployer.deploy.kept_sites import KeptSite
from deployer.deploy.substituting import UnfitError, substituted
from deployer.errors import CertificateError, Problem, RoleError, TemplateError
from deployer.facts import Facts
from deployer.model.host import Host
from deployer.outcome import Phase, Quarantined
from deployer.render import render_bundle
from deployer.roles import load_role

RELEASE = "20261122T101500Z-3f9a1c"
STAGED = "/etc/deployer/releases/20261122T111500Z-aaaaaa/root/etc/nginx"


def site(name: str, *names: str, **more: object) -> dict[str, Any]:
    locations = [{"path": "/", "static": {"root": f"/srv/{name}"}}]
    return {"name": name, "server_names": [*names] or [f"{name}.test"], "locations": locations, **more}


def host_with(*sites: Mapping[str, Any], first_line: int = 1, **more: object) -> Host:
    return make_host({"sites": list(sites), **more}, first_line=first_line)


def kept(host: Host, **certificates: bytes) -> dict[str, KeptSite]:
    """What a release of `host` would say of its sites."""
    read = kept_sites.read(kept_sites.written(host, RELEASE), certificates)
    return {each.site.name: each for each in read}


def identities(host: Host, facts: Facts) -> dict[str, str]:
    return {path: file.identity for path, file in render_nginx(host, facts).files.items()}


def refused(*said: str, reason: str = "/usr/sbin/nginx -t -q -c %s") -> Applied:
    return Applied("refused", "validate", reason, said, ())


def blamed(host: Host, applied: Applied) -> set[int]:
    return set(accused(applied, render_nginx(host, FACTS["1.22"]), host))


@pytest.mark.parametrize("version", FACTS)
def test_sites_that_were_written_down_render_the_same_files_again(version: str) -> None:
    host = make_host(variables(Ports()))
    versions = kept(host)

    again = substituted(host, {index: (versions[each.name],) for index, each in enumerate(host.sites)})

    assert identities(again, FACTS[version]) == identities(host, FACTS[version])


def test_what_is_written_down_has_no_key() -> None:
    pair = {"certificate": "abc.pem", "key": "-----BEGIN PRIVATE KEY-----\nverysecret\n"}
    both = {"files": {**pair, "rsa": pair}}

    text = kept_sites.written(host_with(site("abc", tls=both)), RELEASE)

    assert b"verysecret" not in text
    assert json.loads(text)["sites"][0]["site"]["tls"]["files"] == {"rsa": {}}


def test_a_site_comes_back_with_the_certificates_that_the_host_has() -> None:
    pair = {"certificate": "abc.pem", "key": "abc.key"}
    host = host_with(site("abc", tls={"files": {**pair, "rsa": pair}}))

    tls = kept(host, **{"abc": b"chain", "abc+rsa": b"old chain"})["abc"].site.tls

    assert tls is not None
    assert tls.files is not None
    assert tls.files.rsa is not None
    assert (tls.files.certificate, tls.files.rsa.certificate) == ("chain", "old chain")


def test_a_file_that_a_site_named_is_kept_as_it_was(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("Our own CA\n-----BEGIN CERTIFICATE-----\nthen\n-----END CERTIFICATE-----\n")
    host = host_with(site("abc", tls={"self_signed": {}, "client_ca": "roots.pem"}))

    versions = kept(replace(host, directory=str(tmp_path)))
    roots.write_text("-----BEGIN CERTIFICATE-----\nnow\n-----END CERTIFICATE-----\n")

    tls = versions["abc"].site.tls
    assert tls is not None
    assert tls.client_ca == "-----BEGIN CERTIFICATE-----\nthen\n-----END CERTIFICATE-----\n"


def test_a_sites_json_that_is_none_says_so() -> None:
    for text in (b"{", b"{}", b'{"sites": [{"site": {"nam": 1}, "upstreams": {}, "release": ""}]}'):
        with pytest.raises(ValueError):  # noqa: PT011 - JSON's, pydantic's and ours say it in their own words
            kept_sites.read(text, {})


def test_a_line_of_a_sites_file_is_that_sites() -> None:
    host = host_with(site("abc"), site("xyz", raw="proxy_pas x;"))
    line = f'nginx: [emerg] unknown directive "proxy_pas" in {STAGED}/deployer/sites/xyz.conf:30'

    assert blamed(host, refused(line)) == {1}


def test_a_warning_besides_an_error_accuses_nobody() -> None:
    host = host_with(site("abc"), site("xyz"))
    warning = f"nginx: [warn] could be better in {STAGED}/deployer/sites/abc.conf:3"
    error = f"nginx: [emerg] wrong in {STAGED}/deployer/sites/xyz.conf:3"

    assert blamed(host, refused(warning, error)) == {1}
    assert blamed(host, refused(warning)) == {0}


@pytest.mark.parametrize(
    "applied",
    [
        refused('nginx: [emerg] cannot load certificate "/etc/deployer/certs/xyz/fullchain.pem": no such'),
        refused(f'nginx: [emerg] SSL_load_client_CA_file("{STAGED}/deployer/clients/xyz.pem") failed'),
        refused("key too small", reason="nginx does not accept the certificate xyz"),
        refused("key too small", reason="nginx does not accept the certificate xyz+rsa"),
        refused('nginx: [warn] conflicting server name "other.test" on 0.0.0.0:80, ignored'),
    ],
)
def test_words_without_a_line_accuse_the_site_that_they_name(applied: Applied) -> None:
    host = host_with(site("abc"), site("xyz", raw="server_name other.test;"))

    assert blamed(host, applied) == {1}


@pytest.mark.parametrize(
    "applied",
    [
        refused(f'nginx: [emerg] unknown directive "x" in {STAGED}/nginx.conf:50'),
        refused(f"nginx: [emerg] invalid in {STAGED}/deployer/backends.conf:2"),
        refused("nginx: [emerg] out of memory"),
        refused('nginx: [warn] conflicting server name "both.test" on 0.0.0.0:80, ignored'),
    ],
)
def test_words_about_no_site_in_particular_accuse_nobody(applied: Applied) -> None:
    raw = "server_name both.test;"
    host = host_with(site("abc", raw=raw), site("xyz", raw=raw), nginx_http_raw="x;")

    assert blamed(host, applied) == set()


def test_a_site_that_is_called_like_a_shared_file_is_not_blamed_for_it() -> None:
    host = host_with(site("backends"), site("proxy"))

    assert blamed(host, refused(f"nginx: [emerg] invalid in {STAGED}/deployer/backends.conf:2")) == set()
    assert blamed(host, refused(f'nginx: [emerg] open() "{STAGED}/deployer/proxy.conf" failed')) == set()


def test_the_problems_of_certificates_are_their_sites() -> None:
    one, two = Problem("expired", path="sites[0].tls.files"), Problem("no key", path="sites[2].tls.files.key")

    assert accused_by(CertificateError([one, two, one])) == {0: (one, one), 2: (two,)}


def test_a_problem_that_is_no_sites_accuses_nobody() -> None:
    mine, nobodys = Problem("expired", path="sites[0].tls"), Problem("two ports", path="sites")

    assert accused_by(CertificateError([mine, nobodys])) == {}
    assert accused_by(RoleError(Problem("undefined"))) == {}


def test_a_template_that_fails_for_a_site_is_that_sites_error(tmp_path: Path) -> None:
    role = tmp_path / "page"
    (role / "tasks").mkdir(parents=True)
    (role / "templates").mkdir()
    (role / "tasks/main.yml").write_text(
        "- name: a page\n  template: {src: page.j2, dest: '/srv/{{ item.name }}'}\n  loop: '{{ sites }}'\n"
    )
    (role / "templates/page.j2").write_text("{{ titles[item.name] }}\n")
    host = host_with(site("abc"), site("xyz"), titles={"abc": "ABC"})

    with pytest.raises(TemplateError) as caught:
        render_bundle(host, [load_role("page", [tmp_path])], FACTS["1.22"])

    assert accused_by(caught.value) == {1: (caught.value.problem,)}


def test_a_site_that_stays_away_leaves_the_others_their_names_in_the_inventory() -> None:
    host = host_with(site("abc"), site("xyz", raw="proxy_pas x;"))
    without = substituted(host, {0: ()})
    bundle = render_nginx(without, FACTS["1.22"])

    path = "/etc/nginx/deployer/sites/xyz.conf"
    lines = bundle.files[path].content.decode().splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "proxy_pas" in text)
    assert bundle.origin(path, line) == (host.places["sites[1].raw"], "sites[1].raw")
    assert "/etc/nginx/deployer/sites/abc.conf" not in bundle.files
    error = f"nginx: [emerg] wrong in {STAGED}/deployer/sites/xyz.conf:{line}"
    assert set(accused(refused(error), bundle, without)) == {1}


def test_a_kept_site_points_to_where_the_inventory_has_it_now() -> None:
    before = kept(host_with(site("abc", raw="proxy_pas x;")))
    host = host_with(site("xyz"), site("abc"), first_line=40)

    bundle = render_nginx(substituted(host, {1: (before["abc"],)}), FACTS["1.22"])

    lines = bundle.files["/etc/nginx/deployer/sites/abc.conf"].content.decode().splitlines()
    assert f"    # from inventory.yaml:{host.places['sites[1]'].line} sites[1].raw" in lines


def test_a_kept_site_keeps_the_backend_that_it_had() -> None:
    locations = [{"path": "/", "proxy": {"upstream": "app"}}]
    old = host_with(site("abc", locations=locations), upstreams={"app": {"servers": ["10.0.0.7:1"]}})
    new = host_with(
        site("abc", locations=locations),
        site("xyz", locations=locations),
        upstreams={"app": {"servers": ["10.0.0.8:1"]}},
    )

    once = substituted(new, {0: (kept(old)["abc"],)})
    twice = substituted(new, {0: (kept(once)["abc"],)})

    backends = render_nginx(once, FACTS["1.22"]).files["/etc/nginx/deployer/backends.conf"].content
    assert b"10.0.0.7:1" in backends
    assert b"10.0.0.8:1" in backends
    # The same again: a second run in quarantine has nothing to do.
    assert identities(twice, FACTS["1.22"]) == identities(once, FACTS["1.22"])


def test_a_kept_site_says_which_release_it_is_from_for_as_long_as_it_is_kept() -> None:
    host = host_with(site("abc"), site("xyz"))
    again = substituted(host, {0: (kept(host)["abc"],)})

    read = kept_sites.read(kept_sites.written(again, "20261122T111500Z-aaaaaa"), {})

    assert [each.release for each in read] == [RELEASE, "20261122T111500Z-aaaaaa"]


def test_a_version_that_does_not_go_with_the_others_is_told() -> None:
    before = kept(host_with(site("abc", "abc.test", "moved.test")))
    host = host_with(site("abc"), site("xyz", "moved.test"))

    with pytest.raises(UnfitError, match=r"moved\.test is served by two sites"):
        substituted(host, {0: (before["abc"],)})


def test_nothing_is_left_where_every_site_would_stay_away() -> None:
    with pytest.raises(UnfitError, match="no site would be left"):
        substituted(host_with(site("abc")), {0: ()})


def test_one_set_of_roots_is_the_inventorys() -> None:
    def acme(bundle: str) -> dict[str, Any]:
        return {"acme": {"email": "ops@abc.test", "ca_bundle": bundle}}

    before = kept(host_with(site("abc", tls=acme("old.pem"))))
    host = host_with(site("abc", tls=acme("new.pem")), site("xyz", tls=acme("new.pem")))

    tls = substituted(host, {0: (before["abc"],)}).sites[0].tls

    assert tls is not None
    assert tls.acme is not None
    assert tls.acme.ca_bundle == "new.pem"


def test_a_site_that_was_renamed_is_what_served_its_names() -> None:
    known = tuple(kept(host_with(site("old", "abc.test"), site("other", "other.test"))).values())
    host = host_with(site("new", "ABC.test"), site("other"))

    assert [each.site.name for each in kept_sites.good_versions(host, host.sites[0], known)] == ["old"]
    assert [each.site.name for each in kept_sites.good_versions(host, host.sites[1], known)] == ["other"]
    assert kept_sites.good_versions(host, host_with(site("third")).sites[0], known) == ()


def test_the_sites_that_changed_are_those_that_are_not_written_down() -> None:
    text = kept_sites.written(host_with(site("abc"), site("xyz")), RELEASE)

    assert kept_sites.changed(host_with(site("xyz"), site("abc")), text) == ()
    assert kept_sites.changed(host_with(site("abc", raw="etag off;"), site("xyz")), text) == (0,)
    assert kept_sites.changed(host_with(site("abc")), b"") == (0,)
    assert kept_sites.changed(host_with(site("abc")), b"{") == ()


def test_what_became_of_a_site_is_a_sentence() -> None:
    stays = Quarantined("abc", RELEASE, Phase.VALIDATE, "nginx refused it")
    away = replace(stays, keeps="")

    assert stays.sentence == f"abc stays as it is in release {RELEASE}: nginx refused it"
    assert away.sentence == "abc stays away: nginx refused it"
