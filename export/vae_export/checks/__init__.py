"""What is asked of a model before it is kept: how its scores lie, and what they tell apart."""
