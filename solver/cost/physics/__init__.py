"""Physics of one step: seconds of operators and collectives from shapes, sizes and a device."""
