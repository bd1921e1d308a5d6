"""Where tables stand: each in a file that has its name, and all behind one door."""

import re

import pytest
from django.apps import apps

from clients_app import models

pytestmark = pytest.mark.once

TABLES = [*apps.get_app_config("clients_app").get_models()]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_table_stands_in_a_file_that_has_its_name(table):
    file_name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", table.__name__).lower()

    assert table.__module__ == f"clients_app.models.{file_name}"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_table_is_handed_on_by_the_package(table):
    assert table.__name__ in models.__all__
    assert getattr(models, table.__name__) is table
