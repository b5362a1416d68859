"""Where the project's own roles and lab are: beside the package in a checkout, inside it once installed."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def share() -> Path:
    """Return the folder that holds `roles/`, `lab/` and `docker-compose.yml`."""
    checkout = _PACKAGE.parent
    return checkout if (checkout / "pyproject.toml").is_file() else _PACKAGE / "share"
