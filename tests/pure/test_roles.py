"""Roles from disk: what is read, and how each mistake is told."""

from pathlib import Path

import pytest

from deployer.errors import RoleError
from deployer.roles import default_variable_names, load_role


def write_role(folder: Path, **files: str) -> Path:
    """A role `demo`; `tasks="..."` is tasks/main.yml."""
    for part, text in files.items():
        file = folder / "demo" / part / "main.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def refused(folder: Path, **files: str) -> str:
    with pytest.raises(RoleError) as caught:
        load_role("demo", [write_role(folder, **files)])
    return str(caught.value)


def test_a_user_s_role_is_found_before_ours(tmp_path: Path) -> None:
    (tmp_path / "nginx" / "defaults").mkdir(parents=True)
    (tmp_path / "nginx" / "defaults" / "main.yml").write_text("mine: 1\n")
    assert load_role("nginx", [tmp_path]).defaults == {"mine": 1}
    assert "nginx_user" in load_role("nginx", []).defaults


def test_the_project_s_own_roles_load() -> None:
    assert {"nginx_user", "php_fpm_listen", "tomcat_port"} <= default_variable_names()
    for name in ("nginx", "php_fpm", "tomcat"):
        assert load_role(name, []).tasks


def test_an_unknown_role_is_told_with_the_near_name() -> None:
    with pytest.raises(RoleError, match="there is no role 'ngnix'; did you mean 'nginx'"):
        load_role("ngnix", [])


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (
            "- tempalte: {src: a, dest: /b}\n",
            "1:13  [0].tempalte: 'tempalte' is neither a module nor a keyword; did you mean 'template'?",
        ),
        (
            "- template: {src: a, dst: /b}\n",
            "1:27  [0].template.dst: 'dst' is not an argument of template; did you mean 'dest'?",
        ),
        ("- template: {src: a}\n", "1:13  [0].template: 'dest' is missing"),
        (
            "- file: {path: /a, state: touched}\n",
            "1:27  [0].file.state: Input should be 'directory' or 'absent'",
        ),
        (
            "- file: {path: /a}\n  copy: {content: x, dest: /b}\n",
            "a task has exactly one module; this one has file and copy",
        ),
        ("- name: nothing\n", "a task has exactly one module; this one has none"),
        ("- command: {cmd: reboot}\n", "a command needs creates or unless"),
        ("- template: {src: a, dest: relative}\n", "should match pattern"),
        ("- template: {src: a, dest: /b, mode: rwx}\n", "not an octal mode"),
        ("- template: {src: a, dest: /b, validate: nginx -t}\n", "validate needs %s"),
        ("- copy: {src: a, content: b, dest: /b}\n", "exactly one of src and content"),
        (
            "- template: {src: a, dest: /b}\n  notify: reload\n",
            "there is no handler 'reload'; this role has no handlers",
        ),
        ("- package: {name: a}\n  notify: x\n", "only template, copy, file can notify a handler"),
        ("- a: [1\n", "this is not YAML"),
        ("- file: {path: /a, path: /b, state: absent}\n", "'path' is written twice"),
        ("file: {path: /a, state: absent}\n", "tasks are a list"),
    ],
)
def test_a_mistake_in_a_task_is_told_with_its_place(tmp_path: Path, tasks: str, message: str) -> None:
    said = refused(tmp_path, tasks=tasks)
    assert message in said
    assert "demo/tasks/main.yml:" in said


def test_a_misspelt_folder_is_not_a_role_that_does_nothing(tmp_path: Path) -> None:
    assert "did you mean 'tasks'?" in refused(tmp_path, task="[]\n")


def test_a_handler_reloads_or_restarts_a_service(tmp_path: Path) -> None:
    said = refused(tmp_path, handlers="- name: x\n  service: {name: nginx, state: started}\n")
    assert "a handler is a service with state: reloaded or state: restarted" in said


@pytest.mark.parametrize("written", ["0640", '"0640"', "640", "0o640"])
def test_a_mode_is_octal_however_it_is_written(tmp_path: Path, written: str) -> None:
    write_role(tmp_path, tasks=f"- copy: {{content: x, dest: /a, mode: {written}}}\n")
    from_disk = load_role("demo", [tmp_path]).tasks[0]
    assert int(str(from_disk.arguments["mode"]).removeprefix("0o"), 8) == 0o640
