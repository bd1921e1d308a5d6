"""The documented field table is the contract's."""

from scripts import field_table


def test_the_documented_table_is_that_of_the_contract():
    page = field_table.PAGE.read_text()

    assert page == field_table.filled(page)


def test_the_table_names_what_a_company_must_not_send():
    rows = field_table.table().splitlines()

    assert "| `firstName` | `first_name` | text | – | required |" in rows
