"""What the gate says: a table for people, JUnit for the machines that run it."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from gscale.analysis.regression.verdicts import Comparison
from gscale.runtime import write_output

_ROW = "  {:<6} {:<9} {:<9} {:<24} {:<9} {:<14} {}"


def lines(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """A table with the settings on lines of their own, so that it fits 100 columns."""
    yield _ROW.format("", "measured", "baseline", "difference", "tolerance", "seconds (were)", "verdict")
    heading = None
    for comparison in comparisons:
        if heading != (heading := comparison.name):
            yield heading
        yield _ROW.format(*_cells(comparison)).rstrip()
    yield summary(comparisons)


def summary(comparisons: Sequence[Comparison]) -> str:
    """How many of each ruling, in one line."""
    n = {name: sum(v.ruling == name for v in comparisons) for name in ("same", "moved", "no result", "new")}
    said = f"{n['same']} as they were, {n['moved']} moved, {n['no result']} without a result"
    return said + (f", {n['new']} without a baseline: --update adds them" if n["new"] else "")


def write_junit(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Write one test case a comparison, failed where the gate fails; what has no baseline is skipped."""
    n_failed = sum(comparison.failed for comparison in comparisons)
    n_new = sum(comparison.ruling == "new" for comparison in comparisons)
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": "gscale check",
            "tests": str(len(comparisons)),
            "failures": str(n_failed),
            "skipped": str(n_new),
        },
    )
    for comparison in comparisons:
        case = ElementTree.SubElement(suite, "testcase", classname=comparison.name, name=comparison.quantity)
        if comparison.failed:
            said = _sentence(comparison)
            ElementTree.SubElement(case, "failure", message=said).text = said
        elif comparison.ruling == "new":
            ElementTree.SubElement(case, "skipped", message="no baseline")
    content = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    write_output(path, content, "choose another file with --junit")


def _cells(comparison: Comparison) -> list[str]:
    known = math.isfinite(comparison.half_width)
    difference = f"{comparison.difference:+.4f} ± {comparison.half_width:.4f}" if known else ""
    numbers = [_number(x) for x in (comparison.measured, comparison.baseline)]
    seconds = f"{_number(comparison.seconds, 2)} ({_number(comparison.seconds_before, 2)})"
    ruling = comparison.ruling + (f": {comparison.why}" if comparison.why else "")
    return [comparison.quantity, *numbers, difference, _number(comparison.tolerance), seconds, ruling]


def _number(value: float, digits: int = 4) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _sentence(comparison: Comparison) -> str:
    if comparison.ruling == "no result":
        return f"no result: {comparison.why}"
    return (
        f"{comparison.quantity} {comparison.measured:.4f}, baseline {comparison.baseline:.4f}: the "
        f"difference {comparison.difference:+.4f} is beyond chance (± {comparison.half_width:.4f}) and "
        f"tolerance ({comparison.tolerance:.4f})"
    )
