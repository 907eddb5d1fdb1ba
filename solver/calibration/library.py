"""A calibration as a library file: devices with fitted numbers, for specs to import.

A device keeps its name, so that `import "calibration.mmp" (h100_sxm)` takes the place of the import
from the standard library. Rates are written as the peak and the share of it that was fitted.
"""

from __future__ import annotations

from collections.abc import Mapping

from dsl.resolve.physics_names import is_described
from dsl.spec import Device, Link
from solver.calibration.calibrate import Calibration
from solver.calibration.fit import Fitted
from solver.calibration.parameters import What, device_with, numbers_of

GIB = 2.0**30
UNITS = (
    ("_bytes_per_s", " B/s"),
    ("_flop_per_s", " FLOP/s"),
    ("_bytes", " B"),
    ("_per_s", ""),
    ("_s", " s"),
    ("_s_per_tensor_rank", " s"),
)
Numbers = Mapping[tuple[str, What, str], Fitted]
# Declared by clauses of their own.
DECLARED = ("memory_bytes", "memory_bandwidth_bytes_per_s", "launch_s")


def library(calibration: Calibration) -> str:
    """The text of the file."""
    numbers = {
        (one.parameter.device, one.parameter.what, one.parameter.subject): one
        for one in calibration.fit.numbers
    }
    count = len(calibration.runs)
    lines = [
        f"// Fitted by `mmp calibrate` to {count} run{'s' if count > 1 else ''}. "
        "Behind each fitted number: the factor",
        "// within which it is known (one standard deviation).",
        "language 1",
    ]
    overlap = numbers.get(("", "overlap", ""))
    if overlap:
        lines += ["", "/// Share of gradient reduction and parameter gathers that compute hides."]
        lines += [f"let overlap = {overlap.value:.4g}  // fitted, {_known(overlap)}"]
    if calibration.reserve:
        lines += ["", "/// What a device needs beyond the priced bytes: the most of the runs."]
        lines += [f"let reserve = {calibration.reserve.bytes / GIB:.4g} GiB"]
    for device in calibration.devices:
        lines += ["", *_device(device, numbers)]
    return "\n".join(lines) + "\n"


def _device(library: Device, numbers: Numbers) -> list[str]:
    own = {k: found for k, found in numbers.items() if k[0] == library.name}
    device = device_with(library, {found.parameter: found.value for found in own.values()})
    described = is_described(device.physics)
    lines = [f"device {device.name} {{"]
    for precision, rate in device.flops.items():
        peak = device.physics.get(f"peak_{precision}_flop_per_s", rate)
        line = f"  compute {precision} {peak / 1e12:.6g} TFLOP/s efficiency {rate / peak:.6g}"
        found = own.get((device.name, "compute", precision))
        lines.append(line + _comment(None if described else found))
    wire = device.physics.get("memory_bandwidth_bytes_per_s", device.memory_bandwidth)
    lines.append(
        f"  memory {device.memory_bytes / GIB:.8g} GiB at {wire / 1e9:.6g} GB/s "
        f"efficiency {device.memory_bandwidth / wire:.6g}"
        + _comment(None if described else own.get((device.name, "memory", "")))
    )
    found = own.get((device.name, "launch", ""))
    lines.append(f"  launch {device.launch * 1e6:.6g} us" + _comment(found))
    known = {
        name: x
        for k, x in own.items()
        if k[2] == "" or k[1] == "compute"
        for name in numbers_of(x.parameter)
    }
    for name, number in device.physics.items():
        if name not in DECLARED and not name.startswith("peak_"):
            lines.append(f"  {_physics(name, number)}{_comment(known.get(name))}")
    for link in device.links:
        lines += _link(link, own, device.name, described)
    return [*lines, "}"]


def _link(link: Link, own: Numbers, device: str, described: bool) -> list[str]:
    wire = link.physics.get("bandwidth_bytes_per_s", link.bandwidth)
    fitted = [own.get((device, "bandwidth", link.name)), own.get((device, "latency", link.name))]
    among = "" if link.among is None else f" among {link.among}"
    line = (
        f"  link {link.name}{among} : {wire / 1e9:.6g} GB/s "
        f"latency {link.latency * 1e6:.6g} us efficiency {link.bandwidth / wire:.6g}"
    )
    named = zip(("efficiency", "latency"), fitted, strict=True)
    words = [f"{name} {_known(found)}" for name, found in named if found]
    above = [f"  // {link.name} fitted: {', '.join(words)}"] if words and not described else []
    known = {name: x for x in fitted if x for name in numbers_of(x.parameter)}
    stated = {k: v for k, v in link.physics.items() if k != "bandwidth_bytes_per_s"}
    if not stated:
        return [*above, line]
    inside = [f"    {_physics(k, v)}{_comment(known.get(k))}" for k, v in stated.items()]
    return [*above, line + " {", *inside, "  }"]


def _physics(name: str, number: float) -> str:
    """A number of the cost rules, in the unit that its name says."""
    unit = next((unit for ending, unit in UNITS if name.endswith(ending)), "")
    return f"physics {name} {number:.9g}{unit}"


def _comment(found: Fitted | None) -> str:
    return f"  // fitted, {_known(found)}" if found else ""


def _known(found: Fitted) -> str:
    """In words how well a number is known."""
    if found.told < 0.1:
        return "not told by the runs"
    return f"within x {found.factor:.3g}"
