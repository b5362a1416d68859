"""A line of a rendered file leads back to what the operator wrote, whatever that is called."""

import pytest

from deployer.bundle import Bundle, File
from deployer.errors import Place


@pytest.mark.parametrize("written", ["inventory.yaml", "my hosts/inventory.yaml", "--set nginx_http_raw"])
def test_a_rendered_line_leads_back_to_its_source(written: str) -> None:
    content = f"http {{\n    # from {written}:31 sites[0].raw\n    proxy_pas x;\n}}\n"
    bundle = Bundle(files={"/etc/nginx/nginx.conf": File(content.encode())})

    assert bundle.origin("/etc/nginx/nginx.conf", 3) == (Place(written, 31), "sites[0].raw")
