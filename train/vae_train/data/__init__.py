"""What is learnt from: data sets, folders of pictures, and how many of them make which recipe."""
