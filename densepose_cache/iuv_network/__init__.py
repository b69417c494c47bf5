"""A small DensePose-style network that ships with the package: trained on rendered people alone."""
