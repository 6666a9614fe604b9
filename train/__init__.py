"""Training, with torch: `python -m train fit | evaluate | plot`. Run from a checkout; not installed."""
