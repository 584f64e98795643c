"""What a class costs on Azure, estimated from Azure's published price list, saved as a file.

The list is what https://prices.azure.com/api/retail/prices answers (JSON), or its items as CSV with the same names. A
machine costs by the hour while it runs; groups, identities and role assignments cost nothing.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop.errors import UsageError

_HOUR = "1 Hour"
_CONSUMPTION = "Consumption"
_CHEAPER = ("spot", "low priority")  # machines that may be taken away any time


@dataclass(frozen=True)
class Estimate:
    """What machines cost by the hour.

    Attributes:
        product: what the list calls it.
        hourly: for one machine.
        currency: such as ``USD``.
    """

    product: str
    hourly: float
    currency: str

    def sentence(self, machines: int, hours: float) -> str:
        """Return the estimate for so many machines running so long."""
        total = self.hourly * machines * hours
        return (
            f"about {total:,.2f} {self.currency}: {machines} machines for {hours:g} hours at {self.hourly:g} "
            f"{self.currency} an hour each ({self.product}). Disks and traffic are not in it."
        )


def find_price(path: Path, vm_size: str, location: str) -> Estimate:
    """Return the price of a Windows machine of this size in this region.

    Raises:
        UsageError: The file is no price list, or has no such price.
    """
    fitting = []
    for item in _items(path):
        if _fits(item, vm_size, location):
            price = _price(path, item)
            fitting.append(Estimate(str(item["productName"]), price, str(item.get("currencyCode", "USD"))))
    if not fitting:
        raise UsageError(
            f"{path} has no hourly price of {vm_size} with Windows in {location}. Save the list of that region: "
            f"https://prices.azure.com/api/retail/prices?$filter=armRegionName eq '{location}' and "
            f"armSkuName eq '{vm_size}' and priceType eq 'Consumption'"
        )
    return max(fitting, key=lambda estimate: estimate.hourly)


def _fits(item: Mapping[str, Any], vm_size: str, location: str) -> bool:
    sku = str(item.get("skuName", "")).casefold()
    return (
        str(item.get("armSkuName", "")).casefold() == vm_size.casefold()
        and str(item.get("armRegionName", "")).casefold() == location.casefold()
        and item.get("unitOfMeasure") == _HOUR
        and item.get("type", item.get("priceType")) == _CONSUMPTION
        and "windows" in str(item.get("productName", "")).casefold()
        and not any(cheaper in sku for cheaper in _CHEAPER)
    )


def _price(path: Path, item: Mapping[str, Any]) -> float:
    try:
        price = float(item["retailPrice"])
    except (KeyError, TypeError, ValueError):
        price = math.nan
    if not price >= 0:
        raise UsageError(f"{path} is no price list: an item has no number as its retailPrice.")
    return price


def _items(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not in UTF-8.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    items = _from_json(path, text) if path.suffix.casefold() == ".json" else csv.DictReader(text.splitlines())
    yield from items


def _from_json(path: Path, text: str) -> list[Mapping[str, Any]]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}.") from error
    items = content.get("Items") if isinstance(content, dict) else content
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UsageError(f"{path} is no price list: it has no Items.")
    return items
