"""The members of a body: found in any case, and flags and numbers in texts as well."""

from typing import Any

import pytest

from sandbox.arm.fields import Fields
from sandbox.core.errors import AzureError


def test_names_compare_without_case() -> None:
    fields = Fields({"diskSizeGb": 4, "SKU": {"Name": "Basic"}, "Gone": None}, "properties")
    assert fields.number("diskSizeGB", 1, 9) == 4
    assert fields.object("sku").text("name", ("Basic", "Standard")) == "Basic"
    assert "gone" not in fields


@pytest.mark.parametrize(("value", "flag"), [(True, True), ("false", False), ("True", True), ("FALSE", False)])
def test_a_flag_may_be_a_text(value: Any, flag: bool) -> None:
    assert Fields({"flag": value}, "").flag("flag") is flag


@pytest.mark.parametrize("value", ["yes", "", 1, "1", [], {}])
def test_what_is_no_flag_is_refused(value: Any) -> None:
    with pytest.raises(AzureError, match="must be true or false"):
        Fields({"flag": value}, "").flag("flag")


@pytest.mark.parametrize(("value", "number"), [(2, 2), ("2", 2), ("-1", -1)])
def test_a_number_may_be_a_text(value: Any, number: int) -> None:
    assert Fields({"number": value}, "").number("number", -5, 5) == number


@pytest.mark.parametrize("value", ["2.0", " 2", "9" * 20, "٢", "", True, 2.5, 6, "6"])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(AzureError, match="must be a whole number from -5 to 5"):
        Fields({"number": value}, "").number("number", -5, 5)
