"""What a class costs, from Azure's price list."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from workshop.classroom.prices import find_price
from workshop.errors import UsageError


def item(**different: Any) -> dict[str, Any]:
    """A line of the list, in the form of https://prices.azure.com/api/retail/prices; prices are invented."""
    return {
        "currencyCode": "USD",
        "retailPrice": 0.05,
        "armRegionName": "eastus",
        "productName": "Virtual Machines BS Series Windows",
        "skuName": "B2s",
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "armSkuName": "Standard_B2s",
        **different,
    }


LIST = [
    item(productName="Virtual Machines BS Series", retailPrice=0.04),
    item(skuName="B2s Spot", retailPrice=0.01),
    item(skuName="B2s Low Priority", retailPrice=0.02),
    item(type="Reservation", retailPrice=300.0),
    item(armRegionName="westeurope", retailPrice=0.06),
    item(armSkuName="Standard_B2ms", retailPrice=0.09),
    item(),
]


def saved(tmp_path: Path, items: list[dict[str, Any]], kind: str = "json") -> Path:
    path = tmp_path / f"prices.{kind}"
    if kind == "json":
        path.write_text(json.dumps({"BillingCurrency": "USD", "Items": items}))
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, items[0])
            writer.writeheader()
            writer.writerows(items)
    return path


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_the_price_of_a_machine_with_windows_is_found(tmp_path: Path, kind: str) -> None:
    found = find_price(saved(tmp_path, LIST, kind), "standard_b2s", "eastus")
    assert (found.hourly, found.currency) == (0.05, "USD")
    assert found.sentence(30, 8).startswith("about 12.00 USD: 30 machines for 8 hours at 0.05 USD an hour each")
    assert "Disks and traffic are not in it" in found.sentence(30, 8)


def test_items_alone_are_a_list_too(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(LIST))
    assert find_price(path, "Standard_B2ms", "eastus").hourly == 0.09


def test_of_several_the_dearest_counts(tmp_path: Path) -> None:
    assert find_price(saved(tmp_path, [*LIST, item(retailPrice=0.07)]), "Standard_B2s", "eastus").hourly == 0.07


@pytest.mark.parametrize("price", [None, "much", -1, float("nan")])
def test_a_price_that_is_none_is_refused(tmp_path: Path, price: object) -> None:
    with pytest.raises(UsageError, match="no number as its retailPrice"):
        find_price(saved(tmp_path, [item(retailPrice=price)]), "Standard_B2s", "eastus")


def test_a_list_without_the_size_is_refused_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"armSkuName eq 'Standard_D2s_v3'"):
        find_price(saved(tmp_path, LIST), "Standard_D2s_v3", "eastus")


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"Items": 5}', b"[1]", b"\xff\xfe"])
def test_what_is_no_list_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        find_price(path, "Standard_B2s", "eastus")
    with pytest.raises(UsageError, match="cannot be read"):
        find_price(tmp_path / "absent.csv", "Standard_B2s", "eastus")
