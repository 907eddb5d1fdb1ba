"""The resolver: syntax trees to a checked `dsl.spec.Spec`.

The way of the data: `modules` loads files and binds names, `training` and `hardware` read the
settings and the mesh, `models` unrolls the model into a graph, `pins` turns wishes into
requirements, `assemble` puts the Spec together. `dsl.load` is the public door.
"""
