"""The report of a run and its model: one page, which needs nothing but itself."""
