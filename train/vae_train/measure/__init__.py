"""What a trained model is worth: bounds, figures, comparisons, plots."""
