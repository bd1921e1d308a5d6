"""The stylesheet as it is served means what its source means."""

from __future__ import annotations

from pathlib import Path

from heffl_portal.static_files import lean_style

RULES = r"""text => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  // What holds or is a custom property keeps its text as it is written.
  const plain = (text) =>
    text.replace(/,\s+/g, ",").replace(/ \/ /g, "/").replace(/\b0(?=\.)/g, "");
  return [...sheet.cssRules].map((rule) => plain(rule.cssText));
}"""


def test_the_lean_stylesheet_has_the_rules_of_its_source(browser):
    page = browser.new_page()
    source = Path("static/portal.css").read_text()

    rules = page.evaluate(RULES, source)

    assert len(rules) > 100
    assert page.evaluate(RULES, lean_style(source)) == rules
    assert page.evaluate(RULES, lean_style(source).replace(" :", ":")) != rules
    page.close()
