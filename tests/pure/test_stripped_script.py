"""The host's script as it is sent: without what only its readers need."""

from deployer.applier.command import applying_half, stripped


def test_comments_indentation_and_empty_lines_stay_at_home() -> None:
    assert stripped("# Why.\n\nf() {\n    # How.\n    g  # not here\n}\n") == "f() {\ng  # not here\n}\n"


def test_a_here_document_arrives_as_it_is() -> None:
    text = "cat <<CONF && x\n    # of the document\n\n[Unit]\nCONF\n    y\n"
    assert stripped(text) == "cat <<CONF && x\n    # of the document\n\n[Unit]\nCONF\ny\n"


def test_the_unit_that_goes_back_at_boot_keeps_its_comment() -> None:
    assert "\n# What is new in /tmp would be thrown away with what is old.\nAfter=" in applying_half()
    assert "# Orders, stage, validate." not in applying_half()
