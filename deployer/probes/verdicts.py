"""What one HTTP answer means for one question; pure."""

import re
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from deployer.model.location import Location
from deployer.probes.answer import STARTING, Answer, Seen, failed, milliseconds, off, passed, status_words
from deployer.probes.questions import Question, base_url

_SOURCE = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:#![^\n]*\n\s*)?<\?(?:php|=)", re.IGNORECASE)
_FPM_NOT_FOUND = (b"File not found.", b"No input file specified.", b"Primary script unknown")


def judge(question: Question, seen: Seen) -> Answer:
    """Judge the answer to a question of kind redirect, static, php, tomcat or proxy."""
    if limit := turned_away(question, seen.status):
        return off(limit)
    if question.kind == "php" and _SOURCE.match(seen.body):
        return failed("the source of the script is served: php-fpm was not asked")
    if question.status is not None:
        return _expected(question, seen, status=question.status)
    match question.kind:
        case "redirect":
            return _redirect(question, seen)
        case "php":
            return _php(question, seen)
        case "tomcat":
            return _tomcat(question, seen)
        case "proxy":
            return _answered(question, seen, wanted="an answer of the backend")
        case _:
            return _expected(question, seen, status=200)


def turned_away(question: Question, status: int) -> str:
    """Say which limit of the location turned the probe away; empty where none did.

    That is no fault of the location, and no proof of what is behind it.
    """
    location = question.location
    if location is None or status == question.status:
        return ""
    if status == 403 and location.allowed_networks:
        return "not proven: 403, allowed_networks does not let the probe in"
    if status == 429 and (location.rate_limit or location.connection_limit):
        return "not proven: 429, a limit of the location turned the probe away"
    return ""


def _expected(question: Question, seen: Seen, *, status: int) -> Answer:
    if seen.status == status:
        return passed(f"{seen.status} in {milliseconds(seen.seconds)}")
    said = f"{seen.words} instead of {status}{hint(question, seen.status)}"
    return failed(said, again=seen.status in STARTING)


def hint(question: Question, status: int) -> str:
    """Return a guess at the cause of `status`, with its colon; empty where there is none."""
    behind = " or ".join(question.behind)
    location = question.location
    if behind and status in STARTING:
        return {502: f": nothing answers at {behind}?", 504: f": {behind} takes too long?"}.get(status, "")
    if location and location.static and status in (403, 404):
        return f": is {location.static.index} in {location.static.root}, and may nginx read it?"
    return ""


def _redirect(question: Question, seen: Seen) -> Answer:
    location = question.location
    statuses = (location.redirect.status,) if location and location.redirect else (301, 308)
    if seen.status not in statuses:
        return _expected(question, seen, status=statuses[-1])
    target = urljoin(question.url, seen.field("location"))
    if _leads_right(question, target):
        return passed(f"{seen.status} to {target} in {milliseconds(seen.seconds)}")
    return failed(f"{seen.status} to {target or 'nowhere'} instead of {_target(question)}")


def _target(question: Question) -> str:
    if question.location and question.location.redirect:
        to: str = question.location.redirect.to
        return urljoin(question.url, to)
    return base_url(question.site, "https") + "/"


def _leads_right(question: Question, target: str) -> bool:
    """With `keep_path` what follows is the visitor's own."""
    wanted = _target(question)
    if question.location and question.location.redirect and question.location.redirect.keep_path:
        return target.startswith(wanted.rstrip("/"))
    return target == wanted


def _php(question: Question, seen: Seen) -> Answer:
    location = question.location
    if is_file(seen):
        return failed(f"{seen.words}, but a file as it is on disk: php-fpm was not asked")
    if seen.status in (403, 404) and (said := _said_by_fpm(seen, location)):
        return failed(f"{seen.words}: {said}")
    if seen.status >= 500:
        return _answered(question, seen, wanted="an answer of php-fpm", least_bad=500)
    if seen.by_nginx:
        return failed(f"{seen.words} by nginx itself: php-fpm was not asked{_php_hint(location)}")
    by = seen.field("x-powered-by")
    words = f"{seen.status} from {by}" if by.startswith("PHP/") else f"{seen.status}"
    return passed(f"{words} in {milliseconds(seen.seconds)}")


def _said_by_fpm(seen: Seen, location: Location | None) -> str:
    body = seen.body.strip()
    root = location.php.root if location and location.php else "the script"
    if body in _FPM_NOT_FOUND:
        return f"php-fpm does not find the script; does it see {root} under another path (fpm_root)?"
    if body == b"Access denied.":
        return "php-fpm refuses to run the script (security.limit_extensions)"
    return ""


def _php_hint(location: Location | None) -> str:
    if location is None or location.php is None:
        return ""
    return f"; is {location.php.front_controller or location.php.index} in {location.php.root}?"


def is_file(seen: Seen) -> bool:
    """Tell whether nginx served a file from disk: its ETag is made of the file's time and size.

    https://nginx.org/en/docs/http/ngx_http_core_module.html#etag
    """
    try:
        changed = parsedate_to_datetime(seen.field("last-modified"))
        size = int(seen.field("content-length"))
    except ValueError:
        return False
    return seen.field("etag").removeprefix("W/") == f'"{int(changed.timestamp()):x}-{size:x}"'


def _tomcat(question: Question, seen: Seen) -> Answer:
    if seen.by_nginx and seen.status not in STARTING:
        return failed(f"{seen.words} by nginx itself: Tomcat was not asked")
    return _answered(question, seen, wanted="an answer of Tomcat")


def _answered(question: Question, seen: Seen, *, wanted: str, least_bad: int = 600) -> Answer:
    """Any answer of the backend's own will do, except what a gateway says in its stead."""
    if seen.status in STARTING or seen.status >= least_bad:
        said = f"{seen.words} instead of {wanted}{hint(question, seen.status)}"
        return failed(said, again=seen.status in STARTING)
    words = status_words(seen.status) if seen.status >= 400 else str(seen.status)
    return passed(f"{words} in {milliseconds(seen.seconds)}")
