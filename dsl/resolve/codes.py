"""The resolver's rows of the table of diagnostic codes: names, values, models, plans."""

from __future__ import annotations

from dsl.codes import Code

CODES: tuple[Code, ...] = (
    # ---- names and imports -----------------------------------------------------------------
    Code(
        "MMP101",
        "unknown name",
        "Nothing in sight has this name: neither this file, its imports nor the standard library's "
        "operator kinds, optimizers and precisions.",
    ),
    Code("MMP102", "name defined twice", "A file, a block or a parameter list has a name once."),
    Code(
        "MMP103",
        "unknown module",
        "`import a.b` is the standard library's `a/b.mmp`, or `b.mmp` of the library `a` that "
        "`mmp.toml` names; a file of your own is imported by its path, "
        '`import "./ours.mmp"`, from the folder of the importing file.',
    ),
    Code("MMP104", "name not in that module", "A module gives only what it declares itself."),
    Code("MMP105", "import cycle", "A file imports itself, directly or through the others shown."),
    Code(
        "MMP106",
        "two imports of one name",
        "Rename one of them: `import a.b (name as other)` or `import a.b as other`.",
    ),
    Code("MMP107", "module without a name", "The file's name is no identifier: add `as name`."),
    Code(
        "MMP108",
        "plan statement in an imported file",
        "`mesh`, `model x = ...`, `train`, `limit`, `pin`, `forbid`, `order`, `apply`, `minimize` "
        "stand in the spec that is planned; an imported file only declares.",
    ),
    Code("MMP109", "another language version", "The file asks for a version not known here."),
    Code("MMP110", "name of another sort", "A model stands where a kind is needed, or the like."),
    Code(
        "MMP111",
        "unknown parameter",
        "`-D name=value` sets a top-level `param` of the spec, `import a.b with name = value` one "
        "of the imported file.",
    ),
    Code(
        "MMP112",
        "parameter without a value",
        "Give it a default, or a value: with `-D`, or by `with` at the import of its file.",
    ),
    Code("MMP113", "defined by itself", "A value, model or strategy contains itself."),
    Code("MMP120", "unreadable file", "The file cannot be opened; the message has the reason."),
    # ---- units, types, values --------------------------------------------------------------
    Code(
        "MMP201",
        "unknown unit",
        "Sizes are B, KB .. EB (powers of 1000), KiB .. PiB (of 1024); rates add `/s`; bits "
        "exist only as rates (`Gbit/s`); times are ns, us, ms, s, min, h; work is FLOP.",
    ),
    Code("MMP202", "wrong dimension", "A time cannot be added to, or stand for, bytes."),
    Code("MMP203", "wrong type", "The value is not of the type that is needed here."),
    Code("MMP204", "division by zero", "The divisor is zero for these arguments."),
    Code("MMP205", "value too large", "Nothing in a plan is this large."),
    Code("MMP206", "value out of range", "The value is negative, zero or not whole where it must."),
    Code(
        "MMP207",
        "unknown type",
        "Types: int, float, bool, string, time, bytes, bandwidth, rate, path, axes.",
    ),
    Code("MMP208", "wrong arguments", "An argument is missing, unknown or given twice."),
    Code(
        "MMP209", "wrong function call", "Functions: min, max, ceil, floor; in kinds size, bytes."
    ),
    # ---- models and shapes -----------------------------------------------------------------
    Code(
        "MMP301",
        "unknown tensor",
        "Names of the block and the blocks around it are in sight, and `block.name` for what a "
        "block made.",
    ),
    Code("MMP302", "unknown index", "Indices are declared: `index s = seq, d = d_model`."),
    Code("MMP303", "index defined twice", "An index in sight cannot be declared again."),
    Code("MMP304", "wrong size", "A tensor is read with an index of another size."),
    Code("MMP305", "wrong number of indices", "A tensor is read with more or fewer dimensions."),
    Code(
        "MMP306",
        "operands do not fit the kind",
        "The number of operands or indices is not the kind's, or one index of the kind would stand "
        "for two.",
    ),
    Code(
        "MMP307",
        "path taken",
        "An operator is called after its first result, so a block has each name once.",
    ),
    Code("MMP308", "indices needed", "They do not follow from the context: write them."),
    Code("MMP309", "index twice in one list", "A dimension each: give the second its own index."),
    Code("MMP310", "wrong kind declaration", "A name in the kind is unknown or given twice."),
    Code(
        "MMP311",
        "batch index",
        "Micro-batches divide batch indices. A dimension is one everywhere, and never in a "
        "parameter.",
    ),
    Code("MMP312", "wrong measured operator", "Figures of `op` that contradict each other."),
    Code("MMP313", "unused result", "The model names its outputs, and this is none of them."),
    Code("MMP314", "unknown element type", "Such as int32, bf16, fp8."),
    Code("MMP315", "empty model", "With these arguments the model has no operator."),
    # ---- mesh, pins, limits ----------------------------------------------------------------
    Code("MMP401", "not one mesh", "A spec has exactly one `mesh`."),
    Code("MMP402", "no model", "A spec has a `model name = ...`, each under its own name."),
    Code("MMP403", "unknown mesh axis", "An axis of the mesh (`gpu`) or a prime factor (`gpu.0`)."),
    Code("MMP404", "axis named twice", "The axes of a mesh have different names."),
    Code(
        "MMP405",
        "no link",
        "A device needs a link that joins as many neighbours as an axis and all inside it have; "
        "one without `among` joins any number.",
    ),
    Code("MMP406", "selector matches nothing", "No operator, block or parameter has such a path."),
    Code(
        "MMP407", "index cannot be cut", "No selected operator has it, or its kind keeps it whole."
    ),
    Code("MMP408", "not divisible", "Every device gets the same share of an index."),
    Code("MMP409", "degree not in the mesh", "A degree is a product of prime factors of the mesh."),
    Code("MMP410", "axis used twice", "A mesh axis cuts one index of an operator, and once."),
    Code("MMP411", "given twice or missing", "A setting or field stands once."),
    Code(
        "MMP412",
        "unknown schedule",
        "Fixed orders: gpipe, one_f_one_b, interleaved, zb_h1, zb_h2, zb_v, v_half, v_min.",
    ),
    Code("MMP414", "unknown quantity", "Plans have a step_time and a memory."),
    Code("MMP415", "no compute rate", "The device does not say how fast it is in this precision."),
    Code(
        "MMP416",
        "no such stage",
        "The pipeline cannot have that many stages. In a mesh of several kinds of devices each has "
        "devices of one kind.",
    ),
    Code(
        "MMP417", "wrong layout", "A layout names an index that its tensor lacks, or cuts it twice."
    ),
    Code("MMP418", "part does not apply", "What is selected has nothing that this part is about."),
    Code(
        "MMP419",
        "chunks do not fit",
        "Several chunks of a stage form a `loop` or, if two, a `v`. Fixed schedules say which, and "
        "`interleaved` takes micro-batches in groups of as many as there are stages.",
    ),
    Code(
        "MMP420",
        "no such operator in the pipeline",
        "An `order` names a phase (forward, input_grad, weight_grad) of a micro-batch on a stage; "
        "all are numbered from 0. It needs more than one stage.",
    ),
    Code(
        "MMP421",
        "impossible order",
        "In a chunk every phase takes the micro-batches in turn, and every micro-batch its "
        "phases: forward, input_grad, weight_grad.",
    ),
    Code(
        "MMP422",
        "no device, or not there",
        "One device stands before the axes of the mesh, or the outermost axis lists several: "
        "`[node: 2 of h100_sxm + 2 of a100_80, gpu: 8]`.",
    ),
)
"""Names, values, models and plans, in order."""
