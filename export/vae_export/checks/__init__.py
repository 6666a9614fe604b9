"""What a model is held against before it is kept: torch in float64, golden vectors, normal pictures and anomalies."""
