"""The picture of the requests a second."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import Table


def plot_rates(table: Table, file: Path) -> None:
    """Draw the rates in ``table`` (connections, server, rate …) as groups of bars, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "benchmarks"  # the same figures give the same file
    from matplotlib import pyplot

    rates: dict[str, dict[str, float]] = {}
    for connections, server, rate, *_ in table.rows:
        rates.setdefault(server, {})[connections] = float(rate.replace(",", ""))
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    width = 0.8 / len(rates)
    for number, (server, by_connections) in enumerate(rates.items()):
        places = [place + number * width for place in range(len(by_connections))]
        axes.bar_label(axes.bar(places, list(by_connections.values()), width, label=server), fmt="{:,.0f}", fontsize=8)
    axes.set_yscale("log")
    axes.set_ylabel("requests a second")
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(by_connections))], list(by_connections))
    axes.set_xlabel("connections")
    axes.legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})
