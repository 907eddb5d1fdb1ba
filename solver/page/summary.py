"""What was planned and how good it is, in a few figures."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from solver.cli.report.degrees import degrees
from solver.cli.report.summary import title, verdict
from solver.cli.report.words import amount, count, percent, seconds
from solver.drawing.elements import add
from solver.page.part import Subject, section


def heading(about: Subject) -> str:
    """`examples/llama3_8b.mmp: 32 x h100_sxm (pod: node 4 x gpu 8)`; without the spec, what the
    document tells of it."""
    if about.view is not None:
        return title(about.view.spec).plain
    mesh = about.document["mesh"]
    axes = " x ".join(f"{axis['name']} {axis['size']}" for axis in mesh["axes"])
    devices = count(mesh["devices"], "device") + (f" ({axes})" if axes else "")
    return f"{about.picture.path or 'a plan'}: {devices}"


def summary(body: Element, about: Subject) -> None:
    """The verdict and the figures."""
    part = section(body, "summary", "Summary")
    optimal = about.document["outcome"]["plan"] == "optimal"
    said = verdict(about.document).plain.replace("Verified, not", "Not")
    said = said.replace("; verified", "")
    add(part, "p", said, class_="verdict good" if optimal else "verdict open")
    if about.missing:
        add(part, "p", about.missing, class_="verdict open")
    cards = add(part, "dl", class_="cards")
    for name, value, note in _cards(about):
        card = add(cards, "div")
        add(card, "dt", name)
        add(card, "dd", value, class_="figure")
        if note:
            add(card, "dd", note, class_="note")


def _cards(about: Subject) -> Iterator[tuple[str, str, str]]:
    """(name, figure, what else there is to say)."""
    document, objective = about.document, about.document["objective"]
    name = objective["name"]
    yield "step time", seconds(document["step_time_s"]), ""
    penalty = objective["penalty"]
    paid = f"with {amount(name, penalty)} paid for broken pins" if penalty else ""
    if paid or name != "step_time":
        yield "objective", amount(name, objective["value"]), paid or name.replace("_", " ")
    if objective["bound"] is None:
        yield "bound", "none", "no bound was proven"
    else:
        yield "bound", amount(name, objective["bound"]), "no plan can be better"
    if objective["gap"] is not None:
        yield "gap", percent(max(0.0, objective["gap"])), "between objective and bound"
    pipeline = document["pipeline"]
    shape = count(len(about.stages), "stage")
    batches = count(pipeline["microbatches"], "micro-batch").replace("batchs", "batches")
    yield "pipeline", shape, f"{batches}, bubble {percent(pipeline['bubble'])}"
    if about.view is not None:
        yield "parallelism", degrees(about.view).text(), "DP, TP, CP, PP: ways of each kind"
    fullest = max(document["memory"], key=lambda row: row["peak_bytes"] / row["limit_bytes"])
    used = percent(fullest["peak_bytes"] / fullest["limit_bytes"])
    yield "memory", used, f"of the limit, on stage {fullest['device']}, the fullest"
    broken = sum(not pin["satisfied"] for pin in document["pins"])
    if document["pins"]:
        yield "pins and limits", f"{broken} broken", f"of {len(document['pins'])}"
