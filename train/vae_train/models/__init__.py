"""The networks and the distributions: q(z|x), p(x|z), p(z), and what they begin with."""
