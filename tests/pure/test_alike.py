"""Hosts that differ in nothing that was read share one bundle; hosts that differ in something do not."""

import gc
import pickle
import weakref
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from rich_host import FACTS, Ports, make_host, variables

from deployer.compiling import Compiled, Compiler
from deployer.errors import Place
from deployer.facts import Facts
from deployer.model.host import Host
from deployer.render import render_bundle
from deployer.render.alike import KEPT
from deployer.roles import load_role
from deployer.secret import Secret

TASKS = "- template: {src: page, dest: /etc/page}\n"


def a_host(name: str = "edge1", values: Mapping[str, Any] | None = None) -> Host:
    return replace(make_host({"roles": ["demo"], **(values or {})}), name=name)


class Demo:
    """A compiler, and a role of one template, with more files as `tasks__main.yml="..."`."""

    def __init__(self, folder: Path, page: str, **files: str) -> None:
        self.compiler = Compiler()
        self._search = (folder,)
        for path, text in {"tasks__main.yml": TASKS, "templates__page": page, **files}.items():
            file = folder / "demo" / path.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def compile(self, host: Host, facts: Facts | None = None) -> Compiled:
        return self.compiler.compile(host, facts or Facts(), self._search)

    def share(self, *hosts: Host) -> bool:
        """Tell whether all hosts get the very same bundle."""
        return len({id(self.compile(host)) for host in hosts}) == 1


def test_hosts_that_differ_in_names_and_in_what_nobody_reads_share_a_bundle(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "{{ greeting }} {{ undefined_here | default('x') }}")

    assert demo.share(
        a_host("edge1", {"greeting": "hello"}),
        a_host("edge2", {"greeting": "hello", "unread": 1, "ansible_host": "192.0.2.2"}),
        a_host("edge3", {"greeting": "hello", "unread": 2}),
    )


@pytest.mark.parametrize(
    ("page", "one", "other"),
    [
        ("{{ read }}", {"read": 1}, {"read": 2}),
        ("{{ read }}", {"read": 1}, {"read": True}),
        ("{{ read }}", {"read": 1}, {"read": "1"}),
        ("{{ read }}", {"read": {"a": 1, "b": 2}}, {"read": {"b": 2, "a": 1}}),
        ("{{ read | default('none') }}", {}, {"read": 1}),
        (
            "{% for each in read %}{{ each.name }}{% endfor %}",
            {"read": [{"name": 1}]},
            {"read": [{"name": 2}]},
        ),
        ("{% include 'part' %}", {"read": 1}, {"read": 2}),
        ("{% from 'macros' import said with context %}{{ said() }}", {"read": 1}, {"read": 2}),
        ("{{ of_default }}", {"read": 1}, {"read": 2}),
        ("{{ of_default }}", {"read": 1}, {"read": 1, "of_default": 2}),
        (
            "{{ 'same' if one == two }}",
            {"one": Secret("a"), "two": Secret("a")},
            {"one": Secret("a"), "two": Secret("b")},
        ),
        ("{{ sites | length }}", {}, {"sites": [variables(Ports())["sites"][1]]}),
    ],
)
def test_hosts_that_differ_in_something_that_was_read_do_not(
    tmp_path: Path, page: str, one: Mapping[str, Any], other: Mapping[str, Any]
) -> None:
    demo = Demo(
        tmp_path,
        page,
        templates__part="{{ read }}",
        templates__macros="{% macro said() %}{{ read }}{% endmacro %}",
        **{"defaults__main.yml": "of_default: '{{ read | default(0) }}'\n"},
    )

    assert not demo.share(a_host(values=one), a_host(values=other))
    assert demo.share(a_host("edge1", one), a_host("edge2", one))


@pytest.mark.parametrize("name", ["inventory_hostname", "host.name", "group_names"])
def test_a_template_that_reads_who_it_is_for_gets_a_bundle_for_each(tmp_path: Path, name: str) -> None:
    demo = Demo(tmp_path, f"{{{{ {name} }}}}")

    assert not demo.share(a_host("edge1"), replace(a_host("edge2"), groups=("others",)))


def test_what_a_condition_or_a_loop_of_a_task_asks_counts_as_read(tmp_path: Path) -> None:
    for number, keyword in enumerate(("when: wanted", "loop: '{{ [wanted] }}'")):
        folder = tmp_path / str(number)
        demo = Demo(folder, "same", **{"tasks__main.yml": f"{TASKS}  {keyword}\n"})

        assert not demo.share(a_host(values={"wanted": True}), a_host(values={"wanted": False}))


def test_facts_that_differ_give_another_bundle(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "{{ facts.os_codename }}")

    assert demo.compile(a_host(), FACTS["1.22"]) is not demo.compile(a_host(), FACTS["1.26"])
    assert demo.compile(a_host(), FACTS["1.22"]) is demo.compile(a_host(), replace(FACTS["1.22"]))


def test_a_value_that_is_written_elsewhere_counts_where_a_template_shows_its_place(tmp_path: Path) -> None:
    here, there = ({"greeting": Place("inventory.yaml", line)} for line in (3, 4))
    silent = Demo(tmp_path / "silent", "{{ greeting }}")
    telling = Demo(tmp_path / "telling", "{{ source('greeting') }}\n")
    one = replace(a_host("edge1", {"greeting": 1}), places=here)
    other = replace(a_host("edge2", {"greeting": 1}), places=there)

    assert silent.share(one, other)
    assert not telling.share(one, other)
    assert telling.share(one, replace(one, name="edge3"))


def test_what_is_shared_is_what_each_host_would_get_alone() -> None:
    said = variables(Ports())
    choices = {
        "sites": [said["sites"], said["sites"][:1]],
        "nginx_worker_connections": [1024, 2048],
        "drain_timeout": [None, "1h"],
        "unread": [1, 2],
    }
    roles, search = [load_role("nginx", [])], (Path("nowhere"),)
    compiler = Compiler()
    for values in product(*choices.values(), FACTS.values()):
        host, facts = make_host({**said, **dict(zip(choices, values, strict=False))}), values[-1]
        alone = render_bundle(host, roles, facts)

        compiled = compiler.compile(host, facts, search)

        assert compiled.bundle == alone
        assert compiled.target.digest == alone.digest


def test_of_hosts_that_are_all_different_only_the_last_ones_are_remembered(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "{{ greeting }}")
    made = [weakref.ref(demo.compile(a_host(values={"greeting": each}))) for each in range(KEPT * 3)]

    gc.collect()
    assert sum(each() is not None for each in made) == KEPT


def test_of_facts_that_are_all_different_only_the_last_ones_are_remembered(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "{{ facts.resolvers[0] }}")
    known = []
    for number in range(KEPT * 3):
        facts = Facts(resolvers=(f"192.0.2.{number}",))
        demo.compile(a_host(), facts)
        known.append(weakref.ref(facts))
        del facts

    gc.collect()
    assert sum(each() is not None for each in known) == KEPT


def test_a_compiler_travels_without_what_it_remembers(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "{{ greeting }}")
    demo.compile(a_host(values={"greeting": "hello"}))

    assert b"hello" not in pickle.dumps(demo.compiler)


def test_a_zero_below_zero_is_another_value(tmp_path: Path) -> None:
    assert not Demo(tmp_path, "{{ n }}").share(a_host("edge1", {"n": 0.0}), a_host("edge2", {"n": -0.0}))
