"""Plain result objects: what they hold, as a dictionary, a table, a page in a notebook, a picture."""

from __future__ import annotations

import html
import math
from typing import Any


def number(value: Any, digits: int = 3) -> str:
    """A number as people read it: 0.0123, 1.2e-07, "-" for what is unknown."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "-" if value is None else str(value)
    return "-" if math.isnan(value) else f"{value:.{digits}g}"


def table(rows: list[dict[str, Any]], columns: list[str] | None = None) -> str:
    """Rows as text in columns, numbers to the right."""
    if not rows:
        return ""
    columns = columns or list(rows[0])
    cells = [columns] + [[number(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    right = [isinstance(rows[0].get(c), (int, float)) for c in columns]
    return "\n".join(
        "  ".join(t.rjust(w) if r else t.ljust(w) for t, w, r in zip(line, widths, right, strict=True)).rstrip()
        for line in cells
    )


class Result:
    """Base of what functions of this package return: `rows` by layer (or cell), and what is true of all."""

    title = "evengrad"
    columns: list[str] | None = None
    curves: tuple[str, ...] = ()  # the columns that plot() draws, on a logarithmic scale

    def __init__(self, facts: dict[str, Any], rows: list[dict[str, Any]], notes: list[str] | None = None) -> None:
        self.facts, self.rows, self.notes = facts, rows, notes or []

    def to_dict(self) -> dict[str, Any]:
        return {**self.facts, "rows": [dict(row) for row in self.rows], "notes": list(self.notes)}

    def to_frame(self) -> Any:
        """The rows as a pandas DataFrame (pandas must be installed)."""
        import pandas

        return pandas.DataFrame(self.rows)

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(f"{type(self).__name__} has no {name}; it has {', '.join(facts) or 'rows and notes'}")

    def _summary(self) -> list[str]:
        return [f"{k}: {number(v, 6)}" for k, v in self.facts.items() if not isinstance(v, (dict, list))]

    def __str__(self) -> str:
        return "\n".join([self.title, *self._summary(), "", table(self.rows, self.columns), "", *self.notes]).strip()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = self.columns or (list(self.rows[0]) if self.rows else [])
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(number(row.get(c)))}</td>" for c in columns) + "</tr>"
            for row in self.rows
        )
        head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in [*self._summary(), *self.notes])
        return (
            f"<h4>{html.escape(self.title)}</h4>{self._chart()}{lines}"
            f"<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table>"
        )

    def _points(self) -> dict[str, list[tuple[int, float]]]:
        found = {}
        for curve in self.curves:
            values = [(i, row.get(curve)) for i, row in enumerate(self.rows)]
            found[curve] = [(i, float(v)) for i, v in values if isinstance(v, (int, float)) and 0 < v < math.inf]
        return {curve: points for curve, points in found.items() if points}

    def _chart(self) -> str:
        points = self._points()
        if not points or len(self.rows) < 2:
            return ""
        logs = [math.log10(v) for line in points.values() for _, v in line]
        low, high = math.floor(min(logs)), math.ceil(max(logs)) or 1
        x, y = 420 / (len(self.rows) - 1), 120 / max(high - low, 1)
        marks = "".join(
            f'<text x="0" y="{140 - (e - low) * y:.0f}" font-size="10" fill="currentColor">1e{e}</text>'
            for e in {low, high}
        )
        lines = ""
        for k, (curve, line) in enumerate(points.items()):
            color = ("#3b6fb6", "#c05b1f", "#8fb3e0", "#e8b48f")[k % 4]
            path = " ".join(f"{40 + i * x:.1f},{136 - (math.log10(v) - low) * y:.1f}" for i, v in line)
            lines += f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>'
            lines += f'<text x="{40 + k * 110}" y="155" font-size="11" fill="{color}">{html.escape(curve)}</text>'
        return f'<svg role="img" aria-label="by layer" width="480" height="160">{marks}{lines}</svg>'

    def plot(self, ax: Any = None) -> Any:
        """Draws the curves by row on a logarithmic scale (matplotlib must be installed); returns the axes."""
        if ax is None:
            from matplotlib import pyplot

            ax = pyplot.subplots()[1]
        for curve, line in self._points().items():
            ax.plot([i + 1 for i, _ in line], [v for _, v in line], label=curve)
        ax.set_yscale("log")
        ax.set_xlabel("layer")
        ax.legend()
        return ax
