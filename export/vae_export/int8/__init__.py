"""8-bit graphs beside the float32 ones: quantising, what it costs, and the search for layers to spare."""
