"""What the gate says: a table for people, JUnit for the machines that run it."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from gscale.analysis.regression.verdicts import Verdict
from gscale.results.tables import write_whole
from gscale.errors import InputError

_ROW = "  {:<6} {:<9} {:<9} {:<24} {:<9} {:<14} {}"


def lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """A table with the settings on lines of their own, so that it fits 100 columns."""
    yield _ROW.format("", "measured", "baseline", "difference", "tolerance", "seconds (were)", "verdict")
    heading = None
    for verdict in verdicts:
        if heading != (heading := verdict.gauge):
            yield heading
        yield _ROW.format(*_cells(verdict)).rstrip()
    yield summary(verdicts)


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many of each ruling, in one line."""
    n = {name: sum(v.ruling == name for v in verdicts) for name in ("same", "moved", "no result", "new")}
    said = f"{n['same']} as they were, {n['moved']} moved, {n['no result']} without a result"
    return said + (f", {n['new']} without a baseline: --update adds them" if n["new"] else "")


def write_junit(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Write one test case a verdict, failed where the gate fails; what has no baseline is skipped."""
    n_failed = sum(verdict.failed for verdict in verdicts)
    n_new = sum(verdict.ruling == "new" for verdict in verdicts)
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": "gscale check",
            "tests": str(len(verdicts)),
            "failures": str(n_failed),
            "skipped": str(n_new),
        },
    )
    for verdict in verdicts:
        case = ElementTree.SubElement(suite, "testcase", classname=verdict.gauge, name=verdict.quantity)
        if verdict.failed:
            said = _sentence(verdict)
            ElementTree.SubElement(case, "failure", message=said).text = said
        elif verdict.ruling == "new":
            ElementTree.SubElement(case, "skipped", message="no baseline")
    try:
        write_whole(path, ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another file with --junit") from None


def _cells(verdict: Verdict) -> list[str]:
    known = math.isfinite(verdict.half_width)
    difference = f"{verdict.difference:+.4f} ± {verdict.half_width:.4f}" if known else ""
    numbers = [_number(x) for x in (verdict.measured, verdict.baseline)]
    seconds = f"{_number(verdict.seconds, 2)} ({_number(verdict.seconds_before, 2)})"
    ruling = verdict.ruling + (f": {verdict.why}" if verdict.why else "")
    return [verdict.quantity, *numbers, difference, _number(verdict.tolerance), seconds, ruling]


def _number(value: float, digits: int = 4) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _sentence(verdict: Verdict) -> str:
    if verdict.ruling == "no result":
        return f"no result: {verdict.why}"
    return (
        f"{verdict.quantity} {verdict.measured:.4f}, baseline {verdict.baseline:.4f}: the difference "
        f"{verdict.difference:+.4f} is beyond chance (± {verdict.half_width:.4f}) and tolerance "
        f"({verdict.tolerance:.4f})"
    )
