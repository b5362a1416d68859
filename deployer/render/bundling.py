"""All roles of one host, task by task, to its bundle."""

from collections.abc import Sequence

from deployer.bundle import Bundle
from deployer.facts import Facts
from deployer.model.host import Host
from deployer.model.role import Role
from deployer.render.draft import Draft
from deployer.render.reading import Reader, Reading
from deployer.render.tasks import add_task
from deployer.render.variables import host_context, role_context


def render_bundle(host: Host, roles: Sequence[Role], facts: Facts) -> Bundle:
    """Render every file `host` should have, as one immutable bundle.

    Pure: no network, no clock, no environment; of the controller's files only those that the
    inventory names as PEM. Equal inputs give byte-equal
    bundles, so `plan`, `apply` and the golden tests see the same thing.

    Args:
        host: One validated host; `host.sites` may be empty.
        roles: In the order they apply. A path has exactly one owner.
        facts: What the host said of itself; decides between forms of a
            directive (`http2 on` needs nginx 1.25.1).

    Returns:
        A bundle whose `files` maps an absolute POSIX path to a file with `RELEASE_TOKEN`
        where the release's own name will stand.

    Raises:
        RoleError: A task is wrong once its texts are resolved.
        TemplateError: A template names an undefined variable; says file:line.
        PathConflictError: Two tasks render the same path; names both.
    """
    return rendered(host, roles, facts)[0]


def rendered(host: Host, roles: Sequence[Role], facts: Facts) -> tuple[Bundle, Reading]:
    """Render as `render_bundle`, and tell what was read of `host`."""
    draft, reader = Draft(), Reader()
    shared = host_context(host, facts, reader)
    for role in roles:
        context = role_context(role, shared, reader)
        for task in role.tasks:
            add_task(draft, role, task=task, context=context)
    return draft.bundle(), reader.reading()
