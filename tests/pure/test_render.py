"""From roles and facts to a bundle: variables, tasks, owners of paths, and how mistakes are told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich_host import make_host

from deployer.bundle import RELEASE_TOKEN, Bundle, Command, Directory, File
from deployer.errors import PathConflictError, RoleError, TemplateError
from deployer.facts import Facts
from deployer.model.role import Role
from deployer.render import render_bundle
from deployer.roles import load_role
from deployer.secret import Secret

COPY = "- copy: {{content: '{}', dest: /etc/demo}}\n"


def a_role(folder: Path, tasks: str, *, name: str = "demo", **files: str) -> Role:
    """A role on disk; `templates__page="..."` is templates/page."""
    for path, text in {"tasks__main.yml": tasks, **files}.items():
        file = folder / name / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return load_role(name, [folder])


def render(role: Role, values: Mapping[str, Any] | None = None, facts: Facts | None = None) -> Bundle:
    return render_bundle(make_host(values or {}), [role], facts or Facts())


def text(bundle: Bundle, path: str = "/etc/demo") -> str:
    return bundle.files[path].content.decode()


def test_the_inventory_replaces_a_default_and_defaults_build_on_each_other(tmp_path: Path) -> None:
    role = a_role(
        tmp_path,
        COPY.format("{{ greeting }}"),
        **{"defaults__main.yml": "greeting: hello {{ who }}\nwho: '{{ facts.os_codename }}'\n"},
    )
    assert text(render(role)) == "hello bookworm"
    assert text(render(role, {"who": "me"})) == "hello me"


def test_a_value_that_is_one_expression_keeps_its_type(tmp_path: Path) -> None:
    role = a_role(
        tmp_path,
        "- package: {name: '{{ wanted }}'}\n",
        **{"defaults__main.yml": 'wanted: \'{{ ["a", "b"] }}\'\n'},
    )
    assert render(role).packages == ("a", "b")


def test_a_default_that_needs_itself_is_told(tmp_path: Path) -> None:
    role = a_role(tmp_path, "[]\n", **{"defaults__main.yml": "a: '{{ b }}'\nb: '{{ a }}'\n"})
    with pytest.raises(TemplateError, match="a default that needs itself: a -> b -> a"):
        render(role)


def test_an_undefined_variable_is_told_with_line_and_near_name(tmp_path: Path) -> None:
    role = a_role(
        tmp_path,
        "- template: {src: page, dest: /etc/demo}\n",
        templates__page="one\n{{ greting }}\n",
        **{"defaults__main.yml": "greeting: x\n"},
    )
    with pytest.raises(TemplateError) as caught:
        render(role)
    assert "demo/templates/page:2" in str(caught.value)
    assert "did you mean 'greeting'?" in str(caught.value)


def test_a_template_that_does_not_parse_is_told_with_its_line(tmp_path: Path) -> None:
    role = a_role(tmp_path, "- template: {src: page, dest: /etc/demo}\n", templates__page="a\n{% if %}\n")
    with pytest.raises(TemplateError, match=r"demo/templates/page:2:1"):
        render(role)


def test_a_template_includes_others_of_its_role(tmp_path: Path) -> None:
    role = a_role(
        tmp_path,
        "- template: {src: page, dest: /etc/demo}\n",
        templates__page="{% include 'part' %}",
        templates__part="{{ inventory_hostname }} {{ group_names | join }}",
    )
    assert text(render(role)) == "edge1 edge"


def test_the_release_is_a_token_until_it_is_staged(tmp_path: Path) -> None:
    bundle = render(a_role(tmp_path, COPY.format("{{ release }}")))
    assert text(bundle) == RELEASE_TOKEN
    assert bundle.files["/etc/demo"].at("r1") == b"r1"


def test_a_secret_is_never_written_into_a_file(tmp_path: Path) -> None:
    role = a_role(tmp_path, COPY.format("{{ password }} x"))
    host = make_host({})
    host = type(host)(host.name, variables={"password": Secret("hunter2")})
    with pytest.raises(TemplateError) as caught:
        render_bundle(host, [role], Facts())
    assert "hunter2" not in str(caught.value)


def test_tasks_become_what_the_host_should_have(tmp_path: Path) -> None:
    bundle = render(
        a_role(
            tmp_path,
            "- file: {path: /srv/a, state: directory, mode: 0750, group: www-data}\n"
            "- file: {path: /srv/b, state: absent}\n"
            "- command: {cmd: make-it, creates: /srv/c}\n"
            "- service: {name: demo, enabled: true}\n",
        )
    )
    assert bundle.directories == {"/srv/a": Directory(0o750, "root", "www-data")}
    assert bundle.absent == {"/srv/b"}
    assert bundle.commands == (Command("make-it", creates="/srv/c"),)
    assert bundle.services[0].name == "demo"


def test_a_loop_renders_each_item_and_when_leaves_some_out(tmp_path: Path) -> None:
    bundle = render(
        a_role(
            tmp_path,
            "- copy: {content: '{{ item }}', dest: '/etc/{{ item }}'}\n"
            "  loop: [a, b, c]\n"
            "  when: [item != 'b', facts.os_version == '12']\n",
        )
    )
    assert sorted(bundle.files) == ["/etc/a", "/etc/c"]


def test_a_file_that_notifies_is_watched_by_the_service(tmp_path: Path) -> None:
    role = a_role(
        tmp_path,
        "- copy: {content: x, dest: /etc/demo}\n  notify: again\n- service: {name: demo, enabled: true}\n",
        **{"handlers__main.yml": "- name: again\n  service: {name: demo, state: restarted}\n"},
    )
    service = render(role).services[0]
    assert (service.enabled, service.on_change, service.watches) == (True, "restart", {"/etc/demo"})


def test_a_file_carries_mode_owner_and_check(tmp_path: Path) -> None:
    role = a_role(
        tmp_path,
        "- copy: {content: x, dest: /etc/demo, mode: 640, owner: a, group: b, validate: check %s}\n",
    )
    file = render(role).files["/etc/demo"]
    assert file == File(b"x", 0o640, "a", "b", validate="check %s", source=file.source)


@pytest.mark.parametrize(
    ("src", "dest", "paths"),
    [
        ("pages/", "/srv", ["/srv/a.html", "/srv/sub/b.html"]),
        ("pages", "/srv", ["/srv/pages/a.html", "/srv/pages/sub/b.html"]),
        ("pages/a.html", "/srv/x.html", ["/srv/x.html"]),
        ("pages/a.html", "/srv/", ["/srv/a.html"]),
    ],
)
def test_copy_treats_files_and_folders_as_ansible_does(
    tmp_path: Path, src: str, dest: str, paths: list[str]
) -> None:
    role = a_role(
        tmp_path,
        f"- copy: {{src: {src}, dest: {dest}}}\n",
        **{"files__pages__a.html": "a", "files__pages__sub__b.html": "b"},
    )
    assert sorted(render(role).files) == paths


def test_a_source_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(RoleError, match="there is no templates/page in role demo"):
        render(a_role(tmp_path, "- template: {src: page, dest: /etc/demo}\n"))


def test_a_path_has_one_owner_and_both_are_named(tmp_path: Path) -> None:
    first = a_role(tmp_path, COPY.format("a"), name="first")
    second = a_role(tmp_path, COPY.format("b"), name="second")
    with pytest.raises(PathConflictError) as caught:
        render_bundle(make_host({}), [first, second], Facts())
    assert "first/tasks/main.yml:1" in str(caught.value)
    assert "second/tasks/main.yml:1" in str(caught.value)


@pytest.mark.parametrize("path", ["/etc/../root/x", "/etc//x", "/etc/./x", "{{ 'relative' }}", "/a b"])
def test_only_plain_absolute_paths_are_managed(tmp_path: Path, path: str) -> None:
    with pytest.raises(RoleError):
        render(a_role(tmp_path, f'- copy: {{content: x, dest: "{path}"}}\n'))


def test_a_template_can_neither_change_the_inventory_nor_reach_the_machine(tmp_path: Path) -> None:
    for attempt in ("{{ mine.append(1) }}", "{{ ''.__class__ }}"):
        role = a_role(tmp_path, COPY.format(attempt).replace("''.", '"".'))
        with pytest.raises(TemplateError):
            render(role, {"mine": []})


def test_php_fpm_and_tomcat_follow_the_facts() -> None:
    roles = [load_role("php_fpm", []), load_role("tomcat", [])]
    bundle = render_bundle(make_host({"php_fpm_extensions": ["mysql"]}), roles, Facts(php_version="8.4"))
    assert bundle.packages == ("php8.4-fpm", "php8.4-mysql", "tomcat10")
    pool = bundle.files["/etc/php/8.4/fpm/pool.d/deployer.conf"]
    assert pool.validate == "/usr/sbin/php-fpm8.4 -t -y %s"
    assert 'address="127.0.0.1"' in text(bundle, "/etc/tomcat10/server.xml")
    assert [service.on_change for service in bundle.services] == ["reload", "restart"]


def test_a_new_release_alone_does_not_restart_tomcat_or_reload_php_fpm() -> None:
    roles = [load_role("php_fpm", []), load_role("tomcat", [])]
    bundle = render_bundle(make_host({}), roles, Facts())
    watched = {path for service in bundle.services for path in service.watches}
    assert watched == set(bundle.files)
    assert [path for path in watched if RELEASE_TOKEN in text(bundle, path)] == []
