"""The variants of the paper's Figure 5 side by side: values and differences with intervals, a plot, and a grid of pictures."""
