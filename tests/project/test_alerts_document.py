from __future__ import annotations

from tests.project.alerts_document import DOCUMENT, document
from tests.prometheus.bundle import alert_names


def test_the_page_is_what_the_rules_say() -> None:
    assert DOCUMENT.read_text() == document(), "run: python -m tests.project.alerts_document"


def test_every_alert_is_on_the_page_with_its_runbook() -> None:
    text = DOCUMENT.read_text()
    assert all(f"[{name}](runbooks/{name}.md)" in text for name in alert_names())


def test_no_template_is_left_in_a_text_for_people() -> None:
    assert "{{" not in DOCUMENT.read_text()
